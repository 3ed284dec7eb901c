package bmc

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// Witness asks BMCs what they know of their machines: the power, and when there
// is time left the health, the sensors out of range and what is new in the log.
// It only reads. It remembers for each BMC what it saw and how that went, so
// that BMCs are treated gently: they are slow, have few sessions, and lock
// accounts out. A change of power ([Power]) neither waits for it nor knows it.
//
//	witness := bmc.NewWitness(clk.Now)
//	engine.Looker.Probes["bmc"] = witness.Probe // somebody waits for the answer
//	scheduler.Kinds["bmc"] = witness.Watch      // nobody does
//
// One look at a time is taken at a BMC, with a bounded number of requests, and
// what a look learned by its end is kept. Make one with [NewWitness]; its
// methods are safe for concurrent use.
type Witness struct {
	now      func() time.Time
	memories memories
}

// NewWitness returns a witness that dates and waits by now.
func NewWitness(now func() time.Time) *Witness {
	return &Witness{now: now, memories: memories{of: map[account]*memory{}}}
}

// What a look may cost a BMC, beside the few requests for the power state.
const (
	maxReads     = 16              // HTTP requests for health, sensors and log, all on one connection
	maxStanding  = 14              // likewise for jobs and consoles, on the same one
	readDistance = time.Minute     // between two readings of them
	minRead      = 2 * time.Second // a reading is not begun with less time than this
	spare        = 250 * time.Millisecond
)

// Probe asks now, for somebody who waits: the power state first, within the
// time of t, then what stands in the way of cutting it (a firmware job, an open
// console: facts "task" and "console", a minute old at most), and everything
// else with what is left of it. A look at
// the same BMC that has the power and reads on gives way. The power is asked however often it
// failed before, except after a refused password.
//
// Up means that the BMC says whether its machine is on: fact "state" is "on" or
// "off". Down, that it is silent or refuses us. Unknown, that the trouble is
// ours, that the machine is on its way between the two, or that the BMC took
// the connection and was too slow to answer. What was not learned has no fact.
func (w *Witness) Probe(ctx context.Context, t probes.Target) probes.Result {
	return w.look(ctx, t, true)
}

// Watch asks as Probe does, for a schedule, and not for jobs and consoles: after failures it lets the BMC be
// for a while, twice as long each time and an hour at most, and is Unknown
// until then. It waits its turn.
func (w *Witness) Watch(ctx context.Context, t probes.Target) probes.Result {
	return w.look(ctx, t, false)
}

func (w *Witness) look(ctx context.Context, t probes.Target, urgent bool) probes.Result {
	if t.BMC == nil {
		return probes.Result{State: probes.Unknown, Reason: "no BMC in the inventory"}
	}
	timeout := t.Timeout
	if timeout == 0 {
		timeout = probes.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	m := w.memories.at(t.BMC, w.now())
	if !m.enter(ctx, urgent) {
		return probes.Result{State: probes.Unknown, Reason: "another look at this BMC took all the time"}
	}
	defer m.leave()
	if answer, held := m.held(t.BMC, w.now(), urgent); held {
		return answer
	}
	return w.ask(ctx, t.BMC, m, urgent)
}

// ask takes one look in one session.
func (w *Witness) ask(ctx context.Context, b *inventory.BMC, m *memory, urgent bool) probes.Result {
	began := time.Now()
	at := w.now()
	s, state, err := openAndAsk(ctx, b)
	if err != nil {
		return m.failed(b, err, at, urgent)
	}
	defer s.close()
	m.answered()
	took := time.Since(began)
	stands, starts := standing{}, told{}
	if urgent {
		stands = m.standing(ctx, s, at)
		starts, _ = s.starts(ctx) // that it is not told is said by its absence
	}
	seen := m.read(ctx, s, at)
	seen.boot, seen.standing, seen.starts, seen.now = s.boot(), stands, starts, at
	return probes.Result{
		State: probes.Up, Reason: seen.reason(state), Facts: seen.facts(state), Evidence: seen.evidence(), Latency: took,
	}
}

func openAndAsk(ctx context.Context, b *inventory.BMC) (session, State, error) {
	s, err := open(ctx, b)
	if err != nil {
		return nil, Unknown, err
	}
	state, err := s.power(ctx)
	if err != nil {
		s.close()
		return nil, Unknown, err
	}
	return s, state, nil
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04 UTC") }
