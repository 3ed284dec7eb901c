package simulate

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

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
