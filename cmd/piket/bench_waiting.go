package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// waitingFlags are what `bench waiting` is told.
type waitingFlags struct {
	incidents, answers int
	idle               time.Duration
}

// askingBook is a runbook whose one remedy a person is asked about.
var askingBook = strings.Replace(mendingBook, "verify: 1m}",
	"verify: 1m, approve: {by: on-duty, within: 24h, otherwise: escalate}}", 1)

func declareBenchWaiting(c *cli, group *kingpinClause) {
	var f waitingFlags
	cmd := c.add(group, "waiting", "Have many incidents wait for people, and print what that costs and how soon an answer is acted on.",
		func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("incidents", "Incidents that wait.").Default("10000").IntVar(&f.incidents)
	cmd.Flag("answers", "Approvals to give, one after the other.").Default("100").IntVar(&f.answers)
	cmd.Flag("idle", "How long to watch them wait.").Default("30s").DurationVar(&f.idle)
}

// waitingResult is what is printed.
type waitingResult struct {
	Incidents     int      `json:"incidents"`
	RSSBytes      int64    `json:"rss_bytes"` // while they wait
	HeapBytes     int64    `json:"heap_bytes"`
	CorePercent   float64  `json:"core_percent"` // of one core, while they wait
	Visits        int      `json:"visits"`       // by the engine, while they wait
	LateMillis    float64  `json:"late_ms_max"`  // of a due step behind the others
	Answers       int      `json:"answers"`
	AnswerP50     *float64 `json:"answer_us_p50"` // from a yes to the intent on the timeline
	AnswerP99     *float64 `json:"answer_us_p99"`
	RestartMillis float64  `json:"restart_ms"` // from opening the store to the first incident looked at
	AgainMillis   float64  `json:"again_ms"`   // to every one of them

	idle time.Duration // how long they were watched
}

func (f waitingFlags) run(ctx context.Context, io console) error {
	if f.incidents < 1 || f.answers < 0 || f.answers > f.incidents {
		return withHint(fmt.Errorf("cannot give %d answers to %d incidents", f.answers, f.incidents), "--answers is at most --incidents")
	}
	w, err := newBenchWorld("", f.incidents, askingBook)
	if err != nil {
		return err
	}
	return measured(ctx, io, w, f.measure)
}

func (r waitingResult) print(io console) error {
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s waiting for people\n", count(r.Incidents, "incident", "incidents"))
	fmt.Fprintf(table, "  memory\t%d MB resident, %d MB of it in use\n", r.RSSBytes>>20, r.HeapBytes>>20)
	fmt.Fprintf(table, "  CPU\t%.1f %% of one core, %d visits in %v\n", r.CorePercent, r.Visits, r.idle)
	fmt.Fprintf(table, "  latest due step\t%.0f ms late\n", r.LateMillis)
	if r.AnswerP50 != nil {
		fmt.Fprintf(table, "  yes to next step\t%.1f ms in the median, %.1f ms at p99\n", *r.AnswerP50/1000, *r.AnswerP99/1000)
	}
	fmt.Fprintf(table, "  after a restart\t%.0f ms to the first look, %.0f ms to the last\n", r.RestartMillis, r.AgainMillis)
	return table.Flush()
}

func (f waitingFlags) measure(ctx context.Context, w *benchWorld) (r waitingResult, err error) {
	keeper := &punctuality{promised: map[string]time.Time{}}
	w.around = keeper.around
	stop := w.startUntil(ctx)
	if err := w.breakAll(ctx, "BenchDown", f.incidents); err != nil {
		return r, err
	}
	if err := w.until(ctx, func() (bool, error) { return keeper.seen() == f.incidents && keeper.quiet(), nil }); err != nil {
		return r, err
	}
	keeper.reset()
	clock := startStopwatch()
	waitUntil(ctx, time.Now().Add(f.idle))
	took, cpu := clock.stop()
	r = waitingResult{Incidents: f.incidents, idle: f.idle, CorePercent: 100 * cpu.Seconds() / took.Seconds(), Answers: f.answers}
	r.Visits, r.LateMillis = keeper.counts()
	r.HeapBytes, r.RSSBytes = liveHeap(), residentNow()
	delays, err := f.answer(ctx, w)
	if err != nil {
		return r, err
	}
	r.AnswerP50, r.AnswerP99 = percentile(delays, 0.5), percentile(delays, 0.99)
	stop()
	w.store.Close()
	return r, f.restart(ctx, w, keeper, &r)
}

// restart opens the store again, as after a crash, with nothing remembered.
func (f waitingFlags) restart(ctx context.Context, w *benchWorld, keeper *punctuality, r *waitingResult) (err error) {
	keeper.forget()
	began := time.Now()
	if w.store, err = store.Open(w.where, w.clk); err != nil {
		return err
	}
	w.door.Store = w.store
	defer w.startUntil(ctx)()
	err = w.until(ctx, func() (bool, error) { return keeper.first.Load() != nil && keeper.seen() >= f.incidents, nil })
	if first := keeper.first.Load(); first != nil {
		r.RestartMillis = float64(first.Sub(began).Microseconds()) / 1000
	}
	r.AgainMillis = float64(time.Since(began).Microseconds()) / 1000
	return err
}

// startUntil starts the engine; stop ends it and waits for it.
func (w *benchWorld) startUntil(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	wait := w.start(ctx, benchLimits())
	return func() { cancel(); wait() }
}

// answer says yes to one incident after the other and returns how long each
// took to be acted on.
func (f waitingFlags) answer(ctx context.Context, w *benchWorld) (delays []time.Duration, err error) {
	list, err := w.store.List(ctx, store.Filter{Limit: f.answers})
	if err != nil {
		return nil, err
	}
	bell := w.clk.NewBell()
	w.store.Subscribe(bell)
	for _, m := range list {
		inc, err := w.store.Load(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		yes := remediation.Answer{Approval: inc.Approval.Approval, PlanHash: inc.Approval.PlanHash, By: benchPerson, Yes: true}
		payload, err := yes.Payload(inc, w.inventory, w.clk.Now())
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if _, err := w.store.Append(ctx, inc.ID, inc.Version, incident.Event{Actor: benchPerson, Payload: payload}); err != nil {
			return nil, err
		}
		for inc.Action == nil && ctx.Err() == nil {
			w.clk.Wait(ctx, w.clk.Now().Add(time.Second), bell)
			if inc, err = w.store.Load(ctx, m.ID); err != nil {
				return nil, err
			}
		}
		delays = append(delays, time.Since(began))
	}
	return delays, ctx.Err()
}

// residentNow returns the memory that this process has now, in bytes.
func residentNow() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return peakRSS()
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		return peakRSS()
	}
	return pages * int64(os.Getpagesize())
}

// punctuality notes when visits were made and when they should have been.
type punctuality struct {
	first atomic.Pointer[time.Time]

	mu       sync.Mutex
	promised map[string]time.Time
	visits   int
	before   int // as quiet was asked last
	late     time.Duration
}

func (p *punctuality) around(visit rounds.Visit) rounds.Visit {
	return func(ctx context.Context, id string) (time.Time, error) {
		now := time.Now()
		p.first.CompareAndSwap(nil, &now)
		p.mu.Lock()
		p.visits++
		if due, ok := p.promised[id]; ok && due.Before(now) {
			p.late = max(p.late, now.Sub(due))
		}
		delete(p.promised, id)
		p.mu.Unlock()
		next, err := visit(ctx, id)
		if err == nil && next.After(now) {
			p.mu.Lock()
			p.promised[id] = next
			p.mu.Unlock()
		}
		return next, err
	}
}

// seen is how many incidents were visited and have a next moment.
func (p *punctuality) seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.promised)
}

// quiet reports whether nobody was visited since it was asked last: what a visit
// writes brings the next one.
func (p *punctuality) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.before = p.visits }()
	return p.visits == p.before
}

// forget begins as a new process would.
func (p *punctuality) forget() {
	p.reset()
	p.first.Store(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.promised)
}

// reset begins to count anew; what was promised holds.
func (p *punctuality) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visits, p.late = 0, 0
}

func (p *punctuality) counts() (visits int, lateMillis float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visits, float64(p.late.Microseconds()) / 1000
}
