package sweep

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spinware/piket/internal/lab"
)

// kinds are both kinds of socket.
var kinds = map[string]kind{"datagram": datagram, "raw": raw}

// addresses returns n of loopback's, all of which answer.
func addresses(n int) []netip.Addr {
	to := make([]netip.Addr, n)
	for i := range to {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 127<<24|1<<16|uint32(i))
		to[i] = netip.AddrFrom4(b)
	}
	return to
}

var (
	rack4 = netip.MustParsePrefix("198.18.0.0/16")
	rack6 = netip.MustParsePrefix("2001:db8::/64")
)

// hosts returns n addresses of a prefix, after the first, which is ours.
func hosts(prefix netip.Prefix, n int) []netip.Addr {
	to := make([]netip.Addr, n)
	next := prefix.Addr().Next()
	for i := range to {
		next = next.Next()
		to[i] = next
	}
	return to
}

// inside runs f in a network namespace of its own. Only there do the tests know
// what is allowed and who answers.
func inside(t testing.TB, f func() error) {
	t.Helper()
	err := lab.InNamespace(f)
	if (errors.Is(err, os.ErrPermission) || errors.Is(err, lab.ErrNoTUN)) && os.Getenv("PIKET_REQUIRE_PEERS") != "1" {
		t.Skipf("this machine lets nobody make a network: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a sweeper in a namespace where nothing but loopback is.
func open(t testing.TB, o Options) (s *Sweeper) {
	t.Helper()
	inside(t, func() (err error) {
		if err = lab.AllowPing(true); err == nil {
			s, err = Open(o)
		}
		return err
	})
	t.Cleanup(func() { s.Close() })
	return s
}

// openNetwork opens a sweeper beside a pretend network with both racks.
func openNetwork(t testing.TB, o Options) (s *Sweeper, tun *lab.TUN) {
	t.Helper()
	inside(t, func() (err error) {
		if tun, err = lab.OpenTUN(rack4, rack6); err != nil {
			return err
		}
		if err = lab.AllowPing(true); err == nil {
			s, err = Open(o)
		}
		return err
	})
	t.Cleanup(func() {
		s.Close()
		tun.Close()
	})
	return s, tun
}

// count returns how often each outcome occurs.
func count(echoes []Echo) map[Outcome]int {
	outcomes := map[Outcome]int{}
	for _, e := range echoes {
		outcomes[e.Outcome]++
	}
	return outcomes
}

// expect fails the test unless all have the outcome.
func expect(t *testing.T, echoes []Echo, want Outcome) {
	t.Helper()
	if got := count(echoes); got[want] != len(echoes) {
		t.Errorf("of %d are %v, want all %v", len(echoes), got, want)
	}
}

// patience bounds how often a question is put again.
const patience = 50

// trusted asks until no answer is doubtful, as the scheduler does: on a busy
// machine this process stands still now and then, and a sweeper that did not
// listen says so.
func trusted(t *testing.T, ask func() []Echo) (echoes []Echo) {
	t.Helper()
	for range patience {
		if echoes = ask(); count(echoes)[Doubtful] == 0 {
			return echoes
		}
	}
	t.Fatalf("doubtful %d times in a row", patience)
	return nil
}

// puppet answers echoes to loopback in the kernel's place, as the test has it.
type puppet struct{ fd int }

// openPuppet silences the kernel of a namespace and opens a sweeper there.
func openPuppet(t *testing.T, o Options) (s *Sweeper, p puppet) {
	t.Helper()
	inside(t, func() (err error) {
		if err := os.WriteFile("/proc/sys/net/ipv4/icmp_echo_ignore_all", []byte("1"), 0o600); err != nil {
			return err
		}
		if err := lab.AllowPing(true); err != nil {
			return err
		}
		if p.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(p.fd, unix.SOL_IP, unix.IP_HDRINCL, 1); err != nil {
			return err
		}
		s, err = Open(o)
		return err
	})
	t.Cleanup(func() {
		s.Close()
		unix.Close(p.fd)
	})
	return s, p
}

// hear returns the next echo request, as a whole packet.
func (p puppet) hear(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 256)
	for {
		n, _, err := unix.Recvfrom(p.fd, b, 0)
		if err == unix.EINTR { // a receive with a time limit is not begun again by itself (signal(7))
			continue
		}
		if err != nil {
			t.Fatalf("hear an echo: %v", err)
		}
		if b[ipv4Bytes] == typeEcho4 {
			return b[:n]
		}
	}
}

// answer sends the reply to an echo request, after change.
func (p puppet) answer(t *testing.T, echo []byte, change func(reply []byte)) {
	t.Helper()
	reply := append([]byte(nil), echo...)
	copy(reply[12:16], echo[16:20])
	copy(reply[16:20], echo[12:16])
	reply[ipv4Bytes] = typeReply4
	if change != nil {
		change(reply)
	}
	reply[ipv4Bytes+2], reply[ipv4Bytes+3] = 0, 0
	binary.BigEndian.PutUint16(reply[ipv4Bytes+2:], checksum(reply[ipv4Bytes:]))
	to := &unix.SockaddrInet4{Addr: [4]byte(reply[16:20])}
	if err := unix.Sendto(p.fd, reply, 0, to); err != nil {
		t.Fatalf("answer: %v", err)
	}
}

// soon fails the test unless it comes about within ten seconds.
func soon(t *testing.T, what string, came func() bool) {
	t.Helper()
	limit := time.After(10 * time.Second)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !came() {
		select {
		case <-limit:
			t.Fatalf("%s never came", what)
		case <-look.C:
		}
	}
}
