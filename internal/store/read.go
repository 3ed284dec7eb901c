package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
)

// Summary is one line of a list of incidents.
type Summary struct {
	ID       string            `json:"id"`
	Version  int               `json:"version"`
	Title    string            `json:"title"`
	Subject  string            `json:"subject"`
	Status   incident.Status   `json:"status"`
	Priority incident.Priority `json:"priority"`
	Site     string            `json:"site"`
	Opened   time.Time         `json:"opened"`
	Changed  time.Time         `json:"changed"`
}

// Filter narrows a list. The zero Filter lists everything, newest first.
type Filter struct {
	Ongoing bool // only what is open or restored
	Site    string
	About   []incident.Subject // only what is about one of these; none means anything
	Limit   int                // 0 means 1000

	Calendar bool // those that are about a date, instead of those that are about trouble
}

// Load returns an incident as its events add up to it, or ErrNotFound. The
// caller shares it with others and must not change it.
func (s *Store) Load(ctx context.Context, id string) (*incident.Incident, error) {
	f, err := s.load(ctx, s.read, id)
	if err != nil {
		return nil, err
	}
	s.known.put(id, f)
	return f.inc, nil
}

// Events returns an incident's events whose sequence number is above after, in
// order. An incident that does not exist has none.
func (s *Store) Events(ctx context.Context, id string, after int) ([]incident.Event, error) {
	return events(ctx, s.read, id, after)
}

func events(ctx context.Context, q querier, id string, after int) ([]incident.Event, error) {
	rows, err := q.QueryContext(ctx, `SELECT incident, seq, at, recorded, actor, kind, data, prev, hash
		FROM events WHERE incident = $1 AND seq > $2 ORDER BY seq`, plain(id), after)
	list, err := collect(rows, err, func(rows *sql.Rows) (incident.Event, error) {
		e, _, err := scan(rows)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read events of %s: %w", id, err)
	}
	return list, nil
}

// scan reads one event and its payload as the bytes that are stored, and what
// the query asked for beside it.
func scan(rows *sql.Rows, more ...any) (incident.Event, []byte, error) {
	var e incident.Event
	var at, recorded int64
	var kind, data string
	columns := []any{&e.Incident, &e.Seq, &at, &recorded, &e.Actor, &kind, &data, &e.Prev, &e.Hash}
	if err := rows.Scan(append(columns, more...)...); err != nil {
		return e, nil, err
	}
	e.At, e.Recorded = time.UnixMicro(at).UTC(), time.UnixMicro(recorded).UTC()
	payload, err := incident.Decode(incident.Kind(kind), []byte(data))
	e.Payload = payload
	return e, []byte(data), err
}

// noTrouble is what tells records that are about a date or a roster from trouble, see
// [incident.Subject.NoTrouble].
const noTrouble = `(subject LIKE 'report:%' OR subject LIKE 'policy:%' OR subject LIKE 'drill:%' OR subject LIKE 'roster:%' OR subject LIKE 'push:%' OR subject LIKE 'identity:%')`

// List returns summaries, newest first.
func (s *Store) List(ctx context.Context, f Filter) ([]Summary, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 1000
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, version, title, subject, status, priority, site, opened, changed
		FROM incidents WHERE (NOT $1 OR status IN ('open', 'restored')) AND ($2 = '' OR site = $2)
		AND ($3 = '[]' OR subject IN (`+s.dialect.elements("$3")+`))
		AND $4 = `+noTrouble+`
		ORDER BY opened DESC, id DESC LIMIT $5`, f.Ongoing, plain(f.Site), subjects(f.About), f.Calendar, limit)
	list, err := collect(rows, err, readSummary)
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return append([]Summary{}, list...), nil
}

func readSummary(rows *sql.Rows) (m Summary, err error) {
	var opened, changed int64
	err = rows.Scan(&m.ID, &m.Version, &m.Title, &m.Subject, &m.Status, &m.Priority, &m.Site, &opened, &changed)
	m.Opened, m.Changed = time.UnixMicro(opened).UTC(), time.UnixMicro(changed).UTC()
	return m, err
}

// Standing is what incidents are counted by.
type Standing struct {
	Priority incident.Priority
	Status   incident.Status
}

// Count counts the incidents that are open or restored.
func (s *Store) Count(ctx context.Context) (map[Standing]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT priority, status, COUNT(*) FROM incidents WHERE status IN ('open', 'restored') AND NOT `+noTrouble+` GROUP BY priority, status`)
	if err != nil {
		return nil, fmt.Errorf("count incidents: %w", err)
	}
	defer rows.Close()
	counts := map[Standing]int{}
	for rows.Next() {
		var by Standing
		var n int
		if err := rows.Scan(&by.Priority, &by.Status, &n); err != nil {
			return nil, fmt.Errorf("count incidents: %w", err)
		}
		counts[by] = n
	}
	return counts, rows.Err()
}

// subjects writes a list for SQL.
func subjects(list []incident.Subject) string {
	names := make([]string, len(list))
	for i, subject := range list {
		names[i] = subject.String()
	}
	return texts(names)
}

// OpenFor returns the id of the incident that is open for subject, "" when
// there is none.
func (s *Store) OpenFor(ctx context.Context, subject incident.Subject) (string, error) {
	var id string
	err := s.read.QueryRowContext(ctx, `SELECT id FROM incidents WHERE subject = $1 AND status IN ('open', 'restored')`, plain(subject.String())).Scan(&id)
	if err == sql.ErrNoRows {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", subject, err)
	}
	return id, nil
}

// LoadFor returns the incident that is open for subject, nil when there is none.
func (s *Store) LoadFor(ctx context.Context, subject incident.Subject) (*incident.Incident, error) {
	id, err := s.OpenFor(ctx, subject)
	if err != nil || id == "" {
		return nil, err
	}
	return s.Load(ctx, id)
}

// Live counts the servers that are held by an intent that has been written down
// and not yet been judged.
func (s *Store) Live(ctx context.Context) (int, error) {
	var live int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM incidents WHERE held IS NOT NULL`).Scan(&live); err != nil {
		return 0, fmt.Errorf("count live intents: %w", err)
	}
	return live, nil
}

// Changes returns the incidents that have events after position, and the
// position up to which that is true. Begin with 0 to be told of everything.
func (s *Store) Changes(ctx context.Context, after int64) (ids []string, position int64, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident, position FROM events WHERE position > $1 ORDER BY position`, after)
	if err != nil {
		return nil, after, fmt.Errorf("follow: %w", err)
	}
	defer rows.Close()
	position = after
	told := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id, &position); err != nil {
			return nil, after, fmt.Errorf("follow: %w", err)
		}
		if !told[id] {
			told[id] = true
			ids = append(ids, id)
		}
	}
	return ids, position, rows.Err()
}

// settled is how long after its last event a closed incident may still have
// mail on its way.
const settled = 7 * 24 * time.Hour

// Position returns from where Changes tells of everything that is yet to come.
func (s *Store) Position(ctx context.Context) (position int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(position), 0) FROM events`).Scan(&position)
	if err != nil {
		return 0, fmt.Errorf("read position: %w", err)
	}
	return position, nil
}

// Changed returns a channel that is closed at the next commit.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Subscribe has bell rung at every commit from now on.
func (s *Store) Subscribe(bell *clock.Bell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bells = append(s.bells, bell)
}

func (s *Store) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	for _, bell := range s.bells {
		bell.Ring()
	}
}
