package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// Whoever takes the position and goes on with Changes has heard of every
// event at the latest when the writers are done, whatever was written while it
// asked.
func TestFollowerMissesNothingThatIsAppendedMeanwhile(t *testing.T) {
	onEach(t, testFollowerMissesNothingThatIsAppendedMeanwhile)
}

func testFollowerMissesNothingThatIsAppendedMeanwhile(t *testing.T, where string) {
	s := open(t, where)
	incidents := make([]*incident.Incident, 8)
	for n := range incidents {
		incidents[n] = create(t, s, fmt.Sprint("web-", n))
	}
	var writing atomic.Int32
	writing.Store(8)
	done := make(chan []error, 1)
	go func() {
		done <- together(8, func(n int) error {
			defer writing.Add(-1)
			for i := range 40 {
				if _, err := s.Record(ctx, incidents[n].ID, note(fmt.Sprint(i))); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	known := map[string]int{} // the version each incident had when it was loaded after being told of
	position := int64(0)
	for last := false; !last; {
		last = writing.Load() == 0
		ids, now, err := s.Changes(ctx, position)
		if err != nil {
			t.Fatal(err)
		}
		if now < position {
			t.Fatalf("position went back from %d to %d", position, now)
		}
		position = now
		for _, id := range ids {
			inc, err := s.Load(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			known[id] = inc.Version
		}
	}
	for _, err := range <-done {
		if err != nil {
			t.Error(err)
		}
	}
	for _, inc := range incidents {
		if known[inc.ID] != 41 {
			t.Errorf("%s: the follower knows version %d of 41", inc.ID, known[inc.ID])
		}
	}
	if ids, same, err := s.Changes(ctx, position); err != nil || len(ids) > 0 || same != position {
		t.Errorf("nothing happened, and %v changed (%d to %d, %v)", ids, position, same, err)
	}
}

func TestEveryCommitIsTold(t *testing.T) { onEach(t, testEveryCommitIsTold) }

func testEveryCommitIsTold(t *testing.T, where string) {
	clk := clock.Scaled(start, 1)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bell, before := clk.NewBell(), s.Changed()
	s.Subscribe(bell)
	inc := create(t, s, "web-07")
	select {
	case <-before:
	default:
		t.Error("the channel was not closed by the commit")
	}
	<-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(1<<40), bell) }) // returns because the bell has rung
	at := position(t, s)                                           // on PostgreSQL followers may be told of the same commit once more
	if _, err := s.Append(ctx, inc.ID, 99, note("stale")); err == nil {
		t.Fatal("a stale version was taken")
	}
	if after := position(t, s); after != at {
		t.Errorf("a refused append took the timeline from %d to %d", at, after)
	}
}

// position is how far the order of all events has come.
func position(t *testing.T, s *store.Store) int64 {
	t.Helper()
	at, err := s.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The list, the one-open rule, the server lock and the episodes are read off
// the events; Verify compares them with the fold.
func TestWhatIsKeptForLookingUpIsWhatTheEventsAddUpTo(t *testing.T) {
	onEach(t, testWhatIsKeptForLookingUpIsWhatTheEventsAddUpTo)
}

func testWhatIsKeptForLookingUpIsWhatTheEventsAddUpTo(t *testing.T, where string) {
	s := open(t, where)
	random := rand.New(rand.NewPCG(7, 11))
	var ids []string
	for range 400 {
		if len(ids) == 0 || random.IntN(12) == 0 {
			inc, err := s.Create(ctx, event(incident.Opened{Title: "t", Subject: server(fmt.Sprint("web-", random.IntN(6)))}))
			if err == nil {
				ids = append(ids, inc.ID)
			}
			continue
		}
		// Some of these are refused, as they must be; none may leave the
		// record out of step.
		id := ids[random.IntN(len(ids))]
		_, _ = s.Record(ctx, id, happening(random, id))
	}
	whole(t, s)
	for _, id := range ids {
		inc, err := s.Load(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		open, err := s.OpenFor(ctx, inc.Subject)
		if err != nil || (inc.Ongoing() && open != id) || (!inc.Ongoing() && open == id) {
			t.Errorf("%s is %s, and open for %s is %q (%v)", id, inc.Status, inc.Subject, open, err)
		}
	}
	list, err := s.List(ctx, store.Filter{})
	if err != nil || len(list) != len(ids) {
		t.Errorf("%d of %d are listed (%v)", len(list), len(ids), err)
	}
}

func happening(r *rand.Rand, id string) incident.Event {
	n := r.IntN(4)
	intent, server := fmt.Sprint(id, "/I", n), fmt.Sprint("web-", r.IntN(6))
	list := []incident.Payload{
		incident.Intended{Intent: intent, Step: "s", Attempt: 1, Server: server, Action: "power", Verb: "on"},
		incident.Voided{Intent: intent, Reason: "r"},
		incident.StepFailed{Step: "s", Reason: "r"},
		incident.Classified{Impact: incident.High, Urgency: incident.Low, Priority: incident.Priorities[n]},
		incident.Restored{How: "h"}, incident.Relapsed{Reason: "r"}, incident.Closed{By: "noor"},
		incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Fingerprint: intent, StartsAt: start,
			Status: []alerts.Status{alerts.Firing, alerts.Resolved}[n%2]}},
		incident.Note{By: "noor", Words: "w"},
	}
	return event(list[r.IntN(len(list))])
}

func TestListShowsWhatWasAskedForNewestFirst(t *testing.T) {
	onEach(t, testListShowsWhatWasAskedForNewestFirst)
}

func testListShowsWhatWasAskedForNewestFirst(t *testing.T, where string) {
	s := open(t, where)
	first, second, third := create(t, s, "web-01"), create(t, s, "web-02"), create(t, s, "web-03")
	add(t, s, second, event(incident.Closed{By: "noor"}))
	for name, c := range map[string]struct {
		filter store.Filter
		want   []string
	}{
		"all":          {store.Filter{}, []string{third.ID, second.ID, first.ID}},
		"ongoing":      {store.Filter{Ongoing: true}, []string{third.ID, first.ID}},
		"limit":        {store.Filter{Limit: 2}, []string{third.ID, second.ID}},
		"this site":    {store.Filter{Site: "ams1", Ongoing: true}, []string{third.ID, first.ID}},
		"another site": {store.Filter{Site: "ams2"}, nil},
	} {
		list, err := s.List(ctx, c.filter)
		var got []string
		for _, m := range list {
			got = append(got, m.ID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v (%v)", name, got, c.want, err)
		}
	}
}
