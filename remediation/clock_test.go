package remediation_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// A clock that is set back makes every look seem to lie ahead. Counted by age
// alone, such a look would stay fresh for as long as the clock was set back by, and
// an action could rest on it.
func TestLookFromBeforeTheClockWasSetBackIsNoLook(t *testing.T) {
	inc := incident.Fold(nil)
	for n, p := range []incident.Payload{
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.RunbookPinned{Name: "server-unreachable"},
	} {
		inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: three.Add(-time.Hour), Payload: p})
	}
	look := func(age time.Duration) remediation.Look {
		at := three.Add(-age)
		return remediation.Look{At: at, Ended: at, Checks: []incident.Check{{ID: "reachable", Kind: "reachable", State: incident.Down}}}
	}
	for name, c := range map[string]struct {
		goal, diagnosis time.Duration // ages
		want            remediation.Move
	}{
		"the goal":      {-time.Hour, time.Second, remediation.Watch{}},
		"the diagnosis": {time.Second, -time.Hour, remediation.Diagnose{}},
		"both":          {-time.Second, -time.Second, remediation.Watch{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := remediation.Next(remediation.Facts{
				Incident: inc, Runbook: shipped(t, "server-unreachable"), Inventory: world(t), Limits: remediation.DefaultLimits,
				Goal: look(c.goal), Diagnosis: look(c.diagnosis), Now: three,
			})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("the next move is %#v, want %#v", got, c.want)
			}
		})
	}
}

// Its deadline is a time of day: set back, the clock would let a yes count
// longer than the person was told.
func TestQuestionEndsWhenTheClockIsSet(t *testing.T) {
	h := newHouse(t)
	for h.load().Approval == nil {
		h.step()
	}
	h.engine.Untimely = func() string { return "the clock was set" }
	h.pass(remediation.DefaultLimits.IdlePoll)
	h.step()
	if a := h.load().Approval; a != nil {
		t.Errorf("%s still counts until %v", a.Approval, a.Expires)
	}
}

// Of two processes one may have planned what the other comes to send, and the
// other may have looked last when it had the incident before.
func TestProcessThatHasNotLookedLatelySendsNothing(t *testing.T) {
	h := newHouse(t)
	for h.load().Approval == nil {
		h.step()
	}
	absent := h.engine
	h.pass(5 * time.Minute)
	h.kill() // this one plans
	for h.load().Action == nil {
		h.engine.Store = unclaimed{h.store}
		if !h.visit() {
			t.Fatal("nothing was ever planned")
		}
	}
	absent.Store = h.store
	h.engine = absent
	h.step()
	if a := h.load().Action; h.sends > 0 || !a.Voided {
		t.Errorf("%d sends on what was seen long ago: %+v", h.sends, a)
	}
}

// unclaimed is a store on which nothing is claimed.
type unclaimed struct{ remediation.Timelines }

func (s unclaimed) AppendIf(ctx context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	if _, claim := events[0].Payload.(incident.Claimed); claim {
		return nil, store.ErrConflict
	}
	return s.Timelines.AppendIf(ctx, id, version, check, since, events...)
}

// step makes one visit and lets time pass to the next; nobody answers.
func (h *house) step() {
	h.t.Helper()
	next, err := h.engine.Visit(h.t.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	if next.After(h.clk.Now()) && h.load().Approval == nil {
		h.pass(next.Sub(h.clk.Now()))
	}
}

// Whoever sees a claim by a clock that is a day behind must not wait for a day.
func TestClaimIsNotWaitedForByAWrongClock(t *testing.T) {
	inc := incident.Fold(nil)
	for n, p := range []incident.Payload{
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.RunbookPinned{Name: "server-unreachable"},
		incident.Intended{Intent: "I3", Step: "power-cycle", Server: "web-01", NotAfter: three.Add(30 * time.Second)},
		incident.Claimed{Intent: "I3", Owner: "another"},
	} {
		inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: three, Payload: p})
	}
	limit := remediation.DefaultLimits.NotAfter
	for age, over := range map[time.Duration]bool{0: false, limit + time.Second: false, 10*limit + time.Second: true} {
		m := remediation.Next(remediation.Facts{
			Incident: inc, Runbook: shipped(t, "server-unreachable"), Inventory: world(t), Limits: remediation.DefaultLimits,
			Now: three.Add(-24 * time.Hour), ClaimAge: age,
		})
		wait, waits := m.(remediation.Wait)
		if over == waits || waits && wait.Until.After(three.Add(-24*time.Hour+11*limit)) {
			t.Errorf("known for %v: %#v", age, m)
		}
	}
}
