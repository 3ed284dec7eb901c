package sweep

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// kind is how a socket speaks ICMP.
type kind uint8

const (
	anyKind  kind = iota
	datagram      // the kernel writes identifier and checksum, and gives us our own replies only
	raw           // we write them, and get every reply to this machine
)

// form is what a packet looks like as a socket gives it.
type form struct {
	v6   bool
	kind kind
}

const (
	headerBytes = 8
	echoBytes   = headerBytes + payloadBytes

	ipv4Bytes = 20 // without options
	ipv6Bytes = 40

	protocolICMP   = 1
	protocolICMPv6 = 58
)

// The types of ICMP (RFC 792) and ICMPv6 (RFC 4443) that are read or written.
const (
	typeReply4, typeUnreachable4, typeEcho4, typeExceeded4 = 0, 3, 8, 11
	typeUnreachable6, typeExceeded6, typeEcho6, typeReply6 = 1, 3, 128, 129

	codeFragmentation4 = 4
)

// write makes the echo request for id in b, which has echoBytes.
func (f form) write(b []byte, identifier uint16, k key, id ident) {
	b[0], b[1], b[2], b[3] = typeEcho4, 0, 0, 0
	if f.v6 {
		b[0] = typeEcho6
	}
	binary.BigEndian.PutUint16(b[4:], identifier)
	binary.BigEndian.PutUint16(b[6:], uint16(id.index))
	k.write(b[headerBytes:], id)
	if !f.v6 && f.kind == raw { // all others are the kernel's work
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
}

// checksum is that of RFC 1071, over an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// message is what an arrived packet says about an echo of ours.
type message struct {
	id  ident
	err syscall.Errno // 0 for a reply, otherwise why the echo cannot be delivered
	to  netip.Addr    // for an error: whom the quoted echo was for
}

// read understands one packet. ok is false for whatever is not a reply to an
// echo sealed with k, nor an error that quotes one.
func (f form) read(b []byte, k key) (m message, ok bool) {
	if !f.v6 && f.kind == raw {
		if b, ok = skipIPv4(b); !ok {
			return message{}, false
		}
	}
	if len(b) < echoBytes {
		return message{}, false
	}
	if f.isReply(b[0]) {
		m.id, ok = k.open(b[headerBytes:])
		return m, ok
	}
	m.err = f.refusal(b[0], b[1])
	if m.err == 0 {
		return message{}, false
	}
	echo, to, ok := f.quoted(b[headerBytes:])
	if !ok {
		return message{}, false
	}
	m.to = to
	m.id, ok = f.readEcho(echo, k)
	return m, ok
}

func (f form) isReply(kind byte) bool {
	return f.v6 && kind == typeReply6 || !f.v6 && kind == typeReply4
}

// refusal returns what the kernel would make of an ICMP error, or 0 when the
// message is none or does not mean that the echo is lost.
func (f form) refusal(kind, code byte) syscall.Errno {
	switch {
	case f.v6 && kind != typeUnreachable6 && kind != typeExceeded6:
		return 0
	case !f.v6 && kind != typeUnreachable4 && kind != typeExceeded4:
		return 0
	case !f.v6 && kind == typeUnreachable4 && code == codeFragmentation4:
		return 0
	case kind == typeUnreachable4 && !f.v6 && code == 0, kind == typeUnreachable6 && f.v6 && code == 0:
		return syscall.ENETUNREACH
	}
	return syscall.EHOSTUNREACH
}

// quoted finds the echo inside the packet that an error quotes. Routers that
// quote only its first eight bytes leave out the seal, and are not believed.
func (f form) quoted(b []byte) (echo []byte, to netip.Addr, ok bool) {
	if f.v6 {
		if len(b) < ipv6Bytes || b[0]>>4 != 6 || b[6] != protocolICMPv6 {
			return nil, netip.Addr{}, false
		}
		return b[ipv6Bytes:], netip.AddrFrom16([16]byte(b[24:40])), true
	}
	echo, ok = skipIPv4(b)
	if !ok {
		return nil, netip.Addr{}, false
	}
	return echo, netip.AddrFrom4([4]byte(b[16:20])), true
}

// readEcho reads one of our own requests.
func (f form) readEcho(b []byte, k key) (ident, bool) {
	if len(b) < echoBytes || (f.v6 && b[0] != typeEcho6) || (!f.v6 && b[0] != typeEcho4) {
		return ident{}, false
	}
	return k.open(b[headerBytes:])
}

func skipIPv4(b []byte) (rest []byte, ok bool) {
	if len(b) < ipv4Bytes || b[0]>>4 != 4 || b[9] != protocolICMP {
		return nil, false
	}
	length := int(b[0]&0x0f) * 4
	if length < ipv4Bytes || length > len(b) {
		return nil, false
	}
	return b[length:], true
}
