// Package sweep asks very many addresses whether they are there, with one ICMP
// socket for each address family and one goroutine for all of them:
//
//	s, err := sweep.Open(sweep.Options{})
//	defer s.Close()
//	echoes := s.Ask(ctx, addresses, time.Second, nil)
//
// It says of each address what is known and no more. What this machine did
// wrong, a packet that its own socket dropped or a moment in which the process
// stood still, never becomes the silence of a target. There is no state for an
// address between two questions, and none on the heap for an echo but its two
// times: a reply carries back what it belongs to, sealed with a key of this
// process. It needs Linux.
package sweep

import (
	"errors"
	"strconv"
	"time"
)

// Options says how to sweep. The zero Options are right for a fleet.
type Options struct {
	// Rate bounds the echoes per second of all questions together. 0 means
	// DefaultRate, and a negative rate no bound.
	Rate int

	// ReceiveBuffer is how many bytes of replies the kernel may hold back for
	// each socket until they are read; 0 means DefaultReceiveBuffer. Without
	// CAP_NET_ADMIN the kernel gives no more than sysctl net.core.rmem_max.
	ReceiveBuffer int

	// Audit, when not nil, is told of every AuditEvery-th echo that was
	// answered: the round trip as measured here, and as the kernel's own two
	// stamps have it. It is called from the sweeper's goroutine and must not
	// block. AuditEvery is 100 when 0.
	Audit      func(measured, kernel time.Duration)
	AuditEvery int

	// What only tests change.
	kind   kind   // the kind of socket, whatever else would be allowed
	beside func() // called in every turn of the loop, between sending and receiving
}

// What a zero field of Options means.
const (
	// DefaultRate is 100,000 addresses in ten seconds, two and a half times.
	DefaultRate = 25_000

	// DefaultReceiveBuffer holds some 20,000 replies: the kernel books about
	// 800 bytes for each (measured), and a second of DefaultRate is as long as
	// this process should ever be away.
	DefaultReceiveBuffer = 16 << 20
)

// Outcome is what became of one echo.
type Outcome uint8

// The outcomes. Silent and Unreachable speak of the address; Unasked and
// Doubtful are our own trouble and say nothing of it.
const (
	pending     Outcome = iota // the zero Outcome: not known yet
	Answered                   // its reply came back from it
	Silent                     // no reply within the time, and nothing was wrong on this side
	Unreachable                // the network said of this very echo that it cannot be delivered
	Unasked                    // the echo could not be sent, or the question was called off
	Doubtful                   // no reply, but this process stood still or dropped packets meanwhile: ask again, never count it
)

var outcomeNames = [...]string{"pending", "answered", "silent", "unreachable", "unasked", "doubtful"}

// String returns the outcome in one word.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "outcome " + strconv.Itoa(int(o))
}

// Echo is what became of the echo to one address.
type Echo struct {
	Outcome Outcome

	// RTT is from the moment the kernel was given the echo to the moment it had
	// the reply, so that nothing this process did in between is in it. If the
	// process stood still while it sent, it is the least that it can have been.
	RTT time.Duration

	Err error // why, for Unreachable and Unasked; nil otherwise
}

// Stats count since Open.
type Stats struct {
	Sent       uint64 // echoes that the kernel took
	Received   uint64 // replies that answered an open echo
	Late       uint64 // replies to echoes of ours that had an outcome already
	Strangers  uint64 // packets that are no reply to an echo of ours, or come from another address
	Dropped    uint64 // packets that our own sockets had no room for
	Gaps       uint64 // times that the process stood still for more than MaxGap
	SendErrors uint64 // echoes that the kernel did not take

	Away time.Duration // how long it stood still in all gaps together
}

// MaxGap is how late the sweeper may be at its own socket before it doubts what
// it did not hear. A busy machine delays it by a few milliseconds; a stopped
// process, a migrated guest or a used-up CPU quota by far more.
const MaxGap = 50 * time.Millisecond

// Errors in Echo.Err beside those of the kernel and the cause of the context's
// end. Trying again cures none of them.
var (
	ErrClosed   = errors.New("the sweeper is closed")
	ErrAddress  = errors.New("not an address that can be asked")
	ErrTooMany  = errors.New("more addresses than fit in one question")
	errNoFamily = errors.New("this machine has no such address family")
)
