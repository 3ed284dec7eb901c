package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
)

// Every is how often the books are compared.
const Every = time.Minute

// Watch compares the books, and freezes when they differ. Head and HashAt may be
// nil together: then only the intents are compared, and no checkpoints are made.
type Watch struct {
	Journal *journal.Journal
	Touches func(ctx context.Context, since time.Time) ([]*incident.Touch, error)
	Head    func(ctx context.Context) (Head, error)
	HashAt  func(ctx context.Context, position int64) (string, error)
	Host    string // what the owner of this process' claims begins with
	Freeze  freeze.Switch
	Clock   *clock.Clock
	Log     *slog.Logger
	Differ  func(bool) // is told after every comparison whether the books differ
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
	if err := w.Journal.Err(); err != nil {
		w.Differ(true)
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
	why := Compare(records, db, now)
	w.Differ(why != "")
	switch {
	case why == "" && db.Head == (Head{}):
		return nil
	case why == "":
		return w.Journal.Append(seen(Checkpoint, db.Head, now))
	case w.thawed(records, why):
		w.Log.Warn("the database counts as it stands from now on: a person has thawed", "reason", why)
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

// stop freezes. What was frozen before for another reason must not be thawed for
// that reason alone, so the newer one stands before it.
func (w *Watch) stop(why string) error {
	if before := w.Freeze.Why(); before != "" {
		why += " (before that: " + before + ")"
	}
	if err := w.Freeze.Freeze("piket", why); err != nil && !errors.Is(err, freeze.ErrReasonLost) {
		return err
	}
	return nil
}

func seen(kind string, head Head, now time.Time) journal.Record {
	return journal.Record{Kind: kind, At: now, Generation: head.Generation, Position: head.Position, Hash: head.Hash}
}
