package sweep

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// audit compares the round trip of some echoes with the kernel's own stamps.
// The kernel stamps a packet when the device takes it, and gives the stamp back
// through the error queue; only benchmarks ask for that, because it doubles
// what an echo costs.
type audit struct {
	tell  func(measured, kernel time.Duration)
	every int
	count int
	open  map[ident]sample
}

// sample is one audited echo; zero is what is not known yet.
type sample struct {
	left, replied int64 // the kernel's stamps, since 1970
	measured      time.Duration
	answered      bool
}

const (
	defaultAuditEvery = 100
	maxSamples        = 1024 // more than can be in the air; what is never answered is forgotten with the rest
)

func newAudit(o Options) audit {
	a := audit{tell: o.Audit, every: o.AuditEvery, open: map[ident]sample{}}
	if a.every <= 0 {
		a.every = defaultAuditEvery
	}
	return a
}

// picks reports whether the next echo is audited, and remembers it.
func (a *audit) picks(id ident) bool {
	if a.tell == nil {
		return false
	}
	a.count++
	if a.count%a.every != 0 {
		return false
	}
	if len(a.open) >= maxSamples {
		clear(a.open)
	}
	a.open[id] = sample{}
	return true
}

func (a *audit) left(id ident, stamp int64)    { a.note(id, func(s *sample) { s.left = stamp }) }
func (a *audit) replied(id ident, stamp int64) { a.note(id, func(s *sample) { s.replied = stamp }) }

func (a *audit) measured(id ident, rtt time.Duration) {
	a.note(id, func(s *sample) { s.measured, s.answered = rtt, true })
}

// note adds what became known, and tells when all is.
func (a *audit) note(id ident, add func(*sample)) {
	if a.tell == nil {
		return
	}
	s, ok := a.open[id]
	if !ok {
		return
	}
	add(&s)
	a.open[id] = s
	if s.left != 0 && s.replied != 0 && s.answered {
		delete(a.open, id)
		a.tell(s.measured, time.Duration(s.replied-s.left))
	}
}

// mark is the cmsg that asks for one packet's send time.
type mark struct {
	header unix.Cmsghdr
	flags  uint64 // 32 bits of it count; the rest is padding
}

const markBytes = unix.SizeofCmsghdr + 8

// ask fills the mark in and returns its first byte.
func (m *mark) ask() *byte {
	m.header.Level, m.header.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPING
	m.header.SetLen(unix.SizeofCmsghdr + 4)
	*(*uint32)(unsafe.Pointer(&m.flags)) = unix.SOF_TIMESTAMPING_TX_SOFTWARE
	return (*byte)(unsafe.Pointer(m))
}
