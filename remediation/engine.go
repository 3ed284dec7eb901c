package remediation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// Engine does what Next decides. Every field but Ahead and About must be set.
type Engine struct {
	Store     Timelines
	Clock     *clock.Clock
	Log       *slog.Logger
	Inventory func() *inventory.Inventory
	Looker    Looker
	Actions   map[string]Action // by the intent's action: "power", "ssh"
	Limits    func() Limits
	Frozen    func() string                               // why everything is stopped, "" when it is not
	Mine      func(context.Context, string) error         // nil when an incident is still this process's to work on
	Untimely  func() string                               // why this machine's clock cannot be trusted, "" when it can
	Ahead     func() []clock.Step                         // how it was set ahead in the last days; nil for a clock that nobody sets
	Others    func(inventory.Server, time.Time) Others    // who else is at work on a server
	Report    func(context.Context, []alerts.Alert) error // the one door for alerts
	WorkOrder WorkOrder
	Owner     string // names this process in claims

	// About writes down, apart from the store, what is about to be sent. If it
	// fails, nothing is sent. nil where no store can be lost: in a simulation.
	About func(incidentID string, i incident.Intended) error

	mu     sync.Mutex
	memory map[string]*memory
	books  map[string]*runbooks.Runbook
}

// WorkOrder composes what hands on site are asked to do.
type WorkOrder func(Assignment) incident.WorkOrdered

// Assignment is what a work order is composed of.
type Assignment struct {
	Order    incident.WorkOrdered // its number, step and deadlines
	Server   inventory.Server     // the zero one when it is about a whole site
	Site     inventory.Site
	Incident *incident.Incident
	Asks     string // one of the orders that runbooks give, or words
	Now      time.Time
}

// memory is what this process has seen with its own eyes; it is empty after a
// start, and nothing is done on what is only remembered from before.
type memory struct {
	runbook         string // the hash of the one that asked for the looks
	goal, diagnosis Look
	rank            int // of its next visit

	claim    string // the intent that was last seen claimed and not answered for
	claimAge func() time.Duration
}

// ageOfClaim is how long this process has known that the intent under way is
// claimed, by its own watch: the clock of who claimed it may be wrong.
func (m *memory) ageOfClaim(a *incident.Action, clk *clock.Clock) time.Duration {
	if !a.Live() || a.ClaimedAt.IsZero() || a.Outcome != "" {
		m.claim = ""
		return 0
	}
	if m.claim != a.Intent {
		m.claim, m.claimAge = a.Intent, clk.Stopwatch()
	}
	return m.claimAge()
}

// heldBackPause is how long a decision that was refused in its transaction waits
// before it is made anew: if the facts of that transaction stay hidden from the
// decision, it must not be made a thousand times a second.
const heldBackPause = time.Second

// Visit takes one incident one step further. A look is followed at once by the
// decision that it was taken for: with many incidents waiting, it would
// otherwise be old again before its turn comes. It is a rounds.Visit; an error
// means that nothing was decided and the same visit may be made again.
func (e *Engine) Visit(ctx context.Context, id string) (time.Time, error) {
	var watched, diagnosed bool
	var looked func() time.Duration // since the last look of this visit
	for {
		inc, err := e.Store.Load(ctx, id)
		if err != nil {
			return time.Time{}, err
		}
		f, err := e.facts(inc)
		if err != nil {
			return time.Time{}, err
		}
		f.JustWatched, f.JustDiagnosed = watched, diagnosed
		if err := e.around(ctx, &f); err != nil {
			return time.Time{}, err
		}
		// The store may have taken long, and the whole machine may have stood still:
		// what was seen before that is as old as it is.
		f.Now = e.Clock.Now()
		if looked != nil && looked() > f.Limits.Fresh {
			watched, diagnosed = false, false
		}
		f.JustWatched, f.JustDiagnosed = watched, diagnosed
		m := Next(f)
		if f.Alone && !f.asleep() && !isLook(m) {
			continue // it was time for a look when this began, and is not any more
		}
		next, err := e.make(ctx, f, m)
		switch m.(type) {
		case Watch:
			watched, looked = true, e.Clock.Stopwatch()
		case Diagnose:
			diagnosed, looked = true, e.Clock.Stopwatch()
		default:
			if errors.Is(err, errHeldBack) { // others were quicker; what they hold is a fact by now
				return f.Now.Add(heldBackPause), nil
			}
			return next, err
		}
		if err != nil {
			return next, err
		}
	}
}

func (e *Engine) facts(inc *incident.Incident) (Facts, error) {
	book, err := e.book(inc.Runbook)
	if err != nil {
		return Facts{}, err
	}
	seen := e.seen(inc.ID)
	if seen.runbook != inc.Runbook.Hash { // what another runbook asked for answers nothing of this one
		seen.runbook, seen.goal, seen.diagnosis = inc.Runbook.Hash, Look{}, Look{}
	}
	f := Facts{
		Incident: inc.Practised(), Runbook: book, Inventory: e.Inventory(), Limits: e.Limits(),
		Frozen: e.Frozen(), Clock: e.Untimely(), Goal: seen.goal, Diagnosis: seen.diagnosis, Now: e.Clock.Now(),
		ClaimAge: seen.ageOfClaim(inc.Action, e.Clock),
	}
	if e.Ahead != nil {
		f.Ahead = e.Ahead()
	}
	e.rankAs(seen, rank(f))
	return f, nil
}

// make carries a move out and returns when to come again; a move that writes
// to the timeline brings the next visit about by itself.
func (e *Engine) make(ctx context.Context, f Facts, m Move) (time.Time, error) {
	inc := f.Incident
	switch m := m.(type) {
	case Rest:
		if !inc.Ongoing() {
			e.forget(inc.ID)
		}
		return time.Time{}, nil
	case Wait:
		if soon := f.Now.Add(f.Limits.Poll); inc.IsDrill() && soon.Before(m.Until) {
			return soon, nil // real trouble ends it
		}
		return m.Until, nil
	case Watch:
		return f.Now, e.watch(ctx, f, m.Power)
	case Diagnose:
		return f.Now, e.diagnose(ctx, f)
	case Decide:
		return time.Time{}, e.append(ctx, inc, m.Payloads...)
	case Merge:
		if inc.IsDrill() { // it would report real trouble of the whole rack or site
			return f.Now.Add(f.Limits.Poll), nil
		}
		return f.Now, e.merge(ctx, f, m.Reason)
	case Intend:
		e.rankAs(e.seen(inc.ID), 0) // its send comes before what others plan
		return time.Time{}, e.intend(ctx, f, m.Intent)
	case Send:
		return time.Time{}, e.send(ctx, f, m.Intent)
	case Dispatch:
		return time.Time{}, e.dispatch(ctx, f, m)
	}
	panic(fmt.Sprintf("remediation: no way to make a %T", m))
}

func (e *Engine) append(ctx context.Context, inc *incident.Incident, payloads ...incident.Payload) error {
	events := make([]incident.Event, len(payloads))
	for n, p := range payloads {
		events[n] = incident.Event{Actor: incident.Piket, Payload: p}
	}
	failpoint.Reach(failpoint.EngineDeciding)
	_, err := e.Store.Append(ctx, inc.ID, inc.Version, events...)
	failpoint.Done(failpoint.EngineDecided, err)
	return err
}

// watch looks at the goal and writes down what has changed.
func (e *Engine) watch(ctx context.Context, f Facts, power bool) error {
	inc := f.Incident
	look := e.Looker.Goal(ctx, f, power)
	if err := ctx.Err(); err != nil {
		return err // a look that was cut short saw nothing
	}
	failpoint.Reach(failpoint.GoalLooked)
	var news []incident.Payload
	holds := wellAll(look.Checks)
	unwatched := inc.Goal.Holds && (f.Goal.At.IsZero() || look.At.Sub(f.Goal.At) > 3*max(f.Limits.IdlePoll, f.poll()))
	if !inc.Goal.Known || holds != inc.Goal.Holds || holds && unwatched || answers(look.Checks) != answers(inc.Goal.Checks) {
		news = append(news, incident.GoalSeen{Holds: holds, Checks: look.Checks, Unwatched: holds && unwatched})
	}
	if look.Power != "" && look.Power != inc.Power {
		news = append(news, incident.PowerSeen{Server: inc.Subject.Name, Power: look.Power})
	}
	if proof, better := f.grade(look); better {
		news = append(news, proof)
	}
	if len(news) > 0 {
		if err := e.append(ctx, inc, news...); err != nil {
			return err
		}
	}
	e.seen(inc.ID).goal = look
	return nil
}

// answers is what the subject itself says, apart from its services.
func answers(checks []incident.Check) incident.State {
	c, _ := check(checks, "reachable")
	return c.State
}

// diagnose takes every look and writes the round down when it shows something
// new.
func (e *Engine) diagnose(ctx context.Context, f Facts) error {
	look := e.Looker.Diagnose(ctx, f)
	if err := ctx.Err(); err != nil {
		return err
	}
	failpoint.Reach(failpoint.DiagnosisLooked)
	if f.Incident.DiagnosedAt.IsZero() || !reflect.DeepEqual(states(look.Checks), states(f.Incident.Diagnosis)) {
		if err := e.append(ctx, f.Incident, incident.Diagnosed{Checks: look.Checks}); err != nil {
			return err
		}
	}
	e.seen(f.Incident.ID).diagnosis = look
	return nil
}

// states is what makes a round of looks worth another line.
func states(checks []incident.Check) map[string]string {
	m := map[string]string{}
	for _, c := range checks {
		m[c.ID] = string(c.State)
		for _, fact := range []string{"state", "incident"} {
			if v, ok := c.Facts[fact]; ok {
				m[c.ID+"."+fact] = fmt.Sprint(v)
			}
		}
	}
	return m
}

// dispatch writes the work order and, when nobody has to agree to it, the mail that
// carries it, together.
func (e *Engine) dispatch(ctx context.Context, f Facts, d Dispatch) error {
	inc := f.Incident
	site, _ := f.Inventory.Site(inc.Site)
	server, _ := f.Inventory.Server(inc.Subject.Name)
	if inc.IsDrill() {
		site.RemoteHands = standIns(f)
	}
	order := e.WorkOrder(Assignment{
		Order: incident.WorkOrdered{
			Order: fmt.Sprintf("%s/W%d", inc.ID, inc.Version+1), Step: d.Step, State: incident.OrderApproved,
			AcknowledgeBy: f.Now.Add(d.Technician.Acknowledge), ArriveBy: f.Now.Add(d.Technician.Arrive),
		},
		Server: server, Site: site, Incident: inc, Asks: d.Technician.Order, Now: f.Now,
	})
	failpoint.Reach(failpoint.OrderComposed)
	events := []incident.Payload{order}
	if order.State == incident.OrderApproved && order.Way == incident.ByMail { // what waits for a yes, the desk mails when it is given
		events = append(events, order.Message(fmt.Sprintf("%s/M%d", inc.ID, inc.Version+2)))
	}
	err := e.append(ctx, inc, events...)
	failpoint.Done(failpoint.OrderWritten, err)
	return err
}

// book returns the runbook that the incident pinned, from its own text.
func (e *Engine) book(pin incident.RunbookPinned) (*runbooks.Runbook, error) {
	if pin.Hash == "" {
		return nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if book, ok := e.books[pin.Hash]; ok {
		return book, nil
	}
	book, err := runbooks.Parse(pin.Name, []byte(pin.Source))
	if err != nil {
		return nil, fmt.Errorf("read the pinned runbook %s: %w", pin.Name, err)
	}
	if e.books == nil {
		e.books = map[string]*runbooks.Runbook{}
	}
	e.books[pin.Hash] = book
	return book, nil
}

// seen returns the memory of one incident. Only its one visit touches it.
func (e *Engine) seen(id string) *memory {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.memory == nil {
		e.memory = map[string]*memory{}
	}
	if e.memory[id] == nil {
		e.memory[id] = &memory{rank: unseen}
	}
	return e.memory[id]
}

// unseen is the rank of an incident that this process has not looked at yet: it
// may be the most pressing.
const unseen = 1

// Rank says how pressing a visit to an incident is, as it was last seen: 0 while
// something of ours is under way or a person has been asked, then by priority.
// The rounds ask it of what is due.
func (e *Engine) Rank(id string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m := e.memory[id]; m != nil {
		return m.rank
	}
	return unseen
}

// rank is what Rank answers about an incident until it is seen again.
func rank(f Facts) int {
	inc := f.Incident
	if inc.Action.Live() || f.owing() || inc.Approval != nil {
		return 0
	}
	if n := slices.Index(incident.Priorities, inc.Priority); n >= 0 {
		return 1 + n
	}
	return 1
}

// rankAs is a write of its own: Rank reads it from another goroutine.
func (e *Engine) rankAs(m *memory, rank int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m.rank = rank
}

// stale makes the next visit look anew: a send has changed the world.
func (e *Engine) stale(id string) {
	m := e.seen(id)
	m.goal.Ended, m.diagnosis = time.Time{}, Look{}
}

func (e *Engine) forget(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.memory, id)
}
