package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spinware/piket/internal/incident"
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
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		year := s.clk.Now().Year()
		var number int
		err := b.QueryRowContext(ctx, `INSERT INTO counters (name, value) VALUES ($1, 1)
			ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`,
			fmt.Sprintf("incident-%d", year)).Scan(&number)
		if err != nil {
			return folded{}, fmt.Errorf("number the incident: %w", err)
		}
		id := fmt.Sprintf("INC-%d-%04d", year, number)
		return s.extend(ctx, b, id, folded{inc: incident.Fold(nil)}, events)
	})
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
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		if err := s.entitled(ctx, b, replica, id); err != nil {
			return folded{}, err
		}
		old, err := s.current(ctx, b, id)
		if err != nil {
			return folded{}, err
		}
		if old.inc.Version != version {
			return folded{}, fmt.Errorf("%s is at %d, not %d: %w", id, old.inc.Version, version, ErrConflict)
		}
		if err := allowed(ctx, b); err != nil {
			return folded{}, err
		}
		return s.extend(ctx, b, id, old, events)
	})
}

// Record adds facts that hold whatever else has happened meanwhile: what came
// of a send, what was delivered. Decisions go through Append.
func (s *Store) Record(ctx context.Context, id string, events ...incident.Event) (*incident.Incident, error) {
	return s.transact(ctx, func(ctx context.Context, b *batch) (folded, error) {
		old, err := s.current(ctx, b, id)
		if err != nil {
			return folded{}, err
		}
		return s.extend(ctx, b, id, old, events)
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

// extend seals and stores events at the end of a timeline, and returns what
// that adds up to.
func (s *Store) extend(ctx context.Context, b *batch, id string, old folded, events []incident.Event) (folded, error) {
	now, next := s.clk.Now(), folded{old.inc.Clone(), old.head}
	lines := make([]line, len(events))
	for n, e := range events {
		e.Incident, e.Seq, e.Recorded, e.Actor = id, next.inc.Version+1, now, plain(e.Actor)
		if e.At.IsZero() {
			e.At = now
		}
		var err error
		if lines[n], err = write(e, next.head); err != nil {
			return folded{}, err
		}
		next.inc.Apply(lines[n].Event)
		next.head = lines[n].Hash
		if concernsAction(e.Payload) { // the next intent takes the place of this one
			if err := touch(ctx, b, next.inc); err != nil {
				return folded{}, err
			}
		}
	}
	if err := s.insert(ctx, b, lines); err != nil {
		return folded{}, fmt.Errorf("append to %s: %w", id, err)
	}
	return next, s.project(ctx, b, old, next, now)
}

// actionKinds are the events that can change what is known of an action.
var actionKinds = kindsOf(incident.Intended{}, incident.Claimed{}, incident.Voided{}, incident.OutcomeRecorded{}, incident.Graded{},
	incident.StepFailed{}, incident.Restored{}, incident.Relapsed{}, incident.Merged{})

func kindsOf(list ...incident.Payload) map[string]bool {
	kinds := map[string]bool{}
	for _, p := range list {
		kinds[string(p.Kind())] = true
	}
	return kinds
}

// concernsAction reports whether an event can change what is known of an action.
func concernsAction(p incident.Payload) bool { return actionKinds[string(p.Kind())] }

// line is an event and its payload as it is stored.
type line struct {
	incident.Event
	data string
}

// write seals an event behind the one whose hash is head. The payload becomes
// what will be read back: what is known of an incident is the same before and
// after a restart, and shares nothing with whoever appended.
func write(e incident.Event, head string) (line, error) {
	e, data, err := e.SealData(head)
	if err != nil {
		return line{}, err
	}
	// What cannot be read back would lock its whole incident for good.
	if e.Payload, err = incident.Decode(e.Payload.Kind(), data); err != nil {
		return line{}, fmt.Errorf("append to %s: %w", e.Incident, err)
	}
	return line{e, string(data)}, nil
}

// maxRows bounds how many events one statement inserts.
const maxRows = 50

// insert stores events in their order.
func (s *Store) insert(ctx context.Context, b *batch, lines []line) error {
	for some := range slices.Chunk(lines, maxRows) {
		first, err := s.dialect.positions(ctx, b, len(some))
		if err != nil {
			return err
		}
		args := make([]any, 0, 10*len(some))
		for n, l := range some {
			args = append(args, nth(first, n), l.Incident, l.Seq, l.At.UnixMicro(), l.Recorded.UnixMicro(), l.Actor, string(l.Payload.Kind()), l.data, l.Prev, l.Hash)
		}
		_, err = b.ExecContext(ctx, `INSERT INTO events (position, incident, seq, at, recorded, actor, kind, data, prev, hash) VALUES `+values(len(some), 10), args...)
		if err != nil {
			return err
		}
		for _, l := range some {
			if err := sight(ctx, b, l.Event); err != nil {
				return err
			}
		}
	}
	return nil
}

// nth is the n-th position from the first, or whatever the database gives.
func nth(first any, n int) any {
	if first, ok := first.(int64); ok {
		return first + int64(n)
	}
	return nil
}

// values writes the parameters of so many rows: ($1, $2), ($3, $4).
func values(rows, columns int) string {
	text := make([]byte, 0, 6*rows*columns)
	for i := range rows * columns {
		switch {
		case i == 0:
			text = append(text, "($"...)
		case i%columns == 0:
			text = append(text, "), ($"...)
		default:
			text = append(text, ", $"...)
		}
		text = strconv.AppendInt(text, int64(i+1), 10)
	}
	return string(append(text, ')'))
}

// sight keeps the last word on an alert's episode.
func sight(ctx context.Context, x execer, e incident.Event) error {
	a, ok := e.Payload.(incident.AlertReceived)
	if !ok {
		return nil
	}
	_, err := x.ExecContext(ctx, `INSERT INTO episodes (episode, incident, status, recorded) VALUES ($1, $2, $3, $4)
		ON CONFLICT (episode) DO UPDATE SET incident = excluded.incident, status = excluded.status, recorded = excluded.recorded`,
		plain(a.Alert.Episode()), e.Incident, string(a.Alert.Status), e.Recorded.UnixMicro())
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
	fell     int64
	hands    int // 1 while they are at work
}

const rowColumns = `id, version, head, subject, title, status, priority, site, opened, held, fell, hands`

// rowOf reads the row off an incident.
func rowOf(f folded) row {
	inc, held, hands := f.inc, f.inc.Held(), 0
	if inc.Order.AtWork() {
		hands = 1
	}
	return row{
		id: inc.ID, version: inc.Version, head: f.head, subject: plain(inc.Subject.String()), title: plain(inc.Title),
		status: string(inc.Status), priority: string(inc.Priority), site: plain(inc.Site), opened: inc.OpenedAt.UnixMicro(),
		held: sql.NullString{String: plain(held), Valid: held != ""}, fell: inc.FellAt.UnixMicro(), hands: hands,
	}
}

// project keeps the looked-up columns in step with the events.
func (s *Store) project(ctx context.Context, x execer, old, next folded, now time.Time) error {
	r := rowOf(next)
	_, err := x.ExecContext(ctx, `INSERT INTO incidents (`+rowColumns+`, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, head = excluded.head, title = excluded.title,
			status = excluded.status, priority = excluded.priority, changed = excluded.changed, held = excluded.held, fell = excluded.fell, hands = excluded.hands`,
		r.id, r.version, r.head, r.subject, r.title, r.status, r.priority, r.site, r.opened, r.held, r.fell, r.hands, now.UnixMicro())
	switch s.dialect.violated(err) {
	case "incidents.subject", "one_open_incident_per_subject":
		return ErrTaken
	case "incidents.held", "one_live_intent_per_server":
		return ErrServerHeld
	}
	if err != nil {
		return err
	}
	if old.inc.Version > 0 && old.inc.Ongoing() && old.inc.Priority == next.inc.Priority {
		return nil // it was offered when it was opened
	}
	return offer(ctx, x, r)
}
