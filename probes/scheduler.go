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

	concluding sync.Mutex // one round at a time is judged and reported
	pending    outbox

	mu   sync.Mutex // guards rows and what they know
	rows []*row
}

// lane is a loop of the scheduler. What is asked seldom and may take long is
// looked at beside the others, so that a BMC which takes ten seconds to say
// nothing does not hold up the look at a server.
type lane int

const (
	quick lane = iota
	slow
)

// parallel bounds the probes under way at once in each lane, and with them open
// sockets; for BMCs that speak IPMI, processes too.
var parallel = map[lane]int{quick: maxParallel, slow: maxParallelSlow}

const (
	maxParallel     = 64
	maxParallelSlow = 16
)

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
	s.refresh()
	other := s.parts.Clock.Go(func() { s.keepLooking(ctx, slow) })
	s.keepLooking(ctx, quick)
	<-other
}

func (s *Scheduler) keepLooking(ctx context.Context, l lane) {
	for ctx.Err() == nil {
		if l == quick {
			s.refresh()
		}
		s.parts.Clock.Wait(ctx, s.round(ctx, l), nil)
	}
}

// round looks at everything in a lane that is due and returns when to look
// next.
func (s *Scheduler) round(ctx context.Context, l lane) time.Time {
	began := time.Now()
	due := s.due(l)
	answers := s.ask(ctx, due, parallel[l])
	if ctx.Err() != nil {
		return time.Time{} // stopped half way: nothing in it is an answer
	}
	s.conclude(ctx, due, answers, began)
	return s.next(l)
}

// conclude judges a round and reports what turned in it. Alerts leave in the
// order in which they turned, whichever lane saw them.
func (s *Scheduler) conclude(ctx context.Context, due []*row, answers []answer, began time.Time) {
	s.concluding.Lock()
	defer s.concluding.Unlock()
	s.judge(due, answers)
	s.report(ctx)
	if len(due) > 0 {
		s.parts.Metrics.round(time.Since(began), s.Snapshot(), s.pending.len())
	}
}

// refresh makes new rows when the inventory was replaced. What is known of a
// thing that stays, stays. The first look at it comes soon, however seldom the
// others are: "not asked yet" must not stand on the page for minutes.
func (s *Scheduler) refresh() {
	inv := s.parts.Inventory()
	if inv == nil || inv == s.inventory {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := make(map[string]*row, len(s.rows))
	for _, r := range s.rows {
		r.gone = true
		old[r.key] = r
	}
	now := s.parts.Clock.Now()
	rows := rowsOf(inv, s.cfg)
	for _, r := range rows {
		r.due = r.dueAfter(now, min(r.interval, s.cfg.Interval))
		r.last = unknown("not asked yet")
		if before, ok := old[r.key]; ok {
			r.inherit(before)
			delete(old, r.key)
		}
	}
	for _, r := range old {
		s.abandon(r)
	}
	s.inventory, s.rows = inv, rows
}

// abandon gives up a row that is no longer in the inventory. Its alert is not
// resolved: nobody has seen the target answer.
func (s *Scheduler) abandon(r *row) {
	if r.told() {
		s.parts.Log.Warn("target left the inventory while its alert stands", "target", r.key, "since", r.health.Since)
	}
}

// due lists what to ask in a lane now. What is slow is not asked while the way
// to it is gone: a whole site of BMCs would be waited for, to learn nothing.
func (s *Scheduler) due(l lane) []*row {
	now := s.parts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*row
	for _, r := range s.rows {
		switch {
		case r.lane != l || r.due.After(now):
		case l == slow && r.hidden():
			r.last = unknown("not asked while the %s does not answer", r.above.target.Name)
			r.due = r.dueAfter(now, r.interval)
		default:
			due = append(due, r)
		}
	}
	return due
}

type answer struct {
	result Result
	at     time.Time // when the question was put
}

// ask probes rows, as many at once as may, and returns their answers in the
// same order.
func (s *Scheduler) ask(ctx context.Context, rows []*row, atOnce int) []answer {
	answers := make([]answer, len(rows))
	var taken atomic.Int64
	work := func() {
		for i := int(taken.Add(1)) - 1; i < len(rows); i = int(taken.Add(1)) - 1 {
			at := s.parts.Clock.Now()
			answers[i] = answer{s.parts.Kinds.Probe(ctx, rows[i].kind, rows[i].target), at}
		}
	}
	var workers []<-chan struct{}
	for range min(len(rows), atOnce) {
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
		if r.gone {
			continue // its successor is as due as it was, and asks again
		}
		r.judge(s.limits, answers[i].result, answers[i].at)
		r.due = r.dueAfter(now, r.interval)
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

// next is when the first row of a lane is due, and at the latest an interval
// from now: the inventory may have grown.
func (s *Scheduler) next(l lane) time.Time {
	next := s.parts.Clock.Now().Add(s.cfg.Interval)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if r.lane == l && r.due.Before(next) {
			next = r.due
		}
	}
	return next
}
