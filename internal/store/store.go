// Package store keeps timelines. It appends, loads, lists and follows, and it
// never changes or deletes an event. What is committed is on disk: a power cut
// must not forget the intent of a power command that was sent.
//
//	s, err := store.Open("data", clk) // or postgres://…
//	inc, err := s.Append(ctx, id, version, incident.Event{Actor: …, Payload: …})
//	if errors.Is(err, store.ErrConflict) { /* load again, decide again */ }
//
// It stands on SQLite for one process and on PostgreSQL for several, with the
// same SQL; [dialect] is what differs.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
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
	// ErrBroken says that the disk has failed under a commit, so that nobody
	// knows what is on it. Nothing is written any more; end the process and
	// start it again, which reads what is there.
	ErrBroken = errors.New("the disk failed under a commit, and what is on it is not known: restart piket")
	// ErrClosed says that the store was closed, or was opened only for looking.
	ErrClosed = errors.New("the store is not open for writing")
)

// Store is safe for concurrent use. Writes go one after the other.
type Store struct {
	clk     *clock.Clock
	dialect dialect
	read    *reader
	writer  *writer     // nil when it is open only for looking
	closers []io.Closer // what else to give back, in this order
	known   cache
	touched atomic.Pointer[touched]
	path    string // of SQLite's file, "" on PostgreSQL

	within   bool        // several replicas of this process share it
	outdated atomic.Bool // a newer piket has changed the schema

	touching sync.Mutex // held by who brings touched up to date

	mu      sync.Mutex
	changed chan struct{}
	bells   []*clock.Bell
}

// Open opens the store at where and makes it if it is not there: a directory,
// which one process has for itself (ErrLocked otherwise), or the postgres:// URL
// of a database that several processes may share.
func Open(where string, clk *clock.Clock) (*Store, error) {
	s := &Store{clk: clk, changed: make(chan struct{})}
	var err error
	if IsURL(where) {
		err = s.openPostgres(where)
	} else {
		err = s.openSQLite(where)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly opens the store at where beside a running piket, for looking. It
// makes nothing and changes nothing.
func OpenReadOnly(where string) (*Store, error) {
	s := &Store{clk: clock.Real(), changed: make(chan struct{})}
	var err error
	if IsURL(where) {
		err = s.lookAtPostgres(where)
	} else {
		err = s.lookAtSQLite(where)
	}
	var version int
	if err == nil {
		version, err = s.version(context.Background(), s.read)
	}
	if err == nil && version == 0 {
		err = fmt.Errorf("open store: nobody has made one there: %w", os.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// IsURL reports whether where names a PostgreSQL database and not a directory.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Writable returns nil when a transaction can be committed, and the reason when
// it cannot: a full disk, a read-only file system, a server that no longer
// writes to its disk. It changes nothing of the record. Each call writes and
// syncs a little, because only a commit reaches the disk.
func (s *Store) Writable(ctx context.Context) error {
	err := s.dialect.durable(ctx, s.read)
	if err == nil {
		err = s.writer.do(ctx, func(ctx context.Context, b *batch) (folded, error) {
			_, err := b.ExecContext(ctx, `INSERT INTO counters (name, value) VALUES ('probe', 1)
				ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`)
			return folded{}, err
		})
	}
	if err != nil {
		return fmt.Errorf("the store cannot be written: %w", err)
	}
	return nil
}

// published is called with what a commit has made of incidents.
func (s *Store) published(news map[string]folded) {
	for id, f := range news {
		s.known.put(id, f)
	}
	if len(news) > 0 {
		s.tell()
	}
}

// Close ends what is being written and gives everything back.
func (s *Store) Close() error {
	s.writer.close()
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	for _, c := range s.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// folded is an incident as its events add up to it, and the hash of the last. A
// folded incident is never changed; what follows is applied to a clone.
type folded struct {
	inc  *incident.Incident
	head string
}
