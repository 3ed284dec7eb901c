package simulate

import (
	"context"
	"errors"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// The pieces of work that follow the timelines.
const (
	engineVisits = iota
	deskVisits
	kindsOfVisits
)

type visitKey struct {
	id   string
	kind int
}

// leasing is who works on an incident. Nothing but the one send may depend on
// it, so that now and then somebody else takes it for no reason.
type leasing struct {
	owner *replica
	token [kindsOfVisits]int // of the visit that is planned; older ones are void

	visited time.Duration // when the engine's last visit ended well
}

// term is how long a replica that shares the store may be silent before others
// take what it had; again is when a visit that is under way is looked for anew.
const (
	term  = 6 * time.Second
	again = 15 * time.Second
)

// lapse takes everything from a replica that was not heard for its term.
func (w *world) lapse(r *replica) {
	if !w.shared {
		return
	}
	for _, id := range w.db.order {
		if l := w.leases[id]; l != nil && l.owner == r {
			l.owner = nil
			w.due(id)
		}
	}
}

// due has an incident visited now by both.
func (w *world) due(id string) {
	l := w.lease(id)
	for kind := range kindsOfVisits {
		k := visitKey{id, kind}
		if l.owner != nil {
			if _, busy := l.owner.visits[k]; busy {
				l.owner.visits[k] = true
			}
		}
		w.planVisit(k, w.now)
	}
}

// dueAll has everything visited, as after a start.
func (w *world) dueAll() {
	for _, inc := range w.db.ongoing() {
		w.due(inc.ID)
	}
}

func (w *world) lease(id string) *leasing {
	l := w.leases[id]
	if l == nil {
		l = &leasing{visited: w.now}
		w.leases[id] = l
	}
	return l
}

func (w *world) planVisit(k visitKey, at time.Duration) {
	l := w.lease(k.id)
	l.token[k.kind]++
	token := l.token[k.kind]
	w.at(at, func() {
		if w.leases[k.id] == l && l.token[k.kind] == token {
			w.visit(k, l)
		}
	})
}

// visit finds who makes it: who holds the lease, or somebody else when that has
// run out.
func (w *world) visit(k visitKey, l *leasing) {
	switch {
	case w.down:
		w.planVisit(k, w.now+2*time.Second)
		return
	case l.owner != nil && l.owner.working(w) && !w.chance(0.01):
	case l.owner != nil && !l.owner.working(w) && !w.chance(0.3): // the others wait for the end of its term
		w.planVisit(k, w.now+term/2)
		return
	default:
		before := l.owner
		if l.owner = w.anyWorking(); l.owner != before && before != nil {
			w.planVisit(visitKey{k.id, kindsOfVisits - 1 - k.kind}, w.now) // whoever takes an incident over makes all its visits
		}
	}
	if l.owner == nil {
		w.planVisit(k, w.now+2*time.Second)
		return
	}
	w.makeVisit(l.owner, k, l)
}

func (w *world) anyWorking() *replica {
	var list []*replica
	for _, r := range w.replicas {
		if r.working(w) {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.rng.IntN(len(list))]
}

// makeVisit makes one visit in a task of its own, and plans the next.
func (w *world) makeVisit(r *replica, k visitKey, l *leasing) {
	if _, busy := r.visits[k]; busy {
		r.visits[k] = true
		w.planVisit(k, w.now+again) // it may never come back
		return
	}
	r.visits[k] = false
	var next time.Time
	var err error
	skew := r.skew.Load()
	w.start(r, func() {
		if k.kind == engineVisits {
			next, err = r.engine.Visit(context.Background(), k.id)
		} else {
			next, err = r.desk.Visit(context.Background(), k.id)
		}
	}, func() {
		changed := r.visits[k]
		delete(r.visits, k)
		if k.kind == engineVisits && err == nil {
			l.visited = w.now
		}
		wait := next.Sub(r.clock.Now())
		switch {
		case w.leases[k.id] != l:
		case errors.Is(err, store.ErrNotFound): // the database has forgotten it
		case errors.Is(err, store.ErrConflict), changed, skew != r.skew.Load(): // whoever sets a clock has everything looked at anew
			w.planVisit(k, w.now+time.Millisecond)
		case err != nil:
			w.planVisit(k, w.now+w.between(time.Second, 5*time.Second))
		case next.IsZero():
		default:
			w.planVisit(k, w.now+max(wait, 0))
		}
	})
}

// committed is called for everything that was stored.
func (w *world) committed(r *replica, inc *incident.Incident, events []incident.Event) {
	for n := range events {
		w.log(entry{at: w.now, who: r.name, event: &events[n]})
	}
	w.checkCommit(r, inc, events)
	w.due(inc.ID)
	w.hearNews(inc, events)
}
