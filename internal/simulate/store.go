package simulate

import (
	"cmp"
	"context"
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
		if inc := m.incidents[id].inc; inc.Ongoing() && inc.Site == site && inc.Order.AtWork() {
			ids = append(ids, id)
		}
	}
	return ids
}

// session is one process's way to the store. Every call may find the store out
// of reach, may be the last thing that the process does, and lets others run.
type session struct {
	w *world
	r *replica
}

func (s *session) Load(_ context.Context, id string) (*incident.Incident, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.w.db.load(id)
}

func (s *session) OpenFor(_ context.Context, subject incident.Subject) (string, error) {
	if err := s.reach(); err != nil {
		return "", err
	}
	return s.w.db.open[subject.String()], nil
}

func (s *session) Episodes(_ context.Context, names []string) (map[string]store.Episode, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	known := map[string]store.Episode{}
	for _, name := range names {
		if e := s.w.db.episode(name); e.Incident != "" {
			known[name] = e
		}
	}
	return known, nil
}

func (s *session) Ongoing(_ context.Context, about []incident.Subject) (map[incident.Subject]*incident.Incident, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	open := map[incident.Subject]*incident.Incident{}
	for _, subject := range about {
		if id := s.w.db.open[subject.String()]; id != "" {
			open[subject] = s.w.db.incidents[id].inc
		}
	}
	return open, nil
}

func (s *session) Touches(_ context.Context, since time.Time) ([]*incident.Touch, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.w.db.touched(since), nil
}

func (s *session) Results(_ context.Context, runbook, step, class string, limit int) ([]*incident.Touch, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.w.db.results(runbook, step, class, limit), nil
}

func (s *session) Fallen(_ context.Context, site string, from, to time.Time, limit int) ([]string, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.w.db.fallen(site, from, to, limit), nil
}

func (s *session) WithHands(_ context.Context, site string) ([]string, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.w.db.withHands(site), nil
}

func (s *session) Create(_ context.Context, events ...incident.Event) (*incident.Incident, error) {
	return s.commit(func(now time.Time) (*incident.Incident, error) { return s.w.db.create(now, events) }, events)
}

func (s *session) Append(_ context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error) {
	return s.commit(func(now time.Time) (*incident.Incident, error) {
		return s.w.db.append(id, version, now, nil, time.Time{}, events)
	}, events)
}

func (s *session) AppendIf(_ context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	return s.commit(func(now time.Time) (*incident.Incident, error) {
		return s.w.db.append(id, version, now, check, since, events)
	}, events)
}

func (s *session) Record(_ context.Context, id string, events ...incident.Event) (*incident.Incident, error) {
	return s.commit(func(now time.Time) (*incident.Incident, error) { return s.w.db.record(id, now, events) }, events)
}

// errAway says that the store cannot be reached; errLost that its answer did
// not come back, so that nobody knows whether it was stored.
var (
	errAway = errors.New("the store cannot be reached")
	errLost = errors.New("the connection broke before the store answered")
)

// reach stands before every call.
func (s *session) reach() error {
	w, r := s.w, s.r
	if lag := r.lag.Swap(0); lag > 0 { // the looks that were taken since the last call took so long
		w.sleep(time.Duration(lag))
	} else if w.chance(0.05) {
		w.sleep(w.between(time.Millisecond, 50*time.Millisecond))
	}
	w.mayPause(r, "at a store call", 0.0004)
	if r.cut || w.down {
		w.sleep(w.between(50*time.Millisecond, 3*time.Second))
		if r.cut || w.down {
			return errAway
		}
	}
	return nil
}

// mine says whether an incident is still this replica's to act on: the last
// thing that is asked before a send.
func (s *session) mine(_ context.Context, id string) error {
	if err := s.reach(); err != nil {
		return err
	}
	if s.w.lease(id).owner != s.r {
		return store.ErrLapsed
	}
	return nil
}

// Extend is one commit: a process dies before all of it or after all of it.
func (s *session) Extend(_ context.Context, changes ...store.Change) []error {
	errs := make([]error, len(changes))
	lost := s.around(func(now time.Time) (done []func()) {
		for n, c := range changes {
			var inc *incident.Incident
			if inc, errs[n] = s.w.db.change(c, now); errs[n] == nil {
				done = append(done, func() { s.w.committed(s.r, inc, c.Events) })
			}
		}
		return done
	})
	for n := range errs {
		errs[n] = cmp.Or(errs[n], lost)
	}
	return errs
}

func (s *session) commit(write func(time.Time) (*incident.Incident, error), events []incident.Event) (inc *incident.Incident, err error) {
	lost := s.around(func(now time.Time) []func() {
		if inc, err = write(now); err != nil {
			return nil
		}
		return []func(){func() { s.w.committed(s.r, inc, events) }}
	})
	if err = cmp.Or(err, lost); err != nil {
		return nil, err
	}
	return inc, nil
}

// around is what happens before and after a commit, which write makes. write
// returns how the world hears of what was stored, nothing when nothing was.
func (s *session) around(write func(time.Time) (done []func())) error {
	w, r := s.w, s.r
	if err := s.reach(); err != nil {
		return err
	}
	w.mayCrash(r, "before a commit", 0.001)
	if w.failing && !w.down {
		w.forgets()
	}
	done := write(r.clock.Now())
	if len(done) == 0 {
		return nil
	}
	for _, hear := range done {
		hear()
	}
	w.mayCrash(r, "after a commit", 0.001)
	if w.plan.has(lostCommits) && w.chance(0.01) {
		w.happened(lostCommits)
		w.sleep(w.between(100*time.Millisecond, 5*time.Second))
		return errLost
	}
	if w.chance(0.3) {
		w.sleep(w.between(time.Millisecond, 30*time.Millisecond))
	}
	return nil
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
