package sweep

import (
	"net/netip"
	"syscall"
	"testing"
)

var (
	testKey   = key{low: 0x0706050403020100, high: 0x0f0e0d0c0b0a0908}
	testIdent = ident{number: 77, index: 12_345}
	forms     = []form{{false, datagram}, {false, raw}, {true, datagram}, {true, raw}}
)

// The vector is the one for eight bytes in the appendix of the paper's
// reference code: key 00 01 … 0f, message 00 01 … 07.
func TestSealIsSipHash(t *testing.T) {
	if got := testKey.seal(0x0706050403020100); got != 0x93f5f5799a932462 {
		t.Errorf("got %#x", got)
	}
}

func TestAnIdentSurvivesTheWire(t *testing.T) {
	for _, id := range []ident{testIdent, {1, 0}, {1<<40 - 1, maxIndex}} {
		if got := identOf(id.word()); got != id {
			t.Errorf("%+v became %+v", id, got)
		}
	}
}

// reply is what a socket gives for the reply to testIdent's echo.
func (f form) reply(id ident) []byte {
	b := make([]byte, echoBytes)
	f.write(b, 1, testKey, id)
	b[0] = typeReply4
	if f.v6 {
		b[0] = typeReply6
	}
	return f.wrap(b)
}

// wrap puts an IP header where a socket gives one.
func (f form) wrap(b []byte) []byte {
	if f.v6 || f.kind != raw {
		return b
	}
	return append(header4(netip.MustParseAddr("127.0.0.1")), b...)
}

func header4(to netip.Addr) []byte {
	header := make([]byte, ipv4Bytes)
	header[0], header[9] = 0x45, protocolICMP
	copy(header[16:], to.AsSlice())
	return header
}

// refusedEcho is an ICMP error that quotes testIdent's echo to an address.
func (f form) refusedEcho(kind, code byte, to netip.Addr) []byte {
	echo := make([]byte, echoBytes)
	f.write(echo, 1, testKey, testIdent)
	quoted := header4(to)
	if f.v6 {
		quoted = make([]byte, ipv6Bytes)
		quoted[0], quoted[6] = 0x60, protocolICMPv6
		copy(quoted[24:], to.AsSlice())
	}
	b := append([]byte{kind, code, 0, 0, 0, 0, 0, 0}, quoted...)
	return f.wrap(append(b, echo...))
}

func TestRepliesAreRead(t *testing.T) {
	for _, f := range forms {
		if m, ok := f.read(f.reply(testIdent), testKey); !ok || m.id != testIdent || m.err != 0 {
			t.Errorf("%+v: got %+v, %v", f, m, ok)
		}
		if _, ok := f.read(f.reply(testIdent), key{1, 2}); ok {
			t.Errorf("%+v: a reply with another key's seal is believed", f)
		}
	}
}

func TestErrorsAreReadWithWhomTheyAreAbout(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	cases := []struct {
		v6         bool
		kind, code byte
		want       syscall.Errno // 0: it does not mean that the echo is lost
	}{
		{false, 3, 0, syscall.ENETUNREACH}, {false, 3, 1, syscall.EHOSTUNREACH}, {false, 3, 13, syscall.EHOSTUNREACH},
		{false, 3, 4, 0}, {false, 11, 0, syscall.EHOSTUNREACH}, {false, 5, 1, 0}, {false, 1, 0, 0},
		{true, 1, 0, syscall.ENETUNREACH}, {true, 1, 3, syscall.EHOSTUNREACH}, {true, 3, 0, syscall.EHOSTUNREACH},
		{true, 2, 0, 0}, {true, 11, 0, 0},
	}
	for _, c := range cases {
		f, to := form{c.v6, raw}, v4
		if c.v6 {
			to = v6
		}
		m, ok := f.read(f.refusedEcho(c.kind, c.code, to), testKey)
		if ok != (c.want != 0) || (ok && (m.err != c.want || m.to != to || m.id != testIdent)) {
			t.Errorf("%+v: got %+v, %v", c, m, ok)
		}
	}
}

func TestAnErrorThatQuotesTooLittleIsNotBelieved(t *testing.T) {
	f := form{false, raw}
	packet := f.refusedEcho(3, 1, netip.MustParseAddr("192.0.2.7"))
	if _, ok := f.read(packet[:len(packet)-payloadBytes], testKey); ok {
		t.Error("an error without the seal is believed")
	}
}

func FuzzReply(f *testing.F) {
	for i, form := range forms {
		f.Add(uint8(i), form.reply(testIdent))
		f.Add(uint8(i), form.refusedEcho(3, 1, netip.MustParseAddr("192.0.2.7")))
		f.Add(uint8(i), form.refusedEcho(1, 3, netip.MustParseAddr("2001:db8::7")))
	}
	f.Add(uint8(1), []byte{0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, which uint8, packet []byte) {
		form := forms[int(which)%len(forms)]
		m, ok := form.read(packet, testKey)
		if !ok {
			return
		}
		if m.err != 0 && !m.to.IsValid() {
			t.Errorf("an error about nobody: %+v", m)
		}
		// Only this process can seal: whatever is believed carries testKey's
		// payload somewhere.
		var payload [payloadBytes]byte
		testKey.write(payload[:], m.id)
		if !contains(packet, payload[:]) {
			t.Errorf("%+v was read out of a packet that does not hold it", m)
		}
		if _, ok := form.read(packet, key{1, 2}); ok {
			t.Error("believed with another key, too")
		}
	})
}

func contains(b, part []byte) bool {
	for ; len(b) >= len(part); b = b[1:] {
		if string(b[:len(part)]) == string(part) {
			return true
		}
	}
	return false
}

func FuzzControl(f *testing.F) {
	f.Add([]byte{24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 35, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, control []byte) {
		if stamp := stampOf(control); stamp != 0 && len(control) < 32 {
			t.Errorf("a time of %d out of %d bytes", stamp, len(control))
		}
		sendStampOf(control)
		icmpErrorOf(control)
	})
}
