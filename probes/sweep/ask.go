package sweep

import (
	"net/netip"
	"sync/atomic"
)

// flight is one echo on its way.
type flight struct {
	sent     int64 // on the ear's clock; 0 while it waits to be sent
	deadline int64 // in listening time
}

// ask is one question: its echoes leave in order and have equal time, so that
// the first open one is always the next to run out. It belongs to the loop;
// only ended is set from outside.
type ask struct {
	number  uint64
	to      []netip.Addr
	echoes  []Echo
	flights []flight
	timeout int64

	next   int // the first that was not taken for sending
	oldest int // all before it have an outcome
	open   int // without outcome

	ended atomic.Bool // nobody waits for it any more
	cause func() error
	done  chan struct{} // closed when all have an outcome; then its memory is the caller's again
}

// settle gives echo i its outcome, unless it has one.
func (a *ask) settle(i int, e Echo) (first bool) {
	if a.open == 0 || a.echoes[i].Outcome != pending {
		return false
	}
	a.echoes[i] = e
	a.open--
	return true
}

// giveUp settles all that is open.
func (a *ask) giveUp(e Echo) {
	for i := a.oldest; i < len(a.echoes) && a.open > 0; i++ {
		a.settle(i, e)
	}
}

// dismiss gives up a question that never got a number, for its caller has left.
func (a *ask) dismiss() bool {
	a.giveUp(Echo{Outcome: Unasked, Err: a.cause()})
	close(a.done)
	return true
}

// front returns the first echo that has no outcome, and whether it is on its
// way.
func (a *ask) front() (i int, sent bool) {
	for a.oldest < a.next && a.echoes[a.oldest].Outcome != pending {
		a.oldest++
	}
	return a.oldest, a.oldest < a.next && a.flights[a.oldest].sent != 0
}

// unsent reports whether some of it was not taken for sending.
func (a *ask) unsent() bool { return a.next < len(a.to) && a.open > 0 }

// maxAsks bounds the questions in the air; more wait for their turn.
const maxAsks = 4096

// desk holds the questions in the air. A number finds its question by its last
// digits, so that nothing needs to be looked up.
type desk struct {
	slots  [maxAsks]*ask
	last   uint64
	active []*ask
	turn   int // whose turn it is to send
}

// admit gives a its number. It fails when the desk is full.
func (d *desk) admit(a *ask) bool {
	if len(d.active) == maxAsks {
		return false
	}
	d.last++
	for d.slots[d.last%maxAsks] != nil {
		d.last++
	}
	a.number = d.last
	d.slots[a.number%maxAsks] = a
	d.active = append(d.active, a)
	return true
}

// find returns the question with a number, nil when it is over.
func (d *desk) find(number uint64) *ask {
	if a := d.slots[number%maxAsks]; a != nil && a.number == number {
		return a
	}
	return nil
}

// sweepOut removes what is over and returns to the callers what is theirs.
func (d *desk) sweepOut() {
	kept := d.active[:0]
	for _, a := range d.active {
		if a.open > 0 {
			kept = append(kept, a)
			continue
		}
		d.slots[a.number%maxAsks] = nil
		close(a.done)
	}
	clear(d.active[len(kept):])
	d.active = kept
}
