package main

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store/storetest"
)

// BenchmarkFreezeReachesAllReplicas presses the button of one of three replicas
// on one PostgreSQL, and measures until all of them show it: half of the times, and
// the longest. Its op is one freeze with its thaw.
func BenchmarkFreezeReachesAllReplicas(b *testing.B) {
	url := storetest.Shared(b).Database(b)
	ctx, cancel := context.WithCancel(b.Context())
	var all []*button
	var ends []<-chan struct{}
	for range 3 {
		x, clk := pressable(b, url), clock.Real()
		all = append(all, x)
		ends = append(ends, clk.Go(func() { x.ward.Run(ctx) }), clk.Go(func() { x.run(ctx, slog.New(slog.DiscardHandler)) }))
	}
	show := func(frozen bool) {
		for slices.ContainsFunc(all, func(x *button) bool { return (x.Why() != "") != frozen }) {
			clk := clock.Real()
			clk.Wait(ctx, clk.Now().Add(2*time.Millisecond), nil)
		}
	}
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		if err := all[n%3].Freeze("noor", "drill"); err != nil {
			b.Fatal(err)
		}
		show(true)
		took = append(took, time.Since(began))
		if err := all[(n+1)%3].Thaw(""); err != nil {
			b.Fatal(err)
		}
		show(false)
	}
	cancel()
	for _, end := range ends {
		<-end
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
}
