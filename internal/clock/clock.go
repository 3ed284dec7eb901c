// Package clock tells the time and waits for it, at three speeds.
//
// The daemon runs on [Real]. The demo runs on [Scaled], so that ten minutes of
// booting and holding pass while somebody watches. The headless demo runs on
// [Jumping]: while anything works, time stands still; when everything waits,
// it jumps to the next moment that somebody waits for. The program is the same
// in all three, because nothing in it calls time.Sleep or time.After:
//
//	bell := clk.NewBell()
//	clk.Go(func() {
//		for ctx.Err() == nil {
//			next := work(clk.Now())
//			clk.Wait(ctx, next, bell)
//		}
//	})
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock is safe for concurrent use. Make one with Real, Scaled or Jumping.
type Clock struct {
	mu      sync.Mutex
	base    time.Time // what the clock said at anchor
	anchor  time.Time // the machine's time when it said so
	speed   float64   // seconds of this clock per second of the machine
	jumping bool
	wall    func() time.Time     // of a real clock: what the machine says now; nil for the others
	since   func() time.Duration // and how long it has been running
	busy    int                  // goroutines of Go that are not in Wait
	waiting map[*waiter]struct{} // everybody in Wait
	respeed chan struct{}        // closed when the speed changes
}

type waiter struct {
	until time.Time
	wake  chan struct{}
	done  bool
}

// Real returns the machine's own clock. It counts the time in which the machine
// was suspended, and follows when somebody corrects the machine's clock: what
// must not happen after a moment is held to that moment by everybody's watch.
func Real() *Clock { return following(time.Now, sinceBoot) }

func following(wall func() time.Time, since func() time.Duration) *Clock {
	c := newClock(wall(), 1, false)
	c.wall, c.since = wall, since
	return c
}

// Following returns a clock that says what now and since say, and never waits:
// a simulation moves them. since is the watch that nobody sets.
func Following(now func() time.Time, since func() time.Duration) *Clock {
	return following(now, since)
}

// Scaled returns a clock that starts at start and runs speed times as fast as
// the machine's.
func Scaled(start time.Time, speed float64) *Clock { return newClock(start, speed, false) }

// Jumping returns a clock that stands at start and moves only when every
// goroutine of [Clock.Go] waits, and then straight to the nearest moment that
// one of them waits for.
func Jumping(start time.Time) *Clock { return newClock(start, 0, true) }

func newClock(start time.Time, speed float64, jumping bool) *Clock {
	return &Clock{
		base: start, anchor: time.Now(), speed: speed, jumping: jumping,
		waiting: map[*waiter]struct{}{}, respeed: make(chan struct{}),
	}
}

// Now returns the current time in UTC, without a monotonic reading: what is
// stored and what is compared are the same value.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	switch {
	case c.jumping:
		return c.base.UTC().Round(0)
	case c.wall != nil:
		return c.wall().UTC().Round(0)
	}
	elapsed := time.Duration(float64(time.Since(c.anchor)) * c.speed)
	return c.base.Add(elapsed).UTC().Round(0)
}

// SetSpeed changes how fast a scaled clock runs from now on. It has no effect
// on any other.
func (c *Clock) SetSpeed(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jumping || c.wall != nil || speed == c.speed {
		return
	}
	c.base, c.anchor, c.speed = c.now(), time.Now(), speed
	close(c.respeed)
	c.respeed = make(chan struct{})
}

// Speed returns how many seconds this clock counts in one of the machine's; 0
// for a jumping clock.
func (c *Clock) Speed() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speed
}

// Go runs f in a goroutine that a jumping clock counts as working unless it is
// in Wait. The caller keeps the goroutine's ownership: Go returns a channel
// that is closed when f has returned.
func (c *Clock) Go(f func()) <-chan struct{} {
	done := make(chan struct{})
	c.mu.Lock()
	c.busy++
	c.mu.Unlock()
	go func() {
		defer close(done)
		defer c.end()
		f()
	}()
	return done
}

// end books a goroutine of Go as gone.
func (c *Clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.jump()
}

// Wait returns when the clock has reached until, when bell rings, or when ctx
// ends. The zero time means no moment at all: only the bell or ctx ends the
// wait. A nil bell never rings. It must be called from a goroutine of Go when
// the clock is jumping.
func (c *Clock) Wait(ctx context.Context, until time.Time, bell *Bell) {
	w := &waiter{until: until, wake: make(chan struct{})}
	c.mu.Lock()
	if bell.take() || ctx.Err() != nil || (!until.IsZero() && !c.now().Before(until)) {
		c.mu.Unlock()
		return
	}
	c.waiting[w] = struct{}{}
	bell.attach(w)
	c.busy--
	c.jump()
	c.mu.Unlock()
	c.sleep(ctx, w)
	c.mu.Lock()
	bell.detach(w)
	c.release(w)
	c.mu.Unlock()
}

// sleep blocks until w is released, its moment has come, or ctx ends.
func (c *Clock) sleep(ctx context.Context, w *waiter) {
	for {
		left, timed, respeed := c.left(w)
		if timed && left <= 0 {
			return
		}
		if !timed {
			left = time.Hour // somebody else ends this wait; look again now and then
		}
		timer := time.NewTimer(left)
		select {
		case <-w.wake:
		case <-ctx.Done():
		case <-timer.C:
			continue
		case <-respeed:
			timer.Stop()
			continue
		}
		timer.Stop()
		return
	}
}

// maxTimer bounds one timer on a real clock. Timers run on the machine's
// monotonic clock, which stands still while the machine is suspended and does
// not notice when the wall clock is set; so the wall clock is read this often.
const maxTimer = time.Minute

// left returns how long to sleep before looking again at whether w's moment has
// come, whether it comes with the passing of time at all, and what to watch for
// a change of speed.
func (c *Clock) left(w *waiter) (left time.Duration, timed bool, respeed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jumping || w.until.IsZero() {
		return 0, false, c.respeed
	}
	remaining := w.until.Sub(c.now())
	if remaining <= 0 {
		return 0, true, c.respeed
	}
	if c.wall != nil {
		return min(remaining, maxTimer), true, c.respeed
	}
	// One nanosecond more than computed: the division rounds down.
	return time.Duration(float64(remaining)/c.speed) + 1, true, c.respeed
}

// jump moves a jumping clock to the nearest moment anybody waits for, once
// nobody works, and releases who waited for it. c.mu is held.
func (c *Clock) jump() {
	if !c.jumping || c.busy > 0 {
		return
	}
	var next time.Time
	for w := range c.waiting {
		if !w.done && !w.until.IsZero() && (next.IsZero() || w.until.Before(next)) {
			next = w.until
		}
	}
	if next.IsZero() {
		return
	}
	if next.After(c.base) {
		c.base = next
	}
	for w := range c.waiting {
		if !w.until.IsZero() && !w.until.After(c.base) {
			c.release(w)
		}
	}
}

// release ends the wait of w and books its goroutine as working again, once.
// c.mu is held.
func (c *Clock) release(w *waiter) {
	if w.done {
		return
	}
	w.done = true
	c.busy++
	delete(c.waiting, w)
	close(w.wake)
}

// Bell wakes one waiter before its time. A bell that rings while nobody waits
// is heard by the next Wait, once.
type Bell struct {
	clock   *Clock
	rung    bool
	waiters map[*waiter]struct{}
}

// NewBell returns a bell for waits on c.
func (c *Clock) NewBell() *Bell {
	return &Bell{clock: c, waiters: map[*waiter]struct{}{}}
}

// Ring wakes who waits on b, or the next one who will.
func (b *Bell) Ring() {
	b.clock.mu.Lock()
	defer b.clock.mu.Unlock()
	b.rung = true
	for w := range b.waiters {
		b.rung = false
		b.clock.release(w)
	}
}

func (b *Bell) take() bool {
	if b == nil || !b.rung {
		return false
	}
	b.rung = false
	return true
}

func (b *Bell) attach(w *waiter) {
	if b != nil {
		b.waiters[w] = struct{}{}
	}
}

func (b *Bell) detach(w *waiter) {
	if b != nil {
		delete(b.waiters, w)
	}
}
