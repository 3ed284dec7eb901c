package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// roster is a team of five engineers: three on duty in an order that is not that
// of the alphabet, and two who are not; sam cannot be mailed.
func roster(t *testing.T, after time.Duration) *inventory.Inventory {
	t.Helper()
	inv := inventory.Inventory{Teams: []inventory.Team{{
		Name: "network-and-server", Members: []string{"noor", "daan", "sam", "eva", "ravi", "mila"}, OnDuty: []string{"noor", "sam", "daan"}, EscalateAfter: after,
	}}}
	for _, name := range []string{"noor", "daan", "sam", "eva", "ravi", "mila"} {
		p := inventory.Person{Name: name, Email: name + "@example.net", Roles: []inventory.Role{inventory.Engineer}}
		switch name {
		case "sam":
			p.Email = ""
		case "mila":
			p.Roles = []inventory.Role{inventory.Manager}
		}
		inv.People = append(inv.People, p)
	}
	made, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// play lets time pass second by second and returns who was asked about a topic,
// and when: "0s noor", "2m30s daan".
func (h *history) play(topic string, length time.Duration) []string {
	h.t.Helper()
	var asked []string
	from := h.now
	for ; h.now.Sub(from) <= length; h.now = h.now.Add(time.Second) {
		duties, next := h.settle()
		for _, p := range duties {
			if m, ok := p.(incident.MessageQueued); ok && m.Topic == topic {
				asked = append(asked, fmt.Sprint(h.now.Sub(start), " ", strings.Join(m.People, ",")))
			}
		}
		if !next.IsZero() && !next.After(h.now) {
			h.t.Fatalf("at %v the next look is %v", h.now, next)
		}
	}
	return asked
}

func question(h *history, within time.Duration, change func(*incident.ApprovalRequested)) {
	a := incident.ApprovalRequested{Approval: fmt.Sprint("A", 1+len(h.incident().Paged("A1"))), Action: "power cycle web-07", Why: "it hangs", PlanHash: "p1", By: "on-duty", Expires: h.now.Add(within), Else: "escalate"}
	if change != nil {
		change(&a)
	}
	h.happens(a)
}

func TestAQuestionGoesAlongTheDutyRosterWhileNobodyAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		after, within time.Duration
		change        func(*incident.ApprovalRequested)
		want          []string
	}{
		"five minutes each":              {0, time.Hour, nil, []string{"0s noor", "5m0s daan", "10m0s eva,ravi"}},
		"as the team wants":              {2 * time.Minute, time.Hour, nil, []string{"0s noor", "2m0s daan", "4m0s eva,ravi"}},
		"all before the time is up":      {0, 9 * time.Minute, nil, []string{"0s noor", "3m0s daan", "6m0s eva,ravi"}},
		"one person who is named":        {0, time.Hour, func(a *incident.ApprovalRequested) { a.By = "ravi" }, []string{"0s ravi"}},
		"a team that is named":           {0, time.Hour, func(a *incident.ApprovalRequested) { a.By = "network-and-server" }, []string{"0s noor", "5m0s daan", "10m0s eva", "15m0s ravi"}},
		"nobody after the time is up":    {time.Hour, 30 * time.Second, nil, []string{"0s noor", "10s daan", "20s eva,ravi"}},
		"two people, of whom one is out": {0, time.Hour, func(a *incident.ApprovalRequested) { a.Persons = 2 }, []string{"0s daan", "5m0s eva,ravi"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1)
			h.inv = roster(t, c.after)
			h.happens(incident.AlertReceived{Alert: alerts.Alert{Source: "person", Status: alerts.Firing, Labels: alerts.Labels{"server": "web-07"},
				StartsAt: start, Annotations: alerts.Labels{"reporter": "noor"}}})
			question(h, c.within, c.change)
			if got := h.play("A1", c.within+time.Hour); !slices.Equal(got, c.want) {
				t.Errorf("asked %q, want %q", got, c.want)
			}
		})
	}
}

func TestNobodyIsAskedAnyMoreOnceItIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		persons int
		answer  incident.Payload
		want    []string
	}{
		"by a yes":            {1, incident.Approved{Approval: "A1", PlanHash: "p1", By: "noor"}, nil},
		"by a no":             {1, incident.Denied{Approval: "A1", By: "noor"}, nil},
		"by itself":           {1, incident.ApprovalLapsed{Approval: "A1", Reason: "it answers again"}, nil},
		"by one of two":       {2, incident.Approved{Approval: "A1", PlanHash: "p1", By: "noor", Number: 1, Of: 2}, []string{"1m1s daan", "5m0s eva,ravi"}},
		"by the no after one": {2, incident.Denied{Approval: "A1", By: "daan"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1)
			h.inv = roster(t, 0)
			question(h, time.Hour, func(a *incident.ApprovalRequested) { a.Persons = c.persons })
			if got := h.play("A1", time.Minute); !slices.Equal(got, []string{"0s noor"}) {
				t.Fatalf("asked %q", got)
			}
			h.happens(c.answer)
			if got := h.play("A1", time.Hour); !slices.Equal(got, c.want) {
				t.Errorf("asked %q, want %q", got, c.want)
			}
		})
	}
}

func TestAfterDowntimeAllWhoseTurnHasComeAreAskedInOneMail(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.inv = roster(t, 0)
	question(h, time.Hour, nil)
	h.happens(incident.Acknowledged{By: "noor"}) // or they would be called for the incident itself
	h.settle()
	h.now = start.Add(20 * time.Minute)
	duties, _ := h.settle()
	if got := pages(duties); !slices.Equal(got, []string{"page A1 to daan@example.net,eva@example.net,ravi@example.net"}) {
		t.Errorf("paged %q", got)
	}
	h.now = start.Add(2 * time.Hour)
	question(h, time.Minute, nil)
	h.now = h.now.Add(time.Minute)
	if duties, _ := h.settle(); len(duties) > 0 {
		t.Errorf("asked after the time was up: %q", pages(duties))
	}
}

func TestWhatTooFewPeopleCanAgreeToIsSaid(t *testing.T) {
	h := newHistory(t, incident.P1)
	question(h, time.Hour, func(a *incident.ApprovalRequested) { a.Persons = 2 })
	duties, _ := h.settle()
	want := incident.Attention{Topic: "cannot-be-agreed-A1", Why: "2 people must agree to power cycle web-07, and of those who may only 1 can"}
	if !slices.ContainsFunc(duties, func(p incident.Payload) bool { return p.Kind() == want.Kind() && p == incident.Payload(want) }) {
		t.Errorf("got %v", duties)
	}
}

func TestAPressingCallForAPersonGoesAlongTheRosterUntilSomebodyTakesIt(t *testing.T) {
	stuck := incident.Attention{Topic: "ladder-used-up", Why: "nothing helped"}
	for name, c := range map[string]struct {
		priority incident.Priority
		takes    time.Duration
		want     []string
	}{
		"P1, nobody":       {incident.P1, 0, []string{"0s noor", "5m0s daan", "10m0s eva,ravi"}},
		"P2, nobody":       {incident.P2, 0, []string{"0s noor", "5m0s daan", "10m0s eva,ravi"}},
		"P1, taken":        {incident.P1, 7 * time.Minute, []string{"0s noor", "5m0s daan"}},
		"P3, all on duty":  {incident.P3, 0, []string{"0s noor,daan"}},
		"taken beforehand": {incident.P1, -1, []string{"0s noor,daan,eva"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, c.priority)
			h.inv = roster(t, 0)
			if c.takes < 0 {
				h.happens(incident.Acknowledged{By: "eva"})
			}
			h.happens(stuck)
			var got []string
			if c.takes > 0 {
				got = h.play(stuck.Topic, c.takes)
				h.happens(incident.Acknowledged{By: "daan"})
			}
			if got = append(got, h.play(stuck.Topic, time.Hour)...); !slices.Equal(got, c.want) {
				t.Errorf("asked %q, want %q", got, c.want)
			}
		})
	}
}

func TestThePageSaysWhoWasAsked(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.inv = roster(t, 0)
	question(h, time.Hour, nil)
	h.now = start.Add(10 * time.Minute)
	duties, _ := h.settle()
	last := duties[len(duties)-1]
	if text := last.Text(); text != "Asked noor, daan, eva, ravi by mail (page A1): [INC-2026-0001] May piket power cycle web-07? Answer by 04:00:00 UTC." {
		t.Errorf("the timeline says %q", text)
	}
	if got := h.incident().Paged("A1"); !slices.Equal(got, []string{"noor", "daan", "eva", "ravi"}) {
		t.Errorf("asked are %q", got)
	}
}

// [2.3, 4] What nobody takes goes up, level by level, until everybody knows.
func TestAnIncidentThatNobodyTakesGoesUpUntilSomebodyDoes(t *testing.T) {
	for name, c := range map[string]struct {
		priority incident.Priority
		happens  incident.Payload // after three minutes
		want     []string
	}{
		"nobody":                 {incident.P1, nil, []string{"0s noor", "5m0s daan", "10m0s eva,ravi", "15m0s mila"}},
		"somebody takes it":      {incident.P1, incident.Acknowledged{By: "noor"}, []string{"0s noor"}},
		"service is back":        {incident.P2, incident.Restored{}, []string{"0s noor"}},
		"a note is no answer":    {incident.P2, incident.Note{By: "noor", Words: "who has it?"}, []string{"0s noor", "5m0s daan", "10m0s eva,ravi", "15m0s mila"}},
		"not for a small matter": {incident.P3, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, c.priority)
			h.inv = roster(t, 0)
			got := h.play("open", 3*time.Minute)
			if c.happens != nil {
				h.happens(c.happens)
			}
			if got = append(got, h.play("open", time.Hour)...); !slices.Equal(got, c.want) {
				t.Errorf("paged %q, want %q", got, c.want)
			}
		})
	}
}

// [2.3, 4] Who is on duty by another tool's calendar is asked first, and by having
// been asked may answer.
func TestAQuestionGoesFirstToWhomACalendarNames(t *testing.T) {
	h := newHistory(t, incident.P1)
	source := roster(t, 0)
	h.inv, _ = source.On(h.now, []inventory.Cover{{Team: "network-and-server", Shift: inventory.Shift{Person: "ravi", From: start, Until: start.Add(time.Hour)}, Planned: true}})
	question(h, time.Hour, nil)
	if got := h.play("A1", time.Hour); !slices.Equal(got, []string{"0s ravi", "5m0s noor", "10m0s daan", "15m0s eva"}) {
		t.Errorf("asked %q", got)
	}
}
