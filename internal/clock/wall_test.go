package clock

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stepped is a wall clock that somebody sets while it runs.
type stepped struct{ by atomic.Int64 }

func (s *stepped) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// A wait on a real clock ends by the wall clock, whatever the machine's timers
// have counted: the step is what suspending or correcting the clock looks like.
func TestRealWaitEndsByTheWallClockAlsoWhenThatIsSet(t *testing.T) {
	for name, c := range map[string]struct {
		wait, step  time.Duration // how long is waited for; how the clock is set after ten seconds
		least, most time.Duration // how much machine time that may take
	}{
		"not set":               {wait: 30 * time.Second, least: 30 * time.Second, most: 30 * time.Second},
		"not set, a long wait":  {wait: 3 * time.Hour, least: 3 * time.Hour, most: 3 * time.Hour},
		"suspended past it":     {wait: 10 * time.Hour, step: 11 * time.Hour, least: 10 * time.Second, most: 70 * time.Second},
		"set forward, not past": {wait: 10 * time.Hour, step: 9 * time.Hour, least: time.Hour, most: time.Hour + maxTimer},
		"set back":              {wait: 30 * time.Second, step: -time.Hour, least: time.Hour + 30*time.Second, most: time.Hour + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wall stepped
				clk := following(wall.now, sinceBoot)
				began, until := time.Now(), clk.Now().Add(c.wait)
				end := clk.Go(func() { clk.Wait(t.Context(), until, nil) })
				time.AfterFunc(10*time.Second, func() { wall.by.Store(int64(c.step)) })
				<-end
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it took %v, want %v to %v", took, c.least, c.most)
				}
				if now := clk.Now(); now.Before(until) {
					t.Errorf("it ended %v early by the clock on the wall", until.Sub(now))
				}
			})
		})
	}
}

func TestRealClockSaysWhatTheWallClockSays(t *testing.T) {
	var wall stepped
	clk := following(wall.now, sinceBoot)
	clk.SetSpeed(60)
	for _, step := range []time.Duration{0, 8 * time.Hour, -8 * time.Hour} {
		wall.by.Store(int64(step))
		before, now, after := wall.now(), clk.Now(), wall.now()
		if now.Before(before.Round(0)) || now.After(after.Round(0)) {
			t.Errorf("set by %v it says %v, the wall clock says %v", step, now, before)
		}
	}
	if clk.Speed() != 1 {
		t.Errorf("it runs at %v", clk.Speed())
	}
}

func TestRealIsTheMachinesOwnClock(t *testing.T) {
	clk := Real()
	before, now, after := time.Now().Round(0), clk.Now(), time.Now().Round(0)
	if now.Before(before) || now.After(after) || now.Location() != time.UTC {
		t.Errorf("it says %v between %v and %v", now, before, after)
	}
}
