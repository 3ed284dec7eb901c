package sweep

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Sweeper is safe for concurrent use. Make one with Open.
type Sweeper struct {
	mu      sync.Mutex
	waiting []*ask // questions that the loop has not seen
	closed  bool

	bell  int // an eventfd; -1 once the loop has ended
	ended chan struct{}
	stats counters
	kinds string
}

// counters are Stats while they grow.
type counters struct {
	sent, received, late, strangers, dropped, gaps, sendErrors atomic.Uint64

	away atomic.Int64 // nanoseconds
}

// Open opens one socket for each address family that the machine has, and
// starts the goroutine that serves them: datagram sockets where sysctl
// net.ipv4.ping_group_range allows them, raw ones otherwise. When neither is
// allowed its error says how to allow it; trying again without that is of no
// use. An address of a family that is missing is Unasked, with the reason.
func Open(o Options) (*Sweeper, error) {
	v4, v6, err := openSockets(o)
	if err != nil {
		return nil, err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		v4.close()
		v6.close()
		return nil, fmt.Errorf("open the sweep: make an eventfd: %w", err)
	}
	s := &Sweeper{bell: bell, ended: make(chan struct{}), kinds: "IPv4 " + v4.describe() + ", IPv6 " + v6.describe()}
	go newLoop(s, v4, v6, o).run()
	return s, nil
}

// Sockets says which kinds are in use: "IPv4 datagram, IPv6 raw".
func (s *Sweeper) Sockets() string { return s.kinds }

// Ask sends one echo to each address, no faster than the rate, and returns when
// each has its outcome, in the order of the addresses; an echo has its time from
// when it was sent. When ctx ends first, what is open is Unasked with the
// cause. Many may ask at once. The result lies in into when that is large
// enough; neither to nor into may be
// touched until Ask returns.
func (s *Sweeper) Ask(ctx context.Context, to []netip.Addr, timeout time.Duration, into []Echo) []Echo {
	if cap(into) < len(to) {
		into = make([]Echo, len(to))
	}
	into = into[:len(to)]
	clear(into)
	if len(to) == 0 {
		return into
	}
	a := &ask{
		to: to, echoes: into, flights: make([]flight, len(to)), timeout: int64(timeout), open: len(to),
		cause: func() error { return context.Cause(ctx) }, done: make(chan struct{}),
	}
	if err := s.refuse(a); err != nil {
		a.giveUp(Echo{Outcome: Unasked, Err: err})
		return into
	}
	stop := context.AfterFunc(ctx, func() {
		a.ended.Store(true)
		s.ring()
	})
	defer stop()
	<-a.done
	return into
}

// refuse hands a to the loop, or says why not.
func (s *Sweeper) refuse(a *ask) error {
	if len(a.to) > maxIndex {
		return ErrTooMany
	}
	if err := a.cause(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.waiting = append(s.waiting, a)
	s.wake()
	return nil
}

func (s *Sweeper) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// wake wakes the loop. s.mu is held: the bell must not be rung once its number
// may be another file's.
func (s *Sweeper) wake() {
	if s.bell >= 0 {
		one := [8]byte{0: 1}
		unix.Write(s.bell, one[:]) // fails only when it was rung 2^64 times
	}
}

// Stats returns what was counted so far.
func (s *Sweeper) Stats() Stats {
	c := &s.stats
	return Stats{
		Sent: c.sent.Load(), Received: c.received.Load(), Late: c.late.Load(), Strangers: c.strangers.Load(),
		Dropped: c.dropped.Load(), Gaps: c.gaps.Load(), SendErrors: c.sendErrors.Load(), Away: time.Duration(c.away.Load()),
	}
}

// Close ends every question, its open echoes Unasked with ErrClosed, and frees
// the sockets. It may be called more than once, and never fails.
func (s *Sweeper) Close() error {
	s.mu.Lock()
	s.closed = true
	s.wake()
	s.mu.Unlock()
	<-s.ended
	return nil
}
