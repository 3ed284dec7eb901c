package sweep

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	receiveBatch = 64  // packets one system call reads: twice what one sends, so that one call empties the socket
	packetBytes  = 256 // an error with the longest IP headers that quotes the longest is 156 long
	controlBytes = 192 // a timestamp, an error with its sender, three timestamps
	maxDrain     = 64  // batches in one turn; a flood must not keep the loop from everything else
)

// inbox is a batch on its way from the kernel.
type inbox struct {
	messages [receiveBatch]unix.Mmsghdr
	vectors  [receiveBatch]unix.Iovec
	names    [receiveBatch]unix.RawSockaddrInet6
	data     [receiveBatch][packetBytes]byte
	control  [receiveBatch][controlBytes]byte
}

func (in *inbox) connect() {
	for i := range in.messages {
		in.vectors[i].Base = &in.data[i][0]
		in.vectors[i].SetLen(packetBytes)
		m := &in.messages[i].Hdr
		m.Name = (*byte)(unsafe.Pointer(&in.names[i]))
		m.Iov = &in.vectors[i]
		m.SetIovlen(1)
		m.Control = &in.control[i][0]
	}
}

// packet returns message i: its bytes and what the kernel says beside them.
func (in *inbox) packet(i int) (data, control []byte) {
	m := &in.messages[i]
	return in.data[i][:min(m.Len, packetBytes)], in.control[i][:min(m.Hdr.Controllen, controlBytes)]
}

// receive reads one batch.
func (s *socket) receive(flags uintptr) (n int, errno syscall.Errno) {
	for i := range s.in.messages {
		m := &s.in.messages[i].Hdr
		m.Namelen = unix.SizeofSockaddrInet6
		m.SetControllen(controlBytes)
	}
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in.messages[0])),
		receiveBatch, unix.MSG_DONTWAIT|flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// drain reads what has arrived. If it does not come to an end, nobody can say
// what is still in there.
func (l *loop) drain(s *socket) {
	for range maxDrain {
		n, errno := s.receive(0)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != 0:
			l.readErrors(s)
			continue
		}
		now, offset := l.ear.wall()
		for i := range n {
			l.hear(s, i, now, offset)
		}
		if n < receiveBatch {
			return
		}
	}
	s.deaf = l.ear.now
}

// hear takes one packet.
func (l *loop) hear(s *socket, i int, now, offset int64) {
	data, control := s.in.packet(i)
	m, ok := s.form.read(data, l.key)
	if !ok {
		l.stats.strangers.Add(1)
		return
	}
	from := address(&s.in.names[i])
	if m.err != 0 {
		l.deliver(m.id, message{to: m.to, err: m.err}, 0)
		return
	}
	m.to = from
	arrived := now
	if stamp := stampOf(control); stamp != 0 {
		arrived = stamp - offset
		l.audit.replied(m.id, stamp)
	}
	l.deliver(m.id, m, min(arrived, now))
}

// deliver settles the echo that a packet is about. The packet must be about the
// address that was asked: whoever else has the seal has it from there.
func (l *loop) deliver(id ident, m message, arrived int64) {
	a := l.desk.find(id.number)
	if a == nil {
		l.stats.late.Add(1)
		return
	}
	if id.index >= len(a.to) || a.to[id.index].Unmap() != m.to || a.flights[id.index].sent == 0 {
		l.stats.strangers.Add(1)
		return
	}
	e := Echo{Outcome: Answered, RTT: max(0, time.Duration(arrived-a.flights[id.index].sent))}
	if m.err != 0 {
		e = Echo{Outcome: Unreachable, Err: m.err}
	}
	switch first := a.settle(id.index, e); {
	case !first:
		l.stats.late.Add(1)
	case m.err == 0:
		l.stats.received.Add(1)
		l.audit.measured(id, e.RTT)
	}
}

// readErrors empties the error queue: ICMP errors of a datagram socket, and
// the send times that an audit asked for.
func (l *loop) readErrors(s *socket) {
	for range maxDrain {
		n, errno := s.receive(unix.MSG_ERRQUEUE)
		if errno != 0 {
			return
		}
		for i := range n {
			l.hearError(s, i)
		}
		if n < receiveBatch {
			return
		}
	}
}

func (l *loop) hearError(s *socket, i int) {
	data, control := s.in.packet(i)
	if stamp := sendStampOf(control); stamp != 0 {
		if id, ok := l.key.open(data[max(0, len(data)-payloadBytes):]); ok {
			l.audit.left(id, stamp)
		}
		return
	}
	kind, code, ok := icmpErrorOf(control)
	if !ok {
		return
	}
	id, ok := s.form.readEcho(data, l.key)
	errno := s.form.refusal(kind, code)
	if !ok || errno == 0 {
		l.stats.strangers.Add(1)
		return
	}
	l.deliver(id, message{to: address(&s.in.names[i]), err: errno}, 0)
}

// What the kernel says beside a packet comes as cmsg: a header, then the data.
// It is the kernel's own, but is read as if it were not.

// controls calls found for each cmsg, until it returns true.
func controls(b []byte, found func(level, kind int32, data []byte) bool) {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		length := int(h.Len)
		if length < unix.SizeofCmsghdr || length > len(b) {
			return
		}
		if found(h.Level, h.Type, b[unix.CmsgLen(0):length]) {
			return
		}
		b = b[min(unix.CmsgSpace(length-unix.CmsgLen(0)), len(b)):]
	}
}

// stampOf returns when the kernel received the packet, in nanoseconds since
// 1970, or 0.
func stampOf(control []byte) (at int64) {
	controls(control, func(level, kind int32, data []byte) bool {
		if level != unix.SOL_SOCKET || kind != unix.SO_TIMESTAMPNS {
			return false
		}
		at = timespec(data)
		return true
	})
	return at
}

// sendStampOf returns when the kernel handed the packet to the device, or 0.
func sendStampOf(control []byte) (at int64) {
	controls(control, func(level, kind int32, data []byte) bool {
		if level != unix.SOL_SOCKET || kind != unix.SO_TIMESTAMPING {
			return false
		}
		at = timespec(data)
		return true
	})
	return at
}

func timespec(data []byte) int64 {
	if len(data) < int(unsafe.Sizeof(unix.Timespec{})) {
		return 0
	}
	return (*unix.Timespec)(unsafe.Pointer(&data[0])).Nano()
}

// Offsets in struct sock_extended_err of linux/errqueue.h, and the origins in it.
const (
	extendedOrigin, extendedType, extendedCode, extendedBytes = 4, 5, 6, 16

	originICMP, originICMPv6 = 2, 3
)

// icmpErrorOf returns the ICMP error that the kernel queued.
func icmpErrorOf(control []byte) (kind, code byte, ok bool) {
	controls(control, func(level, what int32, data []byte) bool {
		isError := level == unix.SOL_IP && what == unix.IP_RECVERR || level == unix.SOL_IPV6 && what == unix.IPV6_RECVERR
		if !isError || len(data) < extendedBytes {
			return false
		}
		kind, code = data[extendedType], data[extendedCode]
		ok = data[extendedOrigin] == originICMP || data[extendedOrigin] == originICMPv6
		return true
	})
	return kind, code, ok
}
