package vantage

import (
	"context"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/probes"
)

// run lets a scheduler look for a while of its clock.
func run(t *testing.T, clk *clock.Clock, s *probes.Scheduler, long time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running <-chan struct{}
	<-clk.Go(func() { // the clock stands until this one waits, so both start together
		running = clk.Go(func() { s.Run(ctx) })
		clk.Wait(ctx, clk.Now().Add(long), nil)
		cancel()
	})
	<-running
}
