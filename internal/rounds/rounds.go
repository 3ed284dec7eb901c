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
	"container/heap"
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

// How many incidents are visited at once, and how long a failing one waits.
const (
	parallel   = 64
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
	bell  *clock.Bell

	mu       sync.Mutex
	agenda   agenda
	entries  map[string]*entry
	inFlight int
}

// New returns rounds through a ward that are not yet running.
func New(name string, ward *Ward, visit Visit) *Rounds {
	r := &Rounds{
		name: name, store: ward.store, ward: ward, clk: ward.clk, log: ward.log.With("rounds", name), visit: visit,
		bell: ward.clk.NewBell(), entries: map[string]*entry{},
	}
	ward.store.Subscribe(r.bell)
	return r
}

// Run visits every incident of the ward once, and from then on all as they
// change and fall due, until ctx ends and the visits under way have returned.
// Call it from a goroutine of the clock's Go.
func (r *Rounds) Run(ctx context.Context) {
	defer r.ward.depart(r)
	follow, position := r.begin, int64(0)
	for ctx.Err() == nil {
		ids, now, err := follow(ctx, position)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			r.log.Error("cannot follow the timeline", "err", err)
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
			e = &entry{id: id, index: -1}
			r.entries[id] = e
		}
		if e.running {
			e.dirty = true
			continue
		}
		r.schedule(e, now)
	}
}

// schedule puts e on the agenda for due, or takes it off when due is zero.
func (r *Rounds) schedule(e *entry, due time.Time) {
	e.due = due
	switch {
	case due.IsZero() && e.index >= 0:
		heap.Remove(&r.agenda, e.index)
	case due.IsZero():
	case e.index >= 0:
		heap.Fix(&r.agenda, e.index)
	default:
		heap.Push(&r.agenda, e)
	}
}

// start begins the visits that are due, as many as may run at once, and
// returns the next moment to look at the agenda.
func (r *Rounds) start(ctx context.Context) time.Time {
	now := r.clk.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.agenda) > 0 && !r.agenda[0].due.After(now) {
		if r.inFlight >= parallel {
			return time.Time{} // the one that ends first rings
		}
		e := heap.Pop(&r.agenda).(*entry)
		replica, ours := r.ward.holder(e.id)
		if !ours { // somebody else's by now
			delete(r.entries, e.id)
			continue
		}
		e.running = true
		r.inFlight++
		r.clk.Go(func() { r.one(store.As(ctx, replica), e) })
	}
	if len(r.agenda) == 0 {
		return time.Time{}
	}
	return r.agenda[0].due
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

// entry is one incident's place on the agenda.
type entry struct {
	id      string
	due     time.Time
	index   int // in the heap, -1 when not on it
	running bool
	dirty   bool // changed while it was being visited
	retry   time.Duration
}

// agenda is a heap by due time.
type agenda []*entry

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}
func (a *agenda) Push(x any) {
	e := x.(*entry)
	e.index = len(*a)
	*a = append(*a, e)
}
func (a *agenda) Pop() any {
	old := *a
	e := old[len(old)-1]
	*a = old[:len(old)-1]
	e.index = -1
	return e
}
