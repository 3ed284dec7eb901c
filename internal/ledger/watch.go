package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
)

// Every is how often the books are compared.
const Every = time.Minute

// Settle is for how long nothing is sent after a failover of the database: every
// replica holds its own journal against it meanwhile, and what it has forgotten
// stands in one of these.
const Settle = 2 * Every

var (
	// ErrDiffer says that the books differ, and that a person must look.
	ErrDiffer = errors.New("the journal and the database differ")
	// ErrSettling says that the database has failed over a short while ago. It is
	// no more after [Settle].
	ErrSettling = errors.New("the database has failed over a short while ago, and may have forgotten what other replicas sent")
)

// Watch compares the books, and freezes when they differ. Head and HashAt may be
// nil together: then only the intents are compared, and no checkpoints are made.
type Watch struct {
	Journal *journal.Journal
	Touches func(ctx context.Context, since time.Time) ([]*incident.Touch, error)
	Head    func(ctx context.Context) (Head, error)
	HashAt  func(ctx context.Context, position int64) (string, error)
	Host    string // what the owner of this process' claims begins with
	Freeze  Button
	Clock   *clock.Clock
	Log     *slog.Logger
	Differ  func(bool) // is told after every comparison whether the books differ

	mu       sync.Mutex
	differs  bool
	timeline int64                // the newest that was seen
	turned   func() time.Duration // since a newer one was first seen; nil when none was
}

// Note writes down what is about to be sent, if the books agree at this very
// moment: a database that forgot a moment ago would have it sent again. The error
// is ErrDiffer, ErrSettling, or that nothing could be read or written; then nothing
// may be sent.
func (w *Watch) Note(ctx context.Context, r journal.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.check(ctx); err != nil {
		return err
	}
	switch {
	case w.differs:
		return ErrDiffer
	case w.turned != nil && w.turned() < Settle:
		return ErrSettling
	}
	return w.Journal.Append(r)
}

// Button stops everything that acts on the database: every replica that shares
// it, when it can be told. [freeze.Switch] is one, for one process.
type Button interface {
	Why() string // why nothing is touched, "" when it is not frozen
	Freeze(by, reason string) error
}

// Run compares every minute until ctx ends. The first comparison is for the
// caller to make with [Watch.Check], before anything may act.
func (w *Watch) Run(ctx context.Context) {
	for ctx.Err() == nil {
		w.Clock.Wait(ctx, w.Clock.Now().Add(Every), nil)
		if ctx.Err() != nil {
			return
		}
		if err := w.Check(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("the journal and the database cannot be compared", "err", err)
		}
	}
}

// Check compares once. If the books differ it freezes; if a person has thawed
// since it froze for the very same reason, it accepts the database as it stands;
// if they agree it makes a checkpoint. An error means that nothing is known: try
// again in a minute.
func (w *Watch) Check(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.check(ctx)
}

func (w *Watch) check(ctx context.Context) error {
	if err := w.Journal.Err(); err != nil {
		w.found(true)
		if w.Freeze.Why() != "" {
			return nil
		}
		return w.stop(err.Error() + ": nothing can be sent until piket is started again")
	}
	records, now := w.Journal.All(), w.Clock.Now()
	db, err := w.read(ctx, records, now)
	if err != nil {
		return err
	}
	w.follow(db.Head.Timeline)
	why := Compare(records, db, now)
	w.found(why != "")
	switch {
	case why == "" && db.Head == (Head{}):
		return nil
	case why == "":
		return w.Journal.Append(seen(Checkpoint, db.Head, now))
	case w.thawed(records, why):
		w.Log.Warn("the database counts as it stands from now on: a person has thawed", "reason", why)
		w.differs = false
		return w.Journal.Append(seen(Accepted, db.Head, now))
	}
	w.Log.Error("the journal and the database differ", "reason", why)
	if last := lastOf(records, Mismatch); last > lastOf(records, Accepted) && records[last].What == why {
		return nil // is still frozen for that
	}
	if err := w.stop(why); err != nil {
		return err
	}
	return w.Journal.Append(journal.Record{Kind: Mismatch, At: now, What: why})
}

// found keeps and tells whether the books differ.
func (w *Watch) found(differ bool) {
	w.differs = differ
	w.Differ(differ)
}

// follow notices a failover. What a process sees first is no news to it.
func (w *Watch) follow(timeline int64) {
	if w.timeline != 0 && timeline > w.timeline {
		w.turned = w.Clock.Stopwatch()
		w.Log.Warn("the database has failed over: nothing is sent for a while", "for", Settle)
	}
	w.timeline = max(w.timeline, timeline)
}

// read reads the journal's past out of the database. The records were taken
// before: what is claimed in between is not missing.
func (w *Watch) read(ctx context.Context, records []journal.Record, now time.Time) (db Database, err error) {
	db.Host = w.Host
	// An intent is planned before it is journalled, so look a little further back.
	if db.Touches, err = w.Touches(ctx, now.Add(-Span-time.Hour)); err != nil || w.Head == nil {
		return db, err
	}
	if db.Head, err = w.Head(ctx); err != nil {
		return db, fmt.Errorf("read how far the database is: %w", err)
	}
	if at := newestCheckpoint(records); at >= 0 && records[at].Position <= db.Head.Position {
		if db.HashAt, err = w.HashAt(ctx, records[at].Position); err != nil {
			return db, fmt.Errorf("read event %d of the database: %w", records[at].Position, err)
		}
	}
	return db, nil
}

// thawed reports whether piket froze for this reason and is frozen no more.
func (w *Watch) thawed(records []journal.Record, why string) bool {
	last := lastOf(records, Mismatch)
	return last > lastOf(records, Accepted) && records[last].What == why && w.Freeze.Why() == ""
}

// stop freezes. What it was frozen for before stays a reason beside this one.
func (w *Watch) stop(why string) error {
	if err := w.Freeze.Freeze("piket", why); err != nil && !errors.Is(err, freeze.ErrReasonLost) {
		return err
	}
	return nil
}

func seen(kind string, head Head, now time.Time) journal.Record {
	return journal.Record{Kind: kind, At: now, Generation: head.Generation, Position: head.Position, Hash: head.Hash}
}
