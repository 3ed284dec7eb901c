package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/web"
)

// blocked reads what piket is not doing.
func (s *site) blocked() (report struct {
	Frozen  string
	More    int
	Blocked []struct {
		Incident, Server, Step, Guard, Why string
		Since                              time.Time
		NextLook                           time.Time `json:"next_look"`
	}
	Questions []struct {
		Incident, Server, Serial, Step, Action string
		Who, Yes, Asked                        []string
		Needed                                 int
		Since, Until                           time.Time
	}
}) {
	s.t.Helper()
	answer := s.as("guest", "GET", "/api/v1/blocked", "")
	if err := json.Unmarshal([]byte(answer.body), &report); err != nil || answer.status != http.StatusOK {
		s.t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	return report
}

func TestWhatIsHeldBackIsListedWithItsReason(t *testing.T) {
	s := newSite(t)
	if r := s.blocked(); len(r.Blocked)+len(r.Questions) != 0 {
		t.Fatalf("nothing is open, and %+v", r)
	}
	id := s.unreachable()
	from := s.clock.Now()
	s.happen(id, incident.Blocked{Step: "power-cycle", Guard: "hold-down", Why: "power is not touched in the first 5m0s", Until: from.Add(5 * time.Minute)})
	s.forward(time.Minute)
	r := s.blocked()
	if len(r.Blocked) != 1 || len(r.Questions) != 0 {
		t.Fatalf("%+v", r)
	}
	b := r.Blocked[0]
	if b.Incident != id || b.Server != "web-07" || b.Step != "power-cycle" || b.Guard != "hold-down" ||
		!b.Since.Equal(from) || !b.NextLook.Equal(from.Add(5*time.Minute)) {
		t.Errorf("%+v", b)
	}
	page := s.as("guest", "GET", "/blocked", "").body
	for _, want := range []string{"hold-down", "power is not touched in the first 5m0s", id, "power-cycle"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	asked := s.question(id)
	r = s.blocked()
	if len(r.Blocked) != 0 || len(r.Questions) != 1 {
		t.Fatalf("%+v", r)
	}
	if q := r.Questions[0]; q.Action != asked.Action || !slices.Equal(q.Who, []string{"noor"}) || !q.Until.Equal(asked.Expires) || q.Needed != 1 {
		t.Errorf("%+v", q)
	}
	s.happen(id, incident.Restored{How: "it answers"})
	if r := s.blocked(); len(r.Blocked)+len(r.Questions) != 0 {
		t.Errorf("service is back, and %+v", r)
	}
}

func TestWhatIsNotGoneThroughIsSaidAndIsTheLeastPressing(t *testing.T) {
	s := newSite(t)
	pressing := s.unreachable()
	s.happen(pressing, incident.Blocked{Step: "power-cycle", Guard: "hold-down", Why: "early", Until: s.clock.Now().Add(time.Minute)})
	s.forward(time.Minute)
	lesser := incident.Opened{Title: "Its lamp is orange", Subject: incident.Subject{Kind: "rack", Name: "a12"}}
	if _, err := s.store.Create(t.Context(), incident.Event{Actor: incident.Piket, Payload: lesser}, incident.Event{Actor: incident.Piket, Payload: incident.Classified{Impact: incident.Low, Urgency: incident.Low, Priority: incident.P4}}); err != nil {
		t.Fatal(err)
	}
	if page := s.as("guest", "GET", "/blocked", "").body; strings.Contains(page, "not gone through") {
		t.Error("all were gone through, and the page says otherwise")
	}
	s.server.GoThrough(1)
	if r := s.blocked(); r.More != 1 || len(r.Blocked) != 1 || r.Blocked[0].Incident != pressing {
		t.Errorf("%+v", r)
	}
	if page := s.as("guest", "GET", "/blocked", "").body; !strings.Contains(page, "1 more are ongoing and were not gone through") {
		t.Error("the page does not say that there is more")
	}
}

func TestThePageSaysWhyNoMachineIsTouched(t *testing.T) {
	s := newSite(t)
	s.server.Idle = func() error { return errors.New("the executor <cannot> write") }
	if page := s.as("guest", "GET", "/blocked", "").body; !strings.Contains(page, "No machine is touched:") || !strings.Contains(page, "the executor &lt;cannot&gt; write") {
		t.Error(page)
	}
}

// twoPersons has the engine ask two people; noor reported it, omar and olga are
// asked by mail.
func (s *site) twoPersons(id string) incident.ApprovalRequested {
	s.t.Helper()
	asked := incident.ApprovalRequested{
		Approval: id + "/A1", Step: "power-cycle", Attempt: 1, Action: "power cycle web-07", Why: "it does not answer",
		PlanHash: "4f1c9a7d2be0", By: "network-and-server", Expires: s.clock.Now().Add(10 * time.Minute), Else: "escalate",
		Persons: 2, Because: "web-07 is protected: the gateway", Serial: "CZ29340X7K", Record: "fixed 18 of 29 on this model, median 4m10s",
		Binding: incident.Binding{Content: "c", Evidence: "e5a1d2c3b4", Policy: "9ab8c7d6e5"}, Facts: map[string]string{"shell": "down"},
	}
	s.happen(id, incident.Diagnosed{Checks: []incident.Check{{ID: "shell", Kind: "ssh", Target: "server", State: incident.Unknown, Reason: "no route"}}}, asked)
	return asked
}

func TestTwoPeopleAnswerOnThePageAndEachIsToldWhereItStands(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.twoPersons(id)
	body := answerBody(asked.Approval, asked.PlanHash)
	page := s.as("noor", "GET", "/incidents/"+id, "").body
	for _, want := range []string{
		"2 different people must agree", "web-07 is protected: the gateway", "0 of 2", "Nobody has agreed yet", "fixed 18 of 29 on this model",
		"CZ29340X7K", "was down when this was asked", "Silence is never a yes", "evidence", "e5a1d2c3", "9ab8c7d6", "one more person must, too",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if n := strings.Count(page, `class="yes"`); n != 1 {
		t.Errorf("%d buttons to approve", n)
	}
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/approve", body); answer.status != 200 || !strings.Contains(answer.body, `"yes":["noor"]`) || strings.Contains(answer.body, "granted_by") {
		t.Fatalf("the first yes: %d %s", answer.status, answer.body)
	}
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/approve", body); answer.status != http.StatusConflict || !strings.Contains(answer.body, "agreed already") {
		t.Errorf("the same yes again: %d %s", answer.status, answer.body)
	}
	if page := s.as("noor", "GET", "/incidents/"+id, "").body; !strings.Contains(page, "You have agreed. One more person must: omar.") || strings.Contains(page, `class="yes"`) {
		t.Error("noor is not told that it waits for omar, or is offered a second yes")
	}
	if page := s.as("omar", "GET", "/incidents/"+id, "").body; !strings.Contains(page, "1 of 2") || !strings.Contains(page, "noor agreed at") || !strings.Contains(page, "the last yes it needs") {
		t.Error("omar is not shown that noor has agreed")
	}
	if r := s.blocked().Questions; len(r) != 1 || !slices.Equal(r[0].Yes, []string{"noor"}) || !slices.Equal(r[0].Who, []string{"omar"}) {
		t.Errorf("%+v", r)
	}
	if answer := s.as("omar", "POST", "/api/incidents/"+id+"/approve", body); answer.status != 200 || !strings.Contains(answer.body, `"granted_by":"noor and omar"`) {
		t.Errorf("the second yes: %d %s", answer.status, answer.body)
	}
}

func TestWhoReportedItIsToldThatTwoOthersMustAgree(t *testing.T) {
	s := newSite(t)
	answer := s.as("noor", "POST", "/api/incidents", `{"server":"web-07","summary":"gone","contact":"me","unreachable":true}`)
	if answer.status != http.StatusCreated {
		t.Fatal(answer.body)
	}
	id := "INC-2026-0001"
	asked := s.twoPersons(id)
	if page := s.as("noor", "GET", "/incidents/"+id, "").body; !strings.Contains(page, "You reported this yourself, so two others must agree") || strings.Contains(page, `class="yes"`) || !strings.Contains(page, "/deny") {
		t.Error("noor is not told, or is offered a yes, or no no")
	}
	body := answerBody(asked.Approval, asked.PlanHash)
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/approve", body); answer.status != http.StatusForbidden || !strings.Contains(answer.body, "none of the two") {
		t.Errorf("answered %d %s", answer.status, answer.body)
	}
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/deny", body); answer.status != 200 || s.count(id, "denied") != 1 {
		t.Errorf("a no: %d %s", answer.status, answer.body)
	}
}

// Mail scanners and browsers fetch every link there is: no GET or HEAD writes
// anything, whoever asks and whatever is put behind the question mark.
func TestAGetNeverActs(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	before, frozen := s.load(id).Version, s.server.Freeze.Why()
	query := "?approval=" + asked.Approval + "&plan_hash=" + asked.PlanHash + "&yes=true&reason=x&name=noor&words=x&cause=c&solution=s&method=POST&_method=POST"
	tried := 0
	for _, rt := range web.AllRoutes() {
		_, path := door(rt.Pattern)
		if strings.HasSuffix(path, "/stream") { // it does not end; its own tests follow it
			continue
		}
		if rt.Sender {
			path = rt.Pattern
		}
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			for _, headers := range [][]string{
				{"Authorization", "Bearer " + tokenOf("noor")},
				{"Authorization", "Bearer " + senderToken},
				{"Authorization", "Bearer " + tokenOf("noor"), "X-HTTP-Method-Override", "POST", "Content-Type", "application/json"},
			} {
				s.ask(method, path+query, answerBody(asked.Approval, asked.PlanHash), headers...)
				tried++
			}
		}
	}
	if after := s.load(id).Version; after != before {
		t.Errorf("the timeline grew from %d to %d", before, after)
	}
	if s.server.Freeze.Why() != frozen {
		t.Error("something froze or thawed piket")
	}
	if list := s.as("noor", "GET", "/api/incidents", "").body; strings.Count(list, `"id"`) != 1 {
		t.Errorf("incidents were opened: %s", list)
	}
	if tried < 100 {
		t.Errorf("only %d requests were tried", tried)
	}
}
