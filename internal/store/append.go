package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"modernc.org/sqlite"
)

// Create opens an incident whose first event is an [incident.Opened], and
// returns it with its new number. It returns ErrTaken when one is already open
// for the subject. After any other error it is not known to the caller whether
// it was stored; the subject's uniqueness makes trying again harmless.
func (s *Store) Create(ctx context.Context, events ...incident.Event) (*incident.Incident, error) {
	if len(events) == 0 {
		return nil, errors.New("create an incident: it has no events")
	}
	if _, ok := events[0].Payload.(incident.Opened); !ok {
		return nil, fmt.Errorf("create an incident: it begins with %q, not with %q", events[0].Payload.Kind(), incident.Opened{}.Kind())
	}
	return s.transact(ctx, func(tx *sql.Tx) (*incident.Incident, error) {
		year := s.clk.Now().Year()
		var number int
		err := tx.QueryRowContext(ctx, `INSERT INTO counters VALUES (?, 1)
			ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value`,
			fmt.Sprintf("incident-%d", year)).Scan(&number)
		if err != nil {
			return nil, fmt.Errorf("number the incident: %w", err)
		}
		id := fmt.Sprintf("INC-%d-%04d", year, number)
		return s.extend(ctx, tx, incident.Fold(nil), id, "", events)
	})
}

// Append adds events to an incident that stands at version, all or none, and
// returns it as it then is. It returns ErrConflict when the incident has moved
// on, ErrServerHeld when an intent among the events names a server that
// another incident holds, ErrLapsed (see [As]) and ErrNotFound. The version
// makes trying again after any other error harmless: what was stored after all
// shows as ErrConflict.
func (s *Store) Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error) {
	return s.appendAt(ctx, id, version, func(*sql.Tx) error { return nil }, events)
}

// appendAt appends to an incident that stands at version, if allowed agrees.
func (s *Store) appendAt(ctx context.Context, id string, version int, allowed func(*sql.Tx) error, events []incident.Event) (*incident.Incident, error) {
	replica := ReplicaOf(ctx)
	return s.transact(ctx, func(tx *sql.Tx) (*incident.Incident, error) {
		if err := s.entitled(ctx, tx, replica, id); err != nil {
			return nil, err
		}
		old, head, err := load(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if old.Version != version {
			return nil, fmt.Errorf("%s is at %d, not %d: %w", id, old.Version, version, ErrConflict)
		}
		if err := allowed(tx); err != nil {
			return nil, err
		}
		return s.extend(ctx, tx, old, id, head, events)
	})
}

// Record adds facts that hold whatever else has happened meanwhile: what came
// of a send, what was delivered. Decisions go through Append.
func (s *Store) Record(ctx context.Context, id string, events ...incident.Event) (*incident.Incident, error) {
	return s.transact(ctx, func(tx *sql.Tx) (*incident.Incident, error) {
		old, head, err := load(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return s.extend(ctx, tx, old, id, head, events)
	})
}

// transact runs f in the one writing transaction and tells the followers.
func (s *Store) transact(ctx context.Context, f func(*sql.Tx) (*incident.Incident, error)) (*incident.Incident, error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	inc, err := f(tx)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	s.tell()
	return inc, nil
}

// extend seals and stores events at the end of inc's timeline.
func (s *Store) extend(ctx context.Context, tx *sql.Tx, inc *incident.Incident, id, head string, events []incident.Event) (*incident.Incident, error) {
	now := s.clk.Now()
	for n, e := range events {
		e.Incident, e.Seq, e.Recorded = id, inc.Version+1, now
		if e.At.IsZero() {
			e.At = now
		}
		sealed, err := e.Seal(head)
		if err != nil {
			return nil, err
		}
		if err := insert(ctx, tx, sealed); err != nil {
			return nil, fmt.Errorf("append to %s: %w", id, err)
		}
		head = sealed.Hash
		inc.Apply(sealed)
		events[n] = sealed
		if concernsAction(sealed.Payload) { // the next intent takes the place of this one
			if err := note(ctx, tx, inc); err != nil {
				return nil, err
			}
		}
	}
	return inc, project(ctx, tx, inc, head, now)
}

// concernsAction reports whether an event can change what is known of an action.
func concernsAction(p incident.Payload) bool {
	switch p.(type) {
	case incident.Intended, incident.Claimed, incident.Voided, incident.OutcomeRecorded, incident.Graded, incident.StepFailed, incident.Restored, incident.Merged:
		return true
	}
	return false
}

func insert(ctx context.Context, tx *sql.Tx, e incident.Event) error {
	data, err := json.Marshal(e.Payload)
	if err != nil {
		return err
	}
	// What cannot be read back would lock its whole incident for good.
	if _, err := incident.Decode(e.Payload.Kind(), data); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO events (incident, seq, at, recorded, actor, kind, data, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Incident, e.Seq, e.At.UnixMicro(), e.Recorded.UnixMicro(), e.Actor, string(e.Payload.Kind()), string(data), e.Prev, e.Hash)
	if err != nil {
		return err
	}
	a, ok := e.Payload.(incident.AlertReceived)
	if !ok {
		return nil
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO episodes VALUES (?, ?, ?, ?)
		ON CONFLICT (episode) DO UPDATE SET incident = excluded.incident, status = excluded.status, recorded = excluded.recorded`,
		a.Alert.Episode(), e.Incident, string(a.Alert.Status), e.Recorded.UnixMicro())
	return err
}

// row is what is kept of an incident for looking it up.
type row struct {
	id       string
	version  int
	head     string
	subject  string
	title    string
	status   string
	priority string
	site     string
	opened   int64
	held     sql.NullString
}

const rowColumns = `id, version, head, subject, title, status, priority, site, opened, held`

// rowOf reads the row off an incident.
func rowOf(inc *incident.Incident, head string) row {
	return row{
		id: inc.ID, version: inc.Version, head: head, subject: inc.Subject.String(), title: inc.Title,
		status: string(inc.Status), priority: string(inc.Priority), site: inc.Site, opened: inc.OpenedAt.UnixMicro(),
		held: sql.NullString{String: inc.Held(), Valid: inc.Held() != ""},
	}
}

// project keeps the looked-up columns in step with the events.
func project(ctx context.Context, tx *sql.Tx, inc *incident.Incident, head string, now time.Time) error {
	r := rowOf(inc, head)
	_, err := tx.ExecContext(ctx, `INSERT INTO incidents (`+rowColumns+`, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, head = excluded.head, title = excluded.title,
			status = excluded.status, priority = excluded.priority, changed = excluded.changed, held = excluded.held`,
		r.id, r.version, r.head, r.subject, r.title, r.status, r.priority, r.site, r.opened, r.held, now.UnixMicro())
	if err != nil {
		return constraint(err)
	}
	return offer(ctx, tx, r.id)
}

// constraint turns a broken uniqueness rule into what it means.
func constraint(err error) error {
	const uniqueViolation = 2067 // SQLITE_CONSTRAINT_UNIQUE
	var failure *sqlite.Error
	if !errors.As(err, &failure) || failure.Code() != uniqueViolation {
		return err
	}
	switch {
	case strings.Contains(failure.Error(), "incidents.subject"):
		return ErrTaken
	case strings.Contains(failure.Error(), "incidents.held"):
		return ErrServerHeld
	}
	return err
}
