package remediation_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// house is a real engine on a real store in front of a pretended server, and
// it can be killed and started again at any moment.
type house struct {
	t      *testing.T
	dir    string
	clk    *clock.Clock
	store  *store.Store
	engine *remediation.Engine
	inv    *inventory.Inventory
	id     string

	cured  bool
	blind  bool // whatever is asked is silent, and the references too
	sends  int
	frozen string
	state  string        // what the BMC says: "on" when empty
	slow   time.Duration // how long every probe of web-01 takes
	// act is what the BMC does with the one power command; it has been counted.
	act func(h *house, o remediation.Order) remediation.Result
}

func newHouse(t *testing.T) *house { return newHouseOn(t, shipped(t, "server-unreachable")) }

func newHouseOn(t *testing.T, book *runbooks.Runbook) *house {
	h := &house{t: t, dir: t.TempDir(), clk: clock.Jumping(three), inv: world(t)}
	h.start()
	t.Cleanup(func() { h.store.Close() })
	inc, err := h.store.Create(t.Context(), events(
		incident.Opened{Title: "Server web-01 does not answer", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source})...)
	if err != nil {
		t.Fatal(err)
	}
	h.id = inc.ID
	return h
}

func events(payloads ...incident.Payload) []incident.Event {
	var list []incident.Event
	for _, p := range payloads {
		list = append(list, incident.Event{Actor: incident.Piket, Payload: p})
	}
	return list
}

// start opens the store and makes an engine that remembers nothing.
func (h *house) start() {
	h.t.Helper()
	s, err := store.Open(h.dir, h.clk)
	if err != nil {
		h.t.Fatal(err)
	}
	h.store = s
	h.engine = &remediation.Engine{
		Store: s, Clock: h.clk, Log: slog.New(slog.DiscardHandler),
		Inventory: func() *inventory.Inventory { return h.inv },
		Looker:    remediation.Looker{Probes: h.probes(), Timeout: time.Second, Clock: h.clk},
		Actions:   map[string]remediation.Action{"power": h.power},
		Limits:    func() remediation.Limits { return remediation.DefaultLimits }, Frozen: func() string { return h.frozen },
		Untimely: func() string { return "" }, Mine: func(context.Context, string) error { return nil }, Others: func(inventory.Server, time.Time) remediation.Others { return remediation.Others{} },
		Report: func(context.Context, []alerts.Alert) error { return errors.New("no alert is expected here") },
		WorkOrder: func(a remediation.Assignment) incident.WorkOrdered {
			o, to := a.Order, a.Site.RemoteHands
			o.To, o.Email, o.Subject, o.Body = to.Name, to.Email, a.Asks+" "+a.Server.Name, a.Asks
			return o
		},
		Owner: "test",
	}
}

// kill is kill -9: nothing is flushed by us, and all memory is gone.
func (h *house) kill() {
	h.store.Close()
	h.start()
}

// probes answer for a world in which web-01 hangs until it is cured.
func (h *house) probes() probes.Registry {
	well := func(context.Context, probes.Target) probes.Result {
		return probes.Result{State: probes.Up, Reason: "answers"}
	}
	perhaps := func(_ context.Context, t probes.Target) probes.Result {
		if h.slow > 0 && strings.Contains(t.Name, "web-01") {
			h.pass(h.slow)
		}
		if h.blind || !h.cured && (strings.Contains(t.Name, "web-01")) {
			return probes.Result{State: probes.Down, Reason: "does not answer"}
		}
		return probes.Result{State: probes.Up, Reason: "answers"}
	}
	return probes.Registry{
		"icmp": perhaps, "tcp": perhaps, "ssh": perhaps,
		"statuspage": func(context.Context, probes.Target) probes.Result {
			return probes.Result{State: probes.Up, Reason: "nothing announced", Facts: map[string]any{"incident": false}}
		},
		"bmc": func(context.Context, probes.Target) probes.Result {
			state := cmp.Or(h.state, "on")
			return probes.Result{State: probes.Up, Reason: state, Facts: map[string]any{"state": state, "boot_override": "none"}}
		},
		"http": well,
	}
}

// pass lets time go by.
func (h *house) pass(d time.Duration) {
	<-h.clk.Go(func() { h.clk.Wait(context.Background(), h.clk.Now().Add(d), nil) })
}

func (h *house) power(_ context.Context, o remediation.Order) remediation.Result {
	if err := o.Last(); err != nil {
		return remediation.Result{Outcome: incident.OutcomeRefused, Detail: err.Error()}
	}
	h.sends++
	if h.act != nil {
		return h.act(h, o)
	}
	h.cured = true
	return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
}

// visit makes one visit, lets time pass to the next, and answers yes to what
// is asked. It returns false when the story is over.
func (h *house) visit() bool {
	h.t.Helper()
	next, err := h.engine.Visit(h.t.Context(), h.id)
	if err != nil {
		h.kill() // the store was gone in the middle of something
		return true
	}
	inc := h.load()
	if inc.Closure != nil || inc.Order != nil {
		return false
	}
	if a := inc.Approval; a != nil && a.GrantedBy == "" {
		answer := remediation.Answer{Approval: a.Approval, PlanHash: a.PlanHash, By: "noor", Yes: true}
		payload, err := answer.Payload(inc, h.inv, h.clk.Now())
		if err != nil {
			h.t.Fatal(err)
		}
		if _, err := h.store.Append(h.t.Context(), h.id, inc.Version, events(payload)...); err != nil {
			h.t.Fatal(err)
		}
		return true
	}
	if next.After(h.clk.Now()) {
		<-h.clk.Go(func() { h.clk.Wait(h.t.Context(), next, nil) })
	}
	return true
}

func (h *house) load() *incident.Incident {
	h.t.Helper()
	inc, err := h.store.Load(h.t.Context(), h.id)
	if err != nil {
		h.t.Fatal(err)
	}
	return inc
}

// finish visits until the story is over and returns the incident and the kinds
// of its events.
func (h *house) finish() (*incident.Incident, []incident.Kind) {
	h.t.Helper()
	for range 2000 {
		if !h.visit() {
			break
		}
	}
	list, err := h.store.Events(h.t.Context(), h.id, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	var kinds []incident.Kind
	for _, e := range list {
		kinds = append(kinds, e.Payload.Kind())
	}
	if h.t.Failed() {
		for _, e := range list {
			h.t.Log(e.At.Sub(three), e.Payload.Text())
		}
	}
	return h.load(), kinds
}

func TestOneCycleBringsAHungServerBack(t *testing.T) {
	h := newHouse(t)
	inc, kinds := h.finish()
	if h.sends != 1 || inc.Status != incident.BackInService || inc.Closure == nil {
		t.Fatalf("%d sends, status %s, events %v", h.sends, inc.Status, kinds)
	}
}

// Killed after any visit and started again, piket comes to the same end with
// the same one send.
func TestAKillBetweenAnyTwoMovesChangesNothing(t *testing.T) {
	whole := newHouse(t)
	moves := 0
	for whole.visit() {
		moves++
	}
	if moves < 20 {
		t.Fatalf("the story has only %d moves", moves)
	}
	for n := range moves {
		t.Run(fmt.Sprint("after move ", n), func(t *testing.T) {
			h := newHouse(t)
			for range n {
				h.visit()
			}
			h.kill()
			inc, kinds := h.finish()
			if h.sends != 1 || inc.Status != incident.BackInService {
				t.Errorf("%d sends, status %s, events %v", h.sends, inc.Status, kinds)
			}
		})
	}
}

// Killed in the middle of the send itself, nobody knows what the BMC did: it
// is looked at, and never sent again, whatever is seen.
func TestAKillInTheMiddleOfASendIsNotRepeated(t *testing.T) {
	for name, cured := range map[string]bool{"the BMC had carried it out": true, "the BMC had not": false} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.act = func(h *house, _ remediation.Order) remediation.Result {
				if h.cured = cured; h.sends > 1 {
					return remediation.Result{Outcome: incident.OutcomeDone} // which must not be; it ends here
				}
				h.store.Close() // the outcome can no longer be written
				return remediation.Result{Outcome: incident.OutcomeDone, Detail: "nobody will read this"}
			}
			inc, kinds := h.finish()
			if h.sends != 1 {
				t.Errorf("%d sends", h.sends)
			}
			if inc.Action.Outcome != incident.OutcomeUnknown {
				t.Errorf("the outcome is %q, not unknown", inc.Action.Outcome)
			}
			if back := inc.Status == incident.BackInService; back != cured {
				t.Errorf("status is %s", inc.Status)
			}
			if !cured && inc.Order == nil {
				t.Errorf("nobody was sent: %v", kinds)
			}
		})
	}
}

// slowly is a store that answers a question about an incident after something has
// happened.
type slowly struct {
	remediation.Timelines
	meanwhile func()
}

func (s slowly) Load(ctx context.Context, id string) (*incident.Incident, error) {
	inc, err := s.Timelines.Load(ctx, id)
	s.meanwhile()
	return inc, err
}

// The last question before the write is asked with the session open: a freeze
// at that moment still stops it, and so does the intent's own end.
func TestTheLastMomentStillStopsASend(t *testing.T) {
	tests := map[string]func(h *house, o remediation.Order){
		"frozen": func(h *house, _ remediation.Order) { h.frozen = "by hand" },
		"another replica's by now": func(h *house, _ remediation.Order) {
			h.engine.Mine = func(context.Context, string) error { return store.ErrLapsed }
		},
		"hands went into the rack": func(h *house, _ remediation.Order) {
			h.happens(h.load().ID, incident.WorkOrdered{Order: "W1", Step: "escalate-1"}, incident.HandsInRack{Order: "W1", In: true, By: "hands"})
		},
		"somebody says that it was replaced": func(h *house, _ remediation.Order) {
			h.create(incident.Opened{Title: "Which machine web-01 is", Subject: incident.Subject{Kind: "identity", Name: "web-01"}},
				incident.IdentityClaimed{Server: "web-01", Serial: "SN9", By: "hands"})
		},
		"too late": func(h *house, o remediation.Order) {
			<-h.clk.Go(func() { h.clk.Wait(context.Background(), o.Intent.NotAfter.Add(time.Second), nil) })
		},
		"too late once the store has answered": func(h *house, o remediation.Order) {
			h.engine.Store = slowly{h.store, func() { h.pass(o.Intent.NotAfter.Sub(h.clk.Now()) + time.Second) }}
		},
		"frozen once the store has answered": func(h *house, _ remediation.Order) {
			h.engine.Store = slowly{h.store, func() { h.frozen = "by hand" }}
		},
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.engine.Actions["power"] = func(ctx context.Context, o remediation.Order) remediation.Result {
				happens(h, o)
				return h.power(ctx, o)
			}
			for h.load().Action == nil {
				h.visit()
			}
			h.visit()
			a := h.load().Action
			if h.sends != 0 || a.Outcome != incident.OutcomeRefused && !a.Voided {
				t.Errorf("%d sends, outcome %q, voided %v", h.sends, a.Outcome, a.Voided)
			}
		})
	}
}

// happens writes down what others do meanwhile.
func (h *house) happens(id string, payloads ...incident.Payload) {
	h.t.Helper()
	if _, err := h.store.Record(h.t.Context(), id, events(payloads...)...); err != nil {
		h.t.Error(err)
	}
}

func (h *house) create(payloads ...incident.Payload) {
	h.t.Helper()
	if _, err := h.store.Create(h.t.Context(), events(payloads...)...); err != nil {
		h.t.Error(err)
	}
}

// Power that piket cut is owed, and still not given to a rack in which somebody has
// their hands, nor to what may be another machine.
func TestOwedPowerWaitsForHandsAndForWhoTheMachineIs(t *testing.T) {
	for name, happens := range map[string]func(h *house){
		"hands at the site": func(h *house) {
			h.create(incident.Opened{Title: "t", Subject: incident.Subject{Kind: "site", Name: "ams1"}, Site: "ams1"},
				incident.WorkOrdered{Order: "W1", Step: "escalate-1"}, incident.HandsInRack{Order: "W1", In: true, By: "hands"})
		},
		"a claim that it was replaced": func(h *house) {
			h.create(incident.Opened{Title: "Which machine web-01 is", Subject: incident.Subject{Kind: "identity", Name: "web-01"}},
				incident.IdentityClaimed{Server: "web-01", Serial: "SN9", By: "hands"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.act = func(*house, remediation.Order) remediation.Result {
				return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
			}
			for h.load().Order == nil {
				h.visit()
			}
			h.state = "off" // the cycle cut it, and it did not come back
			happens(h)
			for range 40 {
				if _, err := h.engine.Visit(t.Context(), h.id); err != nil {
					t.Fatal(err)
				}
				h.pass(15 * time.Second)
			}
			if h.sends != 1 || h.load().Blocked.Guard == "" {
				t.Errorf("%d sends, held back by %q", h.sends, h.load().Blocked.Guard)
			}
		})
	}
}

// An entry that was changed between yes and send is another machine.
func TestAChangedInventoryVoidsWhatWasAgreed(t *testing.T) {
	h := newHouse(t)
	for h.load().Approval == nil {
		h.visit()
	}
	servers := slices.Clone(h.inv.Servers)
	servers[0].Serial = "SN9999"
	inv, err := inventory.New(inventory.Inventory{Sites: h.inv.Sites, Servers: servers, People: h.inv.People, Teams: h.inv.Teams})
	if err != nil {
		t.Fatal(err)
	}
	h.inv = inv
	_, kinds := h.finish()
	if !slices.Contains(kinds, "approval_lapsed") {
		t.Errorf("the old yes still counted: %v", kinds)
	}
}

// A look that takes longer than the time between looks must not keep the
// decisions from being made.
func TestASlowLookStillLeadsToADecision(t *testing.T) {
	h := newHouse(t)
	h.slow = 2 * remediation.DefaultLimits.IdlePoll
	h.act = func(h *house, _ remediation.Order) remediation.Result {
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"} // and nothing happens
	}
	inc, kinds := h.finish()
	if h.sends != 1 || inc.Order == nil || !slices.Contains(kinds, "step_failed") {
		t.Errorf("%d sends, order %v, events %v", h.sends, inc.Order, kinds)
	}
}

// stalls is a store that stands still once after every few looks, as a stopped
// process or a migrated machine does.
type stalls struct {
	remediation.Timelines
	load func()
}

func (s stalls) Load(ctx context.Context, id string) (*incident.Incident, error) {
	inc, err := s.Timelines.Load(ctx, id)
	s.load()
	return inc, err
}

func TestNothingRestsOnALookFromBeforeAStandstill(t *testing.T) {
	h := newHouse(t)
	var looked time.Time
	for kind, probe := range h.engine.Looker.Probes {
		h.engine.Looker.Probes[kind] = func(ctx context.Context, t probes.Target) probes.Result {
			if kind == "bmc" { // asked once in every diagnosis
				looked = h.clk.Now()
			}
			return probe(ctx, t)
		}
	}
	for n := 0; h.load().Order == nil && h.load().Closure == nil && n < 500; n++ {
		stalled := false
		h.engine.Store = stalls{h.store, func() {
			if !stalled && looked.Equal(h.clk.Now()) {
				stalled = true
				h.pass(50 * time.Minute)
			}
		}}
		before := h.load().Version
		h.visit()
		list, err := h.store.Events(t.Context(), h.id, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			switch e.Payload.(type) {
			case incident.Concluded, incident.ApprovalRequested, incident.Intended:
				if age := e.At.Sub(looked); age > remediation.DefaultLimits.Fresh+time.Minute {
					t.Fatalf("%q rests on a look that is %v old", e.Payload.Text(), age)
				}
			}
		}
	}
}

// A machine that goes off only after the step has been given up is switched on
// all the same.
func TestPowerThatWentOffLateIsStillSwitchedOn(t *testing.T) {
	h := newHouse(t)
	h.act = func(h *house, o remediation.Order) remediation.Result {
		if o.Intent.Verb == "on" {
			h.state, h.cured = "on", true
		}
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
	}
	for h.load().Order == nil {
		h.visit()
	}
	h.state = "off"
	for range 100 {
		next, err := h.engine.Visit(t.Context(), h.id)
		if err != nil {
			t.Fatal(err)
		}
		if next.After(h.clk.Now()) {
			h.pass(next.Sub(h.clk.Now()))
		}
	}
	if inc := h.load(); h.sends != 2 || inc.Status != incident.BackInService {
		t.Errorf("%d sends, status %s, power %s", h.sends, inc.Status, inc.Power)
	}
}

// With a machine off for good, piket tries twice and then calls a person.
func TestSwitchingOnIsTriedTwiceThenAPersonIsCalled(t *testing.T) {
	h := newHouse(t)
	duties := 0
	h.act = func(h *house, o remediation.Order) remediation.Result {
		h.state = "off"
		if o.Intent.Duty > 0 {
			duties++
		}
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
	}
	inc, _ := h.finish()
	if _, called := inc.Attentions["left-off"]; duties != 2 || !called {
		t.Errorf("switched on %d times, attentions %v", duties, inc.Attentions)
	}
}

// After service was back, a new failure has its own hold-down, and what piket
// cannot see is no failure.
func TestARelapseIsSeenBeforeItIsBelieved(t *testing.T) {
	h := newHouse(t)
	inc, _ := h.finish()
	if inc.Status != incident.BackInService {
		t.Fatalf("status %s", inc.Status)
	}
	h.pass(time.Hour)
	h.cured = false
	broke := h.clk.Now()
	for h.load().Status == incident.BackInService {
		next, err := h.engine.Visit(t.Context(), h.id)
		if err != nil {
			t.Fatal(err)
		}
		if next.After(h.clk.Now()) {
			h.pass(next.Sub(h.clk.Now()))
		}
	}
	if took := h.clk.Now().Sub(broke); took < remediation.DefaultLimits.Fresh || took > 3*time.Minute {
		t.Errorf("a relapse was written after %v", took)
	}
	if since := h.load().DownSince; since.Before(broke) {
		t.Errorf("down since %v, it broke at %v", since, broke)
	}
}

// Piket's own uplink is no relapse: a customer who has read that service is back
// is not told that it failed again.
func TestWhatPiketCannotSeeIsNoRelapse(t *testing.T) {
	h := newHouse(t)
	far := func(n string) inventory.Reference {
		return inventory.Reference{Name: "far-" + n, Side: inventory.Far, Probe: inventory.Endpoint{Check: "icmp", Address: "198.51.100." + n}}
	}
	content := *h.inv
	content.References = []inventory.Reference{far("1"), far("2")}
	inv, err := inventory.New(content)
	if err != nil {
		t.Fatal(err)
	}
	h.inv = inv
	for h.visit() {
	}
	if inc := h.load(); inc.Status != incident.BackInService {
		t.Fatalf("the story ended as %s", inc.Status)
	}
	look := func() {
		for range 60 {
			next, err := h.engine.Visit(t.Context(), h.id)
			if err != nil {
				t.Fatal(err)
			}
			h.pass(max(next.Sub(h.clk.Now()), time.Second))
		}
	}
	h.blind = true
	look()
	if inc := h.load(); inc.Status != incident.BackInService || inc.Relapses != 0 {
		t.Errorf("while piket could not see, the incident became %s", inc.Status)
	}
	h.blind, h.cured = false, false
	look()
	if inc := h.load(); inc.Status != incident.Open || inc.Relapses != 1 {
		t.Errorf("when it really failed again, the incident was %s", inc.Status)
	}
}

// While those who reported a trouble of the whole site say that it stands, no
// server of it is acted on, also when most of it seems to be back.
func TestNothingIsDoneWhileTheTroubleOfTheSiteStands(t *testing.T) {
	h := newHouse(t)
	book := shipped(t, "site-unreachable")
	labels := alerts.Labels{"alertname": alerts.SiteUnreachable, "site": "ams1"}
	firing := alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: labels, StartsAt: three, Fingerprint: labels.Fingerprint()}
	site, err := h.store.Create(t.Context(), events(
		incident.Opened{Title: "Site ams1 does not answer", Subject: incident.Subject{Kind: "site", Name: "ams1"}, Site: "ams1"},
		incident.AlertReceived{Alert: firing},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source},
		incident.Restored{How: "most of it answers"})...)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		h.visit()
	}
	if inc := h.load(); h.sends != 0 || inc.Blocked.Guard != "around" {
		t.Fatalf("%d sends while the site's trouble stands, held back by %q", h.sends, inc.Blocked.Guard)
	}
	over := firing
	over.Status, over.EndsAt = alerts.Resolved, h.clk.Now()
	if _, err := h.store.Record(t.Context(), site.ID, events(incident.AlertReceived{Alert: over})...); err != nil {
		t.Fatal(err)
	}
	for h.sends == 0 && h.visit() {
	}
	if h.sends != 1 {
		t.Errorf("%d sends when only this server is left over", h.sends)
	}
}

// What a customer said does not work is still there when the server's incident
// becomes part of a wider one, and a person is still called for it [6.6].
func TestAComplaintGoesAlongIntoTheWiderIncident(t *testing.T) {
	h := newHouse(t)
	book := shipped(t, "fell-together")
	labels := alerts.Labels{"alertname": alerts.FellTogether, "site": "ams1"}
	wide, err := h.store.Create(t.Context(), events(
		incident.Opened{Title: "Servers of ams1 fell together", Subject: incident.Subject{Kind: "site", Name: "ams1"}, Site: "ams1"},
		incident.AlertReceived{Alert: alerts.Alert{Source: "piket", Status: alerts.Firing, Labels: labels, StartsAt: three,
			Fingerprint: labels.Fingerprint()}},
		incident.Absorbed{From: "INC-2025-0009", Subject: incident.Subject{Kind: "server", Name: "web-01"}},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source})...)
	if err != nil {
		t.Fatal(err)
	}
	no := incident.CustomerAnswered{Customer: "bakery", Words: "the till is still dead", Via: "telephone"}
	if _, err := h.store.Record(t.Context(), h.id, events(no)...); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if h.load().MergedInto == wide.ID {
			break
		}
		h.visit()
	}
	if into := h.load().MergedInto; into != wide.ID {
		t.Fatalf("the incident is part of %q", into)
	}
	wide, err = h.store.Load(t.Context(), wide.ID)
	if err != nil {
		t.Fatal(err)
	}
	if left := wide.Complaints(); !slices.Equal(left, []incident.CustomerAnswered{no}) {
		t.Errorf("the wider incident knows of %+v", left)
	}
	if wide.Attentions[incident.ComplaintTopic+"bakery"].IsZero() {
		t.Errorf("nobody is called for it: %v", wide.Attentions)
	}
}

// An "on" that was proved not to be sent is tried again after a pause, however
// often that happens: it never was a try.
func TestRefusedDutyIsTriedAgain(t *testing.T) {
	h := newHouse(t)
	var first time.Time
	h.act = func(h *house, o remediation.Order) remediation.Result {
		switch {
		case o.Intent.Duty == 0:
			h.state = "off"
			return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
		case first.IsZero():
			first = h.clk.Now()
		}
		if h.clk.Now().Sub(first) < 14*time.Minute {
			return remediation.Result{Outcome: incident.OutcomeRefused, Detail: "the BMC has no session left"}
		}
		h.state, h.cured = "on", true
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
	}
	if inc, _ := h.finish(); h.state != "on" {
		t.Errorf("left %s after %d sends, %d tries counted: %v", h.state, h.sends, inc.DutyTries, inc.Attentions)
	}
}
