package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/web"
)

func TestAnIncidentIsCarriedToItsEndThroughTheAPI(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	s.happen(id,
		incident.WorkOrdered{Order: id + "/W1", Step: "escalate-1", To: "remote hands", Subject: "restart web-07"},
		incident.CallTask{Task: id + "/T1", Purpose: "first", Customer: "bakery", Telephone: "555 0142", Script: "It does not answer."})
	path := "/api/incidents/" + id
	steps := []struct {
		who, verb, body string
		want            int
		kind            incident.Kind // what it writes down, "" for nothing
	}{
		{"noor", "acknowledge", "", 200, "acknowledged"},
		{"noor", "acknowledge", "", 409, ""},
		{"sam", "note", `{"words":"the baker telephoned"}`, 200, "note"},
		{"sam", "note", `{"words":"  "}`, 422, ""},
		{"sam", "note", `{"word":"misspelt"}`, 400, ""},
		{"sam", "note", `{"words":"two"}{"words":"objects"}`, 400, ""},
		{"sam", "call", `{"task":"` + id + `/T1","outcome":"reached"}`, 200, "called"},
		{"sam", "call", `{"task":"` + id + `/T1","outcome":"reached"}`, 409, ""},
		{"sam", "call", `{"task":"` + id + `/T1","outcome":"asleep"}`, 422, ""},
		{"sam", "order", `{"order":"` + id + `/W1","state":"acknowledged","words":"ticket 4471"}`, 200, "order_progress"},
		{"sam", "order", `{"order":"` + id + `/W2","state":"done"}`, 409, ""},
		{"sam", "order", `{"order":"` + id + `/W1","state":"hands_in"}`, 200, "hands_in_rack"},
		{"noor", "order", `{"order":"` + id + `/W1","state":"done"}`, 409, ""}, // with hands in the rack
		{"noor", "order", `{"order":"` + id + `/W1","state":"hands_out"}`, 200, "hands_in_rack"},
		{"noor", "order", `{"order":"` + id + `/W1","state":"done"}`, 200, "order_progress"},
		{"noor", "close", `{"cause":"c","solution":"s"}`, 409, ""},
	}
	for _, c := range steps {
		before := s.load(id).Version
		answer := s.as(c.who, "POST", path+"/"+c.verb, c.body)
		if answer.status != c.want {
			t.Errorf("%s %s by %s: answered %d %s", c.verb, c.body, c.who, answer.status, answer.body)
		}
		if grew := s.load(id).Version > before; grew != (c.kind != "") || c.kind != "" && s.count(id, c.kind) == 0 {
			t.Errorf("%s %s: written down %v, want %q", c.verb, c.body, grew, c.kind)
		}
	}
	s.happen(id, incident.Restored{How: "it answers"}, incident.ClosureChecked{Passed: true})
	closed := s.as("noor", "POST", path+"/close", `{"cause":"a dead fan","solution":"replaced","prevention":"watch fans","unconfirmed":"they are on holiday"}`)
	if closed.status != 200 || s.load(id).Status != incident.Finished || s.load(id).Resolution.By != "noor" {
		t.Fatalf("close: %d %s", closed.status, closed.body)
	}
}

func TestTheAPIShowsAnIncidentWithItsTimeline(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	var shown struct {
		Incident struct {
			ID, Status, Priority, Doing string
			NextUpdate                  string `json:"next_update"`
			Approval                    struct {
				PlanHash string `json:"plan_hash"`
			}
		}
		Events []struct {
			Seq  int
			Type string
		}
	}
	answer := s.as("guest", "GET", "/api/incidents/"+id, "")
	if err := json.Unmarshal([]byte(answer.body), &shown); err != nil {
		t.Fatal(err)
	}
	got := shown.Incident
	if got.ID != id || got.Status != "open" || got.Priority != "P1" || got.Approval.PlanHash != asked.PlanHash || got.NextUpdate == "" {
		t.Errorf("shown: %+v", got)
	}
	if got.Doing != "Waits for a yes or no: power cycle web-07" {
		t.Errorf("doing: %q", got.Doing)
	}
	if len(shown.Events) != s.load(id).Version || shown.Events[0].Type != "opened" {
		t.Errorf("%d events", len(shown.Events))
	}
}

func TestTheListCanBeNarrowedToWhatIsOngoing(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	for path, want := range map[string]int{"/api/incidents": 1, "/api/incidents?ongoing=true": 1} {
		if got := strings.Count(s.as("guest", "GET", path, "").body, `"id"`); got != want {
			t.Errorf("%s lists %d", path, got)
		}
	}
	s.happen(id, incident.Closed{By: "noor"})
	for path, want := range map[string]int{"/api/incidents": 1, "/api/incidents?ongoing=true": 0} {
		if got := strings.Count(s.as("guest", "GET", path, "").body, `"id"`); got != want {
			t.Errorf("after closing, %s lists %d", path, got)
		}
	}
}

func TestWhatManySayAtOnceIsAllWrittenDown(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			if answer := s.as("sam", "POST", "/api/incidents/"+id+"/note", fmt.Sprintf(`{"words":"note %d"}`, n)); answer.status != 200 {
				t.Errorf("note %d: %d %s", n, answer.status, answer.body)
			}
		})
	}
	wg.Wait()
	if n := s.count(id, "note"); n != 6 {
		t.Errorf("%d notes are on the timeline", n)
	}
}

func TestAReportBecomesAnIncident(t *testing.T) {
	cases := []struct {
		name, body string
		want       int
		subject    string
		priority   incident.Priority
	}{
		{"a server that does not answer", `{"server":"web-07","summary":"all gone","unreachable":true}`, 201, "server:web-07", incident.P1},
		{"a server with some trouble", `{"server":"web-07","summary":"slow since noon","contact":"the baker"}`, 201, "server:web-07", incident.P3},
		{"a site", `{"site":"ams1","summary":"nothing answers","unreachable":true}`, 201, "site:ams1", incident.P1},
		{"nothing that is known", `{"summary":"the printer is sad"}`, 201, "alert:", incident.P3},
		{"no words", `{"server":"web-07"}`, 422, "", ""},
		{"a server that nobody has", `{"server":"web-99","summary":"gone"}`, 422, "", ""},
		{"a command for a name", `{"server":"web-07; reboot","summary":"gone"}`, 422, "", ""},
		{"a site that nobody has", `{"site":"mars","summary":"gone"}`, 422, "", ""},
		{"gone, but what", `{"summary":"gone","unreachable":true}`, 422, "", ""},
		{"garbage", `gone`, 400, "", ""},
		{"too much", `{"summary":"` + strings.Repeat("x", 70_000) + `"}`, 413, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			answer := s.as("sam", "POST", "/api/incidents", c.body)
			if answer.status != c.want {
				t.Fatalf("answered %d %s", answer.status, answer.body)
			}
			if c.want != 201 {
				return
			}
			inc := s.load("INC-2026-0001")
			if !strings.HasPrefix(inc.Subject.String(), c.subject) || inc.Priority != c.priority {
				t.Errorf("opened %s %s, want %s %s", inc.Subject, inc.Priority, c.subject, c.priority)
			}
		})
	}
}

func TestTwoReportsOfUnknownThingsAreTwoIncidents(t *testing.T) {
	s := newSite(t)
	s.as("sam", "POST", "/api/incidents", `{"summary":"the printer"}`)
	s.forward(1)
	s.as("sam", "POST", "/api/incidents", `{"summary":"the scanner"}`)
	if first, second := s.load("INC-2026-0001").Title, s.load("INC-2026-0002").Title; first != "the printer" || second != "the scanner" {
		t.Errorf("opened %q and %q", first, second)
	}
}

func TestAReportThatNoRunbookChecksEndsWhenAPersonSaysSo(t *testing.T) {
	s := newSite(t)
	cookie := s.signIn("noor")
	opened := s.form(cookie, "/report", "about=&summary=the+printer&contact=")
	if opened.status != http.StatusSeeOther || opened.header.Get("Location") != "/report/INC-2026-0001" {
		t.Fatalf("report: %d %s", opened.status, opened.body)
	}
	if closed := s.as("noor", "POST", "/api/incidents/INC-2026-0001/close", `{"cause":"c","solution":"s"}`); closed.status != 409 {
		t.Fatalf("closed while it is reported: %d", closed.status)
	}
	if over := s.form(cookie, "/incidents/INC-2026-0001/over", ""); over.status != http.StatusSeeOther {
		t.Fatalf("over: %d %s", over.status, over.body)
	}
	if again := s.as("noor", "POST", "/api/incidents/INC-2026-0001/over", ""); again.status != 409 {
		t.Errorf("over twice: %d", again.status)
	}
	if closed := s.form(cookie, "/incidents/INC-2026-0001/close", "cause=paper&solution=more+paper&prevention=a+larger+tray"); closed.status != http.StatusSeeOther {
		t.Errorf("close: %d %s", closed.status, closed.body)
	}
	if s.load("INC-2026-0001").Status != incident.Finished {
		t.Error("it is not closed")
	}
}

func TestWhatNothingCanCheckIsClosedOnAnEngineersWord(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	page := func(who string) string { return s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn(who)).body }
	const form = `name="unchecked"`
	if !strings.Contains(page("noor"), form) || strings.Contains(page("sam"), form) {
		t.Error("the form is not there for the engineer, or it is there for support")
	}
	s.happen(id, incident.WorkOrdered{Order: id + "/W1", To: "remote hands", Subject: "restart web-07"})
	const words = "cause=it+was+sold&solution=none&unchecked=the+server+is+gone"
	if strings.Contains(page("noor"), form) {
		t.Error("the form is there while hands are at work")
	}
	if answer := s.form(s.signIn("noor"), "/incidents/"+id+"/close", words); answer.status != http.StatusConflict {
		t.Errorf("closed while hands are at work: %d %s", answer.status, answer.body)
	}
	s.happen(id, incident.OrderProgress{Order: id + "/W1", State: "refused", By: "sam"})
	if answer := s.as("sam", "POST", "/api/incidents/"+id+"/close", `{"cause":"c","solution":"s","unchecked":"u"}`); answer.status != http.StatusForbidden {
		t.Errorf("by support: %d %s", answer.status, answer.body)
	}
	if answer := s.form(s.signIn("noor"), "/incidents/"+id+"/close", words); answer.status != http.StatusSeeOther {
		t.Fatalf("close: %d %s", answer.status, answer.body)
	}
	if inc := s.load(id); inc.Status != incident.Finished || inc.Resolution.Unchecked != "the server is gone" {
		t.Errorf("it is %s, %+v", inc.Status, inc.Resolution)
	}
	if body := page("noor"); !strings.Contains(body, "Not checked, because</dt><dd>the server is gone") || strings.Contains(body, form) {
		t.Error("the page does not say why it was not checked")
	}
	if shown := s.as("guest", "GET", "/api/incidents/"+id, "").body; !strings.Contains(shown, `"unchecked":"the server is gone"`) {
		t.Errorf("the API does not say it: %s", shown)
	}
}

func TestWhatIsCheckedIsClosedInTheOrdinaryWayOnly(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	s.happen(id, incident.Restored{How: "it answers"}, incident.ClosureChecked{Passed: true})
	if body := s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn("noor")).body; strings.Contains(body, `name="unchecked"`) || !strings.Contains(body, `name="prevention"`) {
		t.Error("beside the ordinary form there is another")
	}
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/close", `{"cause":"c","solution":"s","unchecked":"u"}`); answer.status != http.StatusConflict {
		t.Errorf("a passed check was called none: %d %s", answer.status, answer.body)
	}
}

func TestFreezeAndThawThroughBothDoors(t *testing.T) {
	s := newSite(t)
	if answer := s.as("mila", "POST", "/api/freeze", `{}`); answer.status != 422 || s.server.Freeze.Why() != "" {
		t.Errorf("without a reason: %d", answer.status)
	}
	if answer := s.as("mila", "POST", "/api/freeze", `{"reason":"fire drill"}`); answer.status != 200 || !strings.Contains(answer.body, "fire drill") {
		t.Errorf("freeze: %d %s", answer.status, answer.body)
	}
	if why := s.server.Freeze.Why(); !strings.Contains(why, "mila") {
		t.Errorf("frozen: %q", why)
	}
	cookie := s.signIn("mila")
	if page := s.ask("GET", "/", "", "Cookie", cookie).body; !strings.Contains(page, "fire drill") || !strings.Contains(page, `action="/thaw"`) {
		t.Error("the board does not show it")
	}
	if answer := s.form(cookie, "/thaw", ""); answer.status == 303 || s.server.Freeze.Why() == "" {
		t.Errorf("thaw of what nobody has read: %d", answer.status)
	}
	if answer := s.form(cookie, "/thaw", "reason="+url.QueryEscape(s.server.Freeze.Why())); answer.status != 303 || s.server.Freeze.Why() != "" {
		t.Errorf("thaw: %d", answer.status)
	}
	if answer := s.form(cookie, "/freeze", "reason=again"); answer.status != 303 || s.server.Freeze.Why() == "" {
		t.Errorf("freeze by the page: %d", answer.status)
	}
	if answer := s.as("noor", "DELETE", "/api/freeze", ""); answer.status != 422 || s.server.Freeze.Why() == "" {
		t.Errorf("thaw by the API of what nobody has read: %d %s", answer.status, answer.body)
	}
	read, err := json.Marshal(map[string]string{"reason": s.server.Freeze.Why()})
	if err != nil {
		t.Fatal(err)
	}
	if answer := s.as("noor", "DELETE", "/api/freeze", string(read)); !strings.Contains(answer.body, `"frozen":false`) {
		t.Errorf("thaw by the API: %s", answer.body)
	}
}

func TestAFreezeThatCannotBeWrittenIsNotReportedAsOne(t *testing.T) {
	s := newSite(t, func(server *web.Server) { server.Freeze = freeze.In("/nowhere/at/all") })
	if answer := s.as("noor", "POST", "/api/freeze", `{"reason":"x"}`); answer.status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", answer.status, answer.body)
	}
}

func TestReadinessAndReloadTellTheReason(t *testing.T) {
	s := newSite(t, func(server *web.Server) {
		server.Ready = func() error { return os.ErrPermission }
		server.Reload = func() error { return fmt.Errorf("piket.yml:3:1: what is this") }
	})
	if answer := s.ask("GET", "/-/ready", ""); answer.status != 503 || !strings.Contains(answer.body, "permission denied") {
		t.Errorf("ready: %d %s", answer.status, answer.body)
	}
	if answer := s.ask("GET", "/-/healthy", ""); answer.status != 200 {
		t.Errorf("healthy: %d", answer.status)
	}
	for _, method := range []string{"POST", "PUT"} {
		if answer := s.as("mila", method, "/-/reload", ""); answer.status != 500 || !strings.Contains(answer.body, "piket.yml:3:1") {
			t.Errorf("%s reload: %d %s", method, answer.status, answer.body)
		}
	}
}
