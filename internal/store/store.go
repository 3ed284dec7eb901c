// Package store keeps timelines. It appends, loads, lists and follows, and it
// never changes or deletes an event. What is committed is on disk: the file is
// written with synchronous=FULL, because with NORMAL a power cut can forget
// the intent of a power command that was sent.
//
//	s, err := store.Open("data", clk)
//	inc, err := s.Append(ctx, id, version, incident.Event{Actor: …, Payload: …})
//	if errors.Is(err, store.ErrConflict) { /* load again, decide again */ }
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	_ "modernc.org/sqlite" // the database; pure Go, so that one static binary is enough

	"github.com/spinware/piket/internal/clock"
)

var (
	// ErrConflict says that the incident has changed since it was read. Load
	// it again and decide again.
	ErrConflict = errors.New("the incident has changed since it was read")
	// ErrTaken says that an incident is already open for the subject. Join it.
	ErrTaken = errors.New("an incident is already open for this subject")
	// ErrServerHeld says that another incident has a live intent on the
	// server. Trying again makes sense when that one has ended.
	ErrServerHeld = errors.New("another incident is already acting on this server")
	// ErrNotFound says that there is no such incident.
	ErrNotFound = errors.New("no such incident")
	// ErrLocked says that another process has the store open for writing.
	ErrLocked = errors.New("another piket is running on this storage directory")
)

// Store is safe for concurrent use. Writes go one after the other.
type Store struct {
	clk   *clock.Clock
	write *sql.DB
	read  *sql.DB
	lock  *os.File

	within bool // several replicas of this process share it

	mu      sync.Mutex
	changed chan struct{}
	bells   []*clock.Bell
}

// schemaVersion is kept in SQLite's user_version. A newer number on disk than
// here is an error: an older piket would misread what a newer one wrote.
const schemaVersion = 4

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

// FileName is the database's name in the storage directory.
const FileName = "piket.db"

// Open opens the store in dir for one process, and makes it if it is not
// there. It returns ErrLocked when another process has it open.
func Open(dir string, clk *clock.Clock) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make storage directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, "piket.lock"))
	if err != nil {
		return nil, err
	}
	s := &Store{clk: clk, lock: lock, changed: make(chan struct{})}
	if err := s.connect(filepath.Join(dir, FileName)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly opens the store in dir beside a running piket, for looking.
func OpenReadOnly(dir string) (*Store, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{clk: clock.Real(), read: db, changed: make(chan struct{})}
	if _, err := s.version(db); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
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

func (s *Store) connect(path string) error {
	// The file holds customers' names: nobody else reads it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	f.Close()
	if s.write, err = sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)")); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if err := s.migrate(); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	s.read.SetMaxOpenConns(8)
	return nil
}

func (s *Store) version(db *sql.DB) (int, error) {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if version > schemaVersion {
		return 0, fmt.Errorf("the store has schema version %d, this piket knows up to %d: use the newer piket", version, schemaVersion)
	}
	return version, nil
}

// migrations lead from each version to the next.
var migrations = [schemaVersion]string{schema, historySchema, touchSchema, leaseSchema}

func (s *Store) migrate() error {
	version, err := s.version(s.write)
	if err != nil || version == schemaVersion {
		return err
	}
	tx, err := s.write.Begin()
	if err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	defer tx.Rollback()
	for _, step := range migrations[version:] {
		if _, err := tx.Exec(step); err != nil {
			return fmt.Errorf("migrate store: %w", err)
		}
	}
	if version > 0 && version < 3 { // what was touched before is on the timelines
		if err := s.retouch(tx); err != nil {
			return fmt.Errorf("migrate store: %w", err)
		}
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	return tx.Commit()
}

// Writable returns nil when a transaction can be committed, and the reason when
// it cannot: a full disk, a read-only file system. It changes nothing of the
// record. Each call writes and syncs one page, because only a commit reaches
// the disk: SQLite keeps in memory what is rolled back.
func (s *Store) Writable(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO counters VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`)
	if err != nil {
		return fmt.Errorf("the store cannot be written: %w", err)
	}
	return nil
}

// Close gives the files back.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
