package sweep

import (
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// few echoes on their way are waited for one by one.
const few = 16

// loop is what the sweeper's goroutine has for itself.
type loop struct {
	*Sweeper
	sockets [2]*socket // IPv4, IPv6
	desk    desk
	ear     ear
	pace    pace
	key     key
	audit   audit
	beside  func()
}

func newLoop(s *Sweeper, v4, v6 *socket, o Options) *loop {
	return &loop{
		Sweeper: s, sockets: [2]*socket{v4, v6}, ear: newEar(), pace: newPace(o.Rate),
		key: newKey(), audit: newAudit(o), beside: o.beside,
	}
}

// run keeps its thread, so that one core's caches serve the sweep.
func (l *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.end()
	for l.turn() {
		l.rest()
	}
}

// turn does what can be done now. It reports whether there is more to come.
func (l *loop) turn() bool {
	if l.ear.look() {
		l.stats.gaps.Add(1)
		l.stats.away.Store(l.ear.away)
	}
	if !l.admit() {
		return false
	}
	l.send()
	if l.beside != nil {
		l.beside()
	}
	for _, s := range l.sockets {
		l.listen(s)
	}
	l.judge()
	l.desk.sweepOut()
	return true
}

// admit takes in new questions and lets go of those that nobody waits for. It
// reports whether the sweeper is still open.
func (l *loop) admit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.desk.active) == 0 && len(l.waiting) > 0 {
		l.countDrops() // what was dropped while nothing was asked concerns nobody
	}
	for len(l.waiting) > 0 && l.desk.admit(l.waiting[0]) {
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(a *ask) bool { return a.ended.Load() && a.dismiss() })
	for _, a := range l.desk.active {
		if a.ended.Load() {
			a.giveUp(Echo{Outcome: Unasked, Err: a.cause()})
		}
	}
	return !l.closed
}

// send sends at most one batch for each family, so that replies are read in
// between.
func (l *loop) send() {
	for range l.desk.active {
		room := l.pace.allow(l.ear.now, sendBatch)
		if room == 0 {
			break
		}
		a := l.desk.active[l.desk.turn%len(l.desk.active)]
		l.desk.turn++
		taken, full := l.take(a, room)
		l.pace.spend(taken)
		if full {
			break
		}
	}
	for _, s := range l.sockets {
		l.flush(s)
	}
}

// take puts at most limit echoes of a into the boxes. full reports that a box
// is, or that the limit was reached.
func (l *loop) take(a *ask, limit int) (taken int, full bool) {
	for a.unsent() {
		if taken == limit {
			return taken, true
		}
		s, err := l.socketFor(a, a.next)
		if err != nil {
			a.settle(a.next, Echo{Outcome: Unasked, Err: err})
			a.next++
			continue
		}
		if s.out.full() {
			return taken, true
		}
		it := item{a, a.next}
		s.put(it, l.key, l.audit.picks(ident{a.number, a.next}))
		a.next++
		taken++
	}
	return taken, false
}

// socketFor returns the socket for echo i of a.
func (l *loop) socketFor(a *ask, i int) (*socket, error) {
	to := a.to[i].Unmap()
	if !to.IsValid() || to.IsUnspecified() || to.Zone() != "" {
		return nil, ErrAddress
	}
	s := l.sockets[0]
	if to.Is6() {
		s = l.sockets[1]
	}
	return s, s.refused
}

// listen reads what has arrived at s.
func (l *loop) listen(s *socket) {
	if s.fd < 0 {
		return
	}
	l.drain(s)
	if s.form.kind == datagram || l.audit.tell != nil {
		l.readErrors(s)
	}
}

// judge settles the echoes whose time was over when this turn began; all that
// had arrived by then has been read since.
func (l *loop) judge() {
	now, counted := l.ear.listened(l.ear.now), false
	for _, a := range l.desk.active {
		for a.open > 0 {
			i, sent := a.front()
			if !sent || a.flights[i].deadline > now {
				break
			}
			if !counted {
				l.countDrops()
				counted = true
			}
			a.settle(i, Echo{Outcome: l.missed(a, i)})
		}
	}
}

// missed says what it means that no reply to echo i was heard: nothing, if it
// was on its way while we could not hear.
func (l *loop) missed(a *ask, i int) Outcome {
	s, err := l.socketFor(a, i)
	if err != nil || a.flights[i].sent <= max(l.ear.deaf, s.deaf) {
		return Doubtful
	}
	return Silent
}

// countDrops asks the kernel whether it had to throw packets away. Whatever is
// on its way then may have been among them.
func (l *loop) countDrops() {
	for _, s := range l.sockets {
		if s.fd < 0 {
			continue
		}
		if n := s.drops(); n > 0 {
			s.deaf = l.ear.time()
			l.stats.dropped.Add(uint64(n))
		}
	}
}

// rest waits until there is something to do.
func (l *loop) rest() {
	onAir, nearest, unsent := l.outlook()
	switch {
	case unsent && l.pace.allow(l.ear.now, 1) > 0 && !l.stuck():
	case unsent || l.stuck() || onAir > few:
		l.ear.rest(nap)
		l.wait(nap, false)
	case onAir > 0:
		until := min(max(time.Duration(nearest-l.ear.listened(l.ear.now)), 0), MaxGap)
		l.ear.rest(until)
		l.wait(until, true)
	default:
		l.ear.sleep()
		l.wait(-1, true)
	}
}

// outlook returns how many echoes are open, when the first of them runs out in
// listening time, and whether any is still to be sent.
func (l *loop) outlook() (onAir int, nearest int64, unsent bool) {
	nearest = l.ear.listened(l.ear.now) + int64(MaxGap)
	for _, a := range l.desk.active {
		onAir += a.open
		unsent = unsent || a.unsent()
		if i, sent := a.front(); sent {
			nearest = min(nearest, a.flights[i].deadline)
		}
	}
	return onAir, nearest, unsent
}

// stuck reports whether a device takes nothing at the moment.
func (l *loop) stuck() bool { return l.sockets[0].out.stuck != 0 || l.sockets[1].out.stuck != 0 }

// wait sleeps until the bell rings, a packet arrives if packets are wanted, or
// the time is over; a negative time never is.
func (l *loop) wait(limit time.Duration, packets bool) {
	polled := []unix.PollFd{{Fd: int32(l.bell), Events: unix.POLLIN}}
	for _, s := range l.sockets {
		if packets && s.fd >= 0 {
			polled = append(polled, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
		}
	}
	var timeout *unix.Timespec
	if limit >= 0 {
		t := unix.NsecToTimespec(int64(limit))
		timeout = &t
	}
	unix.Ppoll(polled, timeout, nil) // an error is a short nap
	if polled[0].Revents != 0 {
		var rung [8]byte
		unix.Read(l.bell, rung[:])
	}
}

// end settles whatever is left, and frees what the sweeper has of the kernel.
func (l *loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.waiting {
		a.giveUp(Echo{Outcome: Unasked, Err: ErrClosed})
		close(a.done)
	}
	for _, a := range l.desk.active {
		a.giveUp(Echo{Outcome: Unasked, Err: ErrClosed})
	}
	l.desk.sweepOut()
	for _, s := range l.sockets {
		s.close()
	}
	unix.Close(l.bell)
	l.bell = -1
	close(l.ended)
}
