package intake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// plan is what a batch will make of the incidents that it is about. Each alert
// is judged as if those before it were committed already; all that is written to
// one incident is one commit.
type plan struct {
	*Door
	ctx      context.Context
	drafts   []*draft
	byID     map[string]*draft
	open     map[incident.Subject]*draft // nil: none is open
	episodes map[string]store.Episode
	found    map[incident.Subject]*incident.Incident // open when the plan was begun
	letGo    func()                                  // of the lock of the wholes; nil while it is not held
}

// newPlan reads what words can be about, all at once.
func (d *Door) newPlan(ctx context.Context, words []*word) (*plan, error) {
	p := &plan{Door: d, ctx: ctx, byID: map[string]*draft{}, open: map[incident.Subject]*draft{}}
	names := make([]string, len(words))
	for n, w := range words {
		names[n] = w.episode
	}
	var err error
	if p.episodes, err = d.Store.Episodes(ctx, names); err != nil {
		return nil, err
	}
	asked := map[incident.Subject]bool{}
	for _, w := range words {
		if repeats(p.episodes[w.episode], w) {
			continue
		}
		for _, subject := range w.about.subjects() {
			asked[subject] = true
		}
	}
	if len(asked) > 0 {
		p.found, err = d.Store.Ongoing(ctx, slices.Collect(maps.Keys(asked)))
	}
	return p, err
}

// close lets go of what the plan has locked.
func (p *plan) close() {
	if p.letGo != nil {
		p.letGo()
	}
}

// overtaken is how long after a resolved the firing of the same episode is one
// that was on its way longer. Later it is news: an Alertmanager that had lost
// sight of the trouble (resolve_timeout, a Prometheus that was restarted) takes
// it up again with the moment at which it began, and repeats nothing before its
// repeat_interval, which is hours.
const overtaken = 10 * time.Minute

// repeats reports whether an alert says what is known already, of an incident
// that is not over: nothing needs to be read or written for it.
func repeats(known store.Episode, w *word) bool {
	return known.Ongoing && known.Status == w.alert.Status
}

// place finds where one alert belongs, and how it ends there.
func (p *plan) place(w *word) (string, error) {
	a, known := w.alert, p.episodes[w.episode]
	switch {
	case repeats(known, w):
		return p.rests(known, w), nil
	case a.Status == alerts.Resolved && known.Incident == "":
		return unmatched, nil
	case a.Source == alerts.Calendar && known.Incident != "":
		return duplicate, nil // a date comes once, also when its record is closed
	case a.Status == alerts.Firing && known.Status == alerts.Resolved:
		if p.Clock.Now().Sub(known.Recorded) < overtaken {
			return late, nil
		}
		return p.enter(w)
	case known.Incident != "":
		return p.again(known, w)
	}
	return p.enter(w)
}

// rests is how a repeated alert ends: it is in when what it repeats is, which
// may be only a draft as yet.
func (p *plan) rests(known store.Episode, w *word) string {
	if on, ok := p.byID[known.Incident]; ok {
		return on.with(w, duplicate)
	}
	return duplicate
}

// again takes an alert whose episode is known, and that says something else or
// is of an incident that has ended or is part of another.
func (p *plan) again(known store.Episode, w *word) (string, error) {
	on, err := p.current(known.Incident, w)
	if err != nil {
		return "", err
	}
	switch {
	case w.alert.Status == known.Status && on.inc.Ongoing():
		return on.with(w, duplicate), nil
	case w.alert.Status == alerts.Firing:
		return p.enter(w) // it fires on after its incident was closed
	case w.alert.Status == known.Status:
		return on.with(w, duplicate), nil
	}
	p.write(on, w, event(w.alert, w.cut))
	return joined, nil
}

// current loads an incident, or the one that it has become part of.
func (p *plan) current(id string, w *word) (*draft, error) {
	on, err := p.load(id, w)
	for hops := 0; err == nil && on.inc.Status == incident.Joined && hops < maxTries; hops++ {
		on, err = p.load(on.inc.MergedInto, w)
	}
	return on, err
}

// enter lets a firing alert join the incident that is open for what it is
// about, or opens one.
func (p *plan) enter(w *word) (string, error) {
	for _, subject := range w.about.subjects() {
		on, err := p.openFor(subject, w)
		if err != nil {
			return "", err
		}
		if on != nil && p.covers(on.inc, w.about.subject, w.alert) {
			p.join(on, w)
			return joined, nil
		}
	}
	on := &draft{inc: incident.Fold(nil)}
	on.inc.ID = fmt.Sprintf("draft %d", len(p.drafts)) // until the store numbers it
	p.drafts, p.byID[on.inc.ID], p.open[w.about.subject] = append(p.drafts, on), on, on
	p.write(on, w, p.opening(w.about, w.alert, w.cut)...)
	return opened, nil
}

// join adds an alert to an open incident. A server whose site's or rack's
// incident is open becomes part of that.
func (p *plan) join(on *draft, w *word) {
	events := []incident.Event{event(w.alert, w.cut)}
	if on.inc.Subject != w.about.subject && !slices.Contains(on.inc.Parts, w.about.subject) {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: incident.Absorbed{
			From: w.alert.Name(), Subject: w.about.subject, Customers: w.about.customers,
		}})
	}
	for _, payload := range p.raise(on.inc, w.about, w.alert) {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: payload})
	}
	p.write(on, w, events...)
}

// openFor returns the incident that is open for a subject, nil when none is.
func (p *plan) openFor(subject incident.Subject, w *word) (*draft, error) {
	if on, ok := p.open[subject]; ok && (on == nil || on.inc.Ongoing()) {
		return on, nil
	}
	var on *draft
	if inc := p.found[subject]; inc != nil {
		var err error
		if on, err = p.adopt(inc, w); err != nil {
			return nil, err
		}
		if !on.inc.Ongoing() { // it has ended since it was found
			on = nil
		}
	}
	p.open[subject] = on
	return on, nil
}

// load reads an incident once.
func (p *plan) load(id string, w *word) (*draft, error) {
	if on, ok := p.byID[id]; ok {
		return on, nil
	}
	inc := p.found[w.about.subject]
	if inc == nil || inc.ID != id {
		var err error
		if inc, err = p.Store.Load(p.ctx, id); err != nil {
			return nil, err
		}
	}
	return p.adopt(inc, w)
}

// adopt makes a draft of an incident as it was read, once. One that is of a
// whole site, or otherwise not the alert's own, is written to by many batches;
// they pass one at a time.
func (p *plan) adopt(inc *incident.Incident, w *word) (*draft, error) {
	if on, ok := p.byID[inc.ID]; ok {
		return on, nil
	}
	if inc.Subject != w.about.subject || crowded(inc.Subject) {
		if err := p.alone(); err != nil {
			return nil, err
		}
		var err error
		if inc, err = p.Store.Load(p.ctx, inc.ID); err != nil { // who was before us has written to it
			return nil, err
		}
	}
	on := &draft{inc: inc, stored: true, version: inc.Version}
	p.byID[inc.ID] = on
	p.drafts = append(p.drafts, on)
	return on, nil
}

// alone waits until no other batch joins incidents that are not its own.
func (p *plan) alone() (err error) {
	if p.letGo == nil {
		p.letGo, err = p.wholes.lock(p.ctx, []string{"all"})
	}
	return err
}

// crowded reports whether batches about other subjects join the incident of s.
func crowded(s incident.Subject) bool {
	return s.Kind == "site" || s.Kind == "rack" || s.Kind == "feed"
}

// write adds events to a draft, and what they say of the alert's episode.
func (p *plan) write(on *draft, w *word, events ...incident.Event) {
	now := p.Clock.Now()
	if len(on.events) == 0 {
		on.inc = on.inc.Clone()
	}
	for _, e := range events {
		on.events = append(on.events, e)
		e.Incident, e.Seq, e.At = on.inc.ID, on.inc.Version+1, now
		on.inc.Apply(e)
	}
	on.words = append(on.words, w)
	p.episodes[w.episode] = store.Episode{Incident: on.inc.ID, Status: w.alert.Status, Recorded: now, Ongoing: on.inc.Ongoing()}
}
