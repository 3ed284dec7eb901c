package web

import (
	"testing"
	"time"
)

// fill enters until it is refused, and returns how many came in.
func fill(a *admission) (inside int) {
	for {
		if _, ok := a.enter(); !ok {
			return inside
		}
		inside++
	}
}

func drain(a *admission, many int) {
	for range many {
		a.leave()
	}
}

func TestFewerAreTakenInAtOnceWhileAnswersAreSlow(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	a := newAdmission()
	for round, want := range []int{8, 4, 2, 1, 1} {
		inside := fill(a)
		if inside != want {
			t.Errorf("round %d: %d were taken in at once, want %d", round, inside, want)
		}
		began := now
		now = now.Add(slowAnswer + time.Millisecond)
		for range inside { // all of them were slow, for one reason
			a.took(began, now)
		}
		drain(a, inside)
		now = now.Add(time.Millisecond)
	}
	quick := 0
	for ; a.places < maxSenders; quick++ {
		a.took(now, now.Add(slowAnswer))
	}
	if got := fill(a); got != maxSenders || quick < 2*maxSenders {
		t.Errorf("after %d quick answers %d are taken in at once", quick, got)
	}
}

func TestWhoIsAloneWaitsLongerEachTimeThatItWasInVain(t *testing.T) {
	a := newAdmission()
	for n, want := range []bool{true, false} {
		if alone, _ := a.enter(); alone != want {
			t.Errorf("number %d is alone: %v", n, alone)
		}
	}
	now := time.Now()
	quick := func() { a.took(now, now.Add(slowAnswer)) }
	aloneInVain, otherInVain := func() { a.gaveUp(true) }, func() { a.gaveUp(false) }
	for _, c := range []struct {
		before func()
		alone  bool
		alerts int
		want   time.Duration
	}{
		{quick, true, 1, maxWaiting},
		{quick, false, manyAlerts, maxWaiting},
		{quick, false, 10 * manyAlerts, maxWaiting + 900*time.Millisecond},
		{otherInVain, true, 1, maxWaiting},
		{aloneInVain, true, 1, 2 * maxWaiting},
		{aloneInVain, true, 1, 4 * maxWaiting},
		{aloneInVain, false, 1, maxWaiting},
		{quick, true, 1, maxWaiting},
	} {
		c.before()
		ctx, cancel := a.patience(t.Context(), c.alone, c.alerts, now)
		until, _ := ctx.Deadline()
		cancel()
		if got := until.Sub(now); got != c.want {
			t.Errorf("%+v: it may wait for %v", c, got)
		}
	}
}
