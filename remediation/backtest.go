package remediation

import (
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// BacktestKinds are the kinds of event that a back-test reads.
var BacktestKinds = []incident.Kind{
	"opened", "alert", "classified", "assigned", "runbook_pinned", "diagnosed", "goal", "claimed", "intended", "outcome", "order_progress",
	"restored", "relapsed", "closed", "merged",
}

// Backtest holds a runbook and limits against recorded incidents: what would they
// have done? It is the real Next on what was really found, up to the first action,
// its own or a recorded one: what would have come of another action nobody knows.
// The zero value of all but Inventory and Limits makes sense.
type Backtest struct {
	Runbook   *runbooks.Runbook // nil: each incident's own, so that only the limits are another
	Inventory *inventory.Inventory
	Limits    Limits
	Silent    bool          // nobody agrees to anything; otherwise everybody does at once
	Recovers  time.Duration // a server that comes back by itself within this time was healthy; DefaultRecovers when 0

	touched []*incident.Touch // what it would have done lately, for the limits
	fell    []fallen
	books   map[string]*runbooks.Runbook // by hash; nil for what cannot be read
}

// DefaultRecovers is within which time a server that came back by itself did not
// need an action.
const DefaultRecovers = 10 * time.Minute

// fallen is when a server of a site went.
type fallen struct {
	site, server string
	at           time.Time
}

// Health is what became of a server that would have been acted on.
type Health string

// The healths. What was acted on in earnest before it came back tells nothing.
const (
	Healthy  Health = "healthy"   // it came back by itself, within the time
	Sick     Health = "down"      // it did not
	NotKnown Health = "not known" // something was done to it, or the record ends before
)

// Case is what a back-test says of one incident.
type Case struct {
	Incident string `json:"incident"`
	Server   string `json:"server"`
	// Missing says which facts the history does not have; then nothing else is said.
	Missing []string `json:"missing,omitempty"`

	Does       string    `json:"does,omitempty"` // "power cycle web-07"; "" for nothing
	Power      bool      `json:"power,omitempty"`
	Step       string    `json:"step,omitempty"`
	At         time.Time `json:"at,omitzero"`
	Health     Health    `json:"health,omitempty"` // of the server it does it to
	Asked      int       `json:"asked,omitempty"`
	Technician bool      `json:"technician,omitempty"`
	Wider      bool      `json:"wider,omitempty"` // it would have joined the trouble of its rack or site
	HeldBack   []string  `json:"held_back,omitempty"`

	Did string `json:"did,omitempty"` // what was done in earnest
}

// Replay says what would have been done about one incident, by its timeline from
// the first event; ok is false for what the runbook is not meant for. Call it in
// the order in which incidents were opened.
func (b *Backtest) Replay(events []incident.Event) (c Case, ok bool) {
	book, ok := b.book(events)
	if !ok {
		return c, false
	}
	r := newReplay(b, book, events)
	c = Case{Incident: r.inc.ID, Server: r.inc.Subject.Name, Did: r.did}
	defer b.remember(r)
	if _, known := b.Inventory.Server(c.Server); !known {
		c.Missing = []string{"the server is not in the inventory any more"}
		return c, true
	}
	r.result = &c
	for range maxMoves {
		if !r.step() {
			break
		}
	}
	if len(r.missing) > 0 {
		slices.Sort(r.missing)
		return Case{Incident: c.Incident, Server: c.Server, Missing: slices.Compact(r.missing), Did: c.Did}, true
	}
	return c, true
}

// book returns the runbook that an incident is replayed with. Drills, and what is
// about more than one server, are not.
func (b *Backtest) book(events []incident.Event) (*runbooks.Runbook, bool) {
	opened, ok := events[0].Payload.(incident.Opened)
	if !ok || opened.Subject.Kind != "server" || opened.Drill.Story != "" {
		return nil, false
	}
	for _, e := range events {
		switch p := e.Payload.(type) {
		case incident.AlertReceived:
			if b.Runbook != nil && p.Alert.Status == alerts.Firing && b.Runbook.Matches(p.Alert.Labels) {
				return b.Runbook, true
			}
		case incident.RunbookPinned:
			if b.Runbook == nil {
				return b.pinned(p)
			}
		}
	}
	return nil, false
}

// pinned is the runbook that an incident had, read once for all that had it.
func (b *Backtest) pinned(p incident.RunbookPinned) (*runbooks.Runbook, bool) {
	book, known := b.books[p.Hash]
	if !known {
		var err error
		if book, err = runbooks.Parse(p.Name, []byte(p.Source)); err != nil {
			book = nil
		}
		if b.books == nil {
			b.books = map[string]*runbooks.Runbook{}
		}
		b.books[p.Hash] = book
	}
	return book, book != nil
}

// remember keeps what one incident means for the limits of those after it.
func (b *Backtest) remember(r *replay) {
	b.fell = append(b.fell, fallen{r.inc.Site, r.inc.Subject.Name, r.inc.OpenedAt})
	old := r.inc.OpenedAt.Add(-max(memorySpan, b.Limits.TogetherWithin))
	b.fell = slices.DeleteFunc(b.fell, func(f fallen) bool { return f.at.Before(old) })
	b.touched = slices.DeleteFunc(b.touched, func(t *incident.Touch) bool { return t.PlannedAt.Before(old) })
}

// replay is one incident on its way through a back-test.
type replay struct {
	*Backtest
	book   *runbooks.Runbook
	events []incident.Event // all that was recorded
	ends   time.Time        // from when on the record tells of another world
	did    string
	acted  time.Time // when something was done in earnest, zero when nothing was
	back   time.Time // when service was back first

	inc       *incident.Incident // as it would be
	now       time.Time
	next      int // of events, the first that has not been seen
	goal      []incident.Check
	diagnosis []incident.Check
	looked    Look
	found     Look
	missing   []string
	result    *Case
}

func newReplay(b *Backtest, book *runbooks.Runbook, events []incident.Event) *replay {
	r := &replay{Backtest: b, book: book, events: events, inc: incident.Fold(nil), now: events[0].At}
	last := events[len(events)-1].At
	r.ends = last
	for _, e := range events {
		switch p := e.Payload.(type) {
		case incident.Intended:
			r.did = p.What()
		case incident.OutcomeRecorded:
			if p.Outcome != incident.OutcomeRefused {
				r.act(e.At)
			}
		case incident.OrderProgress:
			if p.State == "on_site" || p.State == "done" {
				r.act(e.At)
			}
		case incident.Restored:
			if r.back.IsZero() {
				r.back = e.At
			}
		}
	}
	for _, end := range []time.Time{r.acted, r.back} {
		if !end.IsZero() && end.Before(r.ends) {
			r.ends = end
		}
	}
	r.see()
	r.write(incident.RunbookPinned{Name: book.Name, Hash: book.Hash})
	return r
}

func (r *replay) act(at time.Time) {
	if r.acted.IsZero() {
		r.acted = at
	}
}

// see takes in what the record has until now.
func (r *replay) see() {
	for ; r.next < len(r.events) && !r.events[r.next].At.After(r.now); r.next++ {
		switch p := r.events[r.next].Payload.(type) {
		case incident.Opened, incident.AlertReceived, incident.Classified, incident.Assigned:
			r.write(p)
		case incident.GoalSeen:
			r.goal = p.Checks
		case incident.Diagnosed:
			r.diagnosis = p.Checks
		}
	}
}

func (r *replay) write(payloads ...incident.Payload) {
	for _, p := range payloads {
		r.inc.Apply(incident.Event{Incident: r.events[0].Incident, Seq: r.inc.Version + 1, At: r.now, Recorded: r.now, Actor: incident.Piket, Payload: p})
	}
}

// step makes one move; it returns false when there is nothing more to tell.
func (r *replay) step() bool {
	f := Facts{
		Incident: r.inc, Runbook: r.book, Inventory: r.Inventory, Limits: r.Limits, Goal: r.looked, Diagnosis: r.found, Now: r.now,
		Touched: r.touched, Fallen: r.together(),
	}
	if server, ok := r.Inventory.Server(r.inc.Subject.Name); ok {
		if w, under := r.Inventory.Maintenance(server, r.now); under {
			f.Others.Maintenance = w.Name
		}
	}
	switch m := Next(f).(type) {
	case Wait:
		return r.pass(m.Until)
	case Watch:
		return r.watch()
	case Diagnose:
		return r.diagnose(f)
	case Decide:
		r.decide(m.Payloads)
		return len(r.missing) == 0
	case Intend:
		r.intend(m.Intent)
	case Dispatch:
		r.result.Technician = true
	case Merge:
		r.result.Wider = true
	}
	return false
}

// pass lets time go by, to the next thing that was recorded at the most.
func (r *replay) pass(until time.Time) bool {
	if r.next < len(r.events) && r.events[r.next].At.Before(until) {
		until = r.events[r.next].At
	}
	if !until.After(r.now) {
		until = r.now.Add(time.Second)
	}
	if until.After(r.ends) {
		return false
	}
	r.now = until
	r.see()
	return true
}

// watch looks at the goal as it was seen last. A look that changed nothing was
// never written down.
func (r *replay) watch() bool {
	seen := r.goal
	if seen == nil {
		seen = r.first("goal")
	}
	checks, ok := r.answers(seen, goalOf(r.book))
	if !ok {
		return false
	}
	r.looked = Look{At: r.now, Ended: r.now, Checks: checks}
	if holds := wellAll(checks); !r.inc.Goal.Known || holds != r.inc.Goal.Holds {
		r.write(incident.GoalSeen{Holds: holds, Checks: checks})
	}
	return true
}

func goalOf(book *runbooks.Runbook) []runbooks.Diagnosis {
	var list []runbooks.Diagnosis
	for _, name := range book.Goal.Checks {
		list = append(list, runbooks.Diagnosis{ID: name, Check: name, Target: "server"})
	}
	return list
}

func (r *replay) diagnose(f Facts) bool {
	seen := r.diagnosis
	if seen == nil {
		seen = r.first("diagnosed")
	}
	checks, ok := r.answers(seen, withDoubt(r.book.Diagnose, f))
	if !ok {
		return false
	}
	r.found = Look{At: r.now, Ended: r.now, Checks: checks}
	if r.inc.DiagnosedAt.IsZero() {
		r.write(incident.Diagnosed{Checks: checks})
	}
	return true
}

// first is the first round of looks of a kind: it was begun when the trouble was,
// and written down when it had ended.
func (r *replay) first(kind incident.Kind) []incident.Check {
	for _, e := range r.events {
		if e.Payload.Kind() != kind {
			continue
		}
		switch p := e.Payload.(type) {
		case incident.GoalSeen:
			return p.Checks
		case incident.Diagnosed:
			return p.Checks
		}
	}
	return nil
}

// answers finds what is asked among what was recorded. What is not there is not
// guessed.
func (r *replay) answers(seen []incident.Check, asked []runbooks.Diagnosis) ([]incident.Check, bool) {
	var list []incident.Check
	for _, d := range asked {
		n := slices.IndexFunc(seen, func(c incident.Check) bool { return c.Kind == d.Check && c.Target == d.Target })
		if n < 0 {
			r.missing = append(r.missing, fmt.Sprintf("%s of %s was not looked at", d.Check, d.Target))
			continue
		}
		c := seen[n]
		c.ID, c.Facts = d.ID, recordedFacts(c)
		list = append(list, c)
	}
	return list, len(r.missing) == 0
}

// recordedFacts gives the facts of a record the types that conditions expect:
// JSON knows one kind of number.
func recordedFacts(c incident.Check) map[string]any {
	facts := map[string]any{}
	for name, v := range c.Facts {
		if n, ok := v.(float64); ok && runbooks.Checks[c.Kind].Facts[name] == "int" {
			v = int(n)
		}
		facts[name] = v
	}
	return facts
}

// decide notes what is decided, and lets people answer at once.
func (r *replay) decide(payloads []incident.Payload) {
	r.write(payloads...)
	for _, p := range payloads {
		switch p := p.(type) {
		case incident.Blocked:
			if !slices.Contains(r.result.HeldBack, p.Guard) {
				r.result.HeldBack = append(r.result.HeldBack, p.Guard)
			}
		case incident.ApprovalRequested:
			r.result.Asked++
			r.agree(p)
		}
	}
}

// agree answers a question with as many a yes as it needs.
func (r *replay) agree(p incident.ApprovalRequested) {
	if r.Silent {
		return
	}
	first, rest := r.Inventory.Asked(p.By, r.inc.Team)
	for n, person := range append(first, rest...) {
		if a := r.inc.Approval; a == nil || a.GrantedBy != "" {
			return
		}
		yes := incident.Approved{Approval: p.Approval, PlanHash: p.PlanHash, By: person.Name}
		if needed := r.inc.Approval.Needed(); needed > 1 {
			yes.Number, yes.Of = n+1, needed
		}
		r.write(yes)
	}
}

// intend notes what would be sent. What would come of it nobody knows.
func (r *replay) intend(i incident.Intended) {
	c := r.result
	c.Does, c.Step, c.At, c.Power = i.What(), i.Step, r.now, i.Action == "power" && i.Verb != "on"
	c.Health = r.health()
	r.write(i)
	done := *r.inc.Action
	done.Outcome, done.SettledAt, done.Ended = incident.OutcomeDone, r.now, true
	r.touched = append(r.touched, &incident.Touch{Incident: r.inc.ID, Action: done})
}

// health says what became of the server by itself.
func (r *replay) health() Health {
	within := r.Recovers
	if within == 0 {
		within = DefaultRecovers
	}
	limit := r.now.Add(within)
	alone := r.acted.IsZero() || r.acted.After(limit) || !r.back.IsZero() && r.acted.After(r.back)
	switch {
	case !alone:
		return NotKnown
	case !r.back.IsZero() && !r.back.After(limit):
		return Healthy
	case r.back.IsZero() && r.events[len(r.events)-1].At.Before(limit):
		return NotKnown
	}
	return Sick
}

// together lists the servers of the site that went at about the same time, as far
// as they went before this one.
func (r *replay) together() []string {
	var names []string
	for _, f := range r.fell {
		if f.site == r.inc.Site && f.server != r.inc.Subject.Name && !f.at.Before(r.inc.OpenedAt.Add(-r.Limits.TogetherWithin)) {
			names = append(names, f.server)
		}
	}
	return names
}
