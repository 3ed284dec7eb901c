package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/spinware/piket/internal/incident"
)

// Create opens an incident whose first event is an [incident.Opened], and
// returns it with its new number. It returns ErrTaken when one is already open
// for the subject. After any other error it is not known to the caller whether
// it was stored; the subject's uniqueness makes trying again harmless.
func (s *Store) Create(ctx context.Context, events ...incident.Event) (*incident.Incident, error) {
	if _, err := subjectOf(events); err != nil {
		return nil, err
	}
	drafts, err := encode(events)
	if err != nil {
		return nil, fmt.Errorf("create an incident: %w", err)
	}
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		id, err := s.number(ctx, b, 1)
		if err != nil {
			return folded{}, err
		}
		return s.extend(ctx, b, &growth{id: id(0), old: nothing(), drafts: drafts})
	})
}

// subjectOf returns what the events of a new incident say that it is about.
func subjectOf(events []incident.Event) (incident.Subject, error) {
	if len(events) == 0 {
		return incident.Subject{}, errors.New("create an incident: it has no events")
	}
	first, ok := events[0].Payload.(incident.Opened)
	if !ok {
		return incident.Subject{}, fmt.Errorf("create an incident: it begins with %q, not with %q", events[0].Payload.Kind(), incident.Opened{}.Kind())
	}
	return first.Subject, nil
}

// number takes the next so many numbers of the year and returns what they are.
func (s *Store) number(ctx context.Context, b *batch, many int) (id func(n int) string, err error) {
	year, last := s.clk.Now().Year(), 0
	err = b.QueryRowContext(ctx, `INSERT INTO counters (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value`,
		fmt.Sprintf("incident-%d", year), many).Scan(&last)
	if err != nil {
		return nil, fmt.Errorf("number the incident: %w", err)
	}
	return func(n int) string { return fmt.Sprintf("INC-%d-%04d", year, last-many+1+n) }, nil
}

// Append adds events to an incident that stands at version, all or none, and
// returns it as it then is. It returns ErrConflict when the incident has moved
// on, ErrServerHeld when an intent among the events names a server that
// another incident holds, ErrLapsed (see [As]) and ErrNotFound. The version
// makes trying again after any other error harmless: what was stored after all
// shows as ErrConflict.
func (s *Store) Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error) {
	return s.appendAt(ctx, id, version, func(context.Context, querier) error { return nil }, events)
}

// appendAt appends to an incident that stands at version, if allowed agrees.
func (s *Store) appendAt(ctx context.Context, id string, version int, allowed func(context.Context, querier) error, events []incident.Event) (*incident.Incident, error) {
	replica := ReplicaOf(ctx)
	drafts, err := encode(events)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", id, err)
	}
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		if err := s.entitled(ctx, b, replica, id); err != nil {
			return folded{}, err
		}
		old, err := s.current(ctx, b, id)
		if err != nil {
			return folded{}, err
		}
		if err := old.standsAt(version); err != nil {
			return folded{}, err
		}
		if err := allowed(ctx, b); err != nil {
			return folded{}, err
		}
		return s.extend(ctx, b, &growth{id: id, old: old, drafts: drafts})
	})
}

// standsAt returns ErrConflict when an incident has moved on from version.
func (old folded) standsAt(version int) error {
	if old.inc.Version != version {
		return fmt.Errorf("%s is at %d, not %d: %w", old.inc.ID, old.inc.Version, version, ErrConflict)
	}
	return nil
}

// Record adds facts that hold whatever else has happened meanwhile: what came
// of a send, what was delivered. Decisions go through Append.
func (s *Store) Record(ctx context.Context, id string, events ...incident.Event) (*incident.Incident, error) {
	drafts, err := encode(events)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", id, err)
	}
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		old, err := s.current(ctx, b, id)
		if err != nil {
			return folded{}, err
		}
		return s.extend(ctx, b, &growth{id: id, old: old, drafts: drafts})
	})
}

// transact runs f in a transaction of its own, as far as it can tell, and
// returns the incident once that is committed and the followers are told.
func (s *Store) transact(ctx context.Context, f func(context.Context, *batch) (folded, error)) (*incident.Incident, error) {
	if s.outdated.Load() {
		return nil, ErrOutdated
	}
	var result folded
	err := s.writer.do(ctx, func(ctx context.Context, b *batch) (_ folded, err error) {
		result, err = f(ctx, b)
		return result, err
	})
	if err != nil {
		return nil, err
	}
	return result.inc, nil
}

// current returns an incident as it is within the transaction.
func (s *Store) current(ctx context.Context, b *batch, id string) (folded, error) {
	if f, ok := b.folded[id]; ok {
		return f, nil
	}
	return s.load(ctx, b, id)
}
