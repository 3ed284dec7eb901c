package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spinware/piket/internal/yamlpos"
)

// benchFlags are what `bench probes` is told.
type benchFlags struct {
	targets, rounds  int
	interval, length time.Duration
	kind, server     string
}

const (
	maxBenchTargets = 1_000_000
	benchRounds     = 20               // unless told otherwise
	benchTime       = 30 * time.Second // after which even a round under way is called off, unless --for says how long
)

// benchKinds are what can be measured, and how each asks a fleet.
var benchKinds = map[string]func(context.Context, benchFlags) (fleet, error){
	"icmp":  newSweepFleet,
	"tcp":   newConnectFleet,
	"https": newConnectFleet,
}

func declareBench(c *cli) {
	var f benchFlags
	group := c.app.Command("bench", "Measure piket on this machine.")
	cmd := c.add(group, "probes", "Ask a fleet on loopback, and print rate, cost and errors.",
		func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("targets", "Addresses to ask.").Default("10000").IntVar(&f.targets)
	cmd.Flag("rounds", "How often to ask each, as fast as it goes (20, or fewer when they take long).").IntVar(&f.rounds)
	cmd.Flag("interval", "Ask each once in this time instead; needs --for.").DurationVar(&f.interval)
	cmd.Flag("for", "How long to go on; needs --interval.").DurationVar(&f.length)
	cmd.Flag("kind", "icmp, tcp or https.").Default("icmp").StringVar(&f.kind)
	cmd.Flag("server", "What bench server wrote, for tcp and https; without it a server is started.").StringVar(&f.server)

	declareBenchIntake(c, group)
	declareBenchEngine(c, group)
	declareBenchWaiting(c, group)

	var kind string
	server := c.add(group, "server", "Serve what bench probes asks, until standard input ends.",
		func(ctx context.Context, io console) error { return serveBench(ctx, kind, io) })
	server.Arg("kind", "tcp or https.").Required().EnumVar(&kind, "tcp", "https")
	server.Hidden()
}

func (f benchFlags) run(ctx context.Context, io console) error {
	if err := f.check(); err != nil {
		return err
	}
	staySmall(f.targets)
	heap := liveHeap()
	fleet, err := benchKinds[f.kind](ctx, f)
	if err != nil {
		return err
	}
	defer fleet.close()
	result, err := f.measure(ctx, fleet, heap, newProgress(io))
	if err != nil {
		return err
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(result)
	}
	return result.print(io)
}

func (f benchFlags) check() error {
	if _, ok := benchKinds[f.kind]; !ok {
		names := []string{"https", "icmp", "tcp"}
		hint := "kinds are " + strings.Join(names, ", ")
		if near, ok := yamlpos.Nearest(f.kind, names); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return withHint(fmt.Errorf("there is no benchmark of %q", f.kind), hint)
	}
	switch {
	case f.targets < 1 || f.targets > maxBenchTargets:
		return withHint(fmt.Errorf("cannot ask %d targets", f.targets), fmt.Sprintf("--targets is from 1 to %d", maxBenchTargets))
	case f.rounds < 0:
		return withHint(fmt.Errorf("cannot ask %d rounds", f.rounds), "leave --rounds out, or give 1 or more")
	case f.interval < 0 || f.length < 0 || (f.interval == 0) != (f.length == 0):
		return withHint(errors.New("--interval and --for belong together"), "for example --interval 10s --for 10m")
	case f.interval > 0 && f.rounds > 0:
		return withHint(errors.New("--rounds says how often and --for how long"), "leave one of them out")
	case f.length < f.interval:
		return withHint(fmt.Errorf("no round of %v fits in %v", f.interval, f.length), "make --for longer than --interval")
	case f.server != "" && f.kind == "icmp":
		return withHint(errors.New("an echo needs no server"), "leave --server out")
	}
	return nil
}

// benchResult is what is printed. The first nine keys are a promise to scripts.
type benchResult struct {
	Targets        int      `json:"targets"`
	Rounds         int      `json:"rounds"`
	RatePerSecond  float64  `json:"rate_per_second"`
	CPUMicros      float64  `json:"cpu_us_per_probe"` // user and system, of this process
	BytesPerTarget float64  `json:"bytes_per_target"` // live on the heap while a round is under way
	Lost           int      `json:"lost"`             // answers that never came
	FalseDown      int      `json:"false_down"`       // targets that were called down; all are up
	RTTErrorP50    *float64 `json:"rtt_error_us_p50"` // against the kernel's own stamps; null where there are none
	RTTErrorP99    *float64 `json:"rtt_error_us_p99"`

	Kind        string  `json:"kind"`
	Unknown     int     `json:"unknown"`      // answers that say nothing, for our own trouble
	Asked       int     `json:"asked"`        // less than targets times rounds if the last round was called off
	RSSBytes    int64   `json:"rss_bytes"`    // at its highest
	CorePercent float64 `json:"core_percent"` // of one core, over the whole time
	LateMillis  float64 `json:"late_round_ms_max"`
	AwayMillis  float64 `json:"away_ms"` // for which this machine did not let piket run, while echoes were on their way
	Sockets     string  `json:"sockets,omitempty"`
}

func (r benchResult) print(io console) error {
	micros := func(v *float64) string {
		if v == nil {
			return "not measured"
		}
		return fmt.Sprintf("%.1f µs", *v)
	}
	rows := [][2]string{
		{"targets", fmt.Sprintf("%d × %s", r.Rounds, count(r.Targets, "target", "targets"))},
		{"asked", fmt.Sprintf("%d times, %.0f per second", r.Asked, r.RatePerSecond)},
		{"CPU", fmt.Sprintf("%.1f µs per probe, %.0f %% of one core", r.CPUMicros, r.CorePercent)},
		{"memory", fmt.Sprintf("%.0f bytes per target, %d MB resident at most", r.BytesPerTarget, r.RSSBytes>>20)},
		{"lost", fmt.Sprintf("%d answers; %d said nothing", r.Lost, r.Unknown)},
		{"falsely down", fmt.Sprint(r.FalseDown)},
		{"error of the RTT", micros(r.RTTErrorP50) + " in the median, " + micros(r.RTTErrorP99) + " at p99"},
		{"latest round", fmt.Sprintf("%.0f ms late; piket itself stood still for %.0f ms", r.LateMillis, r.AwayMillis)},
	}
	if r.Sockets != "" {
		rows = append(rows, [2]string{"sockets", r.Sockets})
	}
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s probes\n", r.Kind)
	for _, row := range rows {
		fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
	}
	return table.Flush()
}

// percentile returns the value below which a share of values lies, nil of none.
func percentile(values []time.Duration, share float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	v := float64(values[int(share*float64(len(values)-1))]) / float64(time.Microsecond)
	return &v
}
