package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

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
// each links to the one before, and that what is kept for looking up is what
// the events add up to. It sees one moment of a store that is being written
// to. The error is about reading; broken chains are in the report.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	// A read-only transaction takes no lock that a writer would wait for.
	tx, err := s.read.BeginTx(ctx, s.dialect.snapshot())
	if err != nil {
		return Report{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	v := verifier{tx: tx, dialect: s.dialect, listed: map[string]row{}, kept: map[string]Episode{}, seen: map[string]sighting{}}
	v.acts, v.done = map[string]string{}, map[string]string{}
	for _, step := range []func(context.Context) error{v.integrity, v.count, v.lookups, v.chains} {
		if err := step(ctx); err != nil {
			return v.Report, err
		}
	}
	v.settle()
	v.leftovers()
	return v.Report, nil
}

type verifier struct {
	Report
	tx      *sql.Tx
	dialect dialect
	listed  map[string]row      // the list of incidents, less what was found in order
	acts    map[string]string   // intents, as kept for looking up
	done    map[string]string   // and as the events say
	kept    map[string]Episode  // as kept for looking up
	seen    map[string]sighting // as the events say

	inc      *incident.Incident // the one being read, nil before the first
	head     incident.Event     // its last event
	position int64              // of that
	garbled  bool               // some of its events cannot be read
}

// sighting is the last word on one stretch of trouble, as an event says it.
type sighting struct {
	Episode
	position int64 // of that event
}

func (v *verifier) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// each calls f for every row of a query.
func (v *verifier) each(ctx context.Context, what, query string, f func(*sql.Rows) error) error {
	rows, err := v.tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (v *verifier) integrity(ctx context.Context) error {
	lines, err := v.dialect.integrity(ctx, v.tx)
	if err != nil {
		return fmt.Errorf("check the file: %w", err)
	}
	for _, line := range lines {
		v.fault("the database file is damaged: %s", line)
	}
	return nil
}

// count finds events that are gone: the database remembers how many there have
// been.
func (v *verifier) count(ctx context.Context) error {
	written, err := v.dialect.written(ctx, v.tx)
	var there int64
	if err == nil {
		err = v.tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM events`).Scan(&there)
	}
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	if there != written {
		v.fault("%d events were written, %d are there", written, there)
	}
	return nil
}

// lookups reads what is kept for looking up.
func (v *verifier) lookups(ctx context.Context) error {
	err := v.each(ctx, "read incidents", `SELECT `+rowColumns+` FROM incidents`, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.id, &r.version, &r.head, &r.subject, &r.title, &r.status, &r.priority, &r.site, &r.opened, &r.held, &r.fell, &r.hands, &r.unfinished)
		v.listed[r.id] = r
		return err
	})
	if err != nil {
		return err
	}
	err = v.each(ctx, "read intents", `SELECT `+intentColumns+` FROM intents`, func(rows *sql.Rows) error {
		var i intent
		err := rows.Scan(&i.intent, &i.incident, &i.server, &i.runbook, &i.step, &i.class, &i.duty, &i.planned, &i.ended, &i.result, &i.data)
		v.acts[i.intent] = fmt.Sprint(i)
		return err
	})
	if err != nil {
		return err
	}
	return v.each(ctx, "read episodes", `SELECT episode, incident, status, recorded FROM episodes`, func(rows *sql.Rows) error {
		var name string
		var e Episode
		var recorded int64
		err := rows.Scan(&name, &e.Incident, &e.Status, &recorded)
		e.Recorded = time.UnixMicro(recorded).UTC()
		v.kept[name] = e
		return err
	})
}

func (v *verifier) chains(ctx context.Context) error {
	return v.each(ctx, "read events", `SELECT incident, seq, at, recorded, actor, kind, data, prev, hash, position
		FROM events ORDER BY incident, seq`, func(rows *sql.Rows) error {
		var position int64
		e, data, err := scan(rows, &position)
		v.Events++
		if v.inc == nil || e.Incident != v.inc.ID {
			v.settle()
			v.begin(e.Incident)
		}
		if err != nil {
			v.fault("event %d of %s cannot be read: %v", e.Seq, e.Incident, err)
			v.garbled = true
			return nil
		}
		v.link(e, data, position)
		return nil
	})
}

func (v *verifier) begin(id string) {
	v.Incidents++
	v.inc, v.head, v.position, v.garbled = incident.Fold(nil), incident.Event{}, 0, false
	v.inc.ID = id
}

// link checks one event against the one before it and adds it up.
func (v *verifier) link(e incident.Event, data []byte, position int64) {
	if e.Seq != v.head.Seq+1 {
		v.fault("%s: event %d follows event %d", e.Incident, e.Seq, v.head.Seq)
	}
	if position <= v.position {
		v.fault("%s: event %d was written before event %d", e.Incident, e.Seq, v.head.Seq)
	}
	if e.Prev != v.head.Hash {
		v.fault("%s: event %d does not link to the event before it", e.Incident, e.Seq)
	}
	if incident.Digest(e, data) != e.Hash {
		v.fault("%s: event %d was changed after it was written", e.Incident, e.Seq)
	}
	v.head, v.position = e, position
	v.inc.Apply(e)
	if i, err := intentOf(v.inc); err == nil && concernsAction(e.Payload) && acted(v.inc) {
		v.done[i.intent] = fmt.Sprint(i)
	}
	if a, ok := e.Payload.(incident.AlertReceived); ok && v.seen[plain(a.Alert.Episode())].position < position {
		v.seen[plain(a.Alert.Episode())] = sighting{Episode{Incident: e.Incident, Status: a.Alert.Status, Recorded: e.Recorded}, position}
	}
}

// settle compares the incident that has been read with the list.
func (v *verifier) settle() {
	if v.inc == nil {
		return
	}
	have, ok := v.listed[v.inc.ID]
	delete(v.listed, v.inc.ID)
	want := rowOf(folded{v.inc, v.head.Hash})
	switch {
	case !ok:
		v.fault("%s has events and is not listed", v.inc.ID)
	case v.garbled:
		// What its events add up to cannot be known; that is reported.
	case have.version != want.version || have.head != want.head:
		v.fault("%s: the timeline ends at event %d, the list says %d", v.inc.ID, want.version, have.version)
	case have != want:
		v.fault("%s: the list does not say what the timeline adds up to", v.inc.ID)
	}
}

// leftovers finds what is kept for looking up and has no event behind it, and
// what has one and is not kept.
func (v *verifier) leftovers() {
	for _, id := range slices.Sorted(maps.Keys(v.listed)) {
		v.fault("%s is listed and has no events", id)
	}
	for _, name := range slices.Sorted(maps.Keys(v.seen)) {
		want := v.seen[name].Episode
		if have, ok := v.kept[name]; !ok || have != want {
			v.fault("%s: what is kept about alert %s is not what its timeline says", want.Incident, name)
		}
		delete(v.kept, name)
	}
	for _, name := range slices.Sorted(maps.Keys(v.done)) {
		if v.acts[name] != v.done[name] {
			v.fault("what is kept about intent %s is not what its timeline says", name)
		}
		delete(v.acts, name)
	}
	for _, name := range slices.Sorted(maps.Keys(v.acts)) {
		v.fault("intent %s is kept and no timeline has it", name)
	}
	for _, name := range slices.Sorted(maps.Keys(v.kept)) {
		v.fault("%s: alert %s is kept and no timeline has it", v.kept[name].Incident, name)
	}
}
