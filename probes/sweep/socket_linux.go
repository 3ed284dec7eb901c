package sweep

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is one family's, with room for a batch in each direction.
type socket struct {
	fd         int
	form       form
	identifier uint16
	refused    error // why there is none; fd is -1 then

	dropped uint32 // as the kernel counted when last asked
	deaf    int64  // when the count was last found to have grown

	out outbox
	in  inbox
}

// howToAllow is what a person can do when the kernel grants no socket.
const howToAllow = `set sysctl net.ipv4.ping_group_range="0 2147483647" (it holds for IPv6, too), or give the program CAP_NET_RAW`

// openSockets opens what the machine has. It is an error when there is a family
// but no leave to use it, and nothing else that could be used.
func openSockets(o Options) (v4, v6 *socket, err error) {
	v4, v6 = openFamily(false, o), openFamily(true, o)
	if v4.fd >= 0 || v6.fd >= 0 {
		return v4, v6, nil
	}
	return nil, nil, fmt.Errorf("open the sweep: IPv4: %w; IPv6: %w", v4.refused, v6.refused)
}

// openFamily prefers the datagram socket: the kernel gives it nobody else's
// replies, and it needs no capability.
func openFamily(v6 bool, o Options) *socket {
	s := &socket{fd: -1, form: form{v6: v6}, identifier: uint16(rand.Uint32())}
	kinds := []kind{datagram, raw}
	if o.kind != anyKind {
		kinds = []kind{o.kind}
	}
	for _, k := range kinds {
		s.form.kind = k
		if s.fd, s.refused = s.form.open(); s.refused == nil {
			break
		}
	}
	if s.refused != nil {
		s.fd, s.refused = -1, explain(s.refused)
		return s
	}
	if err := s.configure(o); err != nil {
		unix.Close(s.fd)
		s.fd, s.refused = -1, err
		return s
	}
	s.out.connect()
	s.in.connect()
	return s
}

// describe says in a word what s is.
func (s *socket) describe() string {
	switch {
	case s.fd < 0:
		return "none"
	case s.form.kind == raw:
		return "raw"
	}
	return "datagram"
}

func (s *socket) close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
		s.fd = -1
	}
}

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		return errNoFamily
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("neither a datagram nor a raw ICMP socket is allowed: %s: %w", howToAllow, err)
	}
	return fmt.Errorf("open an ICMP socket: %w", err)
}

func (f form) open() (fd int, err error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if f.v6 {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	kind := unix.SOCK_DGRAM
	if f.kind == raw {
		kind = unix.SOCK_RAW
	}
	return unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
}

// sendBuffer is what the kernel may hold until the device takes it.
const sendBuffer = 1 << 20

func (s *socket) configure(o Options) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for the kernel's timestamps: %w", err)
	}
	size := o.ReceiveBuffer
	if size == 0 {
		size = DefaultReceiveBuffer
	}
	if err := s.buffer(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, size); err != nil {
		return fmt.Errorf("size the receive buffer: %w", err)
	}
	if err := s.buffer(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, sendBuffer); err != nil {
		return fmt.Errorf("size the send buffer: %w", err)
	}
	if o.Audit != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_SOFTWARE); err != nil {
			return fmt.Errorf("ask for the kernel's send times: %w", err)
		}
	}
	if s.form.kind == raw {
		return s.filter()
	}
	return s.wantErrors()
}

// buffer sets a size beyond the machine's maximum where that is allowed.
func (s *socket) buffer(force, plain, size int) error {
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, force, size) == nil {
		return nil
	}
	return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, plain, size)
}

// filter lets only what read understands through to a raw socket.
func (s *socket) filter() error {
	var err error
	if s.form.v6 {
		f := unix.ICMPv6Filter{}
		for i := range f.Data {
			f.Data[i] = 0xffffffff
		}
		for _, pass := range []uint{typeUnreachable6, typeExceeded6, typeReply6} {
			f.Data[pass/32] &^= 1 << (pass % 32)
		}
		err = unix.SetsockoptICMPv6Filter(s.fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &f)
	} else {
		const icmpFilter = 1 // ICMP_FILTER of linux/icmp.h: a bit for each type that is kept out
		var block uint32 = 1<<typeReply4 | 1<<typeUnreachable4 | 1<<typeExceeded4
		err = unix.SetsockoptInt(s.fd, unix.SOL_RAW, icmpFilter, int(int32(^block)))
	}
	if err != nil {
		return fmt.Errorf("filter ICMP: %w", err)
	}
	return nil
}

// wantErrors has the kernel queue ICMP errors with what they quote. A datagram
// socket gets none otherwise.
func (s *socket) wantErrors() error {
	level, option := unix.SOL_IP, unix.IP_RECVERR
	if s.form.v6 {
		level, option = unix.SOL_IPV6, unix.IPV6_RECVERR
	}
	if err := unix.SetsockoptInt(s.fd, level, option, 1); err != nil {
		return fmt.Errorf("ask for ICMP errors: %w", err)
	}
	return nil
}

// drops returns how many packets the kernel has thrown away for want of room
// since it was last asked. SO_RXQ_OVFL would tell only with the next packet.
func (s *socket) drops() uint32 {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size <= 4*unix.SK_MEMINFO_DROPS {
		return 0 // before Linux 4.12, which this program does not support otherwise either
	}
	grown := info[unix.SK_MEMINFO_DROPS] - s.dropped
	s.dropped = info[unix.SK_MEMINFO_DROPS]
	return grown
}

// The two byte orders of an address in sockaddr: its bytes stand as on the wire.

func putAddress(name *unix.RawSockaddrInet6, a netip.Addr) (size uint32) {
	if a.Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		v4.Family, v4.Addr = unix.AF_INET, a.As4()
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Addr = unix.AF_INET6, a.As16()
	return unix.SizeofSockaddrInet6
}

func address(name *unix.RawSockaddrInet6) netip.Addr {
	if name.Family == unix.AF_INET {
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	}
	return netip.AddrFrom16(name.Addr)
}
