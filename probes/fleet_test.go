package probes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes/sweep"
)

// fleetOf is n servers in racks of forty and sites of two thousand.
func fleetOf(n int) *inventory.Inventory {
	inv := &inventory.Inventory{}
	for i := range n {
		site, rack := fmt.Sprintf("s%d", i/2000), fmt.Sprintf("s%d-r%d", i/2000, i/40)
		if i%2000 == 0 {
			inv.Sites = append(inv.Sites, inventory.Site{Name: site})
		}
		if i%40 == 0 {
			last := &inv.Sites[len(inv.Sites)-1]
			last.Racks = append(last.Racks, inventory.Rack{Name: rack})
		}
		address := netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)})
		inv.Servers = append(inv.Servers, inventory.Server{Name: fmt.Sprintf("m%06d", i), Site: site, Rack: rack, Address: address.String()})
	}
	return inv
}

// lossy answers every echo, except that a network loses some. All of it is
// seeded.
type lossy struct {
	clk    *clock.Clock
	random *rand.Rand
	loss   func(l *lossy, to netip.Addr) bool
	asked  int
	lost   int
}

func (l *lossy) sweep(_ context.Context, to []netip.Addr, _ time.Duration, _ []sweep.Echo) []sweep.Echo {
	echoes := make([]sweep.Echo, len(to))
	for i, addr := range to {
		l.asked++
		echoes[i] = sweep.Echo{Outcome: sweep.Answered, RTT: 20 * time.Millisecond}
		if l.loss(l, addr) {
			l.lost++
			echoes[i] = sweep.Echo{Outcome: sweep.Silent}
		}
	}
	return echoes
}

// watch lets a fleet be looked at for so long, at the shipped defaults, and
// returns what was reported.
func (l *lossy) watch(t *testing.T, inv *inventory.Inventory, long time.Duration) []alerts.Alert {
	t.Helper()
	l.clk = clock.Jumping(start)
	var taken []alerts.Alert
	s := NewScheduler(Config{}, Parts{
		Clock: l.clk, Sweep: l.sweep, Inventory: func() *inventory.Inventory { return inv },
		Report: func(_ context.Context, batch []alerts.Alert) error { taken = append(taken, batch...); return nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	<-l.clk.Go(func() {
		done := l.clk.Go(func() { s.Run(ctx) })
		l.clk.Wait(ctx, start.Add(long), nil)
		cancel()
		<-done
	})
	return taken
}

// One echo in a hundred is lost by chance, for an hour, at two thousand
// servers; and the same with losses that come in bursts of half a second to a
// whole rack at once.
func TestAnHourOfLossAlarmsNobody(t *testing.T) {
	for name, loss := range map[string]func(l *lossy, to netip.Addr) bool{
		"one in a hundred": func(l *lossy, _ netip.Addr) bool { return l.random.IntN(100) == 0 },
		"bursts at a rack": func(l *lossy, to netip.Addr) bool {
			// Half a second in every 250 in which nine in ten are lost.
			slice := l.clk.Now().UnixMilli() / 500
			rack := uint64(to.As4()[2])<<8 | uint64(to.As4()[3])
			bad := rand.New(rand.NewPCG(uint64(slice), rack/40)).IntN(500) == 0
			return bad && l.random.IntN(10) != 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lossy{random: rand.New(rand.NewPCG(1, 2)), loss: loss}
			if taken := l.watch(t, fleetOf(2000), time.Hour); len(taken) > 0 {
				t.Errorf("reported %d alerts, the first is %v", len(taken), taken[0])
			}
			if l.asked < 2000*360 || l.lost < l.asked/1000 {
				t.Errorf("asked %d times, lost %d: that is no test", l.asked, l.lost)
			}
			t.Logf("asked %d times, of which %d were lost", l.asked, l.lost)
		})
	}
}

// What one loses at random does not hide what is really gone.
func TestDeadServerIsFoundAmongLosses(t *testing.T) {
	dead := netip.MustParseAddr("127.1.3.7")
	l := &lossy{random: rand.New(rand.NewPCG(3, 4))}
	l.loss = func(l *lossy, to netip.Addr) bool {
		return to == dead && l.clk.Now().Sub(start) > time.Minute || l.random.IntN(100) == 0
	}
	taken := l.watch(t, fleetOf(2000), 5*time.Minute)
	if len(taken) != 1 || taken[0].Labels["server"] != "m000775" {
		t.Fatalf("reported %v", taken)
	}
}

// BenchmarkFleetMemory prints what the scheduler keeps of each target: the
// verdict's state, when it is due, what was last said. The inventory itself is
// not counted.
func BenchmarkFleetMemory(b *testing.B) {
	inv := fleetOf(100_000)
	clk := clock.Jumping(start)
	for b.Loop() {
		before := live()
		s := NewScheduler(Config{}, Parts{
			Clock: clk, Sweep: (&lossy{}).sweep, Inventory: func() *inventory.Inventory { return inv },
			Report: func(context.Context, []alerts.Alert) error { return nil },
		})
		s.refresh()
		b.ReportMetric(float64(live()-before)/100_000, "B/target")
		runtime.KeepAlive(s)
	}
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkFleetRound prints what the scheduler itself costs for each echo of a
// fleet that is well.
func BenchmarkFleetRound(b *testing.B) {
	const targets = 50_000
	inv := fleetOf(targets)
	l := &lossy{clk: clock.Jumping(start), loss: func(*lossy, netip.Addr) bool { return false }}
	s := NewScheduler(Config{}, Parts{
		Clock: l.clk, Sweep: l.sweep, Inventory: func() *inventory.Inventory { return inv },
		Report: func(context.Context, []alerts.Alert) error { return nil },
	})
	ctx, cancel := context.WithCancel(b.Context())
	rounds := 0
	<-l.clk.Go(func() {
		done := l.clk.Go(func() { s.Run(ctx) })
		for b.Loop() {
			rounds++
			l.clk.Wait(ctx, start.Add(time.Duration(rounds)*DefaultInterval), nil)
		}
		cancel()
		<-done
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(l.asked), "ns/echo")
}
