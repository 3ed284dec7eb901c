package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// bareResult is what a database takes when nobody thinks.
type bareResult struct {
	perSecond float64
	cpuMicros float64 // a row: what a busy machine changes least
	rowBytes  int     // of a payload
}

// bareInserts measures what the same database takes of the same rows when
// nothing is looked up, judged, or kept beside them: the alerts that were just
// taken in are written once more, in their order, into a table like that of the
// events, with its columns and indexes. Each row is sealed behind the one before
// of its timeline. As many as a notification brings are one transaction, and
// every commit is synced.
func bareInserts(ctx context.Context, where string) (r bareResult, err error) {
	b := &bare{driver: "sqlite", rows: 1, heads: map[string]string{}}
	source := "file:" + filepath.Join(where, store.FileName) + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	if store.IsURL(where) {
		b.driver, b.rows, source = "pgx", benchBatch, where // a statement is a journey to the server
	}
	if b.db, err = sql.Open(b.driver, source); err != nil {
		return r, err
	}
	defer b.db.Close()
	b.db.SetMaxOpenConns(1)
	if err := b.read(ctx); err != nil {
		return r, err
	}
	if err := b.create(ctx); err != nil {
		return r, err
	}
	defer b.db.ExecContext(ctx, `DROP TABLE bench_bare`)
	clock := startStopwatch()
	for n := 0; n < len(b.events); n += benchBatch {
		if err := b.transaction(ctx, n, min(n+benchBatch, len(b.events))); err != nil {
			return r, err
		}
	}
	took, cpu := clock.stop()
	rows := float64(len(b.events))
	return bareResult{rows / took.Seconds(), float64(cpu.Microseconds()) / rows, b.bytes / len(b.events)}, nil
}

type bare struct {
	db     *sql.DB
	driver string
	rows   int // a statement
	events []incident.Event
	data   [][]byte
	bytes  int
	heads  map[string]string // of each timeline
}

// read has the rows in memory before anything is measured.
func (b *bare) read(ctx context.Context) error {
	rows, err := b.db.QueryContext(ctx, `SELECT incident, seq, at, recorded, actor, kind, data FROM events WHERE kind = 'alert' ORDER BY position`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e incident.Event
		var at, recorded int64
		var kind, data string
		if err := rows.Scan(&e.Incident, &e.Seq, &at, &recorded, &e.Actor, &kind, &data); err != nil {
			return err
		}
		e.At, e.Recorded = time.UnixMicro(at), time.UnixMicro(recorded)
		if e.Payload, err = incident.Decode(incident.Kind(kind), []byte(data)); err != nil {
			return err
		}
		b.events, b.data, b.bytes = append(b.events, e), append(b.data, []byte(data)), b.bytes+len(data)
	}
	if len(b.events) == 0 && rows.Err() == nil {
		return fmt.Errorf("no alert was taken in")
	}
	return rows.Err()
}

// create makes a table like that of the events.
func (b *bare) create(ctx context.Context) error {
	statement := `CREATE TABLE bench_bare (LIKE events INCLUDING ALL)`
	if b.driver == "sqlite" {
		if err := b.db.QueryRowContext(ctx, `SELECT sql FROM sqlite_master WHERE name = 'events'`).Scan(&statement); err != nil {
			return err
		}
		statement = strings.Replace(statement, "CREATE TABLE events", "CREATE TABLE bench_bare", 1)
	}
	_, err := b.db.ExecContext(ctx, statement)
	return err
}

// transaction writes the events from first to before end.
func (b *bare) transaction(ctx context.Context, first, end int) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var insert *sql.Stmt
	for rows := min(b.rows, end-first); first < end; first += rows {
		if insert == nil || first+rows > end {
			rows = min(rows, end-first)
			if insert, err = tx.PrepareContext(ctx, bareStatement(rows)); err != nil {
				return err
			}
			defer insert.Close()
		}
		if _, err := insert.ExecContext(ctx, b.arguments(first, first+rows)...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func bareStatement(rows int) string {
	var places []string
	for n := range rows {
		var row []string
		for column := range 10 {
			row = append(row, fmt.Sprintf("$%d", 10*n+column+1))
		}
		places = append(places, "("+strings.Join(row, ", ")+")")
	}
	return `INSERT INTO bench_bare (position, incident, seq, at, recorded, actor, kind, data, prev, hash) VALUES ` + strings.Join(places, ", ")
}

// arguments seals events and returns what goes into their rows.
func (b *bare) arguments(first, end int) (args []any) {
	for n := first; n < end; n++ {
		e := b.events[n].SealEncoded(b.heads[b.events[n].Incident], b.data[n])
		b.heads[e.Incident] = e.Hash
		args = append(args, n+1, e.Incident, e.Seq, e.At.UnixMicro(), e.Recorded.UnixMicro(), e.Actor, string(e.Payload.Kind()), string(b.data[n]), e.Prev, e.Hash)
	}
	return args
}
