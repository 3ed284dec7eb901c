// Package rounds calls a piece of work for each incident whenever the incident
// changes or its next moment has come. The engine, the desk and the outbox are
// three such pieces; none of them knows the others.
//
//	ward := rounds.NewWard("host", store, clk, log)
//	r := rounds.New("engine", ward, engine.Visit)
//	clk.Go(func() { ward.Run(ctx) })
//	<-clk.Go(func() { r.Run(ctx) })
package rounds

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
)

// Visit does at most one thing for one incident and says when to come again
// unless the incident changes before. The zero time means: only when it
// changes. It is never called twice at once for one incident.
type Visit func(ctx context.Context, id string) (next time.Time, err error)

// How many incidents are visited at once, how many more of those that cannot
// wait, and how long a failing one waits.
const (
	parallel   = 64
	reserved   = 16
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Rounds visits incidents. Make one with New.
type Rounds struct {
	name  string
	store *store.Store
	ward  *Ward
	clk   *clock.Clock
	log   *slog.Logger
	visit Visit
	rank  func(id string) int // nil: all are alike
	bell  *clock.Bell

	mu       sync.Mutex
	agenda   agenda // what is to come
	ready    agenda // what is due and has no slot yet
	entries  map[string]*entry
	inFlight int
}

// New returns rounds through a ward that are not yet running.
func New(name string, ward *Ward, visit Visit) *Rounds {
	r := &Rounds{
		name: name, store: ward.store, ward: ward, clk: ward.clk, log: ward.log.With("rounds", name), visit: visit,
		bell: ward.clk.NewBell(), entries: map[string]*entry{},
		agenda: agenda{before: sooner}, ready: agenda{before: morePressing},
	}
	ward.store.Subscribe(r.bell)
	return r
}

// Ranked has those that are due visited in the order of their rank, lowest
// first, and within a rank as they fell due. Rank 0 cannot wait: slots are kept
// for it, however many others are due or slow. Call it before Run.
func (r *Rounds) Ranked(rank func(id string) int) *Rounds {
	r.rank = rank
	return r
}

// Run visits every incident of the ward once, and from then on all as they
// change and fall due, until ctx ends and the visits under way have returned.
// Call it from a goroutine of the clock's Go.
func (r *Rounds) Run(ctx context.Context) {
	defer r.ward.depart(r)
	follow, position := r.begin, int64(0)
	var told <-chan struct{} // closed by a commit of ours after the timeline was last read
	for ctx.Err() == nil {
		if told != nil && !r.store.Shared() && !closed(told) { // a visit has ended, or a moment has come
			r.clk.Wait(ctx, r.start(ctx), r.bell)
			continue
		}
		told = r.store.Changed()
		ids, now, err := follow(ctx, position)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			r.log.Error("cannot follow the timeline", "err", err)
			told = nil
			r.clk.Wait(ctx, r.clk.Now().Add(firstRetry), nil)
			continue
		}
		follow, position = r.store.Changes, now
		r.changed(slices.DeleteFunc(ids, func(id string) bool { return !r.ward.has(id) }))
		next := r.start(ctx)
		if poll := r.ward.pace.nextPoll(r.clk.Now(), false); next.IsZero() || !poll.IsZero() && poll.Before(next) {
			next = poll // other replicas do not ring our bell
		}
		r.clk.Wait(ctx, next, r.bell)
	}
	for r.visiting() { // each rings when it ends
		r.clk.Wait(context.WithoutCancel(ctx), time.Time{}, r.bell)
	}
}

func (r *Rounds) visiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight > 0
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// begin finds from where to follow; what came before is visited because it is in
// the ward.
func (r *Rounds) begin(ctx context.Context, _ int64) ([]string, int64, error) {
	position, err := r.store.Position(ctx)
	if err == nil {
		r.ward.join(r)
	}
	return nil, position, err
}

// Again has an incident visited now, although its timeline has not changed.
func (r *Rounds) Again() {
	r.mu.Lock()
	ids := make([]string, 0, len(r.entries))
	for id, e := range r.entries {
		if !e.due.IsZero() {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	r.changed(ids)
	r.bell.Ring()
}

// changed makes incidents due now.
func (r *Rounds) changed(ids []string) {
	now := r.clk.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		e := r.entries[id]
		if e == nil {
			e = &entry{id: id}
			r.entries[id] = e
		}
		if e.running {
			e.dirty = true
			continue
		}
		r.schedule(e, now)
	}
}

// schedule puts e on the agenda for due, or takes it off when due is zero. What
// is due already keeps its place among those.
func (r *Rounds) schedule(e *entry, due time.Time) {
	if e.on == &r.ready && !due.IsZero() {
		return
	}
	e.due = due
	e.leave()
	if !due.IsZero() {
		r.agenda.add(e)
	}
}

// start begins the visits that are due, as many as may run at once, and
// returns the next moment to look at the agenda.
func (r *Rounds) start(ctx context.Context) time.Time {
	now := r.clk.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.agenda.first(); e != nil && !e.due.After(now); e = r.agenda.first() {
		e.leave()
		if e.rank = 1; r.rank != nil {
			e.rank = r.rank(e.id)
		}
		r.ready.add(e)
	}
	for e := r.ready.first(); e != nil && r.inFlight < slots(e); e = r.ready.first() {
		e.leave()
		replica, ours := r.ward.holder(e.id)
		if !ours { // somebody else's by now
			delete(r.entries, e.id)
			continue
		}
		e.running = true
		r.inFlight++
		r.clk.Go(func() { r.one(store.As(ctx, replica), e) })
	}
	if next := r.agenda.first(); next != nil {
		return next.due
	}
	return time.Time{} // what is ready waits for a slot, and whoever frees one rings
}

// slots is how many visits may be under way for e to begin.
func slots(e *entry) int {
	if e.rank == 0 {
		return parallel + reserved
	}
	return parallel
}

// one makes one visit and books what it said.
func (r *Rounds) one(ctx context.Context, e *entry) {
	next, err := r.visit(ctx, e.id)
	now := r.clk.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.bell.Ring()
	e.running = false
	r.inFlight--
	switch {
	case errors.Is(err, store.ErrConflict):
		next = now
	case errors.Is(err, store.ErrLapsed): // whoever has it now decides
		next = now.Add(firstRetry)
	case err != nil && ctx.Err() == nil:
		e.retry = min(max(firstRetry, 2*e.retry), lastRetry)
		next = now.Add(e.retry)
		r.log.Error("visit failed, trying again", "incident", e.id, "err", err, "retry", e.retry)
	case e.dirty:
		next = now
	}
	if err == nil {
		e.retry = 0
	}
	e.dirty = false
	r.schedule(e, next)
	if next.IsZero() {
		delete(r.entries, e.id) // it comes back when it changes
	}
}
