package web

import (
	"context"
	"sync"
	"time"
)

// Bounds of taking in notifications. Whoever comes beyond them hears so early:
// an answer that takes long is tried again as well, and the first try would
// still be in the way.
const (
	maxSenders = 8                      // notifications that are taken in at once
	slowAnswer = 250 * time.Millisecond // from here on fewer are taken in at once
	maxWaiting = 250 * time.Millisecond // for a notification of manyAlerts, and aMoment more for each alert beyond
	maxAlone   = 30 * time.Second       // for one that nobody else is in the way of
	manyAlerts = 100
	aMoment    = time.Millisecond
)

// admission decides how many notifications are taken in at once. Each that
// takes long halves the number, each that does not adds a part of one, as TCP
// does with what it has under way: so what waits stays short, whatever it is
// that is slow.
type admission struct {
	mu       sync.Mutex
	places   float64 // from 1 to maxSenders
	inside   int
	narrowed time.Time     // when the number was halved last
	alone    time.Duration // how long one may wait that nobody else is in the way of
}

func newAdmission() *admission { return &admission{places: maxSenders, alone: maxWaiting} }

// enter takes a place, if there is one, and tells whether nobody else has one.
func (a *admission) enter() (alone, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside >= int(a.places) {
		return false, false
	}
	a.inside++
	return a.inside == 1, true
}

// leave gives a place back.
func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
}

// took learns from a notification that was taken in, or not, between two
// moments. Those that were under way together when it became slow count once.
func (a *admission) took(began, ended time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case ended.Sub(began) <= slowAnswer:
		a.places, a.alone = min(maxSenders, a.places+1/a.places), maxWaiting
	case began.After(a.narrowed):
		a.places, a.narrowed = max(1, a.places/2), ended
	}
}

// patience bounds how long a notification that has arrived may wait to be
// written down; what has begun to be written is waited for. Where one that was
// alone has waited in vain the next may wait twice as long: on a store that is
// slow by itself, everybody would be refused for ever.
func (a *admission) patience(ctx context.Context, alone bool, alerts int, arrived time.Time) (context.Context, context.CancelFunc) {
	wait := maxWaiting
	if alone {
		a.mu.Lock()
		wait = a.alone
		a.mu.Unlock()
	}
	return context.WithDeadline(ctx, arrived.Add(wait+time.Duration(max(0, alerts-manyAlerts))*aMoment))
}

// gaveUp learns from a notification that has waited in vain.
func (a *admission) gaveUp(alone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if alone {
		a.alone = min(maxAlone, 2*a.alone)
	}
}
