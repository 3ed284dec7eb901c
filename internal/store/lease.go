package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const leaseSchema = `
-- Who works on what, when several replicas share a store. A replica that has not
-- been heard for its term has lost everything it had; what it still does is
-- stopped by the version of each incident and, before a send, by its fence.
CREATE TABLE replicas (
	name  TEXT PRIMARY KEY,
	heard BIGINT NOT NULL, -- microseconds since 1970 by the store's clock
	until BIGINT NOT NULL
);
CREATE TABLE leases (
	incident TEXT PRIMARY KEY,
	replica  TEXT NOT NULL, -- '' while nobody has it
	fence    BIGINT NOT NULL -- one more each time that somebody takes it
);
CREATE INDEX leases_by_replica ON leases (replica);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO leases (incident, replica, fence) SELECT id, '', 0 FROM incidents;
`

const pressingSchema = `
CREATE INDEX intents_by_incident ON intents (incident);
-- How pressing an incident is that nobody has, so that who takes some begins
-- with the first and need not sort them all: of a storm there are very many.
ALTER TABLE leases ADD COLUMN priority TEXT NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;
UPDATE leases SET priority = COALESCE((SELECT i.priority FROM incidents i WHERE i.id = leases.incident), ''),
	opened = COALESCE((SELECT i.opened FROM incidents i WHERE i.id = leases.incident), 0);
DROP INDEX leases_by_replica;
CREATE INDEX leases_by_replica ON leases (replica, priority, opened, incident);
`

// ErrLapsed says that a replica was not heard for its whole term: others may
// have what it had. It must forget all of it and begin again under a new name.
var ErrLapsed = errors.New("this replica was not heard for too long, and others may have its work")

// Beat is what a replica hears when it says that it is alive.
type Beat struct {
	Now    time.Time // by the store's clock, which is the same for every replica
	Frozen string    // why every action is stopped, "" when it is not
}

// Shared reports whether others may work on the same store. A SQLite file is
// locked for one process.
func (s *Store) Shared() bool { return s.within || !s.dialect.single() }

// ShareWithin lets several replicas of this one process share the store, as a
// simulation and a test do. Call it before any of them enters.
func (s *Store) ShareWithin() { s.within = true }

// Enter makes a replica known, alive for a term, as its first beat. The name
// must be new.
func (s *Store) Enter(ctx context.Context, replica string, term time.Duration) (b Beat, err error) {
	err = s.writer.do(ctx, func(ctx context.Context, x *batch) (folded, error) {
		if b, err = s.standing(ctx, x); err != nil {
			return folded{}, err
		}
		now := b.Now
		dead := now
		if !s.Shared() {
			dead = now.Add(100 * 365 * 24 * time.Hour) // whoever was here before: the lock says that they are gone
		}
		if err := s.reap(ctx, x, dead); err != nil {
			return folded{}, err
		}
		// What somebody has is theirs until they are gone, however long it is over.
		if _, err := x.ExecContext(ctx, `DELETE FROM leases WHERE replica = '' AND incident IN
			(SELECT id FROM incidents WHERE status NOT IN ('open', 'restored') AND unfinished = 0 AND changed < $1)`, now.Add(-settled).UnixMicro()); err != nil {
			return folded{}, err
		}
		_, err = x.ExecContext(ctx, `INSERT INTO replicas (name, heard, until) VALUES ($1, $2, $3)`, replica, now.UnixMicro(), now.Add(term).UnixMicro())
		return folded{}, err
	})
	return b, err
}

// ErrOutdated says that a newer piket has brought the store's schema further
// than this one knows. This one must stop; trying again makes no sense.
var ErrOutdated = errors.New("a newer piket has taken the store over: use that one")

// standing reads what every replica hears. Who is older than the schema hears
// ErrOutdated, and writes nothing from then on.
func (s *Store) standing(ctx context.Context, q querier) (b Beat, err error) {
	version, err := s.dialect.version(ctx, q)
	if err != nil {
		return b, err
	}
	if version > schemaVersion {
		s.outdated.Store(true)
		return b, fmt.Errorf("%w (its schema is %d, this piket knows up to %d)", ErrOutdated, version, schemaVersion)
	}
	if b.Now, err = s.dialect.now(ctx, q, s.clk.Now()); err == nil {
		b.Frozen, err = frozen(ctx, q)
	}
	return b, err
}

// reap frees what those have who were not heard for their term.
func (s *Store) reap(ctx context.Context, x execer, now time.Time) error {
	dead, err := column(ctx, x, `SELECT name FROM replicas WHERE until <= $1`+s.dialect.skipLocked("replicas"), now.UnixMicro())
	if err != nil {
		return err
	}
	for _, name := range dead {
		if _, err := x.ExecContext(ctx, `UPDATE leases SET replica = '' WHERE replica = $1`, name); err != nil {
			return err
		}
		if _, err := x.ExecContext(ctx, `DELETE FROM replicas WHERE name = $1`, name); err != nil {
			return err
		}
	}
	return nil
}

// column reads a query's one column of text.
func column(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	return collect(rows, err, one[string])
}

// Beat says that a replica is alive for another term. After ErrLapsed it must
// enter anew; after any other error it may try again until its term is over by
// its own watch. What the others had who were not heard is free from then on.
func (s *Store) Beat(ctx context.Context, replica string, term time.Duration) (b Beat, err error) {
	err = s.aside(ctx, func(ctx context.Context, x execer) error {
		if b, err = s.standing(ctx, x); err != nil {
			return err
		}
		done, err := x.ExecContext(ctx, `UPDATE replicas SET heard = $1, until = $2 WHERE name = $3 AND until > $4`,
			b.Now.UnixMicro(), b.Now.Add(term).UnixMicro(), replica, b.Now.UnixMicro())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrLapsed, err)
		}
		return s.reap(ctx, x, b.Now)
	})
	return b, err
}

// Leave gives back what a replica has, for others to take at once.
func (s *Store) Leave(ctx context.Context, replica string) error {
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		if _, err := x.ExecContext(ctx, `UPDATE leases SET replica = '' WHERE replica = $1`, replica); err != nil {
			return err
		}
		_, err := x.ExecContext(ctx, `DELETE FROM replicas WHERE name = $1`, replica)
		return err
	})
}

// Take gives a replica at most so many of the incidents that nobody has, the
// most pressing and then the oldest first, and returns them.
func (s *Store) Take(ctx context.Context, replica string, most int) (ids []string, err error) {
	const free = `SELECT l.incident FROM leases l WHERE l.replica = '' ORDER BY l.priority, l.opened, l.incident LIMIT $1`
	if ids, err = column(ctx, s.read, free, 1); err != nil || len(ids) == 0 {
		return nil, err
	}
	err = s.aside(ctx, func(ctx context.Context, x execer) error {
		// On PostgreSQL those that another replica is taking at this moment are
		// passed over.
		if ids, err = column(ctx, x, free+s.dialect.skipLocked("l"), most); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := x.ExecContext(ctx, `UPDATE leases SET replica = $1, fence = fence + 1 WHERE incident = $2`, replica, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take work: %w", err)
	}
	return ids, nil
}

// offer lets somebody take incidents that have changed, if nobody has them.
func (s *Store) offer(ctx context.Context, x execer, list []row) error {
	return many(ctx, x, s.dialect.rows(), list, `INSERT INTO leases (incident, replica, fence, priority, opened)`,
		` ON CONFLICT (incident) DO UPDATE SET priority = excluded.priority`,
		func(r row) []any { return []any{r.id, "", 0, r.priority, r.opened} })
}

// Has reports whether a replica has an incident at this moment, by the store's
// clock, and why every action is stopped. It is asked right before a send.
func (s *Store) Has(ctx context.Context, replica, id string) (has bool, frozen string, err error) {
	b, err := s.standing(ctx, s.read)
	if err != nil {
		return false, "", err
	}
	has, err = leased(ctx, s.read, replica, id, b.Now, "")
	return has, b.Frozen, err
}

func leased(ctx context.Context, q querier, replica, id string, now time.Time, lock string) (bool, error) {
	var one int
	err := q.QueryRowContext(ctx, `SELECT 1 FROM leases l JOIN replicas r ON r.name = l.replica
		WHERE l.incident = $1 AND l.replica = $2 AND r.until > $3`+lock, id, replica, now.UnixMicro()).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

type replicaKey struct{}

// As returns a context in which decisions are a replica's: Append and AppendIf
// store them only while it has the incident, and return ErrLapsed when it does
// not. Facts are recorded whoever has it.
func As(ctx context.Context, replica string) context.Context {
	return context.WithValue(ctx, replicaKey{}, replica)
}

// ReplicaOf returns whose decisions those of a context are, "" when they are
// nobody's in particular: a person's, or an alert's.
func ReplicaOf(ctx context.Context) string {
	name, _ := ctx.Value(replicaKey{}).(string)
	return name
}

// entitled returns ErrLapsed when a decision's replica does not have the
// incident within the transaction that would store it.
func (s *Store) entitled(ctx context.Context, q querier, replica, id string) error {
	if replica == "" || !s.Shared() {
		return nil
	}
	now, err := s.dialect.now(ctx, q, s.clk.Now())
	if err != nil {
		return err
	}
	has, err := leased(ctx, q, replica, id, now, s.dialect.keepLocked("l")) // nobody takes it before the commit
	if err == nil && !has {
		err = ErrLapsed
	}
	return err
}

// aside runs f in a transaction that concerns no timeline: no follower hears of
// it, and where there are other processes it keeps nobody out but who writes the
// same rows.
func (s *Store) aside(ctx context.Context, f func(context.Context, execer) error) error {
	if s.writer == nil {
		return ErrClosed
	}
	if s.dialect.single() {
		return s.writer.do(ctx, func(ctx context.Context, b *batch) (folded, error) { return folded{}, f(ctx, b) })
	}
	ctx, cancel := s.dialect.bound(ctx)
	defer cancel()
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // one that is still in a transaction is not used again
	if err := s.dialect.beginAside(ctx, conn); err != nil {
		return err
	}
	if err := f(ctx, conn); err != nil {
		_, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, rollback)
	}
	return s.dialect.commit(ctx, conn)
}
