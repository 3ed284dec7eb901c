package main

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// lastWrite bounds what is written down after the end has come.
const lastWrite = 5 * time.Second

// keepHistory writes down what the probes measured, at the end of every step
// and once more at the end of ctx. A crash loses one step of a plot and nothing
// else. Call it from a goroutine of the clock.
func (d *Daemon) keepHistory(ctx context.Context) {
	for ctx.Err() == nil {
		began := d.clk.Now()
		d.clk.Wait(ctx, began.Truncate(store.HistoryStep).Add(store.HistoryStep), nil)
		if ctx.Err() != nil {
			break
		}
		d.remember(ctx, began)
		if d.clk.Now().Truncate(time.Hour).After(began) {
			d.forget(ctx)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	d.remember(last, d.clk.Now())
}

// remember writes down what was measured since it was called before, as of the
// step in which at lies. What cannot be written is lost: incidents matter more
// on a disk that is full.
func (d *Daemon) remember(ctx context.Context, at time.Time) {
	var samples []store.Sample
	d.prober.Tallies(func(key string, t probes.Tally) {
		samples = append(samples, store.Sample{Target: key, Bucket: bucketOf(t)})
	})
	if err := d.store.Remember(ctx, at, samples); err != nil {
		d.log.Warn("plots will have a gap", "err", err)
	}
}

func (d *Daemon) forget(ctx context.Context) {
	if err := d.store.Forget(ctx); err != nil {
		d.log.Warn("old history stays", "err", err)
	}
}

func bucketOf(t probes.Tally) store.Bucket {
	b := store.Bucket{Asked: t.Asked, Lost: t.Lost, Worst: time.Duration(t.Worst) * time.Microsecond}
	if answered := t.Asked - t.Lost; answered > 0 {
		b.Mean = time.Duration(t.Sum/uint32(answered)) * time.Microsecond
	}
	return b
}
