package probes

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes/sweep"
)

// Parts is what a Scheduler works with.
type Parts struct {
	Clock     *clock.Clock
	Kinds     Registry
	Sweep     Sweep                       // nil: echoes are sent one target at a time
	Inventory func() *inventory.Inventory // asked again and again; a new pointer is a new inventory
	Votes     func(key string) Votes      // what other vantages see of a target; nil: there are none
	Report    func(context.Context, []alerts.Alert) error
	Metrics   *Metrics     // nil: nothing is measured
	Log       *slog.Logger // nil: nothing is logged
}

// Sweep sends one echo to each address; it is [sweep.Sweeper.Ask].
type Sweep func(ctx context.Context, to []netip.Addr, timeout time.Duration, into []sweep.Echo) []sweep.Echo

// Votes is how many other vantages, of those that can see at all, find a target
// silent and how many hear it.
type Votes struct {
	Down, Up int
	Waiting  int // vantages that cannot vote at this moment, and are about to
}

// Scheduler looks at everything in the inventory again and again, says where
// the trouble lies when something stops answering, and reports it as an alert.
// Make one with [NewScheduler].
type Scheduler struct {
	cfg    Config
	limits Limits
	parts  Parts
	bell   *clock.Bell // rings when an answer has to be weighed
	sent   *clock.Bell // rings when there is something to report

	mu        sync.Mutex           // guards everything below
	inventory *inventory.Inventory // that the plan was made of
	plan      plan
	agenda    agenda
	present   time.Time // when questions were put last
	queues    map[lane]*queue
	suspects  map[*row]struct{}    // about which something stands, or may have to be said
	failing   map[*domain]struct{} // whose alert stands
	waiting   bool                 // something is only not said because an answer is on its way
	totals    map[State]int        // rows by their last state
	pending   outbox
}

// lane is a way of asking. Lanes do not wait for each other: a BMC that takes
// ten seconds to say nothing does not hold up the look at a server.
type lane uint8

const (
	quick lane = iota // one target at a time, many at once
	slow              // the same for what is asked seldom and may take long
	vital             // one at a time, what explains the silence of others: it never waits behind them
	swept             // echoes to many addresses at once
)

// parallel bounds the probes under way at once in each lane, and with them open
// sockets; for BMCs that speak IPMI, processes too.
var parallel = map[lane]int{quick: maxParallel, vital: maxParallel, slow: maxParallelSlow}

const (
	maxParallel     = 256
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
	return &Scheduler{
		cfg: cfg, limits: Limits{cfg.Failures, cfg.Successes}, parts: parts,
		bell: parts.Clock.NewBell(), sent: parts.Clock.NewBell(),
		queues:   map[lane]*queue{quick: {}, vital: {}, slow: {}},
		suspects: map[*row]struct{}{}, failing: map[*domain]struct{}{}, totals: map[State]int{},
	}
}

// Run looks until ctx ends, and returns when the last probe has. Call it from
// a goroutine of the clock:
//
//	done := clk.Go(func() { scheduler.Run(ctx) })
//
// An alert that Report refuses is offered again every interval, with the same
// times; Report must be ready to see one twice.
func (s *Scheduler) Run(ctx context.Context) {
	var asking sync.WaitGroup
	defer s.pulse()()
	reporting := s.parts.Clock.Go(func() { s.keepReporting(ctx) })
	for ctx.Err() == nil {
		s.refresh()
		s.dispatch(ctx, &asking)
		next := s.conclude()
		s.parts.Clock.Wait(ctx, next, s.bell)
	}
	asking.Wait()
	<-reporting
}

// refresh makes new rows when the inventory was replaced. What is known of a
// thing that stays, stays. The first look at it comes soon, however seldom the
// others are: "not asked yet" must not stand on the page for minutes.
func (s *Scheduler) refresh() {
	inv := s.parts.Inventory()
	s.mu.Lock()
	defer s.mu.Unlock()
	if inv == nil || inv == s.inventory {
		return
	}
	now := s.parts.Clock.Now()
	before := s.plan
	old := before.byKey()
	s.inventory, s.plan, s.agenda = inv, planOf(inv, s.cfg, s.parts.Sweep != nil), agenda{}
	abandoned := s.plan.inherit(before, old)
	clear(s.suspects)
	clear(s.totals)
	for _, r := range s.plan.rows {
		s.totals[r.last.state]++
		s.suspect(r)
		due := s.soon(r, now)
		if known := old[r.key]; known != nil {
			if known.due != 0 && known.due < momentOf(due) {
				due = known.due.time()
			}
			known.gone = true
			delete(old, r.key)
		}
		s.agenda.put(r, due)
	}
	clear(s.failing)
	for _, d := range s.plan.domains {
		if d.firing != nil {
			s.failing[d] = struct{}{}
		}
	}
	for _, alert := range abandoned {
		s.parts.Log.Warn("left the inventory while its alert stands", "alert", alert.Labels.String(), "since", alert.StartsAt)
	}
	s.abandon(old)
}

// soon is when a row is asked whose turn has to be found anew, however seldom it
// is asked otherwise.
func (s *Scheduler) soon(r *row, now time.Time) time.Time {
	return r.dueAfter(now, min(r.interval, s.cfg.Interval))
}

// abandon gives up rows that are no longer in the inventory. Their alerts are
// not resolved: nobody has seen the targets answer.
func (s *Scheduler) abandon(old map[string]*row) {
	for _, r := range old {
		if r.gone = true; r.told != nil {
			s.parts.Log.Warn("target left the inventory while its alert stands", "target", r.key, "since", r.health.Since)
		}
	}
}

// dispatch puts the questions that are due.
func (s *Scheduler) dispatch(ctx context.Context, asking *sync.WaitGroup) {
	now := s.parts.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mindTheClock(now)
	var echoes []*row
	for _, r := range s.agenda.take(now) {
		s.agenda.put(r, s.afterAsking(r, now))
		switch {
		case r.lane == slow && s.plan.observer.firing != nil:
			s.see(r, sighting{state: Unknown, reason: "not asked while piket itself cannot see"})
		case r.lane == slow && r.hidden():
			s.see(r, sighting{state: Unknown, reason: "not asked while the " + r.above.name + " does not answer"})
		case r.asking >= maxAsking:
		case r.lane == swept:
			r.asking++
			echoes = append(echoes, r)
		default:
			r.asking++
			s.queues[r.lane].put(r)
		}
	}
	if len(echoes) > 0 {
		s.start(asking, func() { s.sweep(ctx, echoes) })
	}
	for l, q := range s.queues {
		for range q.hire(parallel[l]) {
			s.start(asking, func() { s.work(ctx, q) })
		}
	}
}

// pulse rings the bell once an interval of the machine's own time, until it is
// stopped: a wait for a moment is longer than it should be when somebody sets
// the clock back.
func (s *Scheduler) pulse() (stop func()) {
	ticker := time.NewTicker(s.cfg.Interval)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				s.bell.Ring()
			case <-ended:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(ended) }
}

// mindTheClock plans everything anew when somebody has set the machine's clock
// back: what was due then would not be asked until the old time is reached again.
func (s *Scheduler) mindTheClock(now time.Time) {
	if now.Before(s.present.Add(-s.cfg.Interval)) {
		s.parts.Log.Warn("the machine's clock was set back", "by", s.present.Sub(now))
		s.agenda = agenda{}
		for _, r := range s.plan.rows {
			r.due = 0
			s.agenda.put(r, s.soon(r, now))
		}
	}
	s.present = now
}

func (s *Scheduler) start(asking *sync.WaitGroup, f func()) {
	asking.Add(1)
	s.parts.Clock.Go(func() { defer asking.Done(); f() })
}

// maxAsking bounds the questions to one target that are under way at once.
const maxAsking = 4

// afterAsking is when a row that is asked now is asked next. One that is in
// doubt is asked again before its answer is there: what lets a question time
// out must not stretch the time that it takes to be sure.
func (s *Scheduler) afterAsking(r *row, now time.Time) time.Time {
	if r.confirming() {
		return now.Add(s.cfg.Spacing)
	}
	return r.dueAfter(now, r.interval)
}

// see notes something about a row that is no answer.
func (s *Scheduler) see(r *row, seen sighting) {
	s.totals[r.last.state]--
	r.last = seen
	s.totals[seen.state]++
}

// suspect keeps the list of rows about which something may have to be said.
func (s *Scheduler) suspect(r *row) {
	if r.health.Alarm || r.told != nil || r.partOf != nil {
		s.suspects[r] = struct{}{}
	} else {
		delete(s.suspects, r)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
