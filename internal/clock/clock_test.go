package clock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spinware/piket/internal/clock"
)

var start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

func TestJumpingClockMovesOnlyWhenEverybodyWaits(t *testing.T) {
	clk := clock.Jumping(start)
	working := make(chan struct{})
	var woke time.Time
	worker := clk.Go(func() { <-working })
	sleeper := clk.Go(func() {
		clk.Wait(context.Background(), start.Add(time.Hour), nil)
		woke = clk.Now()
	})
	if now := clk.Now(); !now.Equal(start) {
		t.Fatalf("clock moved to %v while a goroutine worked", now)
	}
	close(working)
	<-worker
	<-sleeper
	if want := start.Add(time.Hour); !woke.Equal(want) {
		t.Fatalf("woke at %v, want %v", woke, want)
	}
}

func TestJumpingClockGoesToTheNearestMoment(t *testing.T) {
	clk := clock.Jumping(start)
	var mu sync.Mutex
	var order []time.Duration
	hold := make(chan struct{})
	gate := clk.Go(func() { <-hold })
	var ends []<-chan struct{}
	for _, d := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		ends = append(ends, clk.Go(func() {
			clk.Wait(context.Background(), start.Add(d), nil)
			mu.Lock()
			order = append(order, clk.Now().Sub(start))
			mu.Unlock()
		}))
	}
	close(hold)
	<-gate
	for _, end := range ends {
		<-end
	}
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute} {
		if order[i] != want {
			t.Fatalf("waiter %d woke at %v, want %v", i, order[i], want)
		}
	}
}

func TestBellWakesAWaiterBeforeItsTimeAndIsHeardOnce(t *testing.T) {
	clk := clock.Jumping(start)
	bell := clk.NewBell()
	bell.Ring() // nobody waits yet: the next Wait hears it
	var first, second time.Time
	<-clk.Go(func() {
		clk.Wait(context.Background(), start.Add(time.Hour), bell)
		first = clk.Now()
		clk.Wait(context.Background(), start.Add(time.Hour), bell)
		second = clk.Now()
	})
	if !first.Equal(start) || !second.Equal(start.Add(time.Hour)) {
		t.Fatalf("woke at %v and %v", first.Sub(start), second.Sub(start))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	clk := clock.Jumping(start)
	ctx, cancel := context.WithCancel(context.Background())
	end := clk.Go(func() { clk.Wait(ctx, time.Time{}, nil) })
	cancel()
	<-end
}

func TestScaledClockRunsFasterAndChangesSpeedUnderAWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := clock.Scaled(start, 60)
		began := time.Now()
		<-clk.Go(func() { clk.Wait(t.Context(), start.Add(time.Minute), nil) })
		if took := time.Since(began).Round(time.Millisecond); took != time.Second {
			t.Fatalf("a minute at 60 times took %v", took)
		}
		end := clk.Go(func() { clk.Wait(t.Context(), start.Add(11*time.Minute), nil) })
		synctest.Wait()
		clk.SetSpeed(600)
		<-end
		if took := time.Since(began).Round(time.Millisecond); took != 2*time.Second {
			t.Fatalf("ten more minutes at 600 times ended after %v", took)
		}
	})
}
