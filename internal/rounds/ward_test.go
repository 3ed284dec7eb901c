package rounds_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

// The paces of several replicas, as the shipped ward keeps them.
const (
	term = 6 * time.Second
	poll = time.Second
)

// crew is several replicas on one store, on a clock that jumps.
type crew struct {
	world
	mu     sync.Mutex
	every  time.Duration       // from one visit of an incident to the next
	visits map[string][]string // incident → who visited it, in order
	inside map[string]string   // incident → who is visiting it now
}

func newCrew(t *testing.T) *crew {
	w := newWorld(t)
	w.store.ShareWithin()
	return &crew{world: w, every: time.Second, visits: map[string][]string{}, inside: map[string]string{}}
}

// replica is one of a crew; quit ends it in good order.
type replica struct {
	name string
	ward *rounds.Ward
	done []<-chan struct{}
	quit context.CancelFunc
}

// join starts a replica whose visits do some work.
func (c *crew) join(name string, s *store.Store, work func(ctx context.Context, id string) error) *replica {
	c.t.Helper()
	ctx, quit := context.WithCancel(c.t.Context())
	r := &replica{name: name, ward: rounds.NewWard(name, s, c.clk, quiet), quit: quit}
	round := rounds.New("test", r.ward, func(ctx context.Context, id string) (time.Time, error) {
		defer c.visit(name, id)()
		return c.clk.Now().Add(c.every), work(ctx, id)
	})
	r.done = []<-chan struct{}{c.clk.Go(func() { r.ward.Run(ctx) }), c.clk.Go(func() { round.Run(ctx) })}
	c.t.Cleanup(r.end)
	return r
}

func (r *replica) end() {
	r.quit()
	for _, done := range r.done {
		<-done
	}
}

// visit books who is inside, and complains about company.
func (c *crew) visit(name, id string) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.inside[id]; other != "" {
		c.t.Errorf("%s is visited by %s and %s at once", id, other, name)
	}
	c.inside[id] = name
	c.visits[id] = append(c.visits[id], name)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inside[id] = ""
	}
}

// visitor is who visited an incident last.
func (c *crew) visitor(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.visits[id]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// at runs f at a moment after the start, and waits until it has.
func (c *crew) at(d time.Duration, f func()) {
	<-c.clk.Go(func() {
		c.clk.Wait(c.t.Context(), start.Add(d), nil)
		f()
	})
}

func nothing(context.Context, string) error { return nil }

func TestEachIncidentIsVisitedByOneReplicaAtATime(t *testing.T) {
	c := newCrew(t)
	for n := range 30 {
		c.open(fmt.Sprint("web-", n))
	}
	slow := func(ctx context.Context, _ string) error {
		c.clk.Wait(ctx, c.clk.Now().Add(1500*time.Millisecond), nil)
		return nil
	}
	for _, name := range []string{"a", "b", "c"} {
		c.join(name, c.store, slow)
	}
	c.at(time.Minute, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for id, who := range c.visits {
			if slices.ContainsFunc(who, func(name string) bool { return name != who[0] }) {
				t.Errorf("%s changed hands although nobody was gone: %v", id, who)
			}
		}
		if len(c.visits) != 30 {
			t.Errorf("%d of 30 were visited", len(c.visits))
		}
	})
}

func TestNobodyTakesAllOfAStorm(t *testing.T) {
	c := newCrew(t)
	c.every = time.Hour
	const incidents = 300
	for _, name := range []string{"a", "b", "c"} {
		c.join(name, c.store, nothing)
	}
	c.at(10*time.Second, func() { // all through one door, whose bell rings each time
		for n := range incidents {
			c.open(fmt.Sprint("web-", n))
		}
	})
	c.at(15*time.Second, func() {
		work, err := c.store.Work(t.Context())
		if err != nil || len(work.Replicas) != 3 || work.Free != 0 {
			t.Fatalf("%+v (%v)", work, err)
		}
		for _, r := range work.Replicas {
			if r.Incidents < 60 || r.Incidents > 140 {
				t.Errorf("%s has %d of %d", r.Name, r.Incidents, incidents)
			}
			if r.Silent > poll {
				t.Errorf("%s was not heard for %v", r.Name, r.Silent)
			}
		}
	})
}

func TestWorkOfAReplicaThatLeavesIsTakenWithinAPoll(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	a := c.join("a", c.store, nothing)
	c.at(10*time.Second, func() {})
	b := c.join("b", c.store, nothing)
	c.at(20*time.Second, func() {
		if c.visitor(id) != a.name {
			t.Errorf("%s visits, not a", c.visitor(id))
		}
		a.quit()
	})
	c.at(20*time.Second+2*poll, func() {
		if c.visitor(id) != b.name {
			t.Errorf("%s visits, not b", c.visitor(id))
		}
	})
}

func TestWardIsGivenBackOnlyAfterTheVisitsUnderWay(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	var a *replica
	mine := errors.New("the visit did not end")
	var ready sync.WaitGroup
	ready.Add(1)
	a = c.join("a", c.store, func(ctx context.Context, id string) error {
		ready.Wait()
		ctx = context.WithoutCancel(ctx) // a send is not cut in half
		c.clk.Wait(ctx, start.Add(30*time.Second), nil)
		mine = a.ward.Mine(ctx, id)
		return nil
	})
	ready.Done()
	c.at(10*time.Second, a.quit)
	c.join("b", c.store, nothing)
	c.at(40*time.Second, func() {
		if mine != nil {
			t.Errorf("at the end of the visit: %v", mine)
		}
		if c.visitor(id) != "b" {
			t.Errorf("%q visits afterwards, not b", c.visitor(id))
		}
	})
}

func TestWorkOfADeadReplicaIsTakenWithinItsTermAndAPoll(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	ctx := t.Context()
	if _, err := c.store.Enter(ctx, "dead", term); err != nil {
		t.Fatal(err)
	}
	if ids, err := c.store.Take(ctx, "dead", 10); err != nil || len(ids) != 1 {
		t.Fatalf("%q (%v)", ids, err)
	}
	b := c.join("b", c.store, nothing)
	c.at(term-time.Millisecond, func() {
		if c.visitor(id) != "" {
			t.Error("taken from who may be alive")
		}
		inc := c.load(id)
		if _, err := c.store.Append(store.As(ctx, "dead"), id, inc.Version, said("a decision in time")); err != nil {
			t.Errorf("within its term: %v", err)
		}
	})
	c.at(term+poll, func() {
		if c.visitor(id) != b.name {
			t.Errorf("%q visits, not b", c.visitor(id))
		}
		c.hasNoSay("dead", id)
	})
}

// hasNoSay fails if a replica can still decide, or send, for an incident. What
// it has seen happen it may still write down.
func (c *crew) hasNoSay(name, id string) {
	c.t.Helper()
	ctx, inc := store.As(c.t.Context(), name), c.load(id)
	if _, err := c.store.Append(ctx, id, inc.Version, said("a decision")); !errors.Is(err, store.ErrLapsed) {
		c.t.Errorf("%s decides: %v", name, err)
	}
	agree := func([]*incident.Touch) error { return nil }
	if _, err := c.store.AppendIf(ctx, id, inc.Version, agree, start, said("a reservation")); !errors.Is(err, store.ErrLapsed) {
		c.t.Errorf("%s reserves: %v", name, err)
	}
	if has, _, err := c.store.Has(ctx, name, id); has || err != nil {
		c.t.Errorf("%s may send (%v)", name, err)
	}
	if _, err := c.store.Record(ctx, id, said("a fact")); err != nil {
		c.t.Errorf("what %s saw cannot be written down: %v", name, err)
	}
}

func said(words string) incident.Event {
	return incident.Event{Actor: "piket", Payload: incident.Note{By: "noor", Words: words}}
}

func (c *crew) load(id string) *incident.Incident {
	c.t.Helper()
	inc, err := c.store.Load(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return inc
}

func TestZombieBeginsAnewAndItsOldVisitHasNoSay(t *testing.T) {
	c := newCrew(t)
	c.open("web-07")
	var names []string
	var a *replica
	var ready sync.WaitGroup
	ready.Add(1)
	first := true
	a = c.join("a", c.store, func(ctx context.Context, id string) error {
		ready.Wait()
		names = append(names, store.ReplicaOf(ctx))
		if !first {
			return a.ward.Mine(ctx, id)
		}
		first = false
		if err := a.ward.Mine(ctx, id); err != nil {
			t.Errorf("at first: %v", err)
		}
		// The others give it up for dead, and it gets the incident back under a
		// new name while this visit still hangs.
		if err := c.store.Leave(ctx, store.ReplicaOf(ctx)); err != nil {
			t.Error(err)
		}
		c.clk.Wait(ctx, start.Add(time.Minute), nil)
		if err := a.ward.Mine(ctx, id); !errors.Is(err, store.ErrLapsed) {
			t.Errorf("after it was given up: %v", err)
		}
		c.hasNoSay(names[0], id)
		return nil
	})
	ready.Done()
	c.at(2*time.Minute, func() {})
	a.end()
	if len(names) < 2 || names[len(names)-1] == names[0] {
		t.Errorf("visits as %q", names)
	}
}

func TestReplicaActsNoLongerThanItsTermByItsOwnWatch(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	a := c.join("a", c.store, nothing)
	c.at(10*time.Second, func() {
		if c.visitor(id) != a.name {
			t.Fatal("a does not visit")
		}
		if err := c.store.Close(); err != nil { // out of reach from here on
			t.Fatal(err)
		}
	})
	var last int
	count := func() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.visits[id]) }
	c.at(10*time.Second+term, func() { last = count() })
	c.at(30*time.Second, func() {
		if n := count(); n != last {
			t.Errorf("%d visits after its term", n-last)
		}
	})
}

func TestFreezeThroughOneReplicaIsHeardByAllWithinASecond(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	a, b := c.join("a", c.store, nothing), c.join("b", c.store, nothing)
	both := func(want string) {
		t.Helper()
		for _, r := range []*replica{a, b} {
			if why := r.ward.Frozen(); why != want {
				t.Errorf("%s hears %q, not %q", r.name, why, want)
			}
		}
	}
	c.at(10*time.Second, func() {
		both("")
		if err := c.store.Freeze(t.Context(), "a", "by noor: fire"); err != nil {
			t.Fatal(err)
		}
		// Who is about to send hears of it at once.
		work, err := c.store.Work(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range work.Replicas {
			if _, why, err := c.store.Has(t.Context(), r.Name, id); why != "by noor: fire" || err != nil {
				t.Errorf("right before a send: %q (%v)", why, err)
			}
		}
	})
	c.at(11*time.Second+time.Millisecond, func() { both("by noor: fire") })
	c.at(20*time.Second, func() {
		if err := c.store.Thaw(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	c.at(21*time.Second+time.Millisecond, func() { both("") })
}

func TestAnswerThatWasLostStrandsNoIncident(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	a := c.join("a", c.store, nothing)
	count := func() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.visits[id]) }
	var before int
	c.at(10*time.Second+time.Millisecond, func() {
		a.ward.Lose(id)
		before = count()
	})
	c.at(20*time.Second, func() {
		if n := count(); n < before+8 {
			t.Errorf("%d visits in ten seconds", n-before)
		}
	})
}

func TestChangeByAnotherReplicaIsSeenWithinAPoll(t *testing.T) {
	c := newCrew(t)
	id := c.open("web-07")
	seen := map[int]time.Time{}
	a := c.join("a", c.store, func(ctx context.Context, id string) error {
		inc := c.load(id)
		if seen[inc.Version].IsZero() {
			seen[inc.Version] = c.clk.Now()
		}
		return nil
	})
	c.at(10*time.Second, func() { c.note(id) })
	c.at(15*time.Second, func() {})
	a.end()
	if at := seen[2]; at.Sub(start) > 10*time.Second+poll {
		t.Errorf("seen at %v", at)
	}
}
