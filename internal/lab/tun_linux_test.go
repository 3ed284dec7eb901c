package lab

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/probes/sweep"
)

var (
	rack4 = netip.MustParsePrefix("198.51.100.0/24")
	rack6 = netip.MustParsePrefix("2001:db8::/64")
)

// patience is how long an echo may take before it counts as silence: on a busy
// machine a pretend network can be late.
const patience = 2 * time.Second

// network opens a TUN with both racks and a sweeper beside it, in a namespace of
// their own.
func network(t *testing.T) (*TUN, *sweep.Sweeper) {
	t.Helper()
	var tun *TUN
	var s *sweep.Sweeper
	err := InNamespace(func() (err error) {
		if tun, err = OpenTUN(rack4, rack6); err != nil {
			return err
		}
		s, err = sweep.Open(sweep.Options{})
		return err
	})
	if (errors.Is(err, os.ErrPermission) || errors.Is(err, ErrNoTUN)) && os.Getenv("PIKET_REQUIRE_PEERS") != "1" {
		t.Skipf("this machine lets nobody make a network: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		tun.Close()
	})
	return tun, s
}

// hosts returns n addresses of a prefix, after this machine's own.
func hosts(prefix netip.Prefix, n int) []netip.Addr {
	to := make([]netip.Addr, n)
	next := prefix.Addr().Next()
	for i := range to {
		next = next.Next()
		to[i] = next
	}
	return to
}

func outcomes(s *sweep.Sweeper, to []netip.Addr) map[sweep.Outcome]int {
	counts := map[sweep.Outcome]int{}
	for _, e := range s.Ask(context.Background(), to, patience, nil) {
		counts[e.Outcome]++
	}
	return counts
}

func TestEveryAddressOfAPretendNetworkAnswersUntilItIsKilled(t *testing.T) {
	for _, rack := range []netip.Prefix{rack4, rack6} {
		t.Run(rack.String(), func(t *testing.T) {
			tun, s := network(t)
			all := hosts(rack, 200)
			if got := outcomes(s, all); got[sweep.Answered] != 200 {
				t.Fatalf("%v of 200, want all answered", got)
			}
			tun.Kill(all[7])
			if got := outcomes(s, all); got[sweep.Answered] != 199 || got[sweep.Silent] != 1 {
				t.Errorf("with one killed: %v", got)
			}
			if at, ok := tun.Missed(all[7]); !ok || time.Since(at) > 10*time.Second {
				t.Errorf("the first swallowed echo was at %v (%v)", at, ok)
			}
			if _, ok := tun.Missed(all[8]); ok {
				t.Error("an echo to a living address counts as swallowed")
			}
			tun.Revive(all[7])
			tun.KillAll(netip.PrefixFrom(all[0], rack.Addr().BitLen()-2)) // .0 to .3, of which two are hosts
			if got := outcomes(s, all); got[sweep.Answered] != 198 || got[sweep.Silent] != 2 {
				t.Errorf("with a small prefix killed: %v", got)
			}
			tun.Refuse(all[9])
			if got := outcomes(s, all); got[sweep.Unreachable] != 1 {
				t.Errorf("with one refused: %v", got)
			}
			tun.ReviveAll()
			if got := outcomes(s, all); got[sweep.Answered] != 200 {
				t.Errorf("all revived: %v", got)
			}
		})
	}
}

func TestDelayIsTheRoundTrip(t *testing.T) {
	tun, s := network(t)
	const delay = 30 * time.Millisecond
	tun.Delay(delay)
	echoes := s.Ask(context.Background(), hosts(rack4, 50), 10*time.Second, nil)
	slices.SortFunc(echoes, func(a, b sweep.Echo) int { return cmp.Compare(a.RTT, b.RTT) })
	if median := echoes[25].RTT; echoes[0].Outcome != sweep.Answered || median < delay-2*time.Millisecond || median > 2*delay {
		t.Errorf("the median is %v, want %v", median, delay)
	}
}

func TestWhoWatchesSeesEveryEchoAndItsFate(t *testing.T) {
	tun, s := network(t)
	all := append(hosts(rack4, 50), hosts(rack6, 50)...)
	tun.Kill(all[7])
	tun.KillAll(netip.PrefixFrom(all[60], 128))
	var mu sync.Mutex
	asked, lost := map[netip.Addr]int{}, map[netip.Addr]bool{}
	tun.Watch(func(to netip.Addr, _ time.Time, gone bool) {
		mu.Lock()
		defer mu.Unlock()
		asked[to]++
		lost[to] = gone
	})
	s.Ask(context.Background(), all, patience, nil)
	mu.Lock()
	defer mu.Unlock()
	for i, address := range all {
		if dead := i == 7 || i == 60; asked[address] != 1 || lost[address] != dead {
			t.Errorf("%v: seen %d times, lost %v", address, asked[address], lost[address])
		}
	}
}

func TestLossIsTheSameForTheSameSeed(t *testing.T) {
	tun, s := network(t)
	all := hosts(rack4, 250)
	lost := func(seed uint64) map[netip.Addr]bool {
		tun.Loss(0.2, seed)
		missing := map[netip.Addr]bool{}
		for i, e := range s.Ask(context.Background(), all, patience, nil) {
			if e.Outcome != sweep.Answered {
				missing[all[i]] = true
			}
		}
		return missing
	}
	first := lost(1)
	if len(first) < 25 || len(first) > 75 {
		t.Errorf("%d of 250 lost, want about 50", len(first))
	}
	if again := lost(1); !same(first, again) {
		t.Errorf("the same seed lost others: %v, then %v", first, again)
	}
	if other := lost(2); same(first, other) {
		t.Error("another seed lost exactly the same")
	}
}

func same(a, b map[netip.Addr]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return len(a) == len(b)
}

// The pretend machines read what anybody on this machine sends into the device.
func FuzzEcho(f *testing.F) {
	v4 := append([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2}, 8, 0, 0xf7, 0xff, 0, 0, 0, 0)
	v6 := append(append([]byte{0x60, 0, 0, 0, 0, 8, 58, 64}, make([]byte, 32)...), 128, 0, 0, 0, 0, 0, 0, 0)
	f.Add(v4)
	f.Add(v6)
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > maxTUNPacket {
			return
		}
		to, ok := echoTo(packet)
		if !ok {
			return
		}
		for _, f := range []fate{answered, refused} {
			back := f.packet(packet)
			if again, ok := echoTo(back); ok {
				t.Errorf("what comes back for an echo to %v is an echo to %v", to, again)
			}
		}
		if replied := replyTo(packet); len(replied) != len(packet) {
			t.Errorf("the reply has %d bytes, the echo %d", len(replied), len(packet))
		}
	})
}
