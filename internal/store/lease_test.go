package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

const term = 6 * time.Second

// shared is a store that several replicas would share, on a clock that the test
// moves.
func leased(t *testing.T) (*store.Store, func(time.Duration)) {
	t.Helper()
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.ShareWithin()
	return s, func(d time.Duration) { <-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(d), nil) }) }
}

func enter(t *testing.T, s *store.Store, name string) {
	t.Helper()
	if _, err := s.Enter(ctx, name, term); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, s *store.Store, name string, most int) []string {
	t.Helper()
	ids, err := s.Take(ctx, name, most)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func has(t *testing.T, s *store.Store, name, id string) bool {
	t.Helper()
	ok, _, err := s.Has(ctx, name, id)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestWorkIsTakenOnceTheMostPressingFirst(t *testing.T) {
	s, _ := leased(t)
	enter(t, s, "a")
	for n, p := range []incident.Priority{incident.P3, incident.P1, incident.P2} {
		create(t, s, fmt.Sprint("web-", n), event(incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: p}))
	}
	first, rest, none := take(t, s, "a", 2), take(t, s, "a", 2), take(t, s, "a", 2)
	if !slices.Equal(first, []string{"INC-2026-0002", "INC-2026-0003"}) || !slices.Equal(rest, []string{"INC-2026-0001"}) || len(none) != 0 {
		t.Errorf("%q, then %q, then %q", first, rest, none)
	}
	if !has(t, s, "a", "INC-2026-0001") || has(t, s, "b", "INC-2026-0001") || has(t, s, "a", "INC-2026-0009") {
		t.Error("somebody else has it")
	}
}

func TestWhoIsNotHeardForATermLosesEverything(t *testing.T) {
	s, pass := leased(t)
	inc := create(t, s, "web-07")
	enter(t, s, "a")
	take(t, s, "a", 10)
	pass(term - time.Second)
	if b, err := s.Beat(ctx, "a", term); err != nil || !b.Now.Equal(start.Add(term-time.Second)) {
		t.Fatalf("%+v (%v)", b, err)
	}
	pass(term - time.Second)
	if !has(t, s, "a", inc.ID) {
		t.Error("it is lost within the term of the second beat")
	}
	pass(time.Second)
	if has(t, s, "a", inc.ID) {
		t.Error("it is kept past the term")
	}
	if _, err := s.Beat(ctx, "a", term); !errors.Is(err, store.ErrLapsed) {
		t.Errorf("a beat after the term: %v", err)
	}
	enter(t, s, "b") // finds out that a is gone
	if ids := take(t, s, "b", 10); !slices.Equal(ids, []string{inc.ID}) || has(t, s, "a", inc.ID) {
		t.Errorf("b takes %q", ids)
	}
}

func TestWhoLeavesGivesBackAtOnce(t *testing.T) {
	s, _ := leased(t)
	inc := create(t, s, "web-07")
	enter(t, s, "a")
	take(t, s, "a", 10)
	if err := s.Leave(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	enter(t, s, "b")
	if ids := take(t, s, "b", 10); !slices.Equal(ids, []string{inc.ID}) {
		t.Errorf("b takes %q", ids)
	}
}

func TestWhatIsLongOverIsNobodysWorkUntilItChanges(t *testing.T) {
	s, pass := leased(t)
	ongoing, closed := create(t, s, "web-01"), create(t, s, "web-03")
	closed = add(t, s, closed, event(incident.Closed{By: "noor"}))
	enter(t, s, "a")
	if ids := take(t, s, "a", 10); len(ids) != 2 { // its summary may be on its way
		t.Errorf("at first %q", ids)
	}
	pass(8 * 24 * time.Hour)
	enter(t, s, "b")
	if ids := take(t, s, "b", 10); !slices.Equal(ids, []string{ongoing.ID}) {
		t.Errorf("a week later %q", ids)
	}
	if _, err := s.Record(ctx, closed.ID, note("it was the fan")); err != nil {
		t.Fatal(err)
	}
	if ids := take(t, s, "b", 10); !slices.Equal(ids, []string{closed.ID}) {
		t.Errorf("when it changes %q", ids)
	}
}

func TestFreezeReachesEveryReplicaWithItsNextBeat(t *testing.T) {
	s, _ := leased(t)
	enter(t, s, "a")
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, ""},
		{func() error { return s.Freeze(ctx, "by noor: drill") }, "by noor: drill"},
		{func() error { return s.Freeze(ctx, "by ravi: fire") }, "by ravi: fire"},
		{func() error { return s.Thaw(ctx) }, ""},
		{func() error { return s.Thaw(ctx) }, ""},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Beat(ctx, "a", term); err != nil || b.Frozen != c.want {
			t.Errorf("%+v (%v), want %q", b, err, c.want)
		}
	}
}
