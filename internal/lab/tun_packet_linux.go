package lab

import (
	"encoding/binary"
	"net/netip"
)

// The parts of IP and ICMP that a pretend machine needs (RFC 791, 792, 8200
// and 4443).
const (
	header4, header6                              = 20, 40
	icmp4, icmp6                                  = 1, 58
	echo4, response4, unreachable4, hostUnknown4  = 8, 0, 3, 1
	echo6, response6, unreachable6, addressGone6  = 128, 129, 1, 3
	ttlOffset, protocolOffset, checksum4, length4 = 8, 9, 10, 2
)

// echoTo returns whom a packet asks. ok is false unless it is an echo request
// without IP options.
func echoTo(packet []byte) (to netip.Addr, ok bool) {
	switch {
	case len(packet) >= header4+8 && packet[0] == 0x45 && packet[protocolOffset] == icmp4 && packet[header4] == echo4:
		return netip.AddrFrom4([4]byte(packet[16:20])), true
	case len(packet) >= header6+8 && packet[0]>>4 == 6 && packet[6] == icmp6 && packet[header6] == echo6:
		return netip.AddrFrom16([16]byte(packet[24:40])), true
	}
	return netip.Addr{}, false
}

// replyTo returns the reply to an echo request. Both checksums over addresses
// are the same for the way back.
func replyTo(echo []byte) []byte {
	packet := append([]byte(nil), echo...)
	if packet[0]>>4 == 4 {
		swap(packet[12:16], packet[16:20])
		retype(packet[header4:], response4)
	} else {
		swap(packet[8:24], packet[24:40])
		retype(packet[header6:], response6)
	}
	return packet
}

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// retype changes an ICMP message's type and its checksum with it (RFC 1624).
func retype(message []byte, kind byte) {
	sum := uint32(^binary.BigEndian.Uint16(message[2:])) + uint32(^(uint16(message[0]) << 8)) + uint32(kind)<<8
	binary.BigEndian.PutUint16(message[2:], fold(sum))
	message[0] = kind
}

// refusalOf returns what a router says when there is no such host. The router
// has the address of the host that is not there: nobody looks.
func refusalOf(echo []byte) []byte {
	if echo[0]>>4 == 4 {
		return refusal4(echo)
	}
	return refusal6(echo)
}

func refusal4(echo []byte) []byte {
	packet := make([]byte, header4+8, header4+8+len(echo))
	packet[0], packet[ttlOffset], packet[protocolOffset] = 0x45, 64, icmp4
	binary.BigEndian.PutUint16(packet[length4:], uint16(cap(packet)))
	copy(packet[12:16], echo[16:20])
	copy(packet[16:20], echo[12:16])
	binary.BigEndian.PutUint16(packet[checksum4:], fold(sum(packet[:header4])))
	packet[header4], packet[header4+1] = unreachable4, hostUnknown4
	packet = append(packet, echo...)
	binary.BigEndian.PutUint16(packet[header4+2:], fold(sum(packet[header4:])))
	return packet
}

func refusal6(echo []byte) []byte {
	packet := make([]byte, header6+8, header6+8+len(echo))
	packet[0], packet[6], packet[7] = 6<<4, icmp6, 64
	length := uint32(8 + len(echo))
	binary.BigEndian.PutUint16(packet[4:], uint16(length))
	copy(packet[8:24], echo[24:40])
	copy(packet[24:40], echo[8:24])
	packet[header6], packet[header6+1] = unreachable6, addressGone6
	packet = append(packet, echo...)
	pseudo := sum(packet[8:40]) + length + icmp6
	binary.BigEndian.PutUint16(packet[header6+2:], fold(pseudo+sum(packet[header6:])))
	return packet
}

// sum adds up b as numbers of 16 bits.
func sum(b []byte) (total uint32) {
	for ; len(b) >= 2; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

// fold makes a checksum of a sum (RFC 1071).
func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return ^uint16(total)
}
