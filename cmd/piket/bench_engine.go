package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// engineFlags are what `bench engine` is told.
type engineFlags struct {
	runs  int
	where string
}

// mendingBook is a runbook whose one remedy works at once.
const mendingBook = `runbook: bench
title: What a benchmark breaks
match: ['alertname="BenchDown"']
classify: {impact: medium, urgency: medium}
assign: bench
goal: {checks: [reachable], for: 1ms}
diagnose:
  - {id: path, check: reachable, target: site.gateway}
remedies:
  - {id: mend, ssh: [systemctl, restart, bench], verify: 1m}
`

// benchLimits let a whole pretended fleet be acted on at once: what is measured
// is the work, not the guards' patience. They are for this and nothing else.
func benchLimits() remediation.Limits {
	const none = 1 << 30
	l := remediation.DefaultLimits
	l.HoldDown, l.Cooldown = time.Nanosecond, time.Nanosecond
	l.InFlight, l.Rack, l.Customer, l.Site, l.SiteHour, l.ServerDay = none, none, none, none, none, none
	l.FleetPercent, l.Together, l.TogetherPercent, l.TogetherWithin = 100, none, 100, time.Nanosecond
	return l
}

func declareBenchEngine(c *cli, group *kingpinClause) {
	var f engineFlags
	cmd := c.add(group, "engine", "Carry many short runs from alert to restored at once, and print how many end per second.",
		func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("runs", "Servers that break, and are mended.").Default("500").IntVar(&f.runs)
	cmd.Flag("storage.url", "Directory or postgres:// URL to measure on, which it fills; a directory of its own when not given.").StringVar(&f.where)
}

// engineResult is what is printed.
type engineResult struct {
	Runs      int      `json:"runs"`
	Restored  int      `json:"restored"`
	Sends     int64    `json:"sends"`
	Events    int64    `json:"events"`
	PerSecond float64  `json:"runs_per_second"`
	EventsPS  float64  `json:"events_per_second"`
	CPUMicros float64  `json:"cpu_us_per_run"`
	RSSBytes  int64    `json:"rss_bytes"` // at its highest
	RunP50    *float64 `json:"run_us_p50"`
	RunP99    *float64 `json:"run_us_p99"`
}

func (f engineFlags) run(ctx context.Context, io console) error {
	if f.runs < 1 {
		return withHint(fmt.Errorf("cannot make %d runs", f.runs), "--runs is 1 or more")
	}
	w, err := newBenchWorld(f.where, f.runs, mendingBook)
	if err != nil {
		return err
	}
	return measured(ctx, io, w, f.measure)
}

func (r engineResult) print(io console) error {
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%d of %d runs restored\n", r.Restored, r.Runs)
	fmt.Fprintf(table, "  rate\t%.0f runs and %.0f events per second\n", r.PerSecond, r.EventsPS)
	fmt.Fprintf(table, "  sends\t%d\n  CPU\t%.0f µs per run\n  memory\t%d MB resident at most\n", r.Sends, r.CPUMicros, r.RSSBytes>>20)
	fmt.Fprintf(table, "  one run\t%.0f ms in the median, %.0f ms at p99\n", *r.RunP50/1000, *r.RunP99/1000)
	return table.Flush()
}

// engineTime bounds a benchmark whose runs do not end.
const engineTime = 5 * time.Minute

func (f engineFlags) measure(ctx context.Context, w *benchWorld) (r engineResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	wait := w.start(ctx, benchLimits())
	defer func() { cancel(); wait() }()
	before, err := w.store.Position(ctx)
	if err != nil {
		return r, err
	}
	clock := startStopwatch()
	if err := w.breakAll(ctx, "BenchDown", f.runs); err != nil {
		return r, err
	}
	if err := w.until(ctx, func() (bool, error) {
		restored, err := w.restored(ctx)
		return restored == f.runs, err
	}); err != nil {
		return r, err
	}
	took, cpu := clock.stop()
	after, err := w.store.Position(ctx)
	if err != nil {
		return r, err
	}
	r = engineResult{
		Runs: f.runs, Restored: f.runs, Sends: w.sent.Load(), Events: after - before,
		PerSecond: float64(f.runs) / took.Seconds(), EventsPS: float64(after-before) / took.Seconds(),
		CPUMicros: float64(cpu.Microseconds()) / float64(f.runs), RSSBytes: peakRSS(),
	}
	lasted, err := w.lasted(ctx)
	r.RunP50, r.RunP99 = percentile(lasted, 0.5), percentile(lasted, 0.99)
	return r, err
}

// breakAll sends an alert about each of the first servers through the door.
func (w *benchWorld) breakAll(ctx context.Context, name string, servers int) error {
	now := w.clk.Now()
	for n := 0; n < servers; n += benchBatch {
		var batch []alerts.Alert
		for i := n; i < min(n+benchBatch, servers); i++ {
			batch = append(batch, benchAlert(name, 0, benchServer(i), alerts.Firing, now))
		}
		if err := w.door.Receive(ctx, batch, 0); err != nil {
			return err
		}
	}
	return nil
}

// restored counts the incidents whose service is back.
func (w *benchWorld) restored(ctx context.Context) (n int, err error) {
	counts, err := w.store.Count(ctx)
	for by, some := range counts {
		if by.Status == incident.BackInService {
			n += some
		}
	}
	return n, err
}

// until waits until done says so. It asks seldom and cheaply: what is measured
// is not the measuring.
func (w *benchWorld) until(ctx context.Context, done func() (bool, error)) error {
	const between = 50 * time.Millisecond
	for {
		ended, err := done()
		if ended || err != nil && ctx.Err() == nil {
			return err
		}
		waitUntil(ctx, time.Now().Add(between))
		if ctx.Err() != nil {
			restored, _ := w.restored(context.WithoutCancel(ctx))
			return fmt.Errorf("the runs do not end: %d restored, %d sends", restored, w.sent.Load())
		}
	}
}

// lasted lists how long each restored incident was open.
func (w *benchWorld) lasted(ctx context.Context) (all []time.Duration, err error) {
	list, err := w.store.List(ctx, store.Filter{Limit: maxBenchTargets})
	for _, m := range list {
		inc, err := w.store.Load(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, inc.RestoredAt.Sub(inc.OpenedAt))
	}
	return all, err
}
