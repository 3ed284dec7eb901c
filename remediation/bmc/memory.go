package bmc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// account is one way in to one BMC. With another user name the BMC is a
// stranger again.
type account struct {
	protocol, address string
	port              int
	user              string
}

// memories are what a Witness knows, by BMC.
type memories struct {
	mu sync.Mutex
	of map[account]*memory
}

// forgetAfter is when a BMC that nobody asked about any more is forgotten: it
// left the inventory.
const forgetAfter = 48 * time.Hour

// at returns the memory of b, and makes one for a BMC that is new.
func (all *memories) at(b *inventory.BMC, now time.Time) *memory {
	key := account{b.Protocol, b.Address, b.Port, b.Username}
	all.mu.Lock()
	defer all.mu.Unlock()
	m, ok := all.of[key]
	if !ok {
		maps.DeleteFunc(all.of, func(_ account, old *memory) bool { return now.Sub(old.used) > forgetAfter })
		m = &memory{turn: make(chan struct{}, 1)}
		all.of[key] = m
	}
	m.used = now
	return m
}

// memory is what is known of one BMC from looks before.
type memory struct {
	used time.Time     // guarded by memories.mu
	turn chan struct{} // holds a token while a look is under way

	mu      sync.Mutex
	waiting int                // urgent looks that wait for their turn
	yield   context.CancelFunc // ends the reading under way; nil without one

	// What follows belongs to the look that has the turn.
	silence backoff // after no answer: for Watch
	reading backoff // after a reading that brought nothing
	refusal refusal
	readAt  time.Time // of the last reading that brought something
	last    sight     // what it brought
	stands  standing  // what the last urgent look learned of jobs and consoles
	stoodAt time.Time
	known   map[string]bool
}

// refusal is what a BMC said to a password.
type refusal struct {
	until    time.Time
	password [sha256.Size]byte // which one it was
	result   probes.Result
}

// refusalHold is how long a refused password is not tried again. Many BMCs lock
// an account after a few wrong ones in a row; half an hour is a choice, which
// keeps piket to two tries an hour.
const refusalHold = 30 * time.Minute

// enter waits for the turn. An urgent look makes the one under way end its
// reading; its power question it may finish.
func (m *memory) enter(ctx context.Context, urgent bool) bool {
	if urgent {
		m.press(1)
		defer m.press(-1)
	}
	select {
	case m.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (m *memory) press(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting += n
	if n > 0 && m.yield != nil {
		m.yield()
	}
}

func (m *memory) leave() { <-m.turn }

// held answers out of memory while the BMC must be left alone.
func (m *memory) held(b *inventory.BMC, now time.Time, urgent bool) (probes.Result, bool) {
	switch {
	case now.Before(m.refusal.until) && m.refusal.password == fingerprint(b):
		return m.refusal.result, true
	case !urgent && now.Before(m.silence.until):
		return probes.Result{State: probes.Unknown, Reason: clause(fmt.Sprintf("not asked before %s, after %d looks without an answer (%s)",
			clockTime(m.silence.until), m.silence.failures, m.silence.why))}, true
	}
	return probes.Result{}, false
}

// fingerprint tells one password from another. One that cannot be read is like
// no other, and its trouble shows when the BMC is opened.
func fingerprint(b *inventory.BMC) [sha256.Size]byte {
	password, err := b.Password.Read()
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256([]byte(password.Reveal()))
}

// failed notes why the power state was not learned, and makes the result of it.
// The looks of an incident, of which there are many within minutes, do not make
// the schedule ask less often.
func (m *memory) failed(b *inventory.BMC, err error, now time.Time, urgent bool) probes.Result {
	result := judge(err)
	switch weigh(err) {
	case denied:
		until := now.Add(refusalHold)
		result.Reason = clause(fmt.Sprintf("%s; not tried again before %s, because BMCs lock accounts out", result.Reason, clockTime(until)))
		m.refusal = refusal{until: until, password: fingerprint(b), result: result}
	case down, busy:
		if urgent {
			break
		}
		m.silence.fail(now, silenceBase, result.Reason)
	}
	return result
}

func (m *memory) answered() { m.silence, m.refusal = backoff{}, refusal{} }

// standing lets s ask for jobs and consoles, unless that was done a moment ago.
// They are asked before health, sensors and log: those explain, these forbid.
func (m *memory) standing(ctx context.Context, s session, now time.Time) standing {
	if recent(m.stoodAt, now) {
		return m.stands
	}
	ctx, stop, ok := m.begin(ctx)
	if !ok {
		return standing{gaps: []string{"jobs and consoles were not read: no time was left"}}
	}
	found := s.standing(ctx)
	if hurried := stop(); hurried {
		found.gap("jobs and consoles", errHurried)
		return found
	}
	m.stands, m.stoodAt = found, now
	return found
}

// recent reports whether what was read at then is still good enough.
func recent(then, now time.Time) bool {
	return !then.IsZero() && !now.Before(then) && now.Sub(then) < readDistance
}

// read lets s read what there is beside the power, unless it was read a moment
// ago, the time is up, or the BMC needs to be left alone.
func (m *memory) read(ctx context.Context, s session, now time.Time) sight {
	if recent(m.readAt, now) {
		return m.last.again()
	}
	if now.Before(m.reading.until) {
		return sight{findings: findings{gaps: []string{fmt.Sprintf("health, sensors and log are not read before %s (%s)", clockTime(m.reading.until), m.reading.why)}}}
	}
	ctx, stop, ok := m.begin(ctx)
	if !ok {
		return sight{findings: findings{gaps: []string{"health, sensors and log were not read: no time was left"}}}
	}
	f := s.read(ctx)
	switch hurried := stop(); {
	case hurried:
		f.gap("the rest", errHurried)
		return m.compare(f, now) // and forget it: the look that comes next tells it, too
	case f.nothing():
		m.reading.fail(now, readDistance, cmp.Or(f.firstGap(), "nothing came back"))
		return sight{findings: f}
	}
	m.remember(m.compare(f, now), now)
	return m.last
}

// compare finds what is new in f since the look before.
func (m *memory) compare(f findings, now time.Time) sight {
	seen := sight{findings: f, now: now, ahead: aheadBy(f.clock, now)}
	seen.told, seen.fresh = pick(f.log, m.known, now)
	return seen
}

func (m *memory) remember(seen sight, now time.Time) {
	m.reading, m.readAt, m.last = backoff{}, now, seen
	if !seen.logRead {
		return
	}
	m.known = make(map[string]bool, len(seen.log))
	for _, e := range seen.log {
		m.known[e.key()] = true
	}
}

// begin returns the context of a reading; stop ends it and reports whether an
// urgent look had asked for that.
func (m *memory) begin(ctx context.Context) (reading context.Context, stop func() bool, ok bool) {
	deadline, _ := ctx.Deadline()
	deadline = deadline.Add(-spare)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting > 0 || time.Until(deadline) < minRead {
		return nil, nil, false
	}
	reading, cancel := context.WithDeadline(ctx, deadline)
	hurried := false
	m.yield = func() { hurried = true; cancel() }
	return reading, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		cancel()
		m.yield = nil
		return hurried
	}, true
}
