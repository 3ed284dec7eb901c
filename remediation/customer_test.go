package remediation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// told has a customer who heard of the trouble and of its end.
func (h *house) told(purposes ...string) {
	h.t.Helper()
	for _, purpose := range purposes {
		m := incident.MessageQueued{Message: purpose, Purpose: purpose, Customer: "acme", To: []string{"it@acme.example.net"}}
		if _, err := h.store.Record(h.t.Context(), h.id, events(m)...); err != nil {
			h.t.Fatal(err)
		}
	}
}

// saysNo opens the incident again as a customer's link does.
func (h *house) saysNo() {
	h.t.Helper()
	inc := h.load()
	list, err := desk.CustomerAnswered(inc, "acme", false, "the till is dead, restart everything", "link")
	if err == nil {
		_, err = h.store.Append(h.t.Context(), h.id, inc.Version, events(list...)...)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	if h.load().Status != incident.Open {
		h.t.Fatal("a no did not open it again")
	}
}

// visitFor makes every visit that is due within a time, and answers nothing.
func (h *house) visitFor(d time.Duration) {
	h.t.Helper()
	for end := h.clk.Now().Add(d); h.clk.Now().Before(end); {
		next, err := h.engine.Visit(h.t.Context(), h.id)
		if err != nil {
			h.t.Fatal(err)
		}
		if next.After(h.clk.Now()) {
			h.pass(next.Sub(h.clk.Now()))
		}
	}
}

// [6.6] What a customer says opens the incident again and calls a person. While
// everything that is looked at answers, no machine is touched, and nobody is asked
// for leave to.
func TestACustomersNoAloneNeverCutsPower(t *testing.T) {
	h := newHouse(t)
	h.told("first")
	h.finish()
	h.told("restored")
	sends := h.sends
	h.pass(time.Hour)
	h.saysNo()
	version := h.load().Version
	h.visitFor(6 * time.Hour)
	inc := h.load()
	list, err := h.store.Events(t.Context(), h.id, version)
	if err != nil {
		t.Fatal(err)
	}
	looked := false
	for _, e := range list {
		looked = looked || e.Payload.Kind() == "goal"
		if slices.Contains([]incident.Kind{"intended", "approval_requested", "ordered", "restored"}, e.Payload.Kind()) {
			t.Errorf("%v after the no: %s", e.At.Sub(inc.FellAt), e.Payload.Text())
		}
	}
	if h.sends != sends || inc.Status != incident.Open || !looked {
		t.Errorf("%d sends more, it is %s, looked again: %v", h.sends-sends, inc.Status, looked)
	}
	engineer, _ := h.inv.Person("noor")
	settled, err := desk.SettleComplaint(inc, engineer, "acme", "their own switch was off")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Append(t.Context(), h.id, inc.Version, events(settled...)...); err != nil {
		t.Fatal(err)
	}
	h.visitFor(10 * time.Minute)
	if inc := h.load(); inc.Status != incident.BackInService || inc.Closure == nil || h.sends != sends {
		t.Errorf("after it was settled it is %s, %d sends more", inc.Status, h.sends-sends)
	}
}

// [6.6] If the customer is right, the ladder begins as for any other trouble: a
// look first, the hold-down anew, and leave to act.
func TestAfterACustomersNoTheLadderLooksWaitsAndAsks(t *testing.T) {
	h := newHouse(t)
	h.told("first")
	h.visitFor(time.Minute)
	h.cured = true // it comes back by itself
	h.visitFor(10 * time.Minute)
	if inc := h.load(); inc.Status != incident.BackInService || h.sends != 0 {
		t.Fatalf("it is %s after %d sends", inc.Status, h.sends)
	}
	h.told("restored")
	h.pass(time.Hour)
	h.saysNo()
	version := h.load().Version
	fell := h.load().FellAt
	h.cured = false
	h.finish()
	list, err := h.store.Events(t.Context(), h.id, version)
	if err != nil {
		t.Fatal(err)
	}
	var order []incident.Kind
	for _, e := range list {
		kind := e.Payload.Kind()
		if slices.Contains([]incident.Kind{"goal", "approval_requested", "approved", "intended"}, kind) && !slices.Contains(order, kind) {
			order = append(order, kind)
		}
		if kind == "approval_requested" && e.At.Sub(fell) < remediation.DefaultLimits.HoldDown {
			t.Errorf("asked %v after the no", e.At.Sub(fell))
		}
	}
	if want := []incident.Kind{"goal", "approval_requested", "approved", "intended"}; !slices.Equal(order, want) || h.sends != 1 {
		t.Errorf("it went %q, %d sends", order, h.sends)
	}
	// What was done must be judged while nobody has settled the no: as long as it is
	// under way it counts against every other server.
	h.visitFor(time.Hour)
	if inc := h.load(); inc.Action.Live() || inc.Status != incident.Open || len(inc.Complaints()) != 1 {
		t.Errorf("an hour later it is %s, the action under way: %v, %d complaints", inc.Status, inc.Action.Live(), len(inc.Complaints()))
	}
}

// While customers are waited for, nobody is called because the incident is not
// closed yet.
func TestNobodyIsCalledToCloseWhileCustomersAreWaitedFor(t *testing.T) {
	h := newHouse(t)
	h.told("first")
	h.finish()
	now := h.clk.Now()
	asked := incident.ConfirmationAsked{Customers: []string{"acme"}, Needs: incident.ConfirmedByAll, RemindAt: now.Add(24 * time.Hour), GiveUpAt: now.Add(72 * time.Hour)}
	if _, err := h.store.Record(t.Context(), h.id, events(asked)...); err != nil {
		t.Fatal(err)
	}
	h.visitFor(95 * time.Hour)
	if _, called := h.load().Attentions["not-closed"]; called {
		t.Error("somebody was called too early")
	}
	h.visitFor(2 * time.Hour)
	if _, called := h.load().Attentions["not-closed"]; !called {
		t.Error("nobody was called at all")
	}
}
