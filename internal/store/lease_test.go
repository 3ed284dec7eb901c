package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

const term = 6 * time.Second

// leased is a store that several replicas share, and a way to let time pass in
// it. PostgreSQL goes by its own clock, so there everything is put into the past.
func leased(t *testing.T, where string) (*store.Store, func(time.Duration)) {
	t.Helper()
	clk := clock.Jumping(start)
	pass := func(d time.Duration) { <-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(d), nil) }) }
	if store.IsURL(where) {
		clk = clock.Real()
		pass = func(d time.Duration) {
			_, err := raw(t, where).Exec(fmt.Sprintf(`UPDATE replicas SET heard = heard - %[1]d, until = until - %[1]d;
				UPDATE incidents SET changed = changed - %[1]d`, d.Microseconds()))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.ShareWithin()
	return s, pass
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
	onEach(t, testWorkIsTakenOnceTheMostPressingFirst)
}

func testWorkIsTakenOnceTheMostPressingFirst(t *testing.T, where string) {
	s, _ := leased(t, where)
	enter(t, s, "a")
	var ids []string
	for n, p := range []incident.Priority{incident.P3, incident.P1, incident.P2} {
		ids = append(ids, create(t, s, fmt.Sprint("web-", n), event(incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: p})).ID)
	}
	late := create(t, s, "web-3", event(incident.Classified{Impact: incident.Low, Urgency: incident.Low, Priority: incident.P4}))
	ids = append(ids, add(t, s, late, event(incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1})).ID)
	first, rest, none := take(t, s, "a", 2), take(t, s, "a", 3), take(t, s, "a", 2)
	if !slices.Equal(first, []string{ids[1], ids[3]}) || !slices.Equal(rest, []string{ids[2], ids[0]}) || len(none) != 0 {
		t.Errorf("%q, then %q, then %q", first, rest, none)
	}
	if !has(t, s, "a", ids[0]) || has(t, s, "b", ids[0]) || has(t, s, "a", "INC-2026-0009") {
		t.Error("somebody else has it")
	}
}

func TestWhoIsNotHeardForATermLosesEverything(t *testing.T) { // by a clock that the test moves
	where := t.TempDir()
	s, pass := leased(t, where)
	inc := create(t, s, "web-07")
	enter(t, s, "a")
	take(t, s, "a", 10)
	pass(term - time.Second)
	if _, err := s.Beat(ctx, "a", term); err != nil {
		t.Fatal(err)
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

func TestWhoLeavesGivesBackAtOnce(t *testing.T) { onEach(t, testWhoLeavesGivesBackAtOnce) }

func testWhoLeavesGivesBackAtOnce(t *testing.T, where string) {
	s, _ := leased(t, where)
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

func TestWhatIsLongOverIsNobodysWorkUntilItChanges(t *testing.T) { // by a clock that the test moves
	where := t.TempDir()
	s, pass := leased(t, where)
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
	onEach(t, testFreezeReachesEveryReplicaWithItsNextBeat)
}

func testFreezeReachesEveryReplicaWithItsNextBeat(t *testing.T, where string) {
	s, _ := leased(t, where)
	enter(t, s, "a")
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, ""},
		{func() error { return s.Freeze(ctx, "a", "by noor: drill") }, "by noor: drill"},
		{func() error { return s.Freeze(ctx, "a", "by ravi: fire") }, "by ravi: fire"},
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

func TestOnlyWhoHasAnIncidentDecidesOnIt(t *testing.T) {
	onEach(t, testOnlyWhoHasAnIncidentDecidesOnIt)
}

func testOnlyWhoHasAnIncidentDecidesOnIt(t *testing.T, where string) {
	s, pass := leased(t, where)
	inc := create(t, s, "web-07")
	enter(t, s, "a")
	enter(t, s, "b")
	take(t, s, "a", 10)
	agree := func([]*incident.Touch) error { return nil }
	decide := func(name string) error {
		_, err := s.AppendIf(store.As(ctx, name), inc.ID, inc.Version, agree, start, note("a decision"))
		if err == nil {
			inc.Version++
		}
		return err
	}
	if err := decide("b"); !errors.Is(err, store.ErrLapsed) {
		t.Errorf("who never had it: %v", err)
	}
	if err := decide("a"); err != nil {
		t.Errorf("who has it: %v", err)
	}
	if err := decide(""); err != nil {
		t.Errorf("a person: %v", err)
	}
	pass(term)
	if err := decide("a"); !errors.Is(err, store.ErrLapsed) {
		t.Errorf("who has lost it, before anybody noticed: %v", err)
	}
	if _, err := s.Append(store.As(ctx, "a"), inc.ID, inc.Version, note("another")); !errors.Is(err, store.ErrLapsed) {
		t.Errorf("without a reservation: %v", err)
	}
	if _, err := s.Record(store.As(ctx, "a"), inc.ID, note("it answered")); err != nil {
		t.Errorf("a fact: %v", err)
	}
}

func TestWorkSaysWhoHasHowMuch(t *testing.T) { onEach(t, testWorkSaysWhoHasHowMuch) }

func testWorkSaysWhoHasHowMuch(t *testing.T, where string) {
	s, pass := leased(t, where)
	for n := range 10 {
		create(t, s, fmt.Sprint("web-", n))
	}
	enter(t, s, "dead")
	take(t, s, "dead", 1)
	pass(term)
	enter(t, s, "a")
	enter(t, s, "b")
	ids := take(t, s, "b", 3)
	work, err := s.Work(ctx)
	if err != nil || len(work.Replicas) != 2 || work.Free != 7 || work.Has("b") != 3 || work.Fair("a") != 5 || work.Fair("b") != 2 {
		t.Errorf("%+v (%v)", work, err)
	}
	if held, err := s.Leases(ctx, "b"); err != nil || len(held) != 3 || !slices.Contains(held, ids[2]) {
		t.Errorf("%q, not %q (%v)", held, ids, err)
	}
}

// Two take from one heap at the same moment, again and again.
func TestNoIncidentIsTakenTwice(t *testing.T) { onEach(t, testNoIncidentIsTakenTwice) }

func testNoIncidentIsTakenTwice(t *testing.T, where string) {
	s, _ := leased(t, where)
	const incidents = 60
	for n := range incidents {
		create(t, s, fmt.Sprint("web-", n))
	}
	taken := make(chan string, 2*incidents)
	var crew sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		enter(t, s, name)
		crew.Go(func() {
			for range incidents {
				ids, err := s.Take(ctx, name, 2)
				if err != nil {
					t.Error(err)
				}
				for _, id := range ids {
					taken <- id
				}
			}
		})
	}
	crew.Wait()
	close(taken)
	count := map[string]int{}
	for id := range taken {
		if count[id]++; count[id] > 1 {
			t.Errorf("%s was taken twice", id)
		}
	}
	if len(count) != incidents {
		t.Errorf("%d of %d were taken", len(count), incidents)
	}
}

func TestOlderPiketStopsWhenTheSchemaMovesOnUnderIt(t *testing.T) {
	onEach(t, testOlderPiketStopsWhenTheSchemaMovesOnUnderIt)
}

func testOlderPiketStopsWhenTheSchemaMovesOnUnderIt(t *testing.T, where string) {
	s, _ := leased(t, where)
	inc := create(t, s, "web-07")
	enter(t, s, "a")
	take(t, s, "a", 10)
	newer := `PRAGMA user_version = 999`
	if store.IsURL(where) {
		newer = `UPDATE schema_version SET version = 999`
	}
	if _, err := raw(t, where).Exec(newer); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Has(ctx, "a", inc.ID); !errors.Is(err, store.ErrOutdated) {
		t.Errorf("right before a send: %v", err)
	}
	if _, err := s.Beat(ctx, "a", term); !errors.Is(err, store.ErrOutdated) {
		t.Errorf("a beat: %v", err)
	}
	if _, err := s.Append(ctx, inc.ID, inc.Version, note("a decision")); !errors.Is(err, store.ErrOutdated) {
		t.Errorf("a decision: %v", err)
	}
	if _, err := s.Record(ctx, inc.ID, note("an alert")); !errors.Is(err, store.ErrOutdated) {
		t.Errorf("a fact: %v", err)
	}
	if _, err := store.Open(where, clock.Real()); store.IsURL(where) && (err == nil || !strings.Contains(err.Error(), "use the newer piket")) {
		t.Errorf("starting it again: %v", err)
	}
}

func TestFreezeOfOnePlaceIsThawedFromAnother(t *testing.T) {
	onEach(t, testFreezeOfOnePlaceIsThawedFromAnother)
}

func testFreezeOfOnePlaceIsThawedFromAnother(t *testing.T, where string) {
	s, _ := leased(t, where)
	says := func(place, want string, knows bool) {
		t.Helper()
		if f, err := s.Freezing(ctx, place); f.Said != want || f.Known != knows || err != nil {
			t.Errorf("%s: %+v (%v)", place, f, err)
		}
	}
	says("a", "", false)
	if err := errors.Join(s.Freeze(ctx, "a", "fire"), s.Freeze(ctx, "b", "flood")); err != nil {
		t.Fatal(err)
	}
	says("a", "fire", true)
	if err := s.Unfreeze(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	says("a", "", false)
	says("b", "flood", true)
	if err := s.Thaw(ctx); err != nil {
		t.Fatal(err)
	}
	says("b", "", true)
}
