package sweep

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spinware/piket/internal/lab"
)

func TestNothingIsLostAtFiftyThousand(t *testing.T) {
	const n = 50_000
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Rate: -1, kind: kind})
			expect(t, s.Ask(context.Background(), addresses(n), time.Second, nil), Answered)
			if stats := s.Stats(); stats.Sent != n || stats.Received != n || stats.Dropped != 0 {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

func TestTheSilentAreSilentAndTheRefusedUnreachable(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			s, tun := openNetwork(t, Options{kind: kind})
			to := append(hosts(rack4, 1000), hosts(rack6, 300)...)
			want := make([]Outcome, len(to))
			for i, address := range to {
				switch want[i] = Answered; {
				case i%7 == 3:
					want[i] = Silent
					tun.Kill(address)
				case i%11 == 5:
					want[i] = Unreachable
					tun.Refuse(address)
				}
			}
			echoes := trusted(t, func() []Echo { return s.Ask(context.Background(), to, 500*time.Millisecond, nil) })
			for i, e := range echoes {
				if e.Outcome != want[i] {
					t.Fatalf("%v is %v (%v), want %v", to[i], e.Outcome, e.Err, want[i])
				}
				if (e.Err != nil) != (e.Outcome == Unreachable) || (e.RTT > 0 && e.Outcome != Answered) {
					t.Fatalf("%v: %+v", to[i], e)
				}
			}
		})
	}
}

func TestRoundTripIsTheNetworksAndNotTheLoops(t *testing.T) {
	s, tun := openNetwork(t, Options{})
	tun.Delay(20 * time.Millisecond)
	echoes := trusted(t, func() []Echo {
		return s.Ask(context.Background(), append(hosts(rack4, 200), hosts(rack6, 200)...), 5*time.Second, nil)
	})
	expect(t, echoes, Answered)
	slices.SortFunc(echoes, func(a, b Echo) int { return cmp.Compare(a.RTT, b.RTT) })
	// A busy machine makes the pretend network slow, and so some true times long.
	if median := echoes[len(echoes)/2].RTT; median < 18*time.Millisecond || median > 40*time.Millisecond {
		t.Errorf("the median is %v, want the network's 20 ms", median)
	}
}

func TestOnlyTheAddressThatWasAskedIsBelieved(t *testing.T) {
	forgeries := map[string]struct {
		change func(reply, earlier []byte)
		late   bool
	}{
		"another seal":       {change: func(reply, _ []byte) { reply[len(reply)-1] ^= 1 }},
		"another echo":       {change: func(reply, _ []byte) { reply[ipv4Bytes+headerBytes+7] ^= 1 }},
		"another source":     {change: func(reply, _ []byte) { reply[15] ^= 1 }},
		"no payload":         {change: func(reply, _ []byte) { clear(reply[ipv4Bytes+headerBytes:]) }},
		"an earlier payload": {change: func(reply, earlier []byte) { copy(reply[ipv4Bytes+headerBytes:], earlier) }, late: true},
	}
	for name, kind := range kinds {
		for what, forgery := range forgeries {
			t.Run(name+"/"+what, func(t *testing.T) {
				s, p := openPuppet(t, Options{kind: kind})
				to := []netip.Addr{netip.MustParseAddr("127.1.2.3")}
				answers := make(chan []Echo, 2)
				ask := func(limit time.Duration) { answers <- s.Ask(context.Background(), to, limit, nil) }

				go ask(10 * time.Second)
				first := p.hear(t)
				p.answer(t, first, nil)
				expect(t, <-answers, Answered)

				forged := 0
				answer := trusted(t, func() []Echo {
					forged++
					go ask(200 * time.Millisecond)
					second := p.hear(t)
					p.answer(t, second, func(reply []byte) { forgery.change(reply, first[ipv4Bytes+headerBytes:]) })
					return <-answers
				})
				expect(t, answer, Silent)
				stats := s.Stats()
				if (stats.Late == uint64(forged)) != forgery.late || (stats.Strangers >= 1) == forgery.late {
					t.Errorf("%d forgeries are counted as %+v", forged, stats)
				}
			})
		}
	}
}

func TestWhatComesTwiceOrTooLateCountsAsLate(t *testing.T) {
	s, p := openPuppet(t, Options{})
	var echo []byte
	expect(t, trusted(t, func() []Echo {
		answers := make(chan []Echo, 1)
		go func() {
			answers <- s.Ask(context.Background(), []netip.Addr{netip.MustParseAddr("127.1.2.3")}, 50*time.Millisecond, nil)
		}()
		echo = p.hear(t)
		return <-answers
	}), Silent)
	p.answer(t, echo, nil)
	p.answer(t, echo, nil)
	soon(t, "the count of two late replies", func() bool { return s.Stats().Late == 2 })
}

func TestManyMayAskAtOnce(t *testing.T) {
	s := open(t, Options{Rate: -1})
	all := addresses(20_000)
	var asking sync.WaitGroup
	for i := range 100 {
		asking.Go(func() {
			var echoes []Echo
			for range 5 {
				echoes = s.Ask(context.Background(), all[i*200:(i+1)*200], 5*time.Second, echoes)
				expect(t, echoes, Answered)
			}
		})
	}
	asking.Wait()
	if stats := s.Stats(); stats.Received != 100_000 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestAQuickQuestionDoesNotWaitForALongOne(t *testing.T) {
	s := open(t, Options{Rate: 1000})
	ctx, cancel := context.WithCancel(context.Background())
	long := make(chan []Echo, 1)
	go func() { long <- s.Ask(ctx, addresses(60_000), time.Second, nil) }()
	soon(t, "the long question's first echo", func() bool { return s.Stats().Sent > 0 })
	expect(t, s.Ask(context.Background(), addresses(3), time.Second, nil), Answered)
	if sent := s.Stats().Sent; sent > 30_000 {
		t.Errorf("%d of the long question's were sent before the quick one was answered", sent)
	}
	cancel()
	<-long
}

func TestRateIsKept(t *testing.T) {
	s := open(t, Options{Rate: 5000})
	began := time.Now()
	expect(t, s.Ask(context.Background(), addresses(1000), time.Second, nil), Answered)
	if took := time.Since(began); took < 180*time.Millisecond {
		t.Errorf("1,000 at 5,000/s took %v", took)
	}
}

func TestWhoeverLeavesGetsWhatIsKnownSoFar(t *testing.T) {
	s, p := openPuppet(t, Options{})
	because := errors.New("the round is over")
	ctx, cancel := context.WithCancelCause(context.Background())
	answers := make(chan []Echo, 1)
	go func() { answers <- s.Ask(ctx, addresses(2), time.Hour, nil) }()
	p.answer(t, p.hear(t), nil)
	soon(t, "the first answer", func() bool { return s.Stats().Received == 1 })
	cancel(because)
	echoes := <-answers
	if echoes[0].Outcome != Answered || echoes[1].Outcome != Unasked || !errors.Is(echoes[1].Err, because) {
		t.Errorf("got %+v", echoes)
	}
	expect(t, s.Ask(ctx, addresses(2), time.Hour, echoes), Unasked)
}

func TestCloseEndsEveryQuestion(t *testing.T) {
	s, p := openPuppet(t, Options{})
	answers := make(chan []Echo, 1)
	go func() { answers <- s.Ask(context.Background(), addresses(1), time.Hour, nil) }()
	p.hear(t)
	s.Close()
	for _, echoes := range [][]Echo{<-answers, s.Ask(context.Background(), addresses(1), time.Hour, nil)} {
		if e := echoes[0]; e.Outcome != Unasked || !errors.Is(e.Err, ErrClosed) {
			t.Errorf("after Close: %+v", e)
		}
	}
	s.Close()
}

func TestWhatCannotBeAskedIsUnasked(t *testing.T) {
	s := open(t, Options{})
	wrong := map[string]error{
		"192.0.2.1":  unix.ENETUNREACH, // there is no route
		"0.0.0.0":    ErrAddress,
		"::":         ErrAddress,
		"fe80::1%lo": ErrAddress,
	}
	for text, want := range wrong {
		echoes := s.Ask(context.Background(), []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr(text), {}}, time.Second, nil)
		if echoes[0].Outcome != Answered || echoes[1].Outcome != Unasked || echoes[2].Outcome != Unasked {
			t.Errorf("%s between loopback and no address at all: %v", text, echoes)
		}
		if !errors.Is(echoes[1].Err, want) {
			t.Errorf("%s is unasked because of %v, want %v", text, echoes[1].Err, want)
		}
	}
	if got := s.Ask(context.Background(), nil, time.Second, nil); len(got) != 0 {
		t.Errorf("nothing asked, and %v answered", got)
	}
}

func TestIPv6OnLoopbackAndMappedAddresses(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{kind: kind})
			to := []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("::ffff:127.0.0.9"), netip.MustParseAddr("127.0.0.9")}
			expect(t, s.Ask(context.Background(), to, time.Second, nil), Answered)
		})
	}
}

func TestRawSocketsServeWhereDatagramOnesAreForbidden(t *testing.T) {
	var s *Sweeper
	inside(t, func() (err error) {
		if err = lab.AllowPing(false); err == nil {
			s, err = Open(Options{})
		}
		return err
	})
	defer s.Close()
	if got := s.Sockets(); got != "IPv4 raw, IPv6 raw" {
		t.Errorf("sockets are %s", got)
	}
	expect(t, s.Ask(context.Background(), addresses(10), time.Second, nil), Answered)
}

func TestWithoutLeaveTheErrorSaysHowToGiveIt(t *testing.T) {
	refused := make(chan error, 1)
	inside(t, func() error {
		if err := lab.AllowPing(false); err != nil {
			return err
		}
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil { // of this thread, which ends with this function
			return err
		}
		_, err := Open(Options{})
		refused <- err
		return nil
	})
	err := <-refused
	if err == nil || !strings.Contains(err.Error(), howToAllow) || !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestAFamilyThatIsOffIsOurTroubleAndNotTheTargets(t *testing.T) {
	var s *Sweeper
	inside(t, func() (err error) {
		if err = os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0o600); err == nil {
			s, err = Open(Options{})
		}
		return err
	})
	defer s.Close()
	echoes := s.Ask(context.Background(), append(hosts(rack6, 3), netip.IPv6Loopback()), 100*time.Millisecond, nil)
	expect(t, echoes, Unasked)
}

func TestIdleCostsNothing(t *testing.T) {
	var turns atomic.Int64
	s := open(t, Options{beside: func() { turns.Add(1) }})
	expect(t, s.Ask(context.Background(), addresses(10), time.Second, nil), Answered)
	before := turns.Load()
	<-time.After(200 * time.Millisecond)
	if after := turns.Load(); after > before+1 {
		t.Errorf("the loop turned %d times with nothing to do", after-before)
	}
}

func TestMeasuredRoundTripAgreesWithTheKernels(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			var told, close int
			s := open(t, Options{kind: kind, AuditEvery: 10, Audit: func(measured, kernel time.Duration) {
				told++
				if (measured - kernel).Abs() < 200*time.Microsecond {
					close++
				}
			}})
			expect(t, s.Ask(context.Background(), addresses(5000), time.Second, nil), Answered)
			s.Close() // nothing is told from here on
			if told < 450 || close < told/2 {
				t.Errorf("of 5,000 were %d audited, want 500, and %d within 200 µs", told, close)
			}
		})
	}
}
