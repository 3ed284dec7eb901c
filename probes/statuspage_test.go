package probes

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes/statuspage"
)

// summaryJSON writes a page of two feeds and one site in Statuspage's format.
func summaryJSON(indicator, feedA, feedB string) string {
	return fmt.Sprintf(`{"status": {"indicator": %q, "description": "Some Trouble"}, "components": [
		{"id": "c1", "name": "AMS1", "status": "operational"}, {"id": "c2", "name": "Feed A", "status": %q}, {"id": "c3", "name": "Feed B", "status": %q}]}`,
		indicator, feedA, feedB)
}

const wellJSON = `{"status": {"indicator": "none"}}`

// publisher serves documents by their path, and counts what it is asked for.
type publisher struct {
	mu    sync.Mutex
	asked []string
	pages map[string]string
}

func (s *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, ok := s.pages[r.URL.Path]
	etag := fmt.Sprintf("%q", fmt.Sprint(len(page)))
	switch {
	case !ok:
		s.asked = append(s.asked, r.URL.Path+" 404")
		http.NotFound(w, r)
	case r.Header.Get("If-None-Match") == etag:
		s.asked = append(s.asked, r.URL.Path+" 304")
		w.WriteHeader(http.StatusNotModified)
	default:
		s.asked = append(s.asked, r.URL.Path+" 200")
		w.Header().Set("ETag", etag)
		io.WriteString(w, page)
	}
}

// took returns what was asked since the last time.
func (s *publisher) took() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, ", ")
	s.asked = nil
	return asked
}

func TestAPageIsFoundOnceAndThenAskedWhetherItChanged(t *testing.T) {
	s := &publisher{pages: map[string]string{"/api/v2/summary.json": wellJSON}}
	server := httptest.NewServer(s)
	defer server.Close()
	pages := NewStatusPages()
	look := func(state State, reason, asked string) {
		t.Helper()
		expect(t, pages.Probe(t.Context(), Target{URL: server.URL}), state, reason)
		if got := s.took(); got != asked {
			t.Errorf("asked for %s, want %s", got, asked)
		}
	}
	look(Up, "announces no trouble", "/api/v1/summary 404, /api/v2/summary.json 200")
	look(Up, "announces no trouble", "/api/v2/summary.json 304")
	s.pages = map[string]string{"/api/v2/summary.json": summaryJSON("minor", "operational", "partial_outage")}
	look(Up, "Feed B: partial_outage (major)", "/api/v2/summary.json 200")
	look(Up, "Feed B: partial_outage (major)", "/api/v2/summary.json 304")
	s.pages = map[string]string{"/summary.json": `{"page": {"status": "UP"}}`}
	look(Unknown, "answers with status 404", "/api/v2/summary.json 404")
	look(Up, "announces no trouble", "/api/v1/summary 404, /api/v2/summary.json 404, /summary.json 200, /v2/components.json 404")
}

func TestAPageIsAllItsDocumentsTogether(t *testing.T) {
	s := &publisher{pages: map[string]string{
		"/api/components":  `{"data": [{"id": 1, "type": "components", "attributes": {"name": "AMS1", "status": 1}}], "links": {"next": "/elsewhere"}}`,
		"/api/components2": `{"data": [{"id": 2, "type": "components", "attributes": {"name": "FRA2", "status": 4}}], "links": {"next": null}}`,
		"/api/incidents":   `{"data": [{"id": 1, "type": "incidents", "attributes": {"name": "FRA2 burns", "status": 1}}], "links": {"next": null}}`,
	}}
	server := httptest.NewServer(s)
	defer server.Close()
	s.pages["/api/components"] = strings.Replace(s.pages["/api/components"], "/elsewhere", server.URL+"/api/components2", 1)
	result := StatusPage(t.Context(), Target{URL: server.URL, Format: "cachet", Component: "FRA2"})
	expect(t, result, Up, "FRA2 burns (critical)")
	s.pages["/api/components2"] = strings.Replace(s.pages["/api/components2"], "null", fmt.Sprintf("%q", server.URL+"/api/components2"), 1)
	expect(t, StatusPage(t.Context(), Target{URL: server.URL, Format: "cachet"}), Unknown, "more than 20 parts")
	s.pages["/api/components2"] = strings.Replace(s.pages["/api/components2"], server.URL, "http://192.0.2.1", 1)
	expect(t, StatusPage(t.Context(), Target{URL: server.URL, Format: "cachet"}), Unknown, "another host, 192.0.2.1")
}

func TestARackAsksForItsOwnComponentsFirst(t *testing.T) {
	feeds := map[string][]string{"Feed A": {"r1", "r2"}, "Feed B": {"r2", "r3"}}
	cutB := summaryJSON("major", "operational", "major_outage")
	cutBoth := summaryJSON("major", "partial_outage", "major_outage")
	cases := []struct {
		name, body, rack, component string
		state                       State
		reason                      string
	}{
		{"its own feed", cutB, "r2", "", Up, "Feed B: major_outage (critical)"},
		{"another's feed", cutB, "r1", "", Up, "no trouble"},
		{"another's feed, and the site is well", cutB, "r1", "AMS1", Up, "no trouble"},
		{"its own is the lesser trouble", cutBoth, "r1", "", Up, "Feed A: partial_outage (major)"},
		{"a rack that stands for nothing", cutB, "r9", "", Up, "no trouble"},
		{"the whole site", cutB, "", "", Up, "Feed B: major_outage (critical)"},
		{"the site's own component", cutB, "", "AMS1", Up, "no trouble"},
		{"a misspelt component of the site", cutB, "", "AMS9", Unknown, `none is called "AMS9"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(&publisher{pages: map[string]string{"/api/v2/summary.json": c.body}})
			defer server.Close()
			about := inventory.Site{Name: "ams1", StatusPage: &inventory.StatusPage{URL: server.URL, Format: "statuspage", Component: c.component, Components: feeds}}
			_, target, ok := StatusPageFor(about, c.rack, 0)
			if !ok {
				t.Fatal("no target for a site with a page")
			}
			expect(t, StatusPage(t.Context(), target), c.state, c.reason)
		})
	}
}

func TestAComponentMisspeltForARackIsFoundByDay(t *testing.T) {
	server := httptest.NewServer(&publisher{pages: map[string]string{"/api/v2/summary.json": summaryJSON("none", "operational", "operational")}})
	defer server.Close()
	target := Target{URL: server.URL, Component: "AMS1", Components: map[string][]string{"Feed C": {"r1"}}}
	expect(t, StatusPage(t.Context(), target), Unknown, `none is called "Feed C"`)
}

func TestFactsTellWorkFromTrouble(t *testing.T) {
	body := `{"page": {"status": "UNDERMAINTENANCE"}, "activeMaintenances": [{"name": "Battery test", "start": "2020-01-01T00:00:00Z", "status": "INPROGRESS"}]}`
	server := httptest.NewServer(&publisher{pages: map[string]string{"/summary.json": body}})
	defer server.Close()
	result := StatusPage(t.Context(), Target{URL: server.URL, Format: "instatus"})
	want := map[string]any{"incident": true, "indicator": "maintenance", "title": "Battery test", "maintenance": true, "until": "", "information": ""}
	if fmt.Sprint(result.Facts) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", result.Facts, want)
	}
	if len(result.Facts) != len(Facts["statuspage"]) {
		t.Errorf("there are %d facts and %d are declared", len(result.Facts), len(Facts["statuspage"]))
	}
	if evidence := strings.Join(result.Evidence, "\n"); !strings.Contains(evidence, "format instatus") || !strings.Contains(evidence, "maintenance: Battery test, INPROGRESS, from 2020-01-01T00:00:00Z") {
		t.Errorf("evidence: %s", evidence)
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
			io.WriteString(w, wellJSON+"<html>")
		case "huge":
			io.WriteString(w, `{"status": {"indicator": "none"}, "x": "`+strings.Repeat("x", statuspage.MaxBytes)+`"}`)
		case "error":
			w.WriteHeader(http.StatusBadGateway)
		case "busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "bomb":
			io.WriteString(w, `<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa">]><rss><channel><title>&a;</title></channel></rss>`)
		case "deep":
			io.WriteString(w, strings.Repeat(`{"a":[`, 100_000))
		case "loop":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "typo":
			io.WriteString(w, summaryJSON("none", "operational", "operational"))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(serve))
	defer server.Close()
	cases := []struct{ name, url, reason string }{
		{"HTML with status 200", server.URL + "/html", "neither that something is wrong nor that nothing is"},
		{"cut off", server.URL + "/broken", "JSON that cannot be read"},
		{"other types", server.URL + "/types", "JSON that no known format has"},
		{"other JSON", server.URL + "/other", "JSON that no known format has"},
		{"more after the end", server.URL + "/twice", "JSON that cannot be read"},
		{"nothing", server.URL + "/nothing", "text that no known format has"},
		{"too large", server.URL + "/huge", "larger than 5 MiB"},
		{"server error", server.URL + "/error", "answers with status 502"},
		{"too many questions", server.URL + "/busy", "answers with status 429"},
		{"XML bomb", server.URL + "/bomb", "a document type"},
		{"deep nesting", server.URL + "/deep", "nests deeper"},
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
		io.WriteString(w, wellJSON)
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away/api/v2/summary.json":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/moved/api/v2/summary.json":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/here":
			io.WriteString(w, wellJSON)
		}
	}))
	defer server.Close()
	expect(t, StatusPage(t.Context(), Target{URL: server.URL + "/moved", Format: "statuspage"}), Up, "no trouble")
	expect(t, StatusPage(t.Context(), Target{URL: server.URL + "/away", Format: "statuspage"}), Unknown, "redirects to another host")
	if asked.Load() != 0 {
		t.Error("the probe asked another host")
	}
}

func TestANameThatLeadsIntoOurOwnNetworkIsRefused(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		io.WriteString(w, wellJSON)
	}))
	defer server.Close()
	inside := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(inside)
	if err != nil {
		t.Fatal(err)
	}
	// What a client does once the name has led it to loopback.
	client, err := Target{URL: "https://status.example.net"}.pageClient()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Transport.(lone).dial(t.Context(), inside); err == nil || !strings.Contains(err.Error(), "has a private address, 127.0.0.1") {
		t.Errorf("a name that leads to loopback: %v", err)
	}
	if asked.Load() != 0 {
		t.Error("a name was followed to loopback")
	}
	for _, named := range []string{"http://127.0.0.1:" + port, "http://localhost:" + port} {
		expect(t, StatusPage(t.Context(), Target{URL: named, Format: "statuspage"}), Up, "no trouble")
	}
	for address, private := range map[string]bool{
		"10.1.2.3:80": true, "192.168.1.1:443": true, "172.16.0.1:80": true, "169.254.169.254:80": true, "100.64.0.1:80": true, "127.0.0.1:80": true,
		"0.0.0.0:80": true, "[::1]:80": true, "[fe80::1]:80": true, "[fd00::1]:80": true, "[::ffff:10.0.0.1]:80": true, "224.0.0.1:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:443": false,
	} {
		if err := refusePrivate(address); (err != nil) != private {
			t.Errorf("%s: %v, want refused %t", address, err, private)
		}
	}
}

func TestFormatsOfTheInventoryAreThoseThatAreRead(t *testing.T) {
	ours, theirs := slices.Sorted(slices.Values(inventory.PageFormats)), slices.Sorted(slices.Values(statuspage.Formats()))
	if !slices.Equal(ours, theirs) {
		t.Errorf("the inventory knows %v, the reader %v", ours, theirs)
	}
}
