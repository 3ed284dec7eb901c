package store

import (
	"context"
	"database/sql"
	"fmt"
)

// schemaVersion is kept in the database. A newer number there than here is an
// error: an older piket would misread what a newer one wrote.
const schemaVersion = 7

const schema = `
CREATE TABLE events (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	incident TEXT NOT NULL,
	seq      INTEGER NOT NULL,
	at       INTEGER NOT NULL, -- microseconds since 1970, UTC
	recorded INTEGER NOT NULL,
	actor    TEXT NOT NULL,
	kind     TEXT NOT NULL,
	data     TEXT NOT NULL,
	prev     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	UNIQUE (incident, seq)
);
-- What follows is read off the events and kept for looking up. A test holds
-- that folding the events gives the same.
CREATE TABLE incidents (
	id       TEXT PRIMARY KEY,
	version  INTEGER NOT NULL,
	head     TEXT NOT NULL,
	subject  TEXT NOT NULL,
	title    TEXT NOT NULL,
	status   TEXT NOT NULL,
	priority TEXT NOT NULL,
	site     TEXT NOT NULL,
	opened   INTEGER NOT NULL,
	changed  INTEGER NOT NULL,
	held     TEXT -- the server that a live intent holds
);
CREATE UNIQUE INDEX one_open_incident_per_subject ON incidents (subject) WHERE status IN ('open', 'restored');
CREATE UNIQUE INDEX one_live_intent_per_server ON incidents (held) WHERE held IS NOT NULL;
CREATE TABLE episodes (
	episode  TEXT PRIMARY KEY,
	incident TEXT NOT NULL,
	status   TEXT NOT NULL,
	recorded INTEGER NOT NULL -- when that status was written down
);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
`

// migrations lead from each version to the next. Each is written for SQLite,
// and its dialect translates it for PostgreSQL.
var migrations = [schemaVersion]string{schema, historySchema, touchSchema, leaseSchema, pressingSchema, unfinishedSchema, fileSchema}

// version reads the version of the schema and refuses one that is not known.
func (s *Store) version(ctx context.Context, q querier) (int, error) {
	version, err := s.dialect.version(ctx, q)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if version > schemaVersion {
		return 0, fmt.Errorf("the store has schema version %d, this piket knows up to %d: use the newer piket", version, schemaVersion)
	}
	return version, nil
}

// migrate brings the schema up to date, in one transaction and forward only. Of
// several processes that begin at once one does it.
func (s *Store) migrate(db *sql.DB) error {
	ctx := context.Background()
	version, err := s.version(ctx, db)
	if err != nil || version == schemaVersion {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	defer conn.Close()
	if err := s.dialect.migrating(ctx, conn); err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	err = s.steps(ctx, conn)
	if err == nil {
		err = s.dialect.commit(ctx, conn)
	}
	if err != nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK") // there may be nothing left to roll back
		return fmt.Errorf("migrate store: %w", err)
	}
	return nil
}

// steps carries out what is missing, which another process may have done
// meanwhile.
func (s *Store) steps(ctx context.Context, conn *sql.Conn) error {
	version, err := s.version(ctx, conn)
	if err != nil || version == schemaVersion {
		return err
	}
	for _, step := range migrations[version:] {
		if _, err := conn.ExecContext(ctx, s.dialect.translate(step)); err != nil {
			return err
		}
	}
	if version > 0 && version < 3 { // what was touched before is on the timelines
		if err := retouch(ctx, conn); err != nil {
			return err
		}
	}
	return s.dialect.setVersion(ctx, conn, schemaVersion)
}
