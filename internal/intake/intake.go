// Package intake is the door through which every alert comes, whoever sends
// it: it opens an incident or joins one, and it has committed before it
// returns.
//
//	door := &intake.Door{Store: s, Inventory: inv, Runbooks: lib, Clock: clk, …}
//	err := door.Receive(ctx, alerts, 0)
//
// An alert is a lookup key and nothing else: what it says can find a server in
// the inventory and a runbook in the library, and never becomes an address, a
// command or a target.
package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/runbooks"
)

// Door turns alerts into incidents. Every field must be set.
type Door struct {
	Store     *store.Store
	Inventory func() *inventory.Inventory
	Runbooks  func() *runbooks.Library
	Clock     *clock.Clock
	Labels    func() []string // the labels by which an alert may name a server, in order
	Count     func(a alerts.Alert, result string)

	// One alert at a time passes: a burst about one server would otherwise
	// lose against itself, try after try, and two peers of an Alertmanager
	// that report the same thing at the same moment would both be believed.
	passing sync.Mutex
}

// DefaultLabels are the labels that name a server when none are configured.
var DefaultLabels = []string{"server", "instance", "host"}

// How an alert can end; the words are those of the metric.
const (
	opened    = "opened"
	joined    = "joined"
	duplicate = "duplicate"
	late      = "late"      // firing, overtaken by the resolved that is already known
	unmatched = "unmatched" // resolved, of something never seen firing
)

// maxTries bounds how often one alert is tried when others write to the same
// incident at the same moment.
const maxTries = 20

// Receive takes in a batch. cut is the number of alerts that the sender left
// out of it. When it returns nil, every alert is committed; an error means that
// some are not, and that the whole batch may be sent again: what was already
// taken in is recognised.
func (d *Door) Receive(ctx context.Context, batch []alerts.Alert, cut uint64) error {
	ctx = store.As(ctx, "") // an alert comes in through any replica, whoever has the incident
	var errs []error
	for _, a := range batch {
		result, err := d.take(ctx, a, cut)
		if err != nil {
			errs = append(errs, fmt.Errorf("take in alert %s: %w", a.Labels, err))
			continue // one that cannot be taken in must not keep the others out
		}
		d.Count(a, result)
	}
	return errors.Join(errs...)
}

// take tries until the alert is in: somebody else may open, write to or close
// the same incident in between.
func (d *Door) take(ctx context.Context, a alerts.Alert, cut uint64) (string, error) {
	d.passing.Lock()
	defer d.passing.Unlock()
	for range maxTries {
		result, err := d.try(ctx, a, cut)
		if errors.Is(err, store.ErrTaken) || errors.Is(err, store.ErrConflict) {
			continue
		}
		return result, err
	}
	return "", fmt.Errorf("gave up after %d tries: %w", maxTries, store.ErrConflict)
}

// overtaken is how long after a resolved the firing of the same episode is one
// that was on its way longer. Later it is news: an Alertmanager that had lost
// sight of the trouble (resolve_timeout, a Prometheus that was restarted) takes
// it up again with the moment at which it began, and repeats nothing before its
// repeat_interval, which is hours.
const overtaken = 10 * time.Minute

func (d *Door) try(ctx context.Context, a alerts.Alert, cut uint64) (string, error) {
	known, err := d.Store.Episode(ctx, a.Episode())
	if err != nil {
		return "", err
	}
	switch {
	case a.Status == alerts.Resolved && known.Incident == "":
		return unmatched, nil
	case a.Status == alerts.Firing && known.Status == alerts.Resolved:
		if d.Clock.Now().Sub(known.Recorded) < overtaken {
			return late, nil
		}
		return d.enter(ctx, a, cut)
	case known.Incident != "":
		return d.again(ctx, known, a, cut)
	}
	return d.enter(ctx, a, cut)
}

// again takes an alert whose episode is known.
func (d *Door) again(ctx context.Context, known store.Episode, a alerts.Alert, cut uint64) (string, error) {
	inc, err := d.current(ctx, known.Incident)
	if err != nil {
		return "", err
	}
	switch {
	case a.Status == known.Status && inc.Ongoing():
		return duplicate, nil
	case a.Status == alerts.Firing:
		return d.enter(ctx, a, cut) // it fires on after its incident was closed
	case a.Status == known.Status:
		return duplicate, nil
	}
	failpoint.Reach(failpoint.IntakeBeforeResolve)
	_, err = d.Store.Record(ctx, inc.ID, event(a, cut))
	failpoint.Reach(failpoint.IntakeResolved)
	return joined, err
}

// current loads an incident, or the one that it has become part of.
func (d *Door) current(ctx context.Context, id string) (*incident.Incident, error) {
	inc, err := d.Store.Load(ctx, id)
	for hops := 0; err == nil && inc.Status == incident.Joined && hops < maxTries; hops++ {
		inc, err = d.Store.Load(ctx, inc.MergedInto)
	}
	return inc, err
}

// enter lets a firing alert join the incident that is open for what it is
// about, or opens one.
func (d *Door) enter(ctx context.Context, a alerts.Alert, cut uint64) (string, error) {
	about := d.about(a)
	for _, subject := range about.subjects() {
		id, err := d.Store.OpenFor(ctx, subject)
		if err != nil {
			return "", err
		}
		if id == "" {
			continue
		}
		inc, err := d.Store.Load(ctx, id)
		if err != nil {
			return "", err
		}
		if d.covers(inc, about.subject, a) {
			return joined, d.join(ctx, inc, about, a, cut)
		}
	}
	failpoint.Reach(failpoint.IntakeBeforeCreate)
	_, err := d.Store.Create(ctx, d.opening(about, a, cut)...)
	failpoint.Reach(failpoint.IntakeCreated)
	return opened, err
}

// covers reports whether an alert about subject can be part of inc. The
// incident of a site or a rack looks after its servers only while that is in
// trouble as a whole, and its goal is that they answer: what is still silent when
// the way there is back has a trouble of its own. One whose service is back, or one that waits for
// the end of the provider's announcement, would be closed with the server still
// down, and nothing would ever be tried for it. What touches nobody's service,
// like a BMC, is never part of an outage that customers are told of.
func (d *Door) covers(inc *incident.Incident, subject incident.Subject, a alerts.Alert) bool {
	if inc.Subject == subject {
		return true
	}
	if inc.Status != incident.Open || !inc.Stands() {
		return false
	}
	if book := d.Runbooks().Select(a.Labels); book != nil && !book.Goal.Service() {
		return false
	}
	book, err := runbooks.Parse(inc.Runbook.Name, []byte(inc.Runbook.Source))
	return err == nil && book.Goal.Service()
}

// join adds an alert to an open incident. A server whose site's or rack's
// incident is open becomes part of that.
func (d *Door) join(ctx context.Context, inc *incident.Incident, about about, a alerts.Alert, cut uint64) error {
	events := []incident.Event{event(a, cut)}
	if inc.Subject != about.subject && !slices.Contains(inc.Parts, about.subject) {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: incident.Absorbed{
			From: a.Name(), Subject: about.subject, Customers: about.customers,
		}})
	}
	for _, p := range d.raise(inc, about, a) {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: p})
	}
	failpoint.Reach(failpoint.IntakeBeforeJoin)
	_, err := d.Store.Append(ctx, inc.ID, inc.Version, events...)
	failpoint.Reach(failpoint.IntakeJoined)
	return err
}

// raise is what an alert makes of an incident that it is worse than; nothing
// is ever lowered. What no runbook judges is worse than the least. The team and
// the runbook are those for the incident's own subject: what a server needs is
// not what its site needs.
func (d *Door) raise(inc *incident.Incident, about about, a alerts.Alert) []incident.Payload {
	const why = "worse than what opened it"
	own := inc.Subject == about.subject
	title := ""
	if own {
		title = about.title
	}
	book := d.Runbooks().Select(a.Labels)
	switch {
	case book != nil && worse(book, inc.Priority) && own:
		return judged(book, title, why)
	case book != nil && worse(book, inc.Priority):
		return []incident.Payload{classified(book, title, why)}
	case book == nil && unjudgedPriority < inc.Priority:
		return unjudged(title, why)
	}
	return nil
}

// worse reports whether a runbook's classification is more pressing than what
// an incident has: a server that stops answering is more than a service down.
func worse(book *runbooks.Runbook, than incident.Priority) bool {
	return classified(book, "", "").Priority < than
}

// judged is what a runbook says of the incidents it is meant for.
func judged(book *runbooks.Runbook, title, why string) []incident.Payload {
	return []incident.Payload{
		classified(book, title, why),
		incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source},
	}
}

func classified(book *runbooks.Runbook, title, why string) incident.Classified {
	impact, urgency := incident.Level(book.Classify.Impact), incident.Level(book.Classify.Urgency)
	return incident.Classified{Title: title, Impact: impact, Urgency: urgency, Priority: incident.PriorityOf(impact, urgency), Reason: why}
}

var unjudgedPriority = incident.PriorityOf(incident.Medium, incident.Medium)

// unjudged is what holds for an alert that no runbook is meant for.
func unjudged(title, why string) []incident.Payload {
	return []incident.Payload{
		incident.Classified{Title: title, Impact: incident.Medium, Urgency: incident.Medium, Priority: unjudgedPriority, Reason: why},
		incident.Attention{Topic: "no-runbook", Why: "no runbook is meant for this alert, so nothing is done by itself"},
	}
}

// opening is how every timeline begins: opened, the alert, the priority, the
// team, the runbook.
func (d *Door) opening(about about, a alerts.Alert, cut uint64) []incident.Event {
	payloads := []incident.Payload{
		incident.Opened{Title: about.title, Subject: about.subject, Site: about.site, Customers: about.customers},
	}
	if book := d.Runbooks().Select(a.Labels); book != nil {
		payloads = append(payloads, judged(book, "", "as the runbook "+book.Name+" says")...)
	} else {
		payloads = append(payloads, unjudged("", "no runbook judges it")...)
	}
	if about.unknown != "" {
		payloads = append(payloads, incident.Attention{Topic: "not-in-inventory", Why: about.unknown})
	}
	events := make([]incident.Event, 0, len(payloads)+1)
	for n, p := range payloads {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: p})
		if n == 0 {
			events = append(events, event(a, cut))
		}
	}
	for _, p := range about.silent {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: p})
	}
	return events
}

func event(a alerts.Alert, cut uint64) incident.Event {
	return incident.Event{Actor: a.Source, Payload: incident.AlertReceived{Alert: a, Cut: cut}}
}
