package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// How long this side waits for the server. The limits that the server itself
// keeps are in [careful].
const (
	dialTimeout  = 5 * time.Second
	writeTimeout = 30 * time.Second // a whole transaction, with the wait for others
	silence      = 5 * time.Second  // between two questions whether a silent server is still there, of which three may fail
)

// maxConnections bounds what one process takes of the server.
const maxConnections = 10

func (s *Store) openPostgres(where string) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := s.lookAtPostgres(where); err != nil {
		return err
	}
	if err := s.dialect.durable(ctx, s.read); err != nil {
		return err
	}
	if err := s.migrate(s.read.DB); err != nil {
		return err
	}
	s.writer = newWriter(s.read.DB, s.dialect, s.published)
	if err := s.begun(ctx); err != nil {
		return err
	}
	following, err := s.followOthers(ctx)
	if err != nil {
		return err
	}
	s.closers = append([]io.Closer{following}, s.closers...)
	return nil
}

func (s *Store) lookAtPostgres(where string) error {
	s.dialect = postgresDialect{}
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return fmt.Errorf("storage.url: %w", err)
	}
	// One round trip and nothing left behind on the server, so that a pooler may
	// give every transaction another connection.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	dialer := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence, Interval: silence, Count: 3}, Control: giveUp}
	config.DialFunc = dialer.DialContext
	s.read = &reader{DB: stdlib.OpenDB(*config)}
	s.read.SetMaxOpenConns(maxConnections)
	s.read.SetMaxIdleConns(maxConnections)
	s.read.SetConnMaxIdleTime(5 * time.Minute)
	return nil
}

// postgresDialect is PostgreSQL. Nothing in it lives longer on the server than
// a transaction.
type postgresDialect struct{}

// schemaWords are what SQLite's words are called here. Text is compared byte by
// byte, as SQLite and Go do.
var schemaWords = strings.NewReplacer(
	" INTEGER PRIMARY KEY AUTOINCREMENT", " BIGINT PRIMARY KEY",
	" INTEGER ", " BIGINT ", " TEXT ", ` TEXT COLLATE "C" `, " BLOB ", " BYTEA ", "WITHOUT ROWID", "",
)

func (postgresDialect) translate(schema string) string {
	words := schemaWords.Replace(schema)
	if strings.Contains(schema, "CREATE TABLE counters") {
		words += `INSERT INTO counters (name, value) VALUES ('position', 0);`
	}
	return words
}

// Names of the table that says which version the schema has: it is the first
// there is, and never changes.
const (
	hasVersion    = `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'`
	createVersion = `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)`
)

func (postgresDialect) version(ctx context.Context, q querier) (version int, err error) {
	var tables int
	if err := q.QueryRowContext(ctx, hasVersion).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = q.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_version`).Scan(&version)
	return version, err
}

func (postgresDialect) setVersion(ctx context.Context, x execer, version int) error {
	_, err := x.ExecContext(ctx, fmt.Sprintf(`%s; DELETE FROM schema_version; INSERT INTO schema_version VALUES (%d)`, createVersion, version))
	return err
}

// migrating takes a lock that ends with the transaction. The number is any that
// nobody else uses.
func (postgresDialect) migrating(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `BEGIN; SELECT pg_advisory_xact_lock(7105464738)`)
	return err
}

// careful begins a transaction that nobody else has to wait for long.
const careful = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
	SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10s'`

// writing begins a transaction and waits for its turn. All writers of all
// processes lock one row and so go one after the other, as they do on SQLite:
// positions become visible in their order, what one has reserved the next one
// sees, and no two can wait for each other. Who stops in the middle, because it
// was paused or cut off, is thrown out by the server before the others give up.
const writing = careful + `; SELECT value FROM counters WHERE name = 'position' FOR UPDATE`

func (postgresDialect) beginAside(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, careful)
	return err
}

func (postgresDialect) begin(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, writing)
	return err
}

// commit looks at what the server says it did: a transaction in which a
// statement failed ends with COMMIT, no error, and nothing stored.
func (postgresDialect) commit(ctx context.Context, conn *sql.Conn) error {
	return conn.Raw(func(driver any) error {
		tag, err := driver.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		if err == nil && tag.String() != "COMMIT" {
			err = fmt.Errorf("the server answered %s", tag)
		}
		return err
	})
}

func (postgresDialect) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, writeTimeout)
}

func (postgresDialect) single() bool { return false }

// rows are many: each statement is a journey to the server and back.
func (postgresDialect) rows() int { return 100 }

func (postgresDialect) checkpoint(context.Context, *sql.Conn) error { return nil }

// fatal is never: the server ends itself when its disk fails under a commit.
func (postgresDialect) fatal(error) bool { return false }

// unsafe are settings of the server with which a commit may be forgotten.
var unsafe = []struct{ setting, bad string }{{"fsync", "off"}, {"synchronous_commit", "off"}, {"full_page_writes", "off"}}

func (postgresDialect) durable(ctx context.Context, q querier) error {
	for _, u := range unsafe {
		var value string
		if err := q.QueryRowContext(ctx, `SELECT current_setting($1)`, u.setting).Scan(&value); err != nil {
			return fmt.Errorf("ask PostgreSQL for %s: %w", u.setting, err)
		}
		if value == u.bad {
			return fmt.Errorf("PostgreSQL has %s=%s, with which it may forget what it has committed: set it to on", u.setting, value)
		}
	}
	var standby bool
	if err := q.QueryRowContext(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil {
		return fmt.Errorf("ask PostgreSQL whether it can be written: %w", err)
	}
	if standby {
		return errors.New("this PostgreSQL is a standby: name the primary in storage.url, or all of them with target_session_attrs=read-write")
	}
	return nil
}

func (postgresDialect) now(ctx context.Context, q querier, _ time.Time) (time.Time, error) {
	var micros int64
	err := q.QueryRowContext(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)`).Scan(&micros)
	return time.UnixMicro(micros).UTC(), err
}

func (postgresDialect) skipLocked(table string) string {
	return " FOR UPDATE OF " + table + " SKIP LOCKED"
}

func (postgresDialect) keepLocked(table string) string { return " FOR SHARE OF " + table }

func (postgresDialect) snapshot() *sql.TxOptions {
	return &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
}

func (postgresDialect) positions(ctx context.Context, q querier, n int) (any, error) {
	var last int64
	err := q.QueryRowContext(ctx, `UPDATE counters SET value = value + $1 WHERE name = 'position' RETURNING value`, n).Scan(&last)
	return last - int64(n) + 1, err
}

const lastPosition = `SELECT value FROM counters WHERE name = 'position'`

func (postgresDialect) written(ctx context.Context, q querier) (written int64, err error) {
	err = q.QueryRowContext(ctx, lastPosition).Scan(&written)
	return written, err
}

// integrity finds nothing: the server checks its pages itself, if it was made
// with checksums.
func (postgresDialect) integrity(context.Context, querier) ([]string, error) { return nil, nil }

// system asks each for itself: either may be forbidden to the user.
func (postgresDialect) system(ctx context.Context, q querier) (name string, timeline int64) {
	_ = q.QueryRowContext(ctx, `SELECT CAST(system_identifier AS text) FROM pg_control_system()`).Scan(&name)
	_ = q.QueryRowContext(ctx, `SELECT timeline_id FROM pg_control_checkpoint()`).Scan(&timeline)
	return name, timeline
}

func (postgresDialect) elements(parameter string) string {
	return "SELECT value FROM json_array_elements_text(CAST(" + parameter + " AS json)) AS list (value)"
}

func (postgresDialect) violated(err error) string {
	const uniqueViolation = "23505" // https://www.postgresql.org/docs/current/errcodes-appendix.html
	var failure *pgconn.PgError
	if errors.As(err, &failure) && failure.Code == uniqueViolation {
		return failure.ConstraintName
	}
	return ""
}
