package remediation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// answers is a prober that always says the same.
func answers(state probes.State, facts map[string]any) probes.Prober {
	return func(context.Context, probes.Target) probes.Result {
		return probes.Result{State: state, Reason: "as told", Facts: facts}
	}
}

func TestGoalsAboutABMCAndAnAnnouncementAreLookedAt(t *testing.T) {
	server, site := incident.Subject{Kind: "server", Name: "web-01"}, incident.Subject{Kind: "site", Name: "ams1"}
	for name, c := range map[string]struct {
		book    string
		subject incident.Subject
		prober  probes.Prober
		want    incident.State
	}{
		"the BMC says on":              {"bmc-unreachable", server, answers(probes.Up, map[string]any{"state": "on"}), incident.Up},
		"the BMC says off":             {"bmc-unreachable", server, answers(probes.Up, map[string]any{"state": "off"}), incident.Up},
		"the BMC is silent":            {"bmc-unreachable", server, answers(probes.Down, nil), incident.Down},
		"the BMC could not be asked":   {"bmc-unreachable", server, answers(probes.Unknown, nil), incident.Unknown},
		"no BMC in the inventory":      {"bmc-unreachable", site, answers(probes.Up, nil), incident.Unknown},
		"the provider announces":       {"provider-incident", site, answers(probes.Up, map[string]any{"incident": true}), incident.Down},
		"the provider is silent":       {"provider-incident", site, answers(probes.Up, map[string]any{"incident": false}), incident.Up},
		"the page cannot be read":      {"provider-incident", site, answers(probes.Unknown, nil), incident.Unknown},
		"the page does not say either": {"provider-incident", site, answers(probes.Up, nil), incident.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			looker := remediation.Looker{Probes: probes.Registry{"bmc": c.prober, "statuspage": c.prober}, Timeout: time.Second, Clock: clock.Jumping(three)}
			look := looker.Goal(t.Context(), remediation.Facts{
				Incident: &incident.Incident{Subject: c.subject, Site: "ams1"}, Runbook: shipped(t, c.book), Inventory: world(t),
			}, false)
			if len(look.Checks) != 1 || look.Checks[0].State != c.want {
				t.Errorf("saw %+v, want %s", look.Checks, c.want)
			}
		})
	}
}

// lesser is a world around Next in which one incident of a lesser runbook is
// found in one way, for hours.
type lesser struct {
	book              *runbooks.Runbook
	inventory         *inventory.Inventory
	subject           incident.Subject
	goal, path, other incident.State
	fact              any // what the status page and the BMC say, as far as it is of their type

	inc             *incident.Incident
	now             time.Time
	looked, thought remediation.Look // at the goal, at the rest
}

// Whatever is found, a BMC that is silent and a provider that announces are
// never a reason to send, to order or to declare the site gone; but somebody
// hears of them.
func TestLesserRunbooksTouchNothingInAnyWorld(t *testing.T) {
	states := []incident.State{incident.Up, incident.Down, incident.Unknown}
	inv := world(t)
	for name, subject := range map[string]incident.Subject{
		"bmc-unreachable": {Kind: "server", Name: "web-01"}, "provider-incident": {Kind: "site", Name: "ams1"},
	} {
		book := shipped(t, name)
		for _, goal := range states {
			for _, path := range states {
				for _, other := range states {
					for _, fact := range []any{nil, true, false, "on", "off"} {
						w := lesser{book: book, inventory: inv, subject: subject, goal: goal, path: path, other: other, fact: fact}
						t.Run(fmt.Sprint(name, " ", goal, " ", path, " ", other, " ", fact), w.play)
					}
				}
			}
		}
	}
}

func (w lesser) play(t *testing.T) {
	w.inc, w.now = incident.Fold(nil), three
	w.write(t, incident.Opened{Title: "x", Subject: w.subject, Site: "ams1"}, incident.RunbookPinned{Name: w.book.Name, Hash: w.book.Hash})
	for range 100 {
		w.make(t, remediation.Next(remediation.Facts{
			Incident: w.inc, Runbook: w.book, Inventory: w.inventory, Limits: remediation.DefaultLimits,
			Goal: w.looked, Diagnosis: w.thought, Now: w.now,
		}))
	}
	_, called := w.inc.Attentions["by-hand"]
	notTheBMC := w.subject.Kind == "server" && w.path != incident.Up
	if called == (w.goal == incident.Up || notTheBMC) {
		t.Errorf("a person was called: %t; the verdict is %+v", called, w.inc.Verdict)
	}
	if w.subject.Kind != "server" && w.inc.Verdict.Verdict == incident.VerdictServer {
		t.Errorf("a site's trouble is blamed on one server: %s", w.inc.Verdict.Reason)
	}
}

func (w *lesser) write(t *testing.T, payloads ...incident.Payload) {
	t.Helper()
	for _, p := range payloads {
		w.inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: w.inc.Version + 1, At: w.now, Actor: incident.Piket, Payload: p})
		switch p.(type) {
		case incident.Intended, incident.ApprovalRequested, incident.WorkOrdered:
			t.Fatalf("wrote %s", p.Text())
		}
	}
}

func (w *lesser) make(t *testing.T, m remediation.Move) {
	t.Helper()
	switch m := m.(type) {
	case remediation.Send, remediation.Dispatch, remediation.Merge:
		t.Fatalf("decided %T", m)
	case remediation.Watch:
		goal := w.book.Goal.Checks[0]
		w.looked = remediation.Look{At: w.now, Ended: w.now, Checks: []incident.Check{{ID: goal, Kind: goal, Target: w.subject.Kind, State: w.goal}}}
		if !w.inc.Goal.Known {
			w.write(t, incident.GoalSeen{Holds: w.goal == incident.Up, Checks: w.looked.Checks})
		}
	case remediation.Diagnose:
		w.thought = remediation.Look{At: w.now, Ended: w.now}
		for _, d := range w.book.Diagnose {
			c := incident.Check{ID: d.ID, Kind: d.Check, Target: d.Target, State: w.other, Facts: map[string]any{"incident": w.fact, "state": w.fact}}
			if d.ID == "path" {
				c.State = w.path
			}
			w.thought.Checks = append(w.thought.Checks, c)
		}
		w.write(t, incident.Diagnosed{Checks: w.thought.Checks})
	case remediation.Decide:
		w.write(t, m.Payloads...)
	case remediation.Wait:
		w.now = m.Until
	}
}

// worsens is a house in which web-01's BMC has been silent for an hour when the
// server itself goes.
func worsens(t *testing.T) (h *house, at time.Time) {
	t.Helper()
	h = newHouse(t)
	silent := answers(probes.Down, nil)
	saysOn := h.engine.Looker.Probes["bmc"]
	h.engine.Looker.Probes["bmc"] = silent
	h.record(t, "bmc-unreachable")
	for h.clk.Now().Sub(three) < time.Hour {
		h.visit()
	}
	h.engine.Looker.Probes["bmc"] = saysOn
	h.record(t, "server-unreachable")
	return h, h.clk.Now()
}

func (h *house) record(t *testing.T, name string) {
	t.Helper()
	book := shipped(t, name)
	pinned := events(incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source})
	if _, err := h.store.Record(t.Context(), h.id, pinned...); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsConcludedFromTheLooksOfALesserRunbook(t *testing.T) {
	h, _ := worsens(t)
	before := h.load().Version
	for range 5 {
		h.visit()
	}
	list, err := h.store.Events(t.Context(), h.id, before)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []incident.Kind
	for _, e := range list {
		kinds = append(kinds, e.Payload.Kind())
	}
	if len(kinds) < 3 || !slices.Equal(kinds[:3], []incident.Kind{"goal", "diagnosed", "concluded"}) {
		t.Errorf("after the server's runbook took over: %v", kinds)
	}
	if why := h.load().Verdict.Reason; !strings.Contains(why, "the server does not") {
		t.Errorf("the verdict says %q", why)
	}
}

func TestHoldDownBeginsAnewWhenALesserIncidentGetsWorse(t *testing.T) {
	h, at := worsens(t)
	for h.load().Approval == nil && h.clk.Now().Sub(at) < time.Hour {
		if !h.visit() {
			break
		}
	}
	inc := h.load()
	events, err := h.store.Events(t.Context(), h.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	asked := slices.IndexFunc(events, func(e incident.Event) bool { return e.Payload.Kind() == "approval_requested" })
	if asked < 0 {
		t.Fatalf("power was never asked for; blocked by %+v", inc.Blocked)
	}
	if after := events[asked].At.Sub(at); after < remediation.DefaultLimits.HoldDown {
		t.Errorf("power was asked for %v after the server went", after)
	}
}
