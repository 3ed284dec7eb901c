package remediation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// Script is a world for Simulate: what is found, how people answer, and what
// helps.
type Script struct {
	Found  map[string]incident.Check // by id of the diagnosis or name of the goal check; the rest is as in DefaultFound
	Answer string                    // to requests for leave: "yes", "no", "none"
	Cures  string                    // id of the remedy that brings service back, "technician", or "" for none
}

// Simulated is what Simulate tells.
type Simulated struct {
	Events []incident.Event
	Sends  []incident.Intended // what would have been sent, in order
	Ended  incident.Status     // open when nothing more would happen by itself
	Took   time.Duration
}

// simulation is a world of one incident in virtual time. It is the real Next
// around pretended looks; nothing is sent anywhere.
type simulation struct {
	script    Script
	book      *runbooks.Runbook
	inventory *inventory.Inventory
	inc       *incident.Incident
	now       time.Time
	goal      Look
	diagnosis Look
	cured     bool
	touched   []*incident.Touch
	override  string // from what the machine starts next, as its BMC says
	result    Simulated
}

// maxMoves and maxTime bound a simulation: a runbook that is still busy then
// is busy for ever.
const (
	maxMoves = 20_000
	maxTime  = 24 * time.Hour
)

// Simulate plays a runbook on one server that does not answer, with the same
// Next that decides in earnest.
func Simulate(book *runbooks.Runbook, inv *inventory.Inventory, server string, script Script, start time.Time) (Simulated, error) {
	s, ok := inv.Server(server)
	if !ok {
		return Simulated{}, fmt.Errorf("simulate: no server %q in the inventory", server)
	}
	w := &simulation{script: script, book: book, inventory: inv, inc: incident.Fold(nil), now: start, override: "none"}
	subject := incident.Subject{Kind: "server", Name: s.Name}
	w.write(
		incident.Opened{Title: "Server " + s.Name + " does not answer", Subject: subject, Site: s.Site, Customers: s.Customers},
		incident.Classified{
			Impact: incident.Level(book.Classify.Impact), Urgency: incident.Level(book.Classify.Urgency),
			Priority: incident.PriorityOf(incident.Level(book.Classify.Impact), incident.Level(book.Classify.Urgency)), Reason: "as the runbook says",
		},
		incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash},
	)
	for range maxMoves {
		if w.now.Sub(start) > maxTime || !w.step() {
			break
		}
	}
	w.result.Ended, w.result.Took = w.inc.Status, w.now.Sub(start)
	return w.result, nil
}

// step makes one move; it returns false when the story is over.
func (w *simulation) step() bool {
	if w.inc.Closure != nil {
		return false // what is left is a person's to write
	}
	m := Next(Facts{
		Incident: w.inc, Runbook: w.book, Inventory: w.inventory, Limits: DefaultLimits,
		Goal: w.goal, Diagnosis: w.diagnosis, Now: w.now, Touched: w.touched,
	})
	switch m := m.(type) {
	case Rest:
		return false
	case Wait:
		w.now = m.Until
	case Watch:
		w.watch(m.Power)
	case Diagnose:
		w.diagnose()
	case Decide:
		w.decide(m.Payloads)
	case Intend:
		w.write(m.Intent)
	case Send:
		w.send(m.Intent)
	case Dispatch:
		w.dispatch(m)
	case Merge:
		w.write(incident.Merged{Into: "the site's incident", Reason: m.Reason})
	}
	return true
}

func (w *simulation) write(payloads ...incident.Payload) {
	for _, p := range payloads {
		e := incident.Event{Incident: "INC-0000-0000", Seq: w.inc.Version + 1, At: w.now, Recorded: w.now, Actor: incident.Piket, Payload: p}
		w.inc.Apply(e)
		w.result.Events = append(w.result.Events, e)
	}
}

// decide writes down, and lets the people of the script answer at once.
func (w *simulation) decide(payloads []incident.Payload) {
	w.write(payloads...)
	a := w.inc.Approval
	if a == nil || a.GrantedBy != "" {
		return
	}
	first, rest := w.inventory.Asked(a.By, w.inc.Team)
	for n, person := range append(first, rest...) {
		switch {
		case w.script.Answer == "no":
			w.write(incident.Denied{Approval: a.Approval, By: person.Name})
			return
		case w.script.Answer != "yes" || a.GrantedBy != "":
			return
		}
		yes := incident.Approved{Approval: a.Approval, PlanHash: a.PlanHash, By: person.Name}
		if a.Needed() > 1 {
			yes.Number, yes.Of = n+1, a.Needed()
		}
		w.write(yes)
	}
}

func (w *simulation) watch(power bool) {
	w.goal = Look{At: w.now, Ended: w.now}
	for _, name := range w.book.Goal.Checks {
		w.goal.Checks = append(w.goal.Checks, w.finding(name, name, "server"))
	}
	holds := wellAll(w.goal.Checks)
	if power {
		w.goal.Power = "on"
		if w.goal.Power != w.inc.Power {
			w.write(incident.PowerSeen{Server: w.inc.Held(), Power: "on"})
		}
	}
	if !w.inc.Goal.Known || holds != w.inc.Goal.Holds {
		w.write(incident.GoalSeen{Holds: holds, Checks: w.goal.Checks})
	}
}

func (w *simulation) diagnose() {
	w.diagnosis = Look{At: w.now, Ended: w.now}
	for _, d := range w.book.Diagnose {
		w.diagnosis.Checks = append(w.diagnosis.Checks, w.finding(d.ID, d.Check, d.Target))
	}
	if w.inc.DiagnosedAt.IsZero() {
		w.write(incident.Diagnosed{Checks: w.diagnosis.Checks})
	}
}

// finding is what the script, or else DefaultFound, says of one check.
func (w *simulation) finding(id, kind, target string) incident.Check {
	c, ok := w.script.Found[id]
	if !ok {
		c = DefaultFound(kind, target)
	}
	if w.cured && target == "server" && kind != "bmc" {
		c.State, c.Reason = incident.Up, "answers"
	}
	c.ID, c.Kind, c.Target = id, kind, target
	switch {
	case kind == "bmc" && c.Facts["boot_override"] == "none":
		c.Facts = maps.Clone(c.Facts)
		c.Facts["boot_override"] = w.override
	case kind == "services" && c.State == incident.Down:
		c.Facts = map[string]any{"down": w.firstService(), "up": 0}
	case kind == "services" && c.State == incident.Up:
		c.Facts = map[string]any{"down": "", "up": 1}
	}
	return c
}

func (w *simulation) firstService() string {
	server, _ := w.inventory.Server(w.inc.Subject.Name)
	if len(server.Services) == 0 {
		return ""
	}
	return server.Services[0].Name
}

// DefaultFound is what a hung server looks like: the site and its neighbours
// are well, the BMC says that the machine is on, and the machine is silent.
func DefaultFound(kind, target string) incident.Check {
	switch {
	case target == "site.gateway":
		return incident.Check{State: incident.Up, Reason: "answers"}
	case kind == "statuspage":
		return incident.Check{State: incident.Up, Reason: "nothing announced", Facts: map[string]any{
			"incident": false, "indicator": "none", "title": "", "maintenance": false, "until": "", "information": "",
		}}
	case kind == "neighbours":
		return incident.Check{State: incident.Up, Reason: "3 of 3 machines beside it answer", Facts: map[string]any{"up": 3, "asked": 3, "rack_up": 2, "rack_asked": 2}}
	case kind == "references":
		return incident.Check{State: incident.Up, Reason: "2 of 2 references answer", Facts: map[string]any{"up": 2, "asked": 2}}
	case kind == "vantages":
		return incident.Check{State: incident.Up, Reason: "nobody looks along", Facts: map[string]any{"down": 1, "up": 0, "voters": 1, "lost": 0}}
	case kind == "bmc":
		return incident.Check{State: incident.Up, Reason: "the machine is on", Facts: map[string]any{"state": "on", "boot_override": "none"}}
	}
	return incident.Check{State: incident.Down, Reason: "does not answer"}
}

func (w *simulation) send(intent incident.Intended) {
	w.result.Sends = append(w.result.Sends, intent)
	w.cured = w.cured || intent.Step == w.script.Cures && !intent.TakesBack()
	switch {
	case intent.Action == incident.ActionBoot && intent.Verb != incident.BootNone:
		w.override = intent.Verb + " once"
	case intent.Action != incident.ActionMedia:
		w.override = "none"
	}
	w.write(
		incident.Claimed{Intent: intent.Intent, Owner: "simulation"},
		incident.OutcomeRecorded{Intent: intent.Intent, Outcome: incident.OutcomeDone, Detail: "simulated"})
	w.touched = append(w.touched, &incident.Touch{Incident: w.inc.ID, Action: *w.inc.Action})
	w.goal, w.diagnosis = Look{}, Look{}
}

// dispatch lets the technician do as the script says, an hour later.
func (w *simulation) dispatch(d Dispatch) {
	site, _ := w.inventory.Site(w.inc.Site)
	order := fmt.Sprintf("%s/W%d", w.inc.ID, w.inc.Version+1)
	w.write(incident.WorkOrdered{
		Order: order, Step: d.Step, To: site.RemoteHands.Name, Email: site.RemoteHands.Email, Subject: d.Technician.Order,
		AcknowledgeBy: w.now.Add(d.Technician.Acknowledge), ArriveBy: w.now.Add(d.Technician.Arrive),
	})
	if w.script.Cures != "technician" {
		return
	}
	w.now = w.now.Add(time.Hour)
	w.cured = true
	w.write(incident.OrderProgress{Order: order, State: "done", By: site.RemoteHands.Name})
}

// ParseFound reads findings as a person types them, "power.state=off" or
// "shell.ok=true", for the checks of book.
func ParseFound(book *runbooks.Runbook, facts []string) (map[string]incident.Check, error) {
	kinds := map[string]runbooks.Diagnosis{}
	for _, d := range book.Diagnose {
		kinds[d.ID] = d
	}
	for _, name := range runbooks.GoalChecks {
		kinds[name] = runbooks.Diagnosis{ID: name, Check: name, Target: "server"}
	}
	found := map[string]incident.Check{}
	for _, text := range facts {
		name, value, ok := strings.Cut(text, "=")
		id, field, dotted := strings.Cut(name, ".")
		d, known := kinds[id]
		if !ok || !dotted || !known {
			return nil, fmt.Errorf("fact %q: want CHECK.FACT=VALUE with a check of %s", text, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		}
		c, seen := found[id]
		if !seen {
			c = DefaultFound(d.Check, d.Target)
			c.Facts = maps.Clone(c.Facts)
		}
		if err := setFact(&c, d.Check, field, value); err != nil {
			return nil, fmt.Errorf("fact %q: %w", text, err)
		}
		found[id] = c
	}
	return found, nil
}

func setFact(c *incident.Check, kind, field, value string) error {
	if field == "ok" {
		state, ok := map[string]incident.State{"true": incident.Up, "false": incident.Down, "unknown": incident.Unknown}[value]
		if !ok {
			return fmt.Errorf("%q is not true, false or unknown", value)
		}
		c.State, c.Reason = state, "as given"
		return nil
	}
	parse, ok := factParsers[runbooks.Checks[kind].Facts[field]]
	if !ok {
		return fmt.Errorf("check %s has no fact %q", kind, field)
	}
	v, err := parse(value)
	if err != nil {
		return err
	}
	if c.Facts == nil {
		c.Facts = map[string]any{}
	}
	c.Facts[field], c.Reason = v, "as given"
	return nil
}

// factParsers read a fact by its type.
var factParsers = map[string]func(string) (any, error){
	"string": func(s string) (any, error) { return s, nil },
	"bool":   func(s string) (any, error) { var v bool; _, err := fmt.Sscan(s, &v); return v, err },
	"int":    func(s string) (any, error) { var v int; _, err := fmt.Sscan(s, &v); return v, err },
	"double": func(s string) (any, error) { var v float64; _, err := fmt.Sscan(s, &v); return v, err },
}
