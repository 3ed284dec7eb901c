package store

import (
	"context"
	"fmt"

	"github.com/spinware/piket/internal/incident"
)

// Report is what Verify found.
type Report struct {
	Incidents int      `json:"incidents"`
	Events    int      `json:"events"`
	Faults    []string `json:"faults"` // one sentence each; empty when the record is whole
}

// Verify reads every event and checks the record: that the file is sound, that
// no position is missing, that each event's hash is that of its content, that
// each links to the one before, and that what is kept for looking up agrees.
// The error is about reading; broken chains are in the report.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	v := verifier{heads: map[string]incident.Event{}}
	if err := v.integrity(ctx, s); err != nil {
		return v.Report, err
	}
	if err := v.chains(ctx, s); err != nil {
		return v.Report, err
	}
	err := v.summaries(ctx, s)
	return v.Report, err
}

type verifier struct {
	Report
	heads map[string]incident.Event
}

func (v *verifier) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

func (v *verifier) integrity(ctx context.Context, s *Store) error {
	rows, err := s.read.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return fmt.Errorf("check the file: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return fmt.Errorf("check the file: %w", err)
		}
		if line != "ok" {
			v.fault("the database file is damaged: %s", line)
		}
	}
	return rows.Err()
}

func (v *verifier) chains(ctx context.Context, s *Store) error {
	rows, err := s.read.QueryContext(ctx, `SELECT incident, seq, at, recorded, actor, kind, data, prev, hash FROM events ORDER BY position`)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, data, err := scan(rows)
		if err != nil {
			v.fault("event %d of %s cannot be read: %v", e.Seq, e.Incident, err)
			continue
		}
		v.Events++
		v.link(e, data)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	var count, last int
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM events), COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)`).Scan(&count, &last)
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	if count != last {
		v.fault("%d events were written, %d are there", last, count)
	}
	return nil
}

// link checks one event against the one before it.
func (v *verifier) link(e incident.Event, data []byte) {
	head, known := v.heads[e.Incident]
	if !known {
		v.Incidents++
	}
	if e.Seq != head.Seq+1 {
		v.fault("%s: event %d follows event %d", e.Incident, e.Seq, head.Seq)
	}
	if e.Prev != head.Hash {
		v.fault("%s: event %d does not link to the event before it", e.Incident, e.Seq)
	}
	if incident.Digest(e, data) != e.Hash {
		v.fault("%s: event %d was changed after it was written", e.Incident, e.Seq)
	}
	v.heads[e.Incident] = e
}

func (v *verifier) summaries(ctx context.Context, s *Store) error {
	rows, err := s.read.QueryContext(ctx, `SELECT id, version, head FROM incidents`)
	if err != nil {
		return fmt.Errorf("read incidents: %w", err)
	}
	defer rows.Close()
	listed := 0
	for rows.Next() {
		var id, head string
		var version int
		if err := rows.Scan(&id, &version, &head); err != nil {
			return fmt.Errorf("read incidents: %w", err)
		}
		listed++
		if last := v.heads[id]; last.Seq != version || last.Hash != head {
			v.fault("%s: the timeline ends at event %d, the list says %d", id, last.Seq, version)
		}
	}
	if listed != len(v.heads) {
		v.fault("%d incidents have events, %d are listed", len(v.heads), listed)
	}
	return rows.Err()
}
