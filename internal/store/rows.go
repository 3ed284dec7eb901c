package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// insert stores events in their order.
func (s *Store) insert(ctx context.Context, b *batch, lines []line) error {
	if len(lines) == 0 {
		return nil
	}
	first, err := s.dialect.positions(ctx, b, len(lines))
	if err != nil {
		return err
	}
	n := 0
	return many(ctx, b, s.dialect.rows(), lines, `INSERT INTO events (position, incident, seq, at, recorded, actor, kind, data, prev, hash)`, "", func(l line) []any {
		n++
		return []any{
			nth(first, n-1), l.Incident, l.Seq, l.At.UnixMicro(), l.Recorded.UnixMicro(), l.Actor, string(l.Payload.Kind()), string(l.data), l.Prev, l.Hash,
		}
	})
}

// nth is the n-th position from the first, or whatever the database gives.
func nth(first any, n int) any {
	if first, ok := first.(int64); ok {
		return first + int64(n)
	}
	return nil
}

// many runs an INSERT for every item of a list, at most so many rows a
// statement. row gives an item's parameters; what follows them is after.
func many[T any](ctx context.Context, x execer, rows int, list []T, insert, after string, row func(T) []any) error {
	for some := range slices.Chunk(list, rows) {
		var args []any
		for _, item := range some {
			args = append(args, row(item)...)
		}
		if _, err := x.ExecContext(ctx, insert+" VALUES "+values(len(some), len(args)/len(some))+after, args...); err != nil {
			return err
		}
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

// lastWord is the last word on an alert's episode.
type lastWord struct {
	episode, incident string
	status            alerts.Status
	recorded          time.Time
}

// sight keeps the last word on the episode of each alert among lines.
func (s *Store) sight(ctx context.Context, x execer, lines []line) error {
	var list []lastWord
	last := map[string]int{} // PostgreSQL takes no row twice in one statement
	for _, l := range lines {
		a, ok := l.Payload.(incident.AlertReceived)
		if !ok {
			continue
		}
		word := lastWord{plain(a.Alert.Episode()), l.Incident, a.Alert.Status, l.Recorded}
		if n, ok := last[word.episode]; ok {
			list[n] = word
			continue
		}
		last[word.episode] = len(list)
		list = append(list, word)
	}
	return many(ctx, x, s.dialect.rows(), list, `INSERT INTO episodes (episode, incident, status, recorded)`,
		` ON CONFLICT (episode) DO UPDATE SET incident = excluded.incident, status = excluded.status, recorded = excluded.recorded`,
		func(w lastWord) []any { return []any{w.episode, w.incident, string(w.status), w.recorded.UnixMicro()} })
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

	unfinished int // 1 while people owe something on it, also when it is closed
}

const rowColumns = `id, version, head, subject, title, status, priority, site, opened, held, fell, hands, unfinished`

// rowOf reads the row off an incident.
func rowOf(f folded) row {
	inc, held := f.inc, f.inc.Held()
	return row{
		id: inc.ID, version: inc.Version, head: f.head, subject: plain(inc.Subject.String()), title: plain(inc.Title),
		status: string(inc.Status), priority: string(inc.Priority), site: plain(inc.Site), opened: inc.OpenedAt.UnixMicro(),
		held: sql.NullString{String: plain(held), Valid: held != ""}, fell: inc.SilentAt.UnixMicro(), hands: oneIf(inc.AtWork() && !inc.IsDrill()),
		unfinished: oneIf(inc.Unfinished()),
	}
}

// oneIf writes a truth as both databases keep it.
func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// values are the row's columns, and when it changed.
func (r row) values(changed time.Time) []any {
	return []any{r.id, r.version, r.head, r.subject, r.title, r.status, r.priority, r.site, r.opened, r.held, r.fell, r.hands, r.unfinished, changed.UnixMicro()}
}

const insertRow = `INSERT INTO incidents (` + rowColumns + `, changed)`

// project keeps the looked-up columns in step with the events.
func (s *Store) project(ctx context.Context, x execer, list []*growth, now time.Time) error {
	var longer, other, offered []row
	for _, g := range list {
		was, is := rowOf(g.old), rowOf(g.next)
		was.id, was.version, was.head = is.id, is.version, is.head
		if was == is {
			longer = append(longer, is)
		} else {
			other = append(other, is)
		}
		if g.old.inc.Version == 0 || !g.old.inc.Ongoing() || was.priority != is.priority { // otherwise it was offered when it was opened
			offered = append(offered, is)
		}
	}
	err := s.lengthen(ctx, x, longer, now)
	if err == nil {
		err = many(ctx, x, s.dialect.rows(), other, insertRow, ` ON CONFLICT (id) DO UPDATE SET version = excluded.version, head = excluded.head,
			changed = excluded.changed, title = excluded.title, status = excluded.status, priority = excluded.priority,
			held = excluded.held, fell = excluded.fell, hands = excluded.hands, unfinished = excluded.unfinished`, func(r row) []any { return r.values(now) })
	}
	switch s.dialect.violated(err) {
	case "incidents.subject", "one_open_incident_per_subject":
		return ErrTaken
	case "incidents.held", "one_live_intent_per_server":
		return ErrServerHeld
	}
	if err != nil {
		return err
	}
	return s.offer(ctx, x, offered)
}

// lengthen notes that timelines are longer, of which nothing else that is kept
// has changed; so it is with most events. What is not named need not be written
// again in its index.
func (s *Store) lengthen(ctx context.Context, x execer, list []row, now time.Time) error {
	if !s.dialect.single() { // each statement is a journey
		return many(ctx, x, s.dialect.rows(), list, insertRow,
			` ON CONFLICT (id) DO UPDATE SET version = excluded.version, head = excluded.head, changed = excluded.changed`,
			func(r row) []any { return r.values(now) })
	}
	for _, r := range list {
		_, err := x.ExecContext(ctx, `UPDATE incidents SET version = $1, head = $2, changed = $3 WHERE id = $4`, r.version, r.head, now.UnixMicro(), r.id)
		if err != nil {
			return err
		}
	}
	return nil
}
