package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

func answerBody(approval, hash string) string {
	text, err := json.Marshal(map[string]string{"approval": approval, "plan_hash": hash})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestAnApprovalIsForThisPlanByTheRightPersonInTimeAndOnce(t *testing.T) {
	cases := []struct {
		name   string
		person string
		change func(s *site, id string, asked *incident.ApprovalRequested)
		want   int
		said   string
	}{
		{"the engineer on duty", "noor", nil, 200, `"granted_by":"noor"`},
		{"an engineer who is not on duty", "omar", nil, 403, "not among those who may answer"},
		{"support", "sam", nil, 403, "engineer"},
		{"a manager", "mila", nil, 403, "engineer"},
		{"another plan", "noor", func(_ *site, _ string, a *incident.ApprovalRequested) { a.PlanHash = "000000" }, 409, "has changed"},
		{"no plan", "noor", func(_ *site, _ string, a *incident.ApprovalRequested) { a.PlanHash = "" }, 409, "has changed"},
		{"another question", "noor", func(_ *site, _ string, a *incident.ApprovalRequested) { a.Approval += "x" }, 409, "nothing is asked"},
		{"too late", "noor", func(s *site, _ string, _ *incident.ApprovalRequested) { s.forward(10 * time.Minute) }, 409, "expired"},
		{"withdrawn", "noor", func(s *site, id string, a *incident.ApprovalRequested) {
			s.happen(id, incident.ApprovalLapsed{Approval: a.Approval, Reason: "it answers again"})
		}, 409, "nothing is asked"},
		{"answered already", "noor", func(s *site, id string, a *incident.ApprovalRequested) {
			s.as("noor", "POST", "/api/incidents/"+id+"/approve", answerBody(a.Approval, a.PlanHash))
		}, 409, "nothing is asked"},
		{"denied already", "noor", func(s *site, id string, a *incident.ApprovalRequested) {
			s.as("noor", "POST", "/api/incidents/"+id+"/deny", answerBody(a.Approval, a.PlanHash))
		}, 409, "nothing is asked"},
		{"service is back", "noor", func(s *site, id string, _ *incident.ApprovalRequested) {
			s.happen(id, incident.Restored{How: "it answers"})
		}, 409, "nothing is asked"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			id := s.unreachable()
			asked := s.question(id)
			if c.change != nil {
				c.change(s, id, &asked)
			}
			before := s.count(id, "approved")
			answer := s.as(c.person, "POST", "/api/incidents/"+id+"/approve", answerBody(asked.Approval, asked.PlanHash))
			if answer.status != c.want || !strings.Contains(answer.body, c.said) {
				t.Fatalf("answered %d %s", answer.status, answer.body)
			}
			if added := s.count(id, "approved") - before; (added == 1) != (c.want == 200) {
				t.Errorf("%d approvals were written down", added)
			}
			if c.want != 200 && !strings.Contains(answer.body, `"hint"`) {
				t.Errorf("no word of what to do now: %s", answer.body)
			}
		})
	}
}

func TestOfManyAnswersAtOnceOneCounts(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for n := range statuses {
		wg.Go(func() {
			verb := []string{"approve", "deny"}[n%2]
			statuses[n] = s.as("noor", "POST", "/api/incidents/"+id+"/"+verb, answerBody(asked.Approval, asked.PlanHash)).status
		})
	}
	wg.Wait()
	if n := s.count(id, "approved") + s.count(id, "denied"); n != 1 {
		t.Errorf("%d answers were written down, want 1 (%v)", n, statuses)
	}
}

func TestADenialCarriesItsReasonAndWhoSaidIt(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	answer := s.form(s.signIn("noor"), "/incidents/"+id+"/deny", "approval="+asked.Approval+"&plan_hash="+asked.PlanHash+"&reason=a+technician+is+in+the+rack")
	if answer.status != http.StatusSeeOther {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	events, err := s.store.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	want := incident.Denied{Approval: asked.Approval, By: "noor", Reason: "a technician is in the rack"}
	if last.Payload != want || last.Actor != incident.Person("noor") {
		t.Errorf("written down: %s %#v", last.Actor, last.Payload)
	}
}

func TestARefusedAnswerIsShownOnAPageWithAWayBack(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	answer := s.form(s.signIn("noor"), "/incidents/"+id+"/approve", "approval="+asked.Approval+"&plan_hash=other")
	for _, want := range []string{"has changed since it was shown", "read the new question", `href="/incidents/` + id + `"`} {
		if answer.status != http.StatusConflict || !strings.Contains(answer.body, want) {
			t.Errorf("%d, without %q", answer.status, want)
		}
	}
}

func TestTheQuestionShowsTheButtonsOnlyToWhomItIsAsked(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	for name, may := range map[string]bool{"noor": true, "omar": false, "sam": false, "guest": false} {
		page := s.as(name, "GET", "/incidents/"+id, "").body
		if got := strings.Contains(page, "/approve"); got != may {
			t.Errorf("%s sees the buttons: %v", name, got)
		}
		for _, want := range []string{"power cycle web-07", "CZ29340X7K", "unit 17", "rack a12", "The Bakery", "it does not answer"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s is not shown %q", name, want)
			}
		}
		if may && !strings.Contains(page, asked.PlanHash) {
			t.Error("the form does not name the plan")
		}
	}
}
