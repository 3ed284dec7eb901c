// Package telephone rings people: who was mailed about something that presses
// and has not said anything, and, where that is wanted, customers whose call is
// due. [Next] decides, a [Line] dials, and the timeline holds what was dialled
// before it was and what came of it after.
//
//	phone := &telephone.Telephone{Store: s, Clock: clk, …}
//	rounds.New("telephone", ward, phone.Visit)
//	clk.Go(func() { phone.Run(ctx) })
//
// A key acknowledges, repeats or passes on. It never approves.
package telephone

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
)

// Timelines is what the telephone needs of a store; [store.Store] is one.
type Timelines interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
}

// Telephone makes the calls that are due. Every field must be set, except those
// that say otherwise.
type Telephone struct {
	Store     Timelines
	Clock     *clock.Clock
	Log       *slog.Logger
	Inventory func() *inventory.Inventory
	Config    func() Config
	Line      func(Config) Line // what makes calls under a configuration
	Count     func(party string, outcome incident.RingOutcome)

	// Alone reports whether no other process is at work, and calls end with the
	// process that makes them: what is on the timeline and not under way here is
	// not under way.
	Alone func() bool

	// For Twilio: how its requests find their way back, and are known.
	External func() string
	Links    signed.Key

	mu      sync.Mutex
	under   map[string]bool // calls under way, by number of the incident and of the call
	dialled map[string]bool // numbers that are being called
	calls   sync.WaitGroup
	ended   bool  // no call begins any more
	trouble error // why no call could be made when that was last asked
}

// waitForLine is how long somebody waits whose number or whose line is taken.
const waitForLine = 5 * time.Second

// Visit begins the calls that are due on one incident, and closes those of which
// nobody will say any more what became of them. It does not wait for their end.
// It is a rounds.Visit.
func (t *Telephone) Visit(ctx context.Context, id string) (time.Time, error) {
	config := t.Config()
	inc, err := t.Store.Load(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	lost, next := t.lost(inc)
	if len(lost) > 0 {
		return t.Clock.Now(), t.closeLost(ctx, inc, lost)
	}
	if !config.Enabled() {
		return next, nil
	}
	due, later := Next(Facts{Incident: inc, Inventory: t.Inventory(), Policy: config.policy(), Now: t.Clock.Now()})
	next = sooner(next, later)
	begin, waiting := t.reserve(due, config.Lines)
	if waiting {
		next = sooner(next, t.Clock.Now().Add(waitForLine))
	}
	if len(begin) == 0 {
		return next, nil
	}
	return next, t.begin(ctx, inc, config, begin)
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// lost lists the calls on the timeline that nobody makes any more, and when the
// next may be one.
func (t *Telephone) lost(inc *incident.Incident) (lost []*incident.Ring, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range inc.Rings {
		switch {
		case !r.Live() || t.under[key(inc.ID, r.Ringing.Ring)]:
		case t.Alone() || !t.Clock.Now().Before(r.Until):
			lost = append(lost, r)
		default:
			next = sooner(next, r.Until)
		}
	}
	return lost, next
}

func key(id, ring string) string { return id + "/" + ring }

func (t *Telephone) closeLost(ctx context.Context, inc *incident.Incident, lost []*incident.Ring) error {
	var events []incident.Event
	for _, r := range lost {
		t.Count(party(r), incident.RingUnknown)
		events = append(events, by(incident.Piket, incident.Rang{
			Ring: r.Ringing.Ring, Outcome: incident.RingUnknown, Detail: "piket was interrupted and does not know what became of it",
		}))
	}
	_, err := t.Store.Append(ctx, inc.ID, inc.Version, events...)
	return err
}

func by(actor string, p incident.Payload) incident.Event {
	return incident.Event{Actor: actor, Payload: p}
}

func party(r *incident.Ring) string {
	if r.Task != "" {
		return "customer"
	}
	return "engineer"
}

// reserve takes a line and the number for each call that can begin now, and
// reports whether any has to wait.
func (t *Telephone) reserve(due []Due, lines int) (begin []Due, waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under == nil {
		t.under, t.dialled = map[string]bool{}, map[string]bool{}
	}
	for _, d := range due {
		if d.Number = Dial(d.Number); t.ended || len(t.dialled) >= lines || t.dialled[d.Number] {
			waiting = true
			continue
		}
		t.dialled[d.Number] = true
		begin = append(begin, d)
	}
	return begin, waiting
}

func (t *Telephone) free(begin []Due) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range begin {
		delete(t.dialled, d.Number)
	}
}

// Dial writes a number of the inventory as it is dialled: +31 20 000 0100 is
// +31200000100.
func Dial(number string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
}

// begin writes down what is about to be dialled, and dials. Whoever is slower
// than another event dials nothing.
func (t *Telephone) begin(ctx context.Context, inc *incident.Incident, config Config, begin []Due) error {
	var events []incident.Event
	var calls []incident.Ringing
	until := config.until(t.Clock.Now())
	for _, d := range begin {
		if d.Task != "" {
			events = append(events, by(incident.Piket, incident.CallTaken{Task: d.Task, By: incident.Piket, Until: until}))
		}
		r := incident.Ringing{
			Ring: ringID(inc.Version + len(events) + 1), Person: d.Person, Customer: d.Customer, Task: d.Task, Topics: d.Topics, Final: d.Final,
			Telephone: d.Number, Language: d.Language, Script: script(inc, d), Until: until,
		}
		events, calls = append(events, by(incident.Piket, r)), append(calls, r)
	}
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		t.free(begin)
		return nil
	}
	for _, r := range calls {
		t.under[key(inc.ID, r.Ring)] = true
		t.calls.Add(1)
	}
	t.mu.Unlock()
	_, err := t.Store.Append(ctx, inc.ID, inc.Version, events...)
	for _, r := range calls {
		if err != nil {
			t.end(inc.ID, r)
			continue
		}
		t.Clock.Go(func() {
			defer t.end(inc.ID, r)
			t.call(ctx, inc.ID, config, r)
		})
	}
	return err
}

func (t *Telephone) end(id string, r incident.Ringing) {
	t.mu.Lock()
	delete(t.under, key(id, r.Ring))
	delete(t.dialled, r.Telephone)
	t.mu.Unlock()
	t.calls.Done()
}

// call makes one call and writes down what came of it.
func (t *Telephone) call(ctx context.Context, id string, config Config, r incident.Ringing) {
	result := t.Line(config).Call(ctx, Call{
		Incident: id, Ring: r.Ring, Number: r.Telephone, Language: r.Language, Script: r.Script, Keys: keysFor(r.Person != "", r.Language),
		Staff: r.Person != "", RingFor: config.Ring, Until: r.Until,
		Press: func(ctx context.Context, key string) Answer { return t.Press(ctx, id, r.Ring, key) },
	})
	t.Log.Info("telephoned", "incident", id, "ring", r.Ring, "who", r.Who(), "outcome", result.Outcome, "detail", result.Detail, "code", result.Code)
	if result.Outcome != "" {
		t.settle(id, r.Ring, result)
	}
}

// Run waits until ctx ends and every call has, and asks from time to time whether
// a call could be made. Call it from a goroutine of the clock's Go.
func (t *Telephone) Run(ctx context.Context) {
	for ctx.Err() == nil {
		t.check(ctx)
		t.Clock.Wait(ctx, t.Clock.Now().Add(checkEvery), nil)
	}
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.calls.Wait()
}

// How often the way out is tried, and how long that may take.
const (
	checkEvery = 5 * time.Minute
	checkTime  = 20 * time.Second
)

func (t *Telephone) check(ctx context.Context) {
	var err error
	if config := t.Config(); config.Enabled() {
		checking, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		err = t.Line(config).Check(checking)
	}
	if ctx.Err() != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trouble = err; err != nil {
		t.Log.Error("nobody can be telephoned", "err", err)
	}
}

// Trouble says why nobody can be telephoned, as found when that was last tried;
// nil when they can be, or when nobody is to be.
func (t *Telephone) Trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trouble == nil {
		return nil
	}
	return errors.Join(errors.New("nobody can be telephoned"), t.trouble)
}

// NewLine returns what makes calls under a configuration.
func NewLine(config Config, clk *clock.Clock, log *slog.Logger, external string, links signed.Key) Line {
	if config.Twilio.Account != "" {
		return &twilio{config: config, clk: clk, external: external, links: links}
	}
	return &trunk{config: config, speaker: Speaker{Command: config.Speech}, log: cmp.Or(log, slog.Default())}
}
