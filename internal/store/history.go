package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Migration of the schema from version 1 to 2. The hour comes first in the key,
// so that what is written together lies together: 100,000 targets are 3,500
// pages at the end of the table and not one page each all over it.
const historySchema = `
-- What probes measured, for plots. It is no part of the record: it may be lost,
-- and old hours are deleted.
CREATE TABLE history (
	hour    INTEGER NOT NULL, -- hours since 1970, UTC
	target  TEXT NOT NULL,    -- as the scheduler calls it: "server/web-07"
	buckets BLOB NOT NULL,    -- history_blob.go says what is in it
	PRIMARY KEY (hour, target)
) WITHOUT ROWID;
`

// HistoryKept is how long history can be read; older hours are deleted.
const HistoryKept = 48 * time.Hour

// historyBatch bounds one transaction of history, which is how long an incident
// may have to wait for its own.
const historyBatch = 500

// Sample is the Bucket of one target.
type Sample struct {
	Target string
	Bucket
}

// Remember adds samples of the HistoryStep in which at lies to the history, and
// sorts them. It writes a few hundred at a time and lets everybody else in
// between. After an error some may have been stored; trying again would count
// those twice, and is not worth it.
func (s *Store) Remember(ctx context.Context, at time.Time, samples []Sample) error {
	slices.SortFunc(samples, func(a, b Sample) int { return strings.Compare(a.Target, b.Target) })
	for batch := range slices.Chunk(samples, historyBatch) {
		if err := s.aside(ctx, func(ctx context.Context, x execer) error { return remember(ctx, x, at, batch) }); err != nil {
			return fmt.Errorf("remember what probes measured: %w", err)
		}
	}
	return nil
}

// maxRows bounds how many hours one statement writes.
const maxRows = 50

// remember adds a batch that is sorted by target.
func remember(ctx context.Context, x execer, at time.Time, batch []Sample) error {
	known, err := hoursOf(ctx, x, hourOf(at), batch[0].Target, batch[len(batch)-1].Target)
	if err != nil {
		return err
	}
	slot := slotOf(at)
	for some := range slices.Chunk(batch, maxRows) {
		args := make([]any, 0, 3*maxRows)
		for n, sample := range some {
			h := known[sample.Target]
			h[slot] = h[slot].add(sample.Bucket)
			known[sample.Target] = h
			if n+1 < len(some) && some[n+1].Target == sample.Target {
				continue // one statement may not write a row twice
			}
			args = append(args, hourOf(at), sample.Target, h.appendTo(nil))
		}
		if _, err := x.ExecContext(ctx, `INSERT INTO history (hour, target, buckets) VALUES `+values(len(args)/3, 3)+`
			ON CONFLICT (hour, target) DO UPDATE SET buckets = excluded.buckets`, args...); err != nil {
			return err
		}
	}
	return nil
}

// hoursOf reads what is known of one hour, of all targets between two names. A
// damaged hour begins anew.
func hoursOf(ctx context.Context, q querier, number int64, first, last string) (map[string]hour, error) {
	rows, err := q.QueryContext(ctx, `SELECT target, buckets FROM history WHERE hour = $1 AND target BETWEEN $2 AND $3`, number, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := make(map[string]hour, historyBatch)
	for rows.Next() {
		var target string
		var blob []byte
		if err := rows.Scan(&target, &blob); err != nil {
			return nil, err
		}
		if h, err := readHour(blob); err == nil {
			known[target] = h
		}
	}
	return known, rows.Err()
}

func hourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

func slotOf(t time.Time) int { return int(t.Sub(t.Truncate(time.Hour)) / HistoryStep) }

// History returns the buckets of a target from the one in which from lies to
// the one before to, without gaps: what is not known is a zero Bucket. The first
// covers from.Truncate(HistoryStep). More than HistoryKept is never known.
func (s *Store) History(ctx context.Context, target string, from, to time.Time) ([]Bucket, error) {
	from = from.Truncate(HistoryStep)
	if to.Sub(from) > HistoryKept+HistoryStep {
		return nil, fmt.Errorf("read the history of %s: %v are asked for, and %v are kept", target, to.Sub(from), HistoryKept)
	}
	buckets := make([]Bucket, max(0, int((to.Sub(from)+HistoryStep-1)/HistoryStep)))
	var h hour
	for i := range buckets {
		t := from.Add(time.Duration(i) * HistoryStep)
		if i == 0 || slotOf(t) == 0 {
			var err error
			if h, err = s.hour(ctx, hourOf(t), target); err != nil {
				return nil, fmt.Errorf("read the history of %s: %w", target, err)
			}
		}
		buckets[i] = h[slotOf(t)]
	}
	return buckets, nil
}

// hour reads one hour of one target. What is not there, or damaged, is a gap.
func (s *Store) hour(ctx context.Context, number int64, target string) (hour, error) {
	var blob []byte
	err := s.read.QueryRowContext(ctx, `SELECT buckets FROM history WHERE hour = $1 AND target = $2`, number, target).Scan(&blob)
	if err == sql.ErrNoRows {
		return hour{}, nil
	}
	if err != nil {
		return hour{}, err
	}
	h, err := readHour(blob)
	if err != nil {
		return hour{}, nil
	}
	return h, nil
}

// Forget deletes the hours that ended before HistoryKept ago, a few hundred rows
// at a time. Their place in the file is used again. After an error it can be
// tried again at any time.
func (s *Store) Forget(ctx context.Context) error {
	oldest := hourOf(s.clk.Now().Add(-HistoryKept))
	for {
		var gone int64
		err := s.aside(ctx, func(ctx context.Context, x execer) error {
			result, err := x.ExecContext(ctx, `DELETE FROM history WHERE (hour, target) IN
				(SELECT hour, target FROM history WHERE hour < $1 ORDER BY hour, target LIMIT $2)`, oldest, historyBatch)
			if err != nil {
				return err
			}
			gone, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("forget old history: %w", err)
		}
		if gone < historyBatch {
			return nil
		}
	}
}
