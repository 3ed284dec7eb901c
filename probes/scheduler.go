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
		due := r.dueAfter(now, min(r.interval, s.cfg.Interval))
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
			s.agenda.put(r, r.dueAfter(now, min(r.interval, s.cfg.Interval)))
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

// work asks one target after the other, until none waits in the queue.
func (s *Scheduler) work(ctx context.Context, q *queue) {
	for {
		s.mu.Lock()
		r := q.take()
		s.mu.Unlock()
		if r == nil {
			return
		}
		at := s.parts.Clock.Now()
		result := s.parts.Kinds.Probe(ctx, r.question.kind, r.question.target)
		if ctx.Err() != nil {
			continue // stopped half way: nothing in it is an answer
		}
		s.mu.Lock()
		s.answer(r, sighting{result.State, result.Reason, result.Latency, result.detail()}, result.Facts, at)
		s.mu.Unlock()
	}
}

// sweep sends echoes to many and books what came back.
func (s *Scheduler) sweep(ctx context.Context, rows []*row) {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.to = b.to[:0]
	for _, r := range rows {
		b.to = append(b.to, r.addr)
	}
	at := s.parts.Clock.Now()
	b.echoes = s.parts.Sweep(ctx, b.to, echoTimeout, b.echoes)
	if ctx.Err() != nil {
		return
	}
	echoes := b.echoes
	s.parts.Metrics.swept(echoes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range rows {
		s.answer(r, echoed(echoes[i]), nil, at)
	}
}

// batch is the room that one sweep takes; it is used again.
type batch struct {
	to     []netip.Addr
	echoes []sweep.Echo
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// echoed judges one echo of a sweep.
func echoed(e sweep.Echo) sighting {
	switch e.Outcome {
	case sweep.Answered:
		return sighting{state: Up, took: e.RTT}
	case sweep.Silent:
		return sighting{state: Down, reason: "no reply to an echo within " + echoTimeout.String()}
	case sweep.Unreachable:
		return sighting{state: Down, reason: "host unreachable"}
	case sweep.Doubtful:
		return sighting{state: Unknown, reason: "piket itself was not listening: asked again"}
	}
	return sighting{state: Unknown, reason: clause("the echo could not be sent: " + e.Err.Error())}
}

// answer books one answer. s.mu is held.
func (s *Scheduler) answer(r *row, said sighting, facts map[string]any, at time.Time) {
	r.asking--
	if r.gone {
		return // its successor is as due as it was, and asks again
	}
	if s.plan.observer.firing == nil || r.mark {
		r.tally.add(said) // what piket cannot see is not lost
	}
	if r.judges != nil {
		said.state = r.judges(said.state, facts)
	}
	was, doubted := r.health, r.confirming()
	s.totals[r.last.state]--
	turned := r.count(s.limitsOf(r), said, at, s.plan.observer.firing != nil && !r.mark)
	s.totals[said.state]++
	s.suspect(r)
	if r.health.Doubtful() && int(r.health.Misses) == min(secondMiss, s.cfg.Failures) || turned && r.health.Alarm && s.cfg.Failures <= secondMiss {
		s.lookAround(r)
	}
	// A question that left before this answer came is the next one already.
	again := at.Add(s.cfg.Spacing)
	switch {
	case r.asking > 0:
	case r.confirming() && r.due > momentOf(again):
		s.agenda.put(r, later(again, s.parts.Clock.Now()))
	case doubted && !r.confirming() && r.lane != slow:
		s.agenda.put(r, r.dueAfter(s.parts.Clock.Now(), r.interval))
	}
	if s.waiting || r.told != nil || was.Misses != r.health.Misses || was.Alarm != r.health.Alarm || r.confirming() {
		s.bell.Ring()
	}
}

// limitsOf are the limits that hold for r. What is asked every few minutes is
// believed after fewer misses: they lie far apart as it is.
func (s *Scheduler) limitsOf(r *row) Limits {
	if r.lane == slow {
		return Limits{min(s.cfg.Failures, slowFailures), s.cfg.Successes}
	}
	return s.limits
}

// slowFailures is how many misses of a BMC or a status page are believed.
const slowFailures = 3

// secondMiss is with which miss in a row the surroundings are asked. The first
// may be a packet lost by chance, and a fleet loses some every second.
const secondMiss = 2

// lookAround brings forward the look at everything that may explain why r does
// not answer.
func (s *Scheduler) lookAround(r *row) {
	now := s.parts.Clock.Now()
	for _, ref := range s.plan.observer.rows() {
		s.bringForward(ref, now)
	}
	if r.server == nil {
		return
	}
	if site := r.server.site; site != nil && site.gateway != nil {
		s.bringForward(site.gateway, now)
	}
	for _, d := range []*domain{r.server.rack, r.server.feed} {
		if d == nil || now.Sub(d.looked) < s.cfg.Spacing*time.Duration(s.cfg.Failures) {
			continue
		}
		d.looked = now
		for _, m := range d.members {
			s.bringForward(m, now)
		}
	}
}

// bringForward has r asked now, unless it is being asked or was a moment ago.
func (s *Scheduler) bringForward(r *row, now time.Time) {
	if r.asking == 0 && now.Sub(r.asked.time()) >= s.cfg.Spacing && r.due > momentOf(now) {
		s.agenda.put(r, now)
	}
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
