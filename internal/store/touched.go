package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// touched is every action that is under way or was planned since a moment, as
// the database has it at one place in the order of all events. It is never
// changed; what follows is made of a copy. It is never believed without a look
// at that order in the database: others write there, the transaction that asks
// has itself written, and a database may have forgotten.
type touched struct {
	at      place
	since   time.Time
	list    []*incident.Touch // by when it was planned
	results map[tried][]*incident.Touch
}

// tried is what results are looked up by.
type tried struct {
	runbook, step, class string
	limit                int
}

// Actions are read for a while longer than they are asked for, and kept for so
// long; then they are read anew and the oldest let go. Few are planned in a day.
const (
	spare = 4 * time.Hour
	most  = 4 * 24 * time.Hour
)

// maxTried bounds for how many steps and classes results are kept.
const maxTried = 256

// covers reports whether t has what was planned since a moment, and not much more.
func (t *touched) covers(since time.Time) bool {
	return t != nil && !since.Before(t.since) && since.Sub(t.since) <= most
}

// from returns what t has since a moment, and everything under way. It is shared.
func (t *touched) from(since time.Time) []*incident.Touch {
	first, _ := slices.BinarySearchFunc(t.list, since.UnixMicro(), func(a *incident.Touch, micros int64) int {
		return cmp.Compare(a.PlannedAt.UnixMicro(), micros)
	})
	recent := t.list[first:len(t.list):len(t.list)]
	var live []*incident.Touch
	for _, a := range t.list[:first] {
		if a.Live() {
			live = append(live, a)
		}
	}
	if len(live) == 0 && len(recent) > 0 {
		return recent
	}
	return append(live, recent...)
}

// place is one place in the order of all events, and the hash of the event there.
type place struct {
	position int64
	hash     string
}

// lastPlace returns the place of the last event, the zero one when there is none.
func lastPlace(ctx context.Context, q querier) (p place, err error) {
	err = q.QueryRowContext(ctx, `SELECT position, hash FROM events ORDER BY position DESC LIMIT 1`).Scan(&p.position, &p.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return place{}, nil
	}
	return p, err
}

// in reports whether the database has the same event at this place: then all
// that came before is the same as well.
func (p place) in(ctx context.Context, q querier) (bool, error) {
	if p.position == 0 {
		return true, nil
	}
	var hash string
	err := q.QueryRowContext(ctx, `SELECT hash FROM events WHERE position = $1`, p.position).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return hash == p.hash, err
}

// touches returns what q sees at this moment. What a transaction sees may never
// be committed, and is not kept.
func (s *Store) touches(ctx context.Context, q querier, since time.Time) (*touched, error) {
	known := s.touched.Load()
	b, writing := q.(*batch)
	if writing && b.touched != nil {
		known = b.touched
	}
	last, err := lastPlace(ctx, q)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read what was touched: %w", err)
	case known.covers(since) && known.at == last:
		return known, nil
	case writing:
		b.touched, err = known.next(ctx, q, last, since)
		return b.touched, err
	}
	s.touching.Lock() // one reads for all who ask at the same time
	defer s.touching.Unlock()
	if now := s.touched.Load(); now != known {
		if known = now; known.covers(since) && known.at.position >= last.position {
			return known, nil // it was read after this was asked
		}
	}
	t, err := known.next(ctx, q, last, since)
	if err == nil {
		s.touched.Store(t)
	}
	return t, err
}

// next is what q sees, of which the last event is at last: t and what has come
// to it since, or everything anew where it does not follow on t.
func (t *touched) next(ctx context.Context, q querier, last place, since time.Time) (*touched, error) {
	same, err := t.covers(since) && t.at.position <= last.position, error(nil)
	if same {
		same, err = t.at.in(ctx, q)
	}
	var list []*incident.Touch
	if err == nil && same {
		if list, err = readTouches(ctx, q, touchedAfter, t.at.position); err == nil && !t.moved(list) {
			return t.with(list, last), nil
		}
	}
	if err == nil {
		since = since.Add(-spare)
		list, err = readTouches(ctx, q, touchedSince, since.UnixMicro())
	}
	if err != nil {
		return nil, err
	}
	return &touched{at: last, since: since, list: list, results: map[tried][]*incident.Touch{}}, nil
}

const touchedSince = `SELECT incident, data FROM intents WHERE ended = 0 OR planned >= $1 ORDER BY planned, intent`

// touchedAfter reads the actions of every incident that has had an event about
// one after a place.
var touchedAfter = `SELECT incident, data FROM intents WHERE incident IN (SELECT incident FROM events WHERE position > $1 AND kind IN ('` +
	strings.Join(slices.Sorted(maps.Keys(actionKinds)), "', '") + `'))`

// moved reports whether the name of an action that t has was given to another one.
func (t *touched) moved(news []*incident.Touch) bool {
	return slices.ContainsFunc(news, func(a *incident.Touch) bool {
		_, there := slices.BinarySearchFunc(t.list, a, asPlanned)
		return !there && slices.ContainsFunc(t.list, func(b *incident.Touch) bool { return a.Intent == b.Intent })
	})
}

// with is t with newer words on some actions.
func (t *touched) with(news []*incident.Touch, at place) *touched {
	next := &touched{at: at, since: t.since, list: t.list, results: t.results}
	if len(news) == 0 {
		return next
	}
	next.list, next.results = slices.Clone(t.list), maps.Clone(t.results)
	for _, a := range news {
		if n, there := slices.BinarySearchFunc(next.list, a, asPlanned); there {
			next.list[n] = a
		} else if a.Live() || !a.PlannedAt.Before(t.since) {
			next.list = slices.Insert(next.list, n, a)
		}
		for key, record := range next.results {
			next.learn(key, record, a)
		}
	}
	return next
}

func asPlanned(a, b *incident.Touch) int {
	return cmp.Or(cmp.Compare(a.PlannedAt.UnixMicro(), b.PlannedAt.UnixMicro()), strings.Compare(a.Intent, b.Intent))
}

func newestFirst(a, b *incident.Touch) int { return asPlanned(b, a) }

// learn brings one record of results up to date with an action.
func (t *touched) learn(key tried, record []*incident.Touch, a *incident.Touch) {
	counts := a.Duty == 0 && a.Result != "" && a.Runbook == key.runbook && a.Step == key.step && a.Class == key.class
	n, there := slices.BinarySearchFunc(record, a, newestFirst)
	switch {
	case there && !counts: // one that was left out may take its place
		delete(t.results, key)
	case there:
		t.results[key] = slices.Concat(record[:n], []*incident.Touch{a}, record[n+1:])
	case counts && n < key.limit:
		record = slices.Insert(slices.Clone(record), n, a)
		t.results[key] = record[:min(len(record), key.limit)]
	}
}

// rememberResults keeps a record of results that was read after t was.
func (s *Store) rememberResults(t *touched, key tried, record []*incident.Touch) {
	s.touching.Lock()
	defer s.touching.Unlock()
	if s.touched.Load() != t || len(t.results) >= maxTried {
		return // somebody was quicker; it is read again when it is asked for again
	}
	next := *t
	next.results = maps.Clone(t.results)
	next.results[key] = record
	s.touched.Store(&next)
}
