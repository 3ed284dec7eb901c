package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"modernc.org/sqlite" // pure Go, so that one static binary is enough
)

// FileName is the database's name in the storage directory.
const FileName = "piket.db"

// lockName is the file that the running piket holds.
const lockName = "piket.lock"

func (s *Store) openSQLite(dir string) error {
	s.dialect = sqliteDialect{}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make storage directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, lock)
	path := filepath.Join(dir, FileName)
	// The file holds customers' names: nobody else reads it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	f.Close()
	// With synchronous=NORMAL a power cut can forget what was committed. The
	// writer moves the log into the file itself, to hear when that fails. What a
	// savepoint needs to go back stays in memory, and so do 32 MB of pages.
	write, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)", "temp_store(MEMORY)", "cache_size(-32000)"))
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	s.closers = append([]io.Closer{write}, s.closers...)
	write.SetMaxOpenConns(1)
	if err := s.migrate(write); err != nil {
		return err
	}
	if s.read, err = openReader(path); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	s.path, s.writer = path, newWriter(write, s.dialect, s.published)
	return s.begun(context.Background())
}

func (s *Store) lookAtSQLite(dir string) error {
	s.dialect = sqliteDialect{}
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	var err error
	if s.read, err = openReader(path); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	s.path = path
	return nil
}

// acquire takes the lock that keeps a second piket off the same store. The
// kernel gives it back when the process ends, however it ends.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%s)", ErrLocked, path)
	}
	return f, nil
}

func dsn(path string, pragmas ...string) string {
	query := url.Values{"_txlock": {"immediate"}}
	for _, p := range append(pragmas, "busy_timeout(5000)") {
		query.Add("_pragma", p)
	}
	return "file:" + path + "?" + query.Encode()
}

// sqliteDialect is SQLite with one writing connection.
type sqliteDialect struct{}

func (sqliteDialect) translate(schema string) string { return schema }

func (sqliteDialect) version(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

func (sqliteDialect) setVersion(ctx context.Context, x execer, version int) error {
	_, err := x.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

func (d sqliteDialect) migrating(ctx context.Context, conn *sql.Conn) error {
	return d.begin(ctx, conn)
}

func (sqliteDialect) begin(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	return err
}

func (d sqliteDialect) beginAside(ctx context.Context, conn *sql.Conn) error {
	return d.begin(ctx, conn)
}

func (sqliteDialect) commit(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "COMMIT")
	return err
}

// bound is no bound: a transaction waits for nobody but the disk, and a context
// that can end costs a goroutine for every statement.
func (sqliteDialect) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return ctx, func() {}
}

func (sqliteDialect) single() bool { return true }

// rows are few: a statement costs little on the way, each length of it is kept
// prepared, and the driver looks for each parameter's name among all of them.
func (sqliteDialect) rows() int { return 4 }

func (sqliteDialect) checkpoint(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	return err
}

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	sqliteIOErr   = 10
	sqliteCorrupt = 11
	sqliteNotADB  = 26

	sqliteUnique     = 2067 // SQLITE_CONSTRAINT_UNIQUE
	sqlitePrimaryKey = 1555 // SQLITE_CONSTRAINT_PRIMARYKEY
)

// fatal leaves a full disk out: the log is written from front to back and a
// transaction counts once its last page is whole, so that one which found no
// room has not happened, before a restart as after it.
func (sqliteDialect) fatal(err error) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return false
	}
	switch failure.Code() & 0xff {
	case sqliteIOErr, sqliteCorrupt, sqliteNotADB:
		return true
	}
	return false
}

func (sqliteDialect) durable(context.Context, querier) error { return nil }

func (sqliteDialect) now(_ context.Context, _ querier, own time.Time) (time.Time, error) {
	return own, nil
}

func (sqliteDialect) skipLocked(string) string { return "" }

func (sqliteDialect) keepLocked(string) string { return "" }

func (sqliteDialect) snapshot() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

func (sqliteDialect) positions(context.Context, querier, int) (any, error) { return nil, nil }

// written asks SQLite itself, which remembers how many there have been.
func (sqliteDialect) written(ctx context.Context, q querier) (written int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)`).Scan(&written)
	return written, err
}

func (sqliteDialect) integrity(ctx context.Context, q querier) ([]string, error) {
	rows, err := q.QueryContext(ctx, "PRAGMA integrity_check")
	lines, err := collect(rows, err, one[string])
	if len(lines) == 1 && lines[0] == "ok" {
		return nil, err
	}
	return lines, err
}

func (sqliteDialect) system(context.Context, querier) (string, int64) { return "", 0 }

func (sqliteDialect) elements(parameter string) string {
	return "SELECT value FROM json_each(" + parameter + ")"
}

// columns finds what the message of a broken rule names.
var columns = regexp.MustCompile(`constraint failed: ([a-z_.]+)`)

func (sqliteDialect) violated(err error) string {
	var failure *sqlite.Error
	if !errors.As(err, &failure) || failure.Code() != sqliteUnique && failure.Code() != sqlitePrimaryKey {
		return ""
	}
	if m := columns.FindStringSubmatch(failure.Error()); m != nil {
		return m[1]
	}
	return failure.Error()
}
