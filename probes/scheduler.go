package probes

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

// Parts is what a Scheduler works with.
type Parts struct {
	Clock     *clock.Clock
	Kinds     Registry
	Inventory func() *inventory.Inventory // asked every round; a new pointer is a new inventory
	Report    func(context.Context, []alerts.Alert) error
	Metrics   *Metrics     // nil: nothing is measured
	Log       *slog.Logger // nil: nothing is logged
}

// Scheduler looks at everything in the inventory again and again, and reports
// what stops answering, or answers again, as alerts. Make one with
// [NewScheduler].
type Scheduler struct {
	cfg    Config
	limits Limits
	parts  Parts

	inventory *inventory.Inventory // that rows were made from
	pending   outbox

	mu   sync.Mutex // guards what Snapshot reads
	rows []*row
}

// NewScheduler returns a scheduler for a valid cfg.
func NewScheduler(cfg Config, parts Parts) *Scheduler {
	cfg = cfg.withDefaults()
	if parts.Log == nil {
		parts.Log = slog.New(slog.DiscardHandler)
	}
	if parts.Metrics == nil {
		parts.Metrics = NewMetrics()
	}
	return &Scheduler{cfg: cfg, limits: Limits{cfg.Failures, cfg.Successes}, parts: parts}
}

// Run looks until ctx ends, and returns when the last probe has. Call it from
// a goroutine of the clock:
//
//	done := clk.Go(func() { scheduler.Run(ctx) })
//
// An alert that Report refuses is offered again every round, with the same
// times; Report must be ready to see one twice.
func (s *Scheduler) Run(ctx context.Context) {
	for ctx.Err() == nil {
		s.parts.Clock.Wait(ctx, s.round(ctx), nil)
	}
}

// round looks at everything that is due and returns when to look next.
func (s *Scheduler) round(ctx context.Context) time.Time {
	began := time.Now()
	s.refresh()
	due := s.due(s.parts.Clock.Now())
	answers := s.ask(ctx, due)
	if ctx.Err() != nil {
		return time.Time{} // stopped half way: nothing in it is an answer
	}
	s.judge(due, answers)
	s.report(ctx)
	if len(due) > 0 {
		s.parts.Metrics.round(time.Since(began), s.Snapshot(), s.pending.len())
	}
	return s.next()
}

// refresh makes new rows when the inventory was replaced. What is known of a
// thing that stays, stays.
func (s *Scheduler) refresh() {
	inv := s.parts.Inventory()
	if inv == nil || inv == s.inventory {
		return
	}
	old := make(map[string]*row, len(s.rows))
	for _, r := range s.rows {
		old[r.key] = r
	}
	now := s.parts.Clock.Now()
	rows := rowsOf(inv, s.cfg)
	for _, r := range rows {
		r.due = r.dueAfter(now, s.cfg.Interval)
		r.last = unknown("not asked yet")
		if before, ok := old[r.key]; ok {
			r.inherit(before)
			delete(old, r.key)
		}
	}
	for _, r := range old {
		s.abandon(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inventory, s.rows = inv, rows
}

// abandon gives up a row that is no longer in the inventory. Its alert is not
// resolved: nobody has seen the target answer.
func (s *Scheduler) abandon(r *row) {
	if r.told() {
		s.parts.Log.Warn("target left the inventory while its alert stands", "target", r.key, "since", r.health.Since)
	}
}

func (s *Scheduler) due(now time.Time) []*row {
	var due []*row
	for _, r := range s.rows {
		if !r.due.After(now) {
			due = append(due, r)
		}
	}
	return due
}

// maxParallel bounds the probes under way at once, and with them open sockets.
const maxParallel = 64

type answer struct {
	result Result
	at     time.Time // when the question was put
}

// ask probes rows in parallel and returns their answers in the same order.
func (s *Scheduler) ask(ctx context.Context, rows []*row) []answer {
	answers := make([]answer, len(rows))
	var taken atomic.Int64
	work := func() {
		for i := int(taken.Add(1)) - 1; i < len(rows); i = int(taken.Add(1)) - 1 {
			at := s.parts.Clock.Now()
			answers[i] = answer{s.parts.Kinds.Probe(ctx, rows[i].kind, rows[i].target), at}
		}
	}
	var workers []<-chan struct{}
	for range min(len(rows), maxParallel) {
		workers = append(workers, s.parts.Clock.Go(work))
	}
	for _, done := range workers {
		<-done
	}
	return answers
}

// judge counts the answers in the order of the rows, whatever the order in
// which they came, and puts aside what must be reported.
func (s *Scheduler) judge(rows []*row, answers []answer) {
	now := s.parts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range rows {
		r.judge(s.limits, answers[i].result, answers[i].at)
		r.due = r.dueAfter(now, s.cfg.Interval)
		alert, ok := r.turn(answers[i].at)
		if !ok {
			continue
		}
		if dropped := s.pending.put(alert); dropped > 0 {
			s.parts.Log.Warn("forgot an episode that was over before it could be reported", "target", r.key)
		}
	}
}

// report hands over what is pending. What is not taken stays pending.
func (s *Scheduler) report(ctx context.Context) {
	batch := s.pending.all()
	if len(batch) == 0 {
		return
	}
	if err := s.parts.Report(ctx, batch); err != nil {
		s.parts.Log.Error("report probe alerts; they stay pending", "alerts", len(batch), "error", err)
		return
	}
	s.pending.clear()
}

// next is when the first row is due, and at the latest an interval from now:
// the inventory may have grown.
func (s *Scheduler) next() time.Time {
	next := s.parts.Clock.Now().Add(s.cfg.Interval)
	for _, r := range s.rows {
		if r.due.Before(next) {
			next = r.due
		}
	}
	return next
}
