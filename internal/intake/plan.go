package intake

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/failpoint"
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
	wide     bool // whether the lock of the wholes is held
}

// draft is one incident as it will be.
type draft struct {
	inc     *incident.Incident
	stored  bool // it is in the store, at version
	version int
	events  []incident.Event
	words   []*word // that are in when the events are
}

func (d *Door) newPlan(ctx context.Context) *plan {
	return &plan{
		Door: d, ctx: ctx, byID: map[string]*draft{}, open: map[incident.Subject]*draft{}, episodes: map[string]store.Episode{},
	}
}

// close lets go of what the plan has locked.
func (p *plan) close() {
	if p.wide {
		p.wholes.Unlock()
	}
}

// overtaken is how long after a resolved the firing of the same episode is one
// that was on its way longer. Later it is news: an Alertmanager that had lost
// sight of the trouble (resolve_timeout, a Prometheus that was restarted) takes
// it up again with the moment at which it began, and repeats nothing before its
// repeat_interval, which is hours.
const overtaken = 10 * time.Minute

// place finds where one alert belongs, and how it ends there.
func (p *plan) place(w *word) (string, error) {
	a := w.alert
	known, err := p.episode(a)
	if err != nil {
		return "", err
	}
	switch {
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

func (p *plan) episode(a alerts.Alert) (store.Episode, error) {
	name := a.Episode()
	if known, ok := p.episodes[name]; ok {
		return known, nil
	}
	return p.Store.Episode(p.ctx, name)
}

// again takes an alert whose episode is known.
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
	id, err := p.Store.OpenFor(p.ctx, subject)
	if err != nil {
		return nil, err
	}
	var on *draft
	if id != "" {
		if on, err = p.load(id, w); err != nil {
			return nil, err
		}
	}
	p.open[subject] = on
	return on, nil
}

// load reads an incident once. One that is of a whole site, or otherwise not the
// alert's own, is written to by many batches; they pass one at a time.
func (p *plan) load(id string, w *word) (*draft, error) {
	if on, ok := p.byID[id]; ok {
		return on, nil
	}
	inc, err := p.Store.Load(p.ctx, id)
	if err == nil && (inc.Subject != w.about.subject || crowded(inc.Subject)) && !p.wide {
		p.wholes.Lock()
		p.wide = true
		inc, err = p.Store.Load(p.ctx, id) // who was before us has written to it
	}
	if err != nil {
		return nil, err
	}
	on := &draft{inc: inc, stored: true, version: inc.Version}
	p.byID[id] = on
	p.drafts = append(p.drafts, on)
	return on, nil
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
	p.episodes[w.alert.Episode()] = store.Episode{Incident: on.inc.ID, Status: w.alert.Status, Recorded: now}
}

// with notes that how w ends rests on what is only a draft as yet.
func (on *draft) with(w *word, result string) string {
	if len(on.events) > 0 {
		on.words = append(on.words, w)
	}
	return result
}

// commit writes the drafts down, many at once: the store puts them into few
// commits. Whose alerts are not in afterwards has an error.
func (p *plan) commit() {
	changed := slices.DeleteFunc(p.drafts, func(on *draft) bool { return len(on.events) == 0 })
	if len(changed) <= few {
		for _, on := range changed {
			p.store(on)
		}
		return
	}
	slots := make(chan struct{}, maxAtOnce)
	var all sync.WaitGroup
	for _, on := range changed {
		slots <- struct{}{}
		all.Go(func() {
			p.store(on)
			<-slots
		})
	}
	all.Wait()
}

func (p *plan) store(on *draft) {
	before, after := on.moments()
	failpoint.Reach(before)
	defer failpoint.Reach(after)
	var err error
	if on.stored {
		_, err = p.Store.Append(p.ctx, on.inc.ID, on.version, on.events...)
	} else {
		_, err = p.Store.Create(p.ctx, on.events...)
	}
	for _, w := range on.words {
		w.err = err
	}
}

// moments are those right before and right after the commit of a draft.
func (on *draft) moments() (before, after failpoint.Point) {
	switch {
	case !on.stored:
		return failpoint.IntakeBeforeCreate, failpoint.IntakeCreated
	case slices.ContainsFunc(on.words, func(w *word) bool { return w.alert.Status == alerts.Firing }):
		return failpoint.IntakeBeforeJoin, failpoint.IntakeJoined
	}
	return failpoint.IntakeBeforeResolve, failpoint.IntakeResolved
}
