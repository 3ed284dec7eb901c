package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/probes"
)

// fleet asks many targets once, all of which are well.
type fleet interface {
	// round asks each target once and hands the answers to the verdicts. When
	// ctx ends it ends too, without an error; who was not asked has no answer.
	round(ctx context.Context, v *verdicts) error
	// begun reports whether answers of the present round are under way.
	begun() bool
	// note adds to the result what only this kind of fleet knows.
	note(r *benchResult)
	// close frees everything. It may be called twice.
	close()
}

// verdicts counts what the answers say, and what is made of them.
type verdicts struct {
	targets                         int
	asked, lost, unknown, falseDown int

	limits  probes.Limits
	healths []probes.Health // where no scheduler keeps them
}

func newVerdicts(targets int) *verdicts {
	return &verdicts{
		targets: targets,
		limits:  probes.Limits{Failures: probes.DefaultFailures, Successes: probes.DefaultSuccesses},
	}
}

// heard counts one answer.
func (v *verdicts) heard(answer probes.State) {
	v.asked++
	switch answer {
	case probes.Down:
		v.lost++
	case probes.Unknown:
		v.unknown++
	}
}

// judge counts one answer and what it means for its target.
func (v *verdicts) judge(index int, answer probes.State) {
	v.heard(answer)
	if v.healths == nil {
		v.healths = make([]probes.Health, v.targets)
	}
	var turned bool
	v.healths[index], turned = v.limits.Next(v.healths[index], answer, time.Now())
	if turned && v.healths[index].Alarm {
		v.falseDown++
	}
}

// measure runs the rounds and says what they cost.
func (f benchFlags) measure(ctx context.Context, fl fleet, heap int64, bar *progress) (benchResult, error) {
	defer bar.clear()
	v := newVerdicts(f.targets)
	clock := startStopwatch()
	rounds, late, err := f.rounded(ctx, bar, func(ctx context.Context) error { return fl.round(ctx, v) })
	if err != nil {
		return benchResult{}, err
	}
	took, cpu := clock.stop()
	asked := float64(v.asked)
	r := benchResult{
		Targets: f.targets, Rounds: rounds, Kind: f.kind, Asked: v.asked,
		RatePerSecond: asked / took.Seconds(),
		CPUMicros:     float64(cpu.Microseconds()) / asked,
		CorePercent:   100 * cpu.Seconds() / took.Seconds(),
		Lost:          v.lost, Unknown: v.unknown, FalseDown: v.falseDown,
		LateMillis: float64(late.Microseconds()) / 1000,
	}
	if r.BytesPerTarget, err = heapInARound(ctx, fl, v, heap); err != nil {
		return benchResult{}, err
	}
	r.RSSBytes = peakRSS()
	fl.close()
	fl.note(&r)
	return r, nil
}

// rounded calls round as often as the flags say. late is by how much the latest
// of them ran into the next one's time.
func (f benchFlags) rounded(ctx context.Context, bar *progress, round func(context.Context) error) (rounds int, late time.Duration, err error) {
	limit, within := cmp.Or(f.rounds, benchRounds), ctx
	if f.interval > 0 {
		limit = int(f.length / f.interval)
	} else {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, benchTime)
		defer cancel()
	}
	for began := time.Now(); rounds < limit && within.Err() == nil; rounds++ {
		bar.show(rounds, limit)
		due := began.Add(time.Duration(rounds) * f.interval)
		waitUntil(within, due)
		if err := round(within); err != nil {
			return rounds, late, fmt.Errorf("round %d: %w", rounds+1, err)
		}
		if f.interval > 0 {
			late = max(late, time.Since(due)-f.interval)
		}
	}
	return rounds, late, context.Cause(ctx)
}

func waitUntil(ctx context.Context, due time.Time) {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// heapInARound returns the bytes per target that are live while a round is
// under way; it calls that round off afterwards.
func heapInARound(ctx context.Context, fl fleet, v *verdicts, before int64) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	counts := *v // what is called off counts for nothing
	ended := make(chan error, 1)
	go func() { ended <- fl.round(ctx, &counts) }()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for !fl.begun() {
		select {
		case err := <-ended:
			return perTarget(before, v), err // it was too quick to be seen
		case <-tick.C:
		}
	}
	bytes := perTarget(before, v)
	cancel()
	return bytes, <-ended
}

func perTarget(before int64, v *verdicts) float64 {
	after := liveHeap()
	return float64(max(after-before, 0)) / float64(v.targets)
}
