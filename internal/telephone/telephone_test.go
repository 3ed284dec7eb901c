package telephone_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/telephone"
)

// fakeLine is a way to call that does what a test says.
type fakeLine func(ctx context.Context, c telephone.Call) telephone.Result

func (f fakeLine) Call(ctx context.Context, c telephone.Call) telephone.Result { return f(ctx, c) }
func (f fakeLine) Check(context.Context) error                                 { return nil }

// bureau is a telephone on a real store, with one incident.
type bureau struct {
	t     *testing.T
	store *store.Store
	clk   *clock.Clock
	inv   *inventory.Inventory
	id    string
}

func newBureau(t *testing.T, lines ...line) *bureau {
	t.Helper()
	clk := clock.Real()
	db, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := &bureau{t: t, store: db, clk: clk, inv: people(t)}
	var events []incident.Event
	for _, l := range lines {
		events = append(events, incident.Event{At: clk.Now(), Actor: incident.Piket, Payload: l.what})
	}
	inc, err := db.Create(t.Context(), events...)
	if err != nil {
		t.Fatal(err)
	}
	b.id = inc.ID
	return b
}

func (b *bureau) add(p ...incident.Payload) {
	b.t.Helper()
	var events []incident.Event
	for _, payload := range p {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: payload})
	}
	if _, err := b.store.Record(b.t.Context(), b.id, events...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bureau) incident() *incident.Incident {
	b.t.Helper()
	inc, err := b.store.Load(b.t.Context(), b.id)
	if err != nil {
		b.t.Fatal(err)
	}
	return inc
}

// phone returns a telephone that calls by f.
func (b *bureau) phone(f fakeLine) *telephone.Telephone {
	config := telephone.Default()
	config.SIP.Server, config.Customers = "192.0.2.1", true
	return &telephone.Telephone{
		Store: b.store, Clock: b.clk, Log: slog.New(slog.DiscardHandler), Inventory: func() *inventory.Inventory { return b.inv },
		Config: func() telephone.Config { return config }, Line: func(telephone.Config) telephone.Line { return f },
		Count: func(string, incident.RingOutcome) {}, Alone: func() bool { return true }, External: func() string { return "" }, Links: signed.NewKey(),
	}
}

// visit looks once and waits until the calls that this began are over.
func (b *bureau) visit(phone *telephone.Telephone) {
	b.t.Helper()
	if _, err := phone.Visit(b.t.Context(), b.id); err != nil {
		b.t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	end()
	phone.Run(ctx)
}

func mailTo(topic string, names ...string) incident.MessageQueued {
	return incident.MessageQueued{Message: "M-" + topic, Purpose: "page " + topic, Topic: topic, People: names}
}

func TestACallIsWrittenDownBeforeItIsDialledAndItsOutcomeAfter(t *testing.T) {
	b := newBureau(t, pressing("noor")...)
	var before *incident.Incident
	b.visit(b.phone(func(_ context.Context, c telephone.Call) telephone.Result {
		before = b.incident()
		if c.Number != "+31200000101" || c.Ring != before.Rings[0].Ringing.Ring || !strings.Contains(c.Script, "web-07") || !strings.Contains(c.Keys, "1 to acknowledge") {
			t.Errorf("dialled %+v", c)
		}
		return telephone.Result{Outcome: incident.RingNoAnswer, Detail: "it rang"}
	}))
	if len(before.Rings) != 1 || !before.Rings[0].Live() || before.Rings[0].Person != "noor" {
		t.Fatalf("while it rang the timeline knew %+v", before.Rings)
	}
	if r := b.incident().Rings[0]; r.Outcome != incident.RingNoAnswer || r.EndedAt.IsZero() {
		t.Errorf("afterwards it knows %+v", r)
	}
	if inc := b.incident(); inc.Owner != "" || !inc.AcknowledgedAt.IsZero() {
		t.Errorf("%q has it", inc.Owner)
	}
}

func TestKeyOneIsTheAcknowledgementOfWhoWasCalled(t *testing.T) {
	b := newBureau(t, pressing("noor")...)
	b.visit(b.phone(func(ctx context.Context, c telephone.Call) telephone.Result {
		if a := c.Press(ctx, "1"); !a.Over || !strings.Contains(a.Say, "yours") || !strings.Contains(a.Say, "Nothing is approved") {
			t.Errorf("it is told %+v", a)
		}
		return telephone.Result{Outcome: incident.RingAnswered}
	}))
	inc := b.incident()
	if inc.Owner != "noor" || inc.AcknowledgedAt.IsZero() {
		t.Errorf("%q has it since %v", inc.Owner, inc.AcknowledgedAt)
	}
	events, err := b.store.Events(t.Context(), b.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := slices.IndexFunc(events, func(e incident.Event) bool { return e.Payload.Kind() == "acknowledged" })
	if n < 0 || events[n].Actor != incident.Person("noor") || events[n].Payload.Text() != "noor has taken the incident, by telephone." {
		t.Errorf("the timeline says %+v", events[max(n, 0)])
	}
}

func TestOnlyWhoMayAcknowledgeDoesSoAndNobodyTakesItFromAnother(t *testing.T) {
	for name, c := range map[string]struct {
		person, owner, want string
	}{"a manager hears": {"mila", "", ""}, "somebody has it": {"noor", "daan", "daan"}} {
		b := newBureau(t, pressing(c.person)...)
		b.visit(b.phone(func(ctx context.Context, call telephone.Call) telephone.Result {
			if c.owner != "" {
				b.add(incident.Acknowledged{By: c.owner})
			}
			if a := call.Press(ctx, "1"); !a.Over || !strings.Contains(a.Say, "noted") {
				t.Errorf("%s: it is told %+v", name, a)
			}
			return telephone.Result{Outcome: incident.RingAnswered}
		}))
		if inc := b.incident(); inc.Owner != c.want || inc.Rings[0].Key != "1" {
			t.Errorf("%s: %q has it, key %q", name, inc.Owner, inc.Rings[0].Key)
		}
	}
}

// The rule that protects people: whatever is pressed, in whatever order, by
// whomever, a step that waits for a yes goes on waiting for it.
func TestNoKeyEverApproves(t *testing.T) {
	asked := incident.ApprovalRequested{
		Approval: "A1", PlanHash: "p1", Step: "power-cycle", Action: "power cycle web-07", By: "on-duty", Expires: time.Now().Add(time.Hour),
	}
	lines := append(pressing("noor"), line{0, asked}, line{0, mailTo("A1", "noor", "daan", "mila")})
	b := newBureau(t, lines...)
	var mu sync.Mutex
	heard := ""
	b.visit(b.phone(func(ctx context.Context, c telephone.Call) telephone.Result {
		mu.Lock()
		heard += c.Script
		mu.Unlock()
		for _, key := range strings.Split("1 2 3 4 5 6 7 8 9 0 * # 1 11 yes p1 A1 3 1", " ") {
			c.Press(ctx, key)
		}
		c.Press(ctx, "")
		return telephone.Result{Outcome: incident.RingAnswered, Heard: true}
	}))
	inc := b.incident()
	if a := inc.Approval; !inc.Asking() || a.GrantedBy != "" || len(a.Yes) != 0 || inc.Action != nil {
		t.Fatalf("the question is %+v, the action %+v", a, inc.Action)
	}
	if len(inc.Rings) != 3 || !strings.Contains(heard, "cannot be answered by telephone") {
		t.Errorf("%d calls, which said %q", len(inc.Rings), heard)
	}
	events, err := b.store.Events(t.Context(), b.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if kind := e.Payload.Kind(); kind == "approved" || kind == "denied" || kind == "intended" {
			t.Errorf("a key led to %s", kind)
		}
	}
}

func TestAfterACrashAnEngineerIsRungAgainAndACustomerIsLeftToAPerson(t *testing.T) {
	lines := append(pressing("noor"), line{0, incident.CallTask{Task: "T1", Customer: "bakery", Telephone: "+31 20 000 0900", Script: "Uw dienst is verstoord.", Due: time.Now()}})
	b := newBureau(t, lines...)
	dies, died := make(chan struct{}), make(chan struct{}, 2)
	first := b.phone(func(context.Context, telephone.Call) telephone.Result {
		died <- struct{}{}
		<-dies // and never says what became of it
		return telephone.Result{}
	})
	if _, err := first.Visit(t.Context(), b.id); err != nil {
		t.Fatal(err)
	}
	<-died
	<-died
	if c := b.incident().Call("T1"); c.HeldBy(time.Now()) != incident.Piket {
		t.Fatalf("the task is %+v", c)
	}
	var called []string
	second := b.phone(func(_ context.Context, c telephone.Call) telephone.Result {
		called = append(called, c.Number)
		return telephone.Result{Outcome: incident.RingNoAnswer}
	})
	if _, err := second.Visit(t.Context(), b.id); err != nil { // says that nobody knows
		t.Fatal(err)
	}
	for _, r := range b.incident().Rings {
		if r.Outcome != incident.RingUnknown {
			t.Errorf("the call to %s is %q", r.Who(), r.Outcome)
		}
	}
	b.visit(second)
	if !slices.Equal(called, []string{"+31200000101"}) {
		t.Errorf("then %q were called", called)
	}
	if c := b.incident().Call("T1"); c.Outcome != "" || c.HeldBy(time.Now()) != "" {
		t.Errorf("the task is %+v", c)
	}
	close(dies)
}

func TestWhatIsUnderWayElsewhereIsLeftAloneUntilItMustBeOver(t *testing.T) {
	b := newBureau(t, pressing("noor")...)
	b.add(incident.Ringing{Ring: "R9", Person: "noor", Topics: []string{"open"}, Until: time.Now().Add(time.Hour)})
	phone := b.phone(func(context.Context, telephone.Call) telephone.Result {
		t.Error("somebody was called twice at once")
		return telephone.Result{}
	})
	phone.Alone = func() bool { return false }
	next, err := phone.Visit(t.Context(), b.id)
	if err != nil || !b.incident().Rings[0].Live() || next.IsZero() {
		t.Errorf("next look %v (%v), the call %+v", next, err, b.incident().Rings[0])
	}
}

// conflicting is a store in which somebody else is always quicker.
type conflicting struct{ *store.Store }

func (conflicting) Append(context.Context, string, int, ...incident.Event) (*incident.Incident, error) {
	return nil, store.ErrConflict
}

func TestWhoIsSlowerThanAnotherReplicaDialsNothing(t *testing.T) {
	b := newBureau(t, pressing("noor")...)
	phone := b.phone(func(context.Context, telephone.Call) telephone.Result {
		t.Error("it dialled")
		return telephone.Result{}
	})
	phone.Store = conflicting{b.store}
	if _, err := phone.Visit(t.Context(), b.id); err == nil {
		t.Error("no conflict")
	}
}

func TestWhatACallToACustomerMeansForItsTask(t *testing.T) {
	for name, c := range map[string]struct {
		does fakeLine
		want string // outcome of the task, and whether a person may take it
	}{
		"a key": {func(ctx context.Context, c telephone.Call) telephone.Result {
			if a := c.Press(ctx, "1"); a.Say != "Dank u wel." {
				t.Errorf("it is told %+v", a)
			}
			return telephone.Result{Outcome: incident.RingAnswered}
		}, "reached"},
		"listened to the end": {ends(telephone.Result{Outcome: incident.RingAnswered, Heard: true}), "reached"},
		"hung up before":      {ends(telephone.Result{Outcome: incident.RingAnswered}), "a person's"},
		"a voicemail":         {ends(telephone.Result{Outcome: incident.RingVoicemail, Heard: true}), "a person's"},
		"no answer":           {ends(telephone.Result{Outcome: incident.RingNoAnswer}), "a person's"},
		"busy":                {ends(telephone.Result{Outcome: incident.RingBusy}), "a person's"},
		"the trunk is away":   {ends(telephone.Result{Outcome: incident.RingFailed}), "a person's"},
	} {
		b := newBureau(t, line{0, incident.Opened{Title: "x"}}, line{0, incident.CallTask{Task: "T1", Customer: "bakery", Telephone: "+31 20 000 0900", Script: "Uw dienst is verstoord.", Due: time.Now()}})
		calls := 0
		b.visit(b.phone(func(ctx context.Context, call telephone.Call) telephone.Result {
			if calls++; call.Language != "nl" || call.Script != "Uw dienst is verstoord." || !strings.HasPrefix(call.Keys, "Druk op 1") {
				t.Errorf("it says %q, %q", call.Script, call.Keys)
			}
			return c.does(ctx, call)
		}))
		b.visit(b.phone(func(context.Context, telephone.Call) telephone.Result { calls++; return telephone.Result{} }))
		task := b.incident().Call("T1")
		got := task.Outcome
		if got == "" && task.HeldBy(time.Now()) == "" && !task.Due.After(time.Now()) {
			got = "a person's"
		}
		if got != c.want || calls != 1 {
			t.Errorf("%s: the task is %q after %d calls", name, got, calls)
		}
	}
}

func ends(r telephone.Result) fakeLine {
	return func(context.Context, telephone.Call) telephone.Result { return r }
}
