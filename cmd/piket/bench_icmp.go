package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
)

// sweepFleet is a fleet on loopback, where every address answers. It is looked
// at by the real scheduler, on a clock that jumps: whatever the daemon does to
// say that all of them are well is part of the figure.
type sweepFleet struct {
	sweeper *sweep.Sweeper
	errors  []time.Duration // of the measured round trips; written by the sweeper until it is closed
	rounds  chan chan struct{}
	asked   atomic.Int64 // in the present round
	stop    func()

	mu       sync.Mutex
	verdicts *verdicts // of the present round
	trouble  error     // of our own, which makes the figures worthless
}

const (
	auditEvery     = 100 // echoes whose send time the kernel is asked for: it costs, and is part of the figure
	maxAuditErrors = 100_000
	benchHeadroom  = 2 // a paced round is sent in half of its interval: batches wait for their answers
)

func newSweepFleet(ctx context.Context, f benchFlags) (fleet, error) {
	fl := &sweepFleet{rounds: make(chan chan struct{})}
	rate := -1
	if f.interval > 0 {
		rate = max(1, int(benchHeadroom*float64(f.targets)/f.interval.Seconds()))
	}
	var err error
	fl.sweeper, err = sweep.Open(sweep.Options{Rate: rate, AuditEvery: auditEvery, Audit: fl.audit})
	if err != nil {
		return nil, withHint(err, "run it as root, or allow pinging as the error says")
	}
	fl.watch(ctx, benchInventory(f.targets))
	return fl, nil
}

// watch starts the scheduler. Time moves while a round is asked for, and stands
// still in between.
func (fl *sweepFleet) watch(ctx context.Context, inv *inventory.Inventory) {
	ctx, cancel := context.WithCancel(ctx)
	clk := clock.Jumping(time.Now().Truncate(probes.DefaultInterval).Add(-time.Nanosecond)) // a round begins at the first moment of an interval
	scheduler := probes.NewScheduler(probes.Config{}, probes.Parts{
		Clock: clk, Sweep: fl.ask, Inventory: func() *inventory.Inventory { return inv }, Report: fl.report,
	})
	ready := make(chan struct{})
	clk.Go(func() { <-ready })
	looked := clk.Go(func() { scheduler.Run(ctx) })
	paced := clk.Go(func() { fl.pace(ctx, clk) })
	close(ready)
	fl.stop = sync.OnceFunc(func() {
		cancel()
		<-looked
		<-paced
		fl.sweeper.Close()
	})
}

// pace lets an interval pass whenever a round is asked for.
func (fl *sweepFleet) pace(ctx context.Context, clk *clock.Clock) {
	until := clk.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case done := <-fl.rounds:
			until = until.Add(probes.DefaultInterval)
			clk.Wait(ctx, until, nil)
			close(done)
		}
	}
}

// benchInventory is servers in racks of forty on sites of two thousand.
func benchInventory(n int) *inventory.Inventory {
	inv := &inventory.Inventory{Servers: make([]inventory.Server, n)}
	var site, rack string
	for i := range n {
		if i%40 == 0 {
			site, rack = fmt.Sprintf("site%d", i/2000), fmt.Sprintf("rack%d", i/40)
		}
		if i%2000 == 0 {
			inv.Sites = append(inv.Sites, inventory.Site{Name: site})
		}
		if last := &inv.Sites[len(inv.Sites)-1]; i%40 == 0 {
			last.Racks = append(last.Racks, inventory.Rack{Name: rack})
		}
		inv.Servers[i] = inventory.Server{Name: fmt.Sprintf("m%06d", i), Site: site, Rack: rack, Address: benchAddress(i).String()}
	}
	return inv
}

// benchAddress returns the i-th address of 127.1.0.0 and above.
func benchAddress(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 127<<24|1<<16+uint32(i))
	return netip.AddrFrom4(b)
}

func (fl *sweepFleet) audit(measured, kernel time.Duration) {
	if len(fl.errors) < maxAuditErrors {
		fl.errors = append(fl.errors, (measured - kernel).Abs())
	}
}

// ask is the sweep, and counts what came of it.
func (fl *sweepFleet) ask(ctx context.Context, to []netip.Addr, timeout time.Duration, into []sweep.Echo) []sweep.Echo {
	fl.asked.Add(int64(len(to)))
	echoes := fl.sweeper.Ask(ctx, to, timeout, into)
	if ctx.Err() != nil {
		return echoes
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for i, e := range echoes {
		if e.Outcome == sweep.Unasked && fl.trouble == nil {
			fl.trouble = fmt.Errorf("send an echo to %v: %w", to[i], e.Err)
		}
		fl.verdicts.heard(stateOf(e))
	}
	return echoes
}

// report is told of alarms. All targets are well, so that each is a false one.
func (fl *sweepFleet) report(_ context.Context, batch []alerts.Alert) error {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for _, a := range batch {
		if a.Status == alerts.Firing {
			fl.verdicts.falseDown++
		}
	}
	return nil
}

func (fl *sweepFleet) round(ctx context.Context, v *verdicts) error {
	fl.asked.Store(0)
	fl.mu.Lock()
	fl.verdicts = v
	fl.mu.Unlock()
	done := make(chan struct{})
	select {
	case fl.rounds <- done:
	case <-ctx.Done():
		return nil
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.trouble
}

// stateOf says what an echo says of its target.
func stateOf(e sweep.Echo) probes.State {
	switch e.Outcome {
	case sweep.Answered:
		return probes.Up
	case sweep.Silent, sweep.Unreachable:
		return probes.Down
	}
	return probes.Unknown
}

func (fl *sweepFleet) begun() bool { return fl.asked.Load() > 0 }

func (fl *sweepFleet) note(r *benchResult) {
	r.RTTErrorP50, r.RTTErrorP99 = percentile(fl.errors, 0.5), percentile(fl.errors, 0.99)
	r.Sockets = fl.sweeper.Sockets()
}

func (fl *sweepFleet) close() { fl.stop() }
