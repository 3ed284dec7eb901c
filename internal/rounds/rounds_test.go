package rounds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

var (
	start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
)

// world is a store and a clock that jumps.
type world struct {
	t     *testing.T
	clk   *clock.Clock
	store *store.Store
}

func newWorld(t *testing.T) world {
	t.Helper()
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return world{t, clk, s}
}

func (w world) open(name string) string {
	w.t.Helper()
	inc, err := w.store.Create(w.t.Context(), incident.Event{Actor: "piket", Payload: incident.Opened{
		Title: "t", Subject: incident.Subject{Kind: "server", Name: name}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return inc.ID
}

func (w world) note(id string) {
	_, err := w.store.Record(context.Background(), id, incident.Event{Actor: "piket", Payload: incident.Note{By: "noor", Words: "w"}})
	if err != nil {
		w.t.Error(err)
	}
}

// rounds returns rounds through a ward that is kept until ctx ends.
func (w world) rounds(ctx context.Context, visit rounds.Visit) *rounds.Rounds {
	ward := rounds.NewWard("test", w.store, w.clk, quiet)
	kept := w.clk.Go(func() { ward.Run(ctx) })
	w.t.Cleanup(func() { <-kept })
	return rounds.New("test", ward, visit)
}

// run makes rounds with visit until it calls stop, and waits for their end.
func (w world) run(visit func(ctx context.Context, id string, stop func()) (time.Time, error)) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := w.rounds(ctx, func(ctx context.Context, id string) (time.Time, error) {
		return visit(ctx, id, stop)
	})
	select {
	case <-w.clk.Go(func() { r.Run(ctx) }):
	case <-time.After(30 * time.Second):
		w.t.Fatal("the rounds do not end")
	}
}

// after lists when visits were made, since the start.
type after []time.Duration

func (a *after) add(clk *clock.Clock) { *a = append(*a, clk.Now().Sub(start)) }

func TestNextTimeOfAVisitIsHonoured(t *testing.T) {
	w := newWorld(t)
	w.open("web-07")
	var seen after
	w.run(func(_ context.Context, _ string, stop func()) (time.Time, error) {
		seen.add(w.clk)
		if len(seen) == 4 {
			stop()
		}
		return w.clk.Now().Add(time.Duration(len(seen)) * 10 * time.Minute), nil
	})
	if want := (after{0, 10 * time.Minute, 30 * time.Minute, time.Hour}); !slices.Equal(seen, want) {
		t.Errorf("visits at %v, want %v", seen, want)
	}
}

func TestVisitWithoutANextTimeComesOnlyWithAChange(t *testing.T) {
	w := newWorld(t)
	id, other := w.open("web-07"), w.open("web-08")
	var seen after
	w.run(func(_ context.Context, visited string, stop func()) (time.Time, error) {
		if visited == other { // the visit at two hours changes the first one
			switch w.clk.Now().Sub(start) {
			case 2 * time.Hour:
				w.note(id)
			case 3 * time.Hour:
				stop()
			}
			return w.clk.Now().Add(time.Hour), nil
		}
		seen.add(w.clk)
		return time.Time{}, nil
	})
	if want := (after{0, 2 * time.Hour}); !slices.Equal(seen, want) {
		t.Errorf("visits at %v, want %v", seen, want)
	}
}

func TestChangeBringsAVisitBeforeItsTime(t *testing.T) {
	w := newWorld(t)
	id, other := w.open("web-07"), w.open("web-08")
	var seen after
	w.run(func(_ context.Context, visited string, stop func()) (time.Time, error) {
		if visited == other {
			if w.clk.Now().Equal(start) {
				return start.Add(time.Hour), nil
			}
			w.note(id)
			return time.Time{}, nil
		}
		seen.add(w.clk)
		if len(seen) == 3 {
			stop()
		}
		return start.Add(5 * time.Hour), nil
	})
	if want := (after{0, time.Hour, 5 * time.Hour}); !slices.Equal(seen, want) {
		t.Errorf("visits at %v, want %v", seen, want)
	}
}

func TestChangeDuringAVisitBringsAnother(t *testing.T) {
	w := newWorld(t)
	id := w.open("web-07")
	var versions []int
	w.run(func(ctx context.Context, _ string, stop func()) (time.Time, error) {
		inc, err := w.store.Load(ctx, id)
		if err != nil {
			return time.Time{}, err
		}
		versions = append(versions, inc.Version)
		if inc.Version == 5 {
			stop()
			return time.Time{}, nil
		}
		w.note(id) // after it was loaded: this visit has not seen it
		// Everybody else comes to rest before the clock moves on, so the
		// rounds have heard of the change while the visit is under way.
		w.clk.Wait(ctx, w.clk.Now().Add(time.Second), nil)
		return time.Time{}, nil
	})
	if slices.Max(versions) != 5 {
		t.Errorf("visited at versions %v", versions)
	}
}

func TestAgainVisitsWhatIsOnTheAgenda(t *testing.T) {
	w := newWorld(t)
	w.open("web-07")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var seen after
	asked := make(chan struct{})
	r := w.rounds(ctx, func(context.Context, string) (time.Time, error) {
		seen.add(w.clk)
		if len(seen) == 1 {
			close(asked)
		} else {
			stop()
		}
		return start.Add(24 * time.Hour), nil
	})
	hour := w.clk.Go(func() {
		<-asked
		w.clk.Wait(ctx, start.Add(time.Hour), nil)
		r.Again()
	})
	<-w.clk.Go(func() { r.Run(ctx) })
	<-hour
	if want := (after{0, time.Hour}); !slices.Equal(seen, want) {
		t.Errorf("visits at %v, want %v", seen, want)
	}
}

func TestOneIncidentIsNeverVisitedTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	const incidents, visits = 200, 4
	var ids []string
	inside := map[string]*atomic.Int32{}
	for n := range incidents {
		id := w.open(fmt.Sprint("web-", n))
		ids, inside[id] = append(ids, id), &atomic.Int32{}
	}
	var mu sync.Mutex
	count := map[string]int{}
	var atOnce, most atomic.Int32
	w.run(func(ctx context.Context, id string, stop func()) (time.Time, error) {
		if inside[id].Add(1) > 1 {
			t.Errorf("%s is visited twice at once", id)
		}
		defer inside[id].Add(-1)
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		mu.Lock()
		count[id]++
		n, all := count[id], 0
		for _, c := range count {
			all += min(c, visits)
		}
		mu.Unlock()
		if all == incidents*visits {
			stop()
		}
		if n < visits {
			w.note(ids[(n*37+len(id))%incidents]) // somebody else's, or its own
		}
		return w.clk.Now().Add(time.Second), nil
	})
	if most.Load() > 64 {
		t.Errorf("%d visits at once", most.Load())
	}
}

func TestFailingVisitIsRepeatedWithGrowingWaits(t *testing.T) {
	w := newWorld(t)
	w.open("web-07")
	var seen after
	w.run(func(_ context.Context, _ string, stop func()) (time.Time, error) {
		seen.add(w.clk)
		switch len(seen) {
		case 8: // it goes well once, and the waits begin anew
			return w.clk.Now().Add(time.Hour), nil
		case 10:
			stop()
		}
		return time.Time{}, errors.New("the disk is full")
	})
	var waits after
	for n := 1; n < len(seen); n++ {
		waits = append(waits, seen[n]-seen[n-1])
	}
	s := time.Second
	if want := (after{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s, time.Hour, 1 * s}); !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

func TestConflictIsTriedAgainAtOnce(t *testing.T) {
	w := newWorld(t)
	w.open("web-07")
	var seen after
	w.run(func(_ context.Context, _ string, stop func()) (time.Time, error) {
		seen.add(w.clk)
		if len(seen) < 4 {
			return time.Time{}, fmt.Errorf("append: %w", store.ErrConflict)
		}
		stop()
		return time.Time{}, nil
	})
	if want := (after{0, 0, 0, 0}); !slices.Equal(seen, want) {
		t.Errorf("visits at %v, want %v", seen, want)
	}
}

func TestRunEndsAfterTheVisitsUnderWay(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		w.open(fmt.Sprint("web-", n))
	}
	var begun, ended atomic.Int32
	w.run(func(ctx context.Context, _ string, stop func()) (time.Time, error) {
		if begun.Add(1) == 5 {
			stop()
		}
		<-ctx.Done()
		ended.Add(1)
		return time.Time{}, ctx.Err()
	})
	if ended.Load() != 5 {
		t.Errorf("Run returned while %d of 5 visits were under way", 5-ended.Load())
	}
}

func TestClosedIncidentIsVisitedOnceAfterAStart(t *testing.T) {
	w := newWorld(t)
	id := w.open("web-07")
	if _, err := w.store.Record(t.Context(), id, incident.Event{Actor: "piket", Payload: incident.Closed{By: "noor"}}); err != nil {
		t.Fatal(err)
	}
	visits := 0
	w.run(func(_ context.Context, visited string, stop func()) (time.Time, error) {
		visits++
		stop()
		return time.Time{}, nil
	})
	if visits != 1 {
		t.Errorf("%d visits", visits)
	}
}

// Behind a backlog of slow visits, what cannot wait is visited when it is due.
func TestWhatCannotWaitDoesNotQueueBehindABacklog(t *testing.T) {
	w := newWorld(t)
	urgent := w.open("under-way")
	for n := range 500 {
		w.open(fmt.Sprint("web-", n))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	due := start.Add(1500 * time.Millisecond)
	var late time.Duration
	var before atomic.Int32
	ward := rounds.NewWard("test", w.store, w.clk, quiet)
	kept := w.clk.Go(func() { ward.Run(ctx) })
	r := rounds.New("test", ward, func(ctx context.Context, id string) (time.Time, error) {
		if id != urgent {
			before.Add(1)
			w.clk.Wait(ctx, w.clk.Now().Add(time.Second), nil) // a silent server
			return time.Time{}, nil
		}
		if now := w.clk.Now(); !now.Before(due) {
			late = now.Sub(due)
			stop()
		}
		return due, nil
	}).Ranked(func(id string) int {
		if id == urgent {
			return 0
		}
		return 1
	})
	<-w.clk.Go(func() { r.Run(ctx) })
	<-kept
	if late != 0 || before.Load() > 200 {
		t.Errorf("%v late, after %d visits of others", late, before.Load())
	}
}

func TestOfWhatIsDueTheMostPressingIsVisitedFirst(t *testing.T) {
	w := newWorld(t)
	ranks := map[string]int{}
	for n := range 300 {
		ranks[w.open(fmt.Sprint("web-", n))] = 1 + n%4
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	type made struct {
		at   time.Time
		rank int
	}
	var order []made
	ward := rounds.NewWard("test", w.store, w.clk, quiet)
	kept := w.clk.Go(func() { ward.Run(ctx) })
	meeting := start.Add(time.Minute) // by then the ward has all of them
	r := rounds.New("test", ward, func(ctx context.Context, id string) (time.Time, error) {
		if w.clk.Now().Before(meeting) {
			return meeting, nil
		}
		w.clk.Wait(ctx, w.clk.Now().Add(time.Second), nil) // so that they come in waves, as many as there are slots
		mu.Lock()
		defer mu.Unlock()
		if order = append(order, made{w.clk.Now(), ranks[id]}); len(order) == len(ranks) {
			stop()
		}
		return time.Time{}, nil
	}).Ranked(func(id string) int { return ranks[id] })
	<-w.clk.Go(func() { r.Run(ctx) })
	<-kept
	for _, early := range order {
		for _, late := range order {
			if early.at.Before(late.at) && early.rank > late.rank {
				t.Fatalf("rank %d was visited by %v, rank %d only by %v", early.rank, early.at.Sub(meeting), late.rank, late.at.Sub(meeting))
			}
		}
	}
}
