package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/spinware/piket/internal/simulate"
)

func declareSimulate(c *cli) {
	var worlds worldFlags
	cmd := c.add(c.app, "simulate", "Play worlds in which everything goes wrong, and check every promise after every step; nothing is sent anywhere.",
		func(ctx context.Context, io console) error { return worlds.play(ctx, io) })
	cmd.Flag("seeds", "How many worlds.").Default("60").IntVar(&worlds.seeds)
	cmd.Flag("seed", "Play this one alone, exactly as it was.").Uint64Var(&worlds.seed)
	cmd.Flag("first", "The first seed; the others follow it.").Default("1").Uint64Var(&worlds.first)
	cmd.Flag("hours", "Hours of virtual time in each world.").Default("24").Float64Var(&worlds.hours)
	cmd.Flag("trace", "Print everything that happens.").BoolVar(&worlds.trace)
}

// worldFlags are what `simulate` is told.
type worldFlags struct {
	seeds       int
	seed, first uint64
	hours       float64
	trace       bool
}

func (f worldFlags) play(ctx context.Context, io console) error {
	config := simulate.Config{Seeds: f.seeds, First: f.first, Hours: f.hours}
	if f.seed != 0 {
		config.Seeds, config.First = 1, f.seed
	}
	if config.Seeds < 1 || config.Hours <= 0 {
		return withHint(fmt.Errorf("%d worlds of %g hours are nothing to play", config.Seeds, config.Hours), "give --seeds and --hours above zero")
	}
	if f.trace {
		config.Trace = io.err
	}
	debug.SetGCPercent(400) // worlds are small and short: memory is cheaper than collecting it
	report, err := simulate.Run(ctx, config)
	if err != nil {
		return err
	}
	if err := printReport(io, report); err != nil {
		return err
	}
	if report.FailingSeed == nil {
		return nil
	}
	for _, line := range report.Last {
		fmt.Fprintln(io.err, line)
	}
	return withHint(fmt.Errorf("%d of %d worlds broke a promise; seed %d: %v", report.Violations, report.Seeds, *report.FailingSeed, report.Violation),
		fmt.Sprintf("piket simulate --seed %d --hours %g --trace plays it again", *report.FailingSeed, report.Hours))
}

func printReport(c console, report simulate.Report) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(report)
	}
	return writeReport(c.out, report)
}

func writeReport(out io.Writer, r simulate.Report) error {
	_, err := fmt.Fprintf(out, "%d worlds of %g hours in %.1f s: %d broke a promise\n%d incidents, %d restored, %d failed again; %d sends, %d twice; %d times asked\n",
		r.Seeds, r.Hours, r.WallSeconds, r.Violations, r.Incidents, r.Restored, r.Relapses, r.Sends, r.Doubles, r.Approvals)
	for _, kind := range slices.Sorted(maps.Keys(r.FaultKinds)) {
		if err == nil {
			_, err = fmt.Fprintf(out, "  %-20s in %d worlds\n", kind, r.FaultKinds[kind])
		}
	}
	return err
}
