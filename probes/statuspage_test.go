package probes

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
)

// page writes a summary.json around the parts that a case is about.
func page(indicator, components, incidents, maintenances string) string {
	return fmt.Sprintf(`{"page": {"id": "p1", "name": "Example Hosting"},
		"status": {"indicator": %q, "description": "Some Trouble"},
		"components": [%s], "incidents": [%s], "scheduled_maintenances": [%s]}`,
		indicator, components, incidents, maintenances)
}

const (
	quietAMS = `{"id": "g1", "name": "Netherlands", "status": "operational", "group": true},
		{"id": "c1", "name": "AMS1", "status": "operational", "group_id": "g1"},
		{"id": "c2", "name": "FRA2", "status": "operational", "group_id": null}`
	cutAMS = `{"id": "c1", "name": "AMS1", "status": "partial_outage"}, {"id": "c2", "name": "FRA2", "status": "operational"}`
	oddAMS = `{"id": "c1", "name": "AMS1", "status": "brownout"}`

	uplinkAMS  = `{"name": "Uplink lost in AMS1", "status": "identified", "impact": "major", "components": [{"name": "AMS1", "status": "operational"}]}`
	uplinkFRA  = `{"name": "Uplink lost in FRA2", "status": "investigating", "impact": "critical", "components": [{"name": "FRA2"}]}`
	unnamed    = `{"name": "Network trouble", "status": "monitoring", "impact": "minor", "components": []}`
	viaUpdate  = `{"name": "Cooling", "status": "identified", "impact": "critical", "incident_updates": [{"affected_components": null}, {"affected_components": [{"code": "c1", "name": "Netherlands - AMS1"}]}]}`
	solved     = `{"name": "Old", "status": "resolved", "impact": "critical", "components": [{"name": "AMS1"}]}`
	harmless   = `{"name": "Looking into it", "status": "investigating", "impact": "none", "components": [{"name": "AMS1"}]}`
	workingAMS = `{"name": "Switch upgrade", "status": "in_progress", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	checkAMS   = `{"name": "Switch upgrade", "status": "verifying", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	plannedAMS = `{"name": "Switch upgrade", "status": "scheduled", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	newWord    = `{"name": "Switch upgrade", "status": "begonnen", "components": [{"name": "AMS1"}]}`
)

func TestStatusPageSaysWhatIsAnnouncedForTheComponent(t *testing.T) {
	cases := []struct {
		name, component, body string
		incident              bool
		indicator, title      string
	}{
		{"all quiet", "AMS1", page("none", quietAMS, "", ""), false, "none", ""},
		{"all quiet anywhere", "", page("none", quietAMS, "", ""), false, "none", ""},
		{"incident here", "AMS1", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"name in other case", " ams1 ", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"incident elsewhere", "AMS1", page("critical", quietAMS, uplinkFRA, ""), false, "none", ""},
		{"incident anywhere", "", page("critical", quietAMS, uplinkFRA, ""), true, "critical", "Uplink lost in FRA2"},
		{"incident that names nothing", "AMS1", page("minor", quietAMS, unnamed, ""), true, "minor", "Network trouble"},
		{"named in an update only", "AMS1", page("critical", quietAMS, viaUpdate, ""), true, "critical", "Cooling"},
		{"gravest of two", "", page("none", quietAMS, unnamed+","+uplinkFRA, ""), true, "critical", "Uplink lost in FRA2"},
		{"over", "AMS1", page("none", quietAMS, solved, ""), false, "none", ""},
		{"without impact", "AMS1", page("none", quietAMS, harmless, ""), true, "minor", "Looking into it"},
		{"group of components", "Netherlands", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"maintenance under way", "AMS1", page("maintenance", quietAMS, "", workingAMS), true, "maintenance", "Switch upgrade"},
		{"maintenance being checked", "AMS1", page("none", quietAMS, "", checkAMS), true, "maintenance", "Switch upgrade"},
		{"maintenance to come", "AMS1", page("none", quietAMS, "", plannedAMS), false, "none", ""},
		{"maintenance in a new word", "AMS1", page("none", quietAMS, "", newWord), true, "maintenance", "Switch upgrade"},
		{"component only", "AMS1", page("none", cutAMS, "", ""), true, "major", "AMS1: partial_outage"},
		{"component graver than its incident", "AMS1", page("none", cutAMS, unnamed, ""), true, "major", "Network trouble"},
		{"component in a new word", "AMS1", page("none", oddAMS, "", ""), true, "brownout", "AMS1: brownout"},
		{"page only", "", page("SOMEMAJOROUTAGE", quietAMS, "", ""), true, "SOMEMAJOROUTAGE", "Some Trouble"},
		{"page only, another component", "AMS1", page("critical", quietAMS, "", ""), false, "none", ""},
		{"keys left out", "", `{"status": {"indicator": "none"}, "incidents": null}`, false, "none", ""},
		{"hostile title", "", page("none", "", `{"name": "a\u001b[2J\nb", "status": "identified", "impact": "major"}`, ""), true, "major", "a [2J b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/status/api/v2/summary.json" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				io.WriteString(w, c.body)
			}))
			defer server.Close()
			result := StatusPage(t.Context(), Target{URL: server.URL + "/status/", Component: c.component})
			expect(t, result, Up, "the page announces")
			got := fmt.Sprint(result.Facts["incident"], " ", result.Facts["indicator"], " ", result.Facts["title"])
			if want := fmt.Sprint(c.incident, " ", c.indicator, " ", c.title); got != want {
				t.Errorf("facts are %q, want %q", got, want)
			}
		})
	}
}

func TestUnreadableStatusPageIsNeitherGoodNewsNorBad(t *testing.T) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch strings.Split(r.URL.Path, "/")[1] {
		case "html":
			io.WriteString(w, "<!doctype html><title>All systems operational</title>")
		case "broken":
			io.WriteString(w, `{"status": {"indicator": "none"}`)
		case "types":
			io.WriteString(w, `{"status": "none"}`)
		case "other":
			io.WriteString(w, `{"ok": true}`)
		case "twice":
			io.WriteString(w, page("none", "", "", "")+"<html>")
		case "huge":
			io.WriteString(w, `{"status": {"indicator": "none"}, "x": "`+strings.Repeat("x", maxSummaryBytes)+`"}`)
		case "error":
			w.WriteHeader(http.StatusBadGateway)
		case "loop":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "typo":
			io.WriteString(w, page("none", quietAMS, "", ""))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()
	cases := []struct{ name, url, reason string }{
		{"HTML with status 200", server.URL + "/html", "something other than JSON"},
		{"cut off", server.URL + "/broken", "JSON that cannot be read"},
		{"other types", server.URL + "/types", "JSON that cannot be read"},
		{"other JSON", server.URL + "/other", "no status.indicator"},
		{"more after the end", server.URL + "/twice", "JSON that cannot be read"},
		{"nothing", server.URL + "/nothing", "something other than JSON"},
		{"too large", server.URL + "/huge", "larger than 5 MiB"},
		{"server error", server.URL + "/error", "answers with status 502"},
		{"redirects for ever", server.URL + "/loop", "redirects more than 3 times"},
		{"component that does not exist", server.URL + "/typo", `none is called "AMS9"`},
		{"refused", "http://" + refused(t), "cannot be read: connection refused"},
		{"silent", "http://" + listener(t, nil), "cannot be read: no answer within"},
		{"no such name", "http://status.invalid", "look up status.invalid"},
		{"no URL", "", "not an http or https address"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := StatusPage(t.Context(), Target{URL: c.url, Component: "AMS9", Timeout: waitsFor(c.name, "silent", "no such name")})
			expect(t, result, Unknown, c.reason)
			if len(result.Facts) != 0 {
				t.Errorf("facts from a page that could not be read: %v", result.Facts)
			}
		})
	}
}

func TestStatusPageIsFollowedOnItsOwnHostOnly(t *testing.T) {
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(w, page("none", "", "", ""))
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away/api/v2/summary.json":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/moved/api/v2/summary.json":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/here":
			io.WriteString(w, page("none", "", "", ""))
		}
	}))
	defer server.Close()
	expect(t, StatusPage(t.Context(), Target{URL: server.URL + "/moved"}), Up, "no trouble")
	expect(t, StatusPage(t.Context(), Target{URL: server.URL + "/away"}), Unknown, "redirects to another host")
	if asked.Load() != 0 {
		t.Error("the probe asked another host")
	}
}

// FuzzStatusPage: whatever a page sends, reading it ends, and what comes out is
// either an error or an announcement that is safe to show and agrees with
// itself.
func FuzzStatusPage(f *testing.F) {
	for _, seed := range []string{
		page("none", quietAMS, "", ""), page("major", cutAMS, uplinkAMS+","+viaUpdate, plannedAMS),
		page("maintenance", oddAMS, unnamed, workingAMS), `{"status": {"indicator": "none"}, "incidents": null}`,
		`{}`, `[]`, `null`, `"`, `<html>`, `{"status": {"indicator": 1}}`, "\ufeff{}",
	} {
		f.Add([]byte(seed), "AMS1")
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		page, err := parseSummary(body)
		if err != nil {
			return
		}
		said, err := page.announces(name)
		if err != nil {
			return
		}
		if said.incident != (said.title != "") || (!said.incident && said.indicator != "none") || said.indicator == "" {
			t.Errorf("announcement contradicts itself: %+v", said)
		}
		for _, text := range []string{said.title, said.indicator} {
			if len([]rune(text)) > maxClause+1 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("text is not safe to show: %q", text)
			}
		}
	})
}
