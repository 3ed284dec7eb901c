package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// model keeps timelines in memory by the contract of [store.Store]. It seals
// nothing and writes nothing down. What it gives out never changes.
type model struct {
	incidents map[string]*kept
	order     []string
	open      map[string]string // subject → incident
	held      map[string]string // server → incident
	episodes  map[string]store.Episode
	touches   []*incident.Touch // in the order in which they were planned
	numbers   map[int]int
	commits   uint64   // counts over every database of the world
	marks     []uint64 // by event: the number of its commit
}

type kept struct {
	inc    *incident.Incident
	events []incident.Event
}

func newModel() *model {
	return &model{
		incidents: map[string]*kept{}, open: map[string]string{}, held: map[string]string{},
		episodes: map[string]store.Episode{}, numbers: map[int]int{},
	}
}

// copy is the store as it is now, for a database that later forgets the rest.
func (m *model) copy() *model {
	c := newModel()
	for id, k := range m.incidents {
		c.incidents[id] = k
	}
	c.order = slices.Clone(m.order)
	for k, v := range m.open {
		c.open[k] = v
	}
	for k, v := range m.held {
		c.held[k] = v
	}
	for k, v := range m.episodes {
		c.episodes[k] = v
	}
	for k, v := range m.numbers {
		c.numbers[k] = v
	}
	c.touches, c.commits, c.marks = slices.Clone(m.touches), m.commits, m.marks[:len(m.marks):len(m.marks)]
	return c
}

func (m *model) load(id string) (*incident.Incident, error) {
	k, ok := m.incidents[id]
	if !ok {
		return nil, fmt.Errorf("%s: %w", id, store.ErrNotFound)
	}
	return k.inc, nil
}

func (m *model) create(now time.Time, events []incident.Event) (*incident.Incident, error) {
	if len(events) == 0 {
		return nil, errors.New("create an incident: it has no events")
	}
	first, ok := events[0].Payload.(incident.Opened)
	if !ok {
		return nil, errors.New("create an incident: it does not begin with its opening")
	}
	if m.open[first.Subject.String()] != "" {
		return nil, store.ErrTaken
	}
	year := now.Year()
	m.numbers[year]++
	id := fmt.Sprintf("INC-%d-%04d", year, m.numbers[year])
	m.incidents[id] = &kept{inc: incident.Fold(nil)}
	m.order = append(m.order, id)
	return m.extend(id, now, events)
}

func (m *model) append(id string, version int, now time.Time, check func([]*incident.Touch) error, since time.Time, events []incident.Event) (*incident.Incident, error) {
	old, err := m.load(id)
	switch {
	case err != nil:
		return nil, err
	case old.Version != version:
		return nil, fmt.Errorf("%s is at %d, not %d: %w", id, old.Version, version, store.ErrConflict)
	}
	if check != nil {
		if err := check(m.touched(since)); err != nil {
			return nil, err
		}
	}
	return m.extend(id, now, events)
}

func (m *model) record(id string, now time.Time, events []incident.Event) (*incident.Incident, error) {
	if _, err := m.load(id); err != nil {
		return nil, err
	}
	return m.extend(id, now, events)
}

// extend adds events all or none: what breaks a rule of uniqueness changes
// nothing.
func (m *model) extend(id string, now time.Time, events []incident.Event) (*incident.Incident, error) {
	k := m.incidents[id]
	inc := k.inc.Clone()
	now = now.UTC().Truncate(time.Microsecond)
	var intents []*incident.Touch
	for n, e := range events {
		e.Incident, e.Seq, e.Recorded = id, inc.Version+1, now
		if e.At.IsZero() {
			e.At = now
		}
		e.At = e.At.UTC().Truncate(time.Microsecond)
		inc.Apply(e)
		events[n] = e
		if inc.Action != nil && concernsAction(e.Payload) {
			intents = append(intents, &incident.Touch{Incident: id, Action: *inc.Action})
		}
	}
	if holder := m.held[inc.Held()]; inc.Held() != "" && holder != "" && holder != id {
		return nil, store.ErrServerHeld
	}
	if other := m.open[inc.Subject.String()]; inc.Ongoing() && other != "" && other != id {
		return nil, store.ErrTaken
	}
	if was := k.inc.Held(); was != "" && was != inc.Held() {
		delete(m.held, was)
	}
	if inc.Held() != "" {
		m.held[inc.Held()] = id
	}
	if inc.Ongoing() {
		m.open[inc.Subject.String()] = id
	} else if m.open[inc.Subject.String()] == id {
		delete(m.open, inc.Subject.String())
	}
	for _, t := range intents {
		m.note(t)
	}
	for _, e := range events {
		if a, ok := e.Payload.(incident.AlertReceived); ok {
			m.episodes[a.Alert.Episode()] = store.Episode{Incident: id, Status: a.Alert.Status, Recorded: e.Recorded}
		}
	}
	m.commits++
	for range events {
		m.marks = append(m.marks, m.commits)
	}
	m.incidents[id] = &kept{inc, append(k.events[:len(k.events):len(k.events)], events...)}
	return inc, nil
}

func concernsAction(p incident.Payload) bool {
	switch p.(type) {
	case incident.Intended, incident.Claimed, incident.Voided, incident.OutcomeRecorded, incident.Graded, incident.StepFailed, incident.Restored, incident.Relapsed, incident.Merged:
		return true
	}
	return false
}

// change makes one of the changes that are asked of it together.
func (m *model) change(c store.Change, now time.Time) (*incident.Incident, error) {
	if c.ID == "" {
		return m.create(now, c.Events)
	}
	return m.append(c.ID, c.Version, now, nil, time.Time{}, c.Events)
}

func (m *model) episode(name string) store.Episode {
	e := m.episodes[name]
	if k, ok := m.incidents[e.Incident]; ok {
		e.Ongoing = k.inc.Ongoing()
	}
	return e
}

func (m *model) note(t *incident.Touch) {
	for n := len(m.touches) - 1; n >= 0; n-- {
		if m.touches[n].Intent == t.Intent {
			m.touches[n] = t
			return
		}
	}
	m.touches = append(m.touches, t)
}

func (m *model) touched(since time.Time) []*incident.Touch {
	var list []*incident.Touch
	for _, t := range m.touches {
		if !t.Ended || !t.PlannedAt.Before(since) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *incident.Touch) int {
		return cmp.Or(a.PlannedAt.Compare(b.PlannedAt), cmp.Compare(a.Intent, b.Intent))
	})
	return list
}

func (m *model) results(runbook, step, class string, limit int) []*incident.Touch {
	var list []*incident.Touch
	for _, t := range m.touches {
		if t.Runbook == runbook && t.Step == step && t.Class == class && t.Duty == 0 && t.Result != "" {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *incident.Touch) int {
		return cmp.Or(b.PlannedAt.Compare(a.PlannedAt), cmp.Compare(b.Intent, a.Intent))
	})
	return list[:min(len(list), limit)]
}

func (m *model) fallen(site string, from, to time.Time, limit int) []string {
	var list []*incident.Incident
	for _, id := range m.order {
		inc := m.incidents[id].inc
		if inc.Status == incident.Open && inc.Site == site && inc.Subject.Kind == "server" && !inc.SilentAt.Before(from) && !inc.SilentAt.After(to) {
			list = append(list, inc)
		}
	}
	slices.SortStableFunc(list, func(a, b *incident.Incident) int {
		return cmp.Or(a.SilentAt.Compare(b.SilentAt), cmp.Compare(a.ID, b.ID))
	})
	var names []string
	for _, inc := range list[:min(len(list), limit)] {
		names = append(names, inc.Subject.Name)
	}
	return names
}

func (m *model) withHands(site string) (ids []string) {
	for _, id := range m.order {
		if inc := m.incidents[id].inc; inc.Ongoing() && inc.Site == site && inc.AtWork() {
			ids = append(ids, id)
		}
	}
	return ids
}

// ongoing lists the incidents on which something may still happen, in the order
// in which they were opened.
func (m *model) ongoing() []*incident.Incident {
	var list []*incident.Incident
	for _, id := range m.order {
		if inc := m.incidents[id].inc; inc.Ongoing() {
			list = append(list, inc)
		}
	}
	return list
}
