package sweep

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendBatch is how many echoes one system call sends. Eight take most of what
// there is to gain; far more would blur the send times between them.
const sendBatch = 32

// item is one echo in an outbox.
type item struct {
	ask   *ask
	index int
}

// outbox is a batch on its way to the kernel.
type outbox struct {
	messages [sendBatch]unix.Mmsghdr
	vectors  [sendBatch]unix.Iovec
	names    [sendBatch]unix.RawSockaddrInet6
	data     [sendBatch][echoBytes]byte
	marks    [sendBatch]mark
	items    [sendBatch]item

	n, done int
	stuck   int64 // since when the device takes nothing; 0 while it does
}

// connect ties the batch's parts together, once.
func (o *outbox) connect() {
	for i := range o.messages {
		o.vectors[i].Base = &o.data[i][0]
		o.vectors[i].SetLen(echoBytes)
		m := &o.messages[i].Hdr
		m.Name = (*byte)(unsafe.Pointer(&o.names[i]))
		m.Iov = &o.vectors[i]
		m.SetIovlen(1)
	}
}

func (o *outbox) empty() bool { return o.done == o.n }
func (o *outbox) full() bool  { return o.n == sendBatch || o.stuck != 0 }

// put adds an echo. The box must not be full.
func (s *socket) put(it item, k key, audited bool) {
	o := &s.out
	i := o.n
	o.n++
	o.items[i] = it
	o.messages[i].Hdr.Namelen = putAddress(&o.names[i], it.ask.to[it.index].Unmap())
	s.form.write(o.data[i][:], s.identifier, k, ident{it.ask.number, it.index})
	o.messages[i].Hdr.Control = nil
	o.messages[i].Hdr.SetControllen(0)
	if audited {
		o.messages[i].Hdr.Control = o.marks[i].ask()
		o.messages[i].Hdr.SetControllen(markBytes)
	}
}

const (
	maxStuck  = 250 * time.Millisecond // until a device that takes nothing is given up
	maxRetry  = 8                      // of one echo that got an error which may be another's
	maxHonest = 2 * time.Millisecond   // that sending a batch takes when nobody interrupts it
)

// flush sends what is in the box, until the kernel has no room.
func (l *loop) flush(s *socket) {
	o, retries := &s.out, 0
	for !o.empty() {
		before := l.ear.time()
		sent, errno := sendmmsg(s.fd, o.messages[o.done:o.n])
		if sent > 0 {
			l.book(o, sent, before, l.ear.time())
			o.stuck, retries = 0, 0
			continue
		}
		switch {
		case errno == unix.EINTR:
		case isOurs(errno):
			l.holdBack(o, errno)
			return
		case retries < maxRetry && s.form.kind == datagram:
			// Linux reports the ICMP error of an earlier echo to whoever sends next.
			retries++
			l.readErrors(s)
		default:
			l.cannotSend(o, errno)
			retries = 0
		}
	}
	o.n, o.done, o.stuck = 0, 0, 0
}

// isOurs tells a lack of room on this machine from what is said of an address.
func isOurs(errno syscall.Errno) bool {
	return errno == unix.EAGAIN || errno == unix.ENOBUFS || errno == unix.ENOMEM
}

// book notes when each of the next n echoes left: the kernel takes them one
// after the other at an even pace. Their time to answer begins only now.
func (l *loop) book(o *outbox, n int, before, after int64) {
	took := after - before
	if took > int64(maxHonest) { // somebody interrupted; nobody knows where
		before, took = after, 0
	}
	deadline := l.ear.listened(after)
	for i := range n {
		it := &o.items[o.done+i]
		it.ask.flights[it.index] = flight{
			sent:     before + took*int64(2*i+1)/int64(2*n),
			deadline: deadline + it.ask.timeout,
		}
	}
	o.done += n
	l.stats.sent.Add(uint64(n))
}

// holdBack keeps the batch for the next turn, and gives it up when the device
// has taken nothing for long.
func (l *loop) holdBack(o *outbox, errno syscall.Errno) {
	now := l.ear.listened(l.ear.now)
	if o.stuck == 0 {
		o.stuck = now
	}
	if now-o.stuck < int64(maxStuck) {
		return
	}
	for !o.empty() {
		l.cannotSend(o, errno)
	}
	o.n, o.done, o.stuck = 0, 0, 0
}

// cannotSend settles the next echo in the box. Only a host that is said to be
// unreachable says something of the target; everything else is our own
// trouble: no route, a firewall of our own, an address that is none.
func (l *loop) cannotSend(o *outbox, errno syscall.Errno) {
	outcome := Unasked
	if errno == unix.EHOSTUNREACH {
		outcome = Unreachable
	}
	it := o.items[o.done]
	it.ask.settle(it.index, Echo{Outcome: outcome, Err: errno})
	o.done++
	l.stats.sendErrors.Add(1)
}

func sendmmsg(fd int, messages []unix.Mmsghdr) (n int, errno syscall.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])),
		uintptr(len(messages)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}
