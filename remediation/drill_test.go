package remediation_test

import (
	"context"
	"slices"
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
)

// newDrill is a house in which an exercise is under way, and in which nobody may
// ask or touch anything.
func newDrill(t *testing.T, story string) *house {
	t.Helper()
	h := newHouse(t)
	book := shipped(t, "server-unreachable")
	inc, err := h.store.Create(t.Context(), events(
		incident.Opened{
			Title: "web-01 hangs", Subject: incident.Subject{Kind: incident.DrillKind, Name: "web-01"}, Site: "ams1",
			Drill: incident.Drill{Story: story, By: "hanne", Until: three.Add(incident.DrillLasts)},
		},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source})...)
	if err != nil {
		t.Fatal(err)
	}
	// Without the real incident of the house, which would end the drill.
	if _, err := h.store.Append(t.Context(), h.id, 4, events(incident.Closed{By: "noor"})...); err != nil {
		t.Fatal(err)
	}
	h.id = inc.ID
	for kind := range h.engine.Looker.Probes {
		h.engine.Looker.Probes[kind] = func(_ context.Context, target probes.Target) probes.Result {
			t.Errorf("%s was asked by %s", target.Name, kind)
			return probes.Result{State: probes.Unknown, Reason: "a drill"}
		}
	}
	return h
}

// [5.1] A drill ends as its story says, and neither a probe nor a key is used.
func TestADrillReachesNoMachine(t *testing.T) {
	for story, ends := range map[string]incident.Kind{
		"server-hangs": "restored", "server-off": "restored", "hardware-dead": "ordered", "bmc-silent": "ordered",
	} {
		t.Run(story, func(t *testing.T) {
			h := newDrill(t, story)
			inc, kinds := h.finish()
			if h.sends != 0 {
				t.Errorf("%d sends", h.sends)
			}
			if !slices.Contains(kinds, ends) {
				t.Errorf("no event %q, but %v", ends, kinds)
			}
			if a := inc.Action; a != nil && !a.Drill {
				t.Errorf("the intent does not say that it is pretended: %+v", a.Intended)
			}
		})
	}
}

// [5.1] Whatever is decided on a drill ends before the keys: also an intent that
// does not say of itself that it is one.
func TestAnIntentOfADrillIsNeverHandedOver(t *testing.T) {
	h := newDrill(t, "server-hangs")
	h.act = func(*house, remediation.Order) remediation.Result {
		t.Error("an action was called")
		return remediation.Result{Outcome: incident.OutcomeRefused}
	}
	inc := h.load()
	server, _ := h.inv.Server("web-01")
	got := h.engine.CarryOut(t.Context(), remediation.Facts{Incident: inc.Practised(), Inventory: h.inv},
		incident.Intended{Intent: "I1", Server: "web-01", Action: "power", Verb: "cycle", Serial: server.Serial, UUID: server.UUID})
	if outcome, ok := got.(incident.OutcomeRecorded); !ok || outcome.Detail != "drill: not sent; the pretended machine took power cycle web-01" {
		t.Errorf("got %+v", got)
	}
	if h.sends != 0 {
		t.Errorf("%d sends", h.sends)
	}
}

// [5.1] Real trouble of the server ends the drill at the next visit.
func TestADrillGivesWayToRealTrouble(t *testing.T) {
	h := newDrill(t, "server-hangs")
	for range 5 {
		h.visit()
	}
	real, err := h.store.Create(t.Context(), events(incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"})...)
	if err != nil {
		t.Fatal("the drill stands in the way of real trouble: ", err)
	}
	h.visit()
	if inc := h.load(); inc.Ongoing() {
		t.Errorf("%s goes on beside %s", inc.ID, real.ID)
	}
}
