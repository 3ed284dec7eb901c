package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// No event of before this version leaves anything unfinished.
const unfinishedSchema = `
ALTER TABLE incidents ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0; -- 1 while people owe something on it, also when it is closed
CREATE INDEX incidents_by_opening ON incidents (opened, id);
`

// Timelines returns the timelines of all incidents that were opened from one
// moment up to but not including another, one after the other; each cut down to
// the events of some kinds and those that persons wrote, without what links an
// event to the one before, and messages without their text and what follows it.
// It is one query, and holds few timelines at a time: while one is looked at, the
// next are being read. The error ends it; trying again makes sense.
func (s *Store) Timelines(ctx context.Context, from, to time.Time, kinds []incident.Kind) iter.Seq2[[]incident.Event, error] {
	return func(yield func([]incident.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		read := make(chan []rawEvent, readAhead)
		var err error
		go func() {
			defer close(read)
			err = s.readTimelines(ctx, from, to, kinds, read)
		}()
		defer func() {
			cancel()
			for range read { // so that the reader ends before this returns
			}
		}()
		for timeline := range read {
			events, err := decodeAll(timeline)
			if !yield(events, err) || err != nil {
				return
			}
		}
		if err != nil {
			yield(nil, fmt.Errorf("read timelines: %w", err))
		}
	}
}

// readAhead bounds how many timelines wait to be looked at.
const readAhead = 64

// rawEvent is an event as it is stored, less what chains it.
type rawEvent struct {
	incident, actor, kind string
	seq                   int
	at                    int64
	data                  []byte
}

// readTimelines sends each timeline of a query.
func (s *Store) readTimelines(ctx context.Context, from, to time.Time, kinds []incident.Kind, out chan<- []rawEvent) error {
	names, err := json.Marshal(kinds)
	if err != nil {
		panic("store: a list of strings always encodes: " + err.Error())
	}
	rows, err := s.read.QueryContext(ctx, `SELECT e.incident, e.seq, e.at, e.actor, e.kind, e.data
		FROM incidents i JOIN events e ON e.incident = i.id
		WHERE i.opened >= $1 AND i.opened < $2 AND (e.kind IN (`+s.dialect.elements("$3")+`) OR e.actor LIKE 'person:%')
		ORDER BY i.opened, i.id`, from.UnixMicro(), to.UnixMicro(), string(names))
	if err != nil {
		return err
	}
	defer rows.Close()
	var timeline []rawEvent
	send := func() bool {
		select {
		case out <- timeline:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for rows.Next() {
		var e rawEvent
		if err := rows.Scan(&e.incident, &e.seq, &e.at, &e.actor, &e.kind, &e.data); err != nil {
			return err
		}
		if len(timeline) > 0 && timeline[0].incident != e.incident {
			if !send() {
				return ctx.Err()
			}
			timeline = make([]rawEvent, 0, len(timeline))
		}
		timeline = append(timeline, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(timeline) > 0 && !send() {
		return ctx.Err()
	}
	return nil
}

// withoutText cuts the text of a message off before it is decoded: it is most of
// what lies in a timeline. The marks cannot stand within a string of JSON, where
// a quote has a backslash before it.
func withoutText(e rawEvent) []byte {
	if e.kind != "message" {
		return e.data
	}
	if before, _, found := bytes.Cut(e.data, []byte(`,"body":"`)); found {
		return append(before, '}')
	}
	return e.data
}

// decodeAll reads a timeline. The database may have its events in any order:
// sorting them here spares it a sort of everything.
func decodeAll(timeline []rawEvent) ([]incident.Event, error) {
	slices.SortFunc(timeline, func(a, b rawEvent) int { return cmp.Compare(a.seq, b.seq) })
	events := make([]incident.Event, len(timeline))
	for n, e := range timeline {
		payload, err := incident.Decode(incident.Kind(e.kind), withoutText(e))
		if err != nil {
			return nil, fmt.Errorf("read event %d of %s: %w", e.seq, e.incident, err)
		}
		at := time.UnixMicro(e.at).UTC()
		events[n] = incident.Event{Incident: e.incident, Seq: e.seq, At: at, Actor: e.actor, Payload: payload}
	}
	return events, nil
}

// Begun returns when the record began: when its first event was written or this
// was asked first, whichever was earlier. It is the same for every replica.
func (s *Store) Begun(ctx context.Context) (time.Time, error) {
	var text string
	err := s.aside(ctx, func(ctx context.Context, x execer) error {
		var first int64
		err := x.QueryRowContext(ctx, `SELECT COALESCE(MIN(recorded), $1) FROM events WHERE position = (SELECT MIN(position) FROM events)`, s.clk.Now().UnixMicro()).Scan(&first)
		if err != nil {
			return err
		}
		if _, err := x.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('begun', $1) ON CONFLICT (name) DO NOTHING`, strconv.FormatInt(first, 10)); err != nil {
			return err
		}
		return x.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'begun'`).Scan(&text)
	})
	var micros int64
	if err == nil {
		micros, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the record began: %w", err)
	}
	return time.UnixMicro(micros).UTC(), nil
}
