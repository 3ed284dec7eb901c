package clock

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Stopwatch returns how long it has been running, by a watch that nobody sets
// and that goes on while the machine is suspended. What must not happen too late
// is held to it beside the time of day.
func (c *Clock) Stopwatch() func() time.Duration {
	began := c.boot()
	return func() time.Duration { return c.boot() - began }
}

// boot is the time since some moment that stays the same: of a real clock the
// machine's start, of the others their own.
func (c *Clock) boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wall == nil {
		return time.Duration(c.now().UnixNano())
	}
	return c.since()
}

// sinceBoot counts suspended time, which Go's monotonic clock does not.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("clock: CLOCK_BOOTTIME exists on every Linux since 2.6.39: " + err.Error())
	}
	return time.Duration(t.Nano())
}

// How far the time of day may move against the watch between two looks before it
// has been set, and how long nothing rests on it after that: every age and every
// deadline of before is wrong by as much. What was done to other machines looks
// longer ago than it is, so that is as long as a machine is left alone after
// another was touched, unless the configuration says more.
const (
	maxStep   = 5 * time.Second
	settleFor = 30 * time.Minute
)

// rememberSteps is for how long it is known how the time of day was set.
const rememberSteps = 48 * time.Hour

// Step is one setting of the time of day.
type Step struct {
	At time.Time     // what the clock said after it
	By time.Duration // how far it was set ahead

	boot time.Duration // when, by the watch
}

// Steady notices when somebody sets the time of day. Make one with
// [Clock.Steady]; it is safe for concurrent use.
type Steady struct {
	clock *Clock

	mu     sync.Mutex
	wall   time.Time
	boot   time.Duration
	set    time.Duration // by the watch, when the last step was seen
	step   time.Duration // of that moment; 0 when none was ever seen
	looked bool
	ahead  []Step // the steps ahead of the last days
}

// Steady returns what notices from now on that the clock is set.
func (c *Clock) Steady() *Steady {
	s := &Steady{clock: c}
	s.Why()
	return s
}

// Why returns why the time of day cannot be trusted at this moment, "" when it
// can. It is a look as well: it must be called often, every minute at least.
func (s *Steady) Why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall, boot := s.clock.Now(), s.clock.boot()
	step := wall.Sub(s.wall) - (boot - s.boot)
	if s.looked && step.Abs() > maxStep {
		s.set, s.step = boot, step
	}
	if s.looked && step > maxStep {
		s.ahead = append(s.ahead, Step{At: wall, By: step, boot: boot})
	}
	s.ahead = slices.DeleteFunc(s.ahead, func(a Step) bool { return boot-a.boot > rememberSteps })
	s.wall, s.boot, s.looked = wall, boot, true
	if s.step == 0 || boot-s.set >= settleFor {
		return ""
	}
	return fmt.Sprintf("this machine's clock was set by %v a short while ago; it is trusted again after %v", s.step.Round(time.Second), settleFor)
}

// Ahead returns how the time of day was set ahead in the last two days, oldest
// first: what happened before a step looks longer ago than it is by as much. It is
// no look.
func (s *Steady) Ahead() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ahead)
}
