package bmc_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/spinware/piket/probes"
)

// answers serves JSON.
func answers(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

// healthy gives b a log of n entries from this night, and sensors in range.
func (b *redfishBMC) healthy(n int) {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"@odata.id": "/redfish/v1/L/%d", "Id": "%d", "Created": "%s", "Message": "event %d"}`,
			i+1, i+1, night.Format("2006-01-02T15:04:05Z"), i+1)
	}
	b.set(func(b *redfishBMC) {
		logs := systemPath + "/LogServices"
		b.more = map[string]any{
			"Status": map[string]string{"Health": "OK"}, "LogServices": map[string]string{"@odata.id": logs},
			"Links": map[string]any{"Chassis": []map[string]string{{"@odata.id": "/redfish/v1/Chassis/1"}}},
		}
		b.tree = map[string]http.HandlerFunc{
			logs:                            answers(`{"Members": [{"@odata.id": "/redfish/v1/Audit"}, {"@odata.id": "/redfish/v1/SEL"}]}`),
			"/redfish/v1/SEL":               answers(`{"Entries": {"@odata.id": "/redfish/v1/SEL/Entries"}}`),
			"/redfish/v1/SEL/Entries":       answers(fmt.Sprintf(`{"Members@odata.count": %d, "Members": [%s]}`, n, strings.Join(lines, ","))),
			"/redfish/v1/Chassis/1":         answers(`{"Thermal": {"@odata.id": "/redfish/v1/Chassis/1/Thermal"}}`),
			"/redfish/v1/Chassis/1/Thermal": answers(`{"Fans": [{"Name": "Fan 1", "Reading": 5000, "Status": {"Health": "OK"}}]}`),
		}
	})
}

// serve replaces one resource.
func (b *redfishBMC) serve(path string, f http.HandlerFunc) {
	b.set(func(b *redfishBMC) { b.tree[path] = f })
}

// Whatever a BMC answers beside the power: the power is known, what is wrong is
// said, and nothing foreign gets through that is long or cannot be printed.
func TestHostileAnswersCostNothingButThemselves(t *testing.T) {
	const entries, thermal = "/redfish/v1/SEL/Entries", "/redfish/v1/Chassis/1/Thermal"
	big := `{"Members": [{"Id": "1", "Message": "` + strings.Repeat("x", 5<<20) + `"}]}`
	for name, tt := range map[string]struct {
		path  string
		serve http.HandlerFunc
		facts map[string]any
		words string
	}{
		"log of 5 MB":      {entries, answers(big), map[string]any{"sel_new": nil}, "log not read: the answer is larger than 2 MB"},
		"log is HTML":      {entries, answers("<html>Please sign in</html>"), map[string]any{"sel_new": nil}, "log not read: the BMC's answer is not Redfish"},
		"log is a list":    {entries, answers(`[1, 2]`), map[string]any{"sel_new": 0}, "health OK"},
		"log is forbidden": {entries, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, map[string]any{"sel_new": nil}, "HTTP 403"},
		"log hangs up":     {entries, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, map[string]any{"sel_new": nil}, "log not read"},
		"log moved": {entries, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://192.0.2.1/x", http.StatusFound)
		},
			map[string]any{"sel_new": nil}, "HTTP 302"},
		"log elsewhere": {"/redfish/v1/SEL", answers(`{"Entries": {"@odata.id": "https://192.0.2.1/redfish/v1/x"}}`),
			map[string]any{"sel_new": nil}, "links to something that is not Redfish"},
		"wrong types": {entries, answers(`{"Members@odata.count": {}, "Members": [{"Id": 7, "Created": [], "Message": {"a": 1}, "Severity": 3}, {"Id": "8", "Message": "fine"}]}`),
			map[string]any{"sel_new": 2}, "log, no clock: fine"},
		"control characters": {entries, answers(`{"Members": [{"Id": "1", "Message": "a\u001b[2Jb\nc\u0000\u202ed"}]}`),
			map[string]any{"sel_new": 1}, "log, no clock: a[2Jb cd"},
		"no clock": {entries, answers(`{"Members": [{"Id": "1", "Created": "1970-01-01T00:02:00Z", "Message": "boot"}]}`),
			map[string]any{"sel_new": 1}, "log, no clock: boot"},
		"deep nesting": {thermal, answers(strings.Repeat(`{"a":`, 20000)), map[string]any{"sel_new": 3}, "fans not read"},
		"sensor in words": {thermal, answers(`{"Fans": [{"Name": "Fan 9", "Reading": "300", "ReadingUnits": "RPM", "LowerThresholdCritical": "500", "UpperThresholdCritical": "0"}]}`),
			map[string]any{"health": "Critical"}, "sensor Fan 9: 300 RPM, critical below 500 RPM"},
		"sensor without numbers": {thermal, answers(`{"Fans": [{"Name": null, "Reading": null, "Status": {"State": "Enabled", "Health": "Warning"}}]}`),
			map[string]any{"health": "Warning"}, "sensor (no name): Enabled, warning"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startRedfish(t)
			b.healthy(3)
			b.serve(tt.path, tt.serve)
			got := newWatch().Probe(t.Context(), target(b.inventory()))
			expect(t, got, probes.Up, tt.facts, tt.words, "the power is on")
			fit(t, got)
			if len(b.received()) != 0 {
				t.Error("a look wrote to the BMC")
			}
		})
	}
}

// fit checks that a result is bounded, printable and without the password.
func fit(t *testing.T, r probes.Result) {
	t.Helper()
	const most = 80
	if len(r.Evidence) > most {
		t.Errorf("%d lines of evidence", len(r.Evidence))
	}
	for _, line := range append(r.Evidence, r.Reason) {
		if len([]rune(line)) > 400 || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) || strings.Contains(line, password) {
			t.Errorf("line is not fit to be shown: %.200q", line)
		}
	}
}

// endless lets b offer more than a look may ask for: the log behind a detour and
// only as links, and two enclosures.
func (b *redfishBMC) endless() {
	b.healthy(3)
	b.set(func(b *redfishBMC) {
		b.more["Links"] = map[string]any{
			"Chassis":   []map[string]string{{"@odata.id": "/redfish/v1/Chassis/1"}, {"@odata.id": "/redfish/v1/Chassis/1"}},
			"ManagedBy": []map[string]string{{"@odata.id": "/redfish/v1/M"}},
		}
	})
	b.serve("/redfish/v1/M", answers(`{"LogServices": {"@odata.id": "/redfish/v1/M/L"}}`))
	b.serve("/redfish/v1/M/L", answers(`{"Members": [{"@odata.id": "/redfish/v1/SEL"}]}`))
	b.serve(systemPath+"/LogServices", answers(`{"Members": [{"@odata.id": "/redfish/v1/Audit"}, {"@odata.id": "/redfish/v1/Dump"}]}`))
	b.serve("/redfish/v1/Chassis/1", answers(`{"Thermal": {"@odata.id": "/redfish/v1/Chassis/1/Thermal"}, "Power": {"@odata.id": "/redfish/v1/Chassis/1/Thermal"}}`))
	links := make([]string, 300)
	for i := range links {
		path := fmt.Sprintf("/redfish/v1/E/%d", i+1)
		links[i] = fmt.Sprintf(`{"@odata.id": %q}`, path)
		b.serve(path, answers(fmt.Sprintf(`{"Id": "%d", "Message": "entry %d"}`, i+1, i+1)))
	}
	b.serve("/redfish/v1/SEL/Entries", answers(`{"Members@odata.count": 300, "Members": [`+strings.Join(links, ",")+`]}`))
}

// A BMC that offers more than enough is asked a bounded number of times, on one
// connection beside those for the power.
func TestALookStaysWithinItsBudget(t *testing.T) {
	b := startRedfish(t)
	b.endless()
	connections := map[string]bool{}
	n := 0
	b.onRequest(func(r *http.Request) { // one look asks one thing at a time
		n++
		connections[r.RemoteAddr] = true
	})
	got := newWatch().Probe(t.Context(), target(b.inventory()))
	expect(t, got, probes.Up, map[string]any{"sel_new": 6, "health": "OK"}, "entry 300", "not read: a look asks no more than 16 times")
	const power, read = 3, 16
	if n != power+read || len(connections) != power+1 {
		t.Errorf("%d questions on %d connections", n, len(connections))
	}
}

func TestABMCWithoutRoomSaysSoAndIsNotDown(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		body, word string
		state      probes.State
	}{
		"no session free": {503, `{"error": {"code": "Base.1.18.SessionLimitExceeded"}}`, "all sessions of the BMC are taken by others (HTTP 503)", probes.Unknown},
		"busy":            {503, `{}`, "too busy to answer (HTTP 503)", probes.Unknown},
		"locked account":  {401, `{"error": {"message": "account locked"}}`, "refuses user piket", probes.Down},
		"broken":          {500, `{}`, "HTTP 500", probes.Down},
	} {
		t.Run(name, func(t *testing.T) {
			b := startRedfish(t)
			b.set(func(b *redfishBMC) { b.tree = map[string]http.HandlerFunc{} })
			b.serve("/redfish/v1/Systems", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			got := newWatch().Probe(t.Context(), target(b.inventory()))
			expect(t, got, tt.state, map[string]any{"state": nil}, tt.word)
		})
	}
}

// A password that is changed in the middle of a look is not tried sixteen times.
func TestAReadingEndsWithTheFirstRefusal(t *testing.T) {
	b := startRedfish(t)
	b.healthy(3)
	refused := 0
	for path := range b.tree {
		b.serve(path, func(w http.ResponseWriter, _ *http.Request) {
			refused++ // one look asks one thing at a time
			w.WriteHeader(http.StatusUnauthorized)
		})
	}
	expect(t, newWatch().Probe(t.Context(), target(b.inventory())), probes.Up, map[string]any{"state": "on", "sel_new": nil}, "log not read: the BMC answers HTTP 401")
	if refused != 1 {
		t.Errorf("asked %d times with a password that was refused", refused)
	}
}

func TestTheNewestPageOfALongLogIsRead(t *testing.T) {
	b := startRedfish(t)
	b.healthy(3)
	b.set(func(b *redfishBMC) { b.pages = true })
	b.serve("/redfish/v1/SEL/Entries", func(w http.ResponseWriter, r *http.Request) {
		var skip, top int
		_, _ = fmt.Sscan(r.URL.Query().Get("$skip"), &skip)
		_, _ = fmt.Sscan(r.URL.Query().Get("$top"), &top)
		var lines []string
		for i := skip; i < min(skip+top, 3000); i++ {
			lines = append(lines, fmt.Sprintf(`{"@odata.id": "/redfish/v1/L/%d", "Id": "%d", "Message": "event %d"}`, i+1, i+1, i+1))
		}
		answers(fmt.Sprintf(`{"Members@odata.count": 3000, "Members": [%s]}`, strings.Join(lines, ",")))(w, r)
	})
	got := newWatch().Probe(t.Context(), target(b.inventory()))
	expect(t, got, probes.Up, map[string]any{"sel_new": 50}, "event 3000", "event 2951")
	fit(t, got)
}
