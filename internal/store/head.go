package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Head is how far a store is, and which one it is. A database that was restored
// from a backup, or that lost commits in a failover, differs in one of these
// from what was written down beside it.
type Head struct {
	Generation string    // random, a new one with every restore on purpose
	Position   int64     // of the last event, 0 when there is none
	Hash       string    // of that event
	Recorded   time.Time // when that was written down
	System     string    // PostgreSQL's name for the cluster, "" when it does not say
	Timeline   int64     // PostgreSQL's count of failovers, 0 when it does not say
}

// Head returns how far the store is at this moment.
func (s *Store) Head(ctx context.Context) (h Head, err error) {
	var recorded int64
	err = s.read.QueryRowContext(ctx, `SELECT position, hash, recorded FROM events ORDER BY position DESC LIMIT 1`).Scan(&h.Position, &h.Hash, &recorded)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Head{}, fmt.Errorf("read the head: %w", err)
	}
	if err == nil {
		h.Recorded = time.UnixMicro(recorded).UTC()
	}
	if h.Generation, err = generation(ctx, s.read); err != nil {
		return Head{}, fmt.Errorf("read the head: %w", err)
	}
	h.System, h.Timeline = s.dialect.system(ctx, s.read)
	return h, nil
}

// HashAt returns the hash of the event at a position, "" when there is none.
func (s *Store) HashAt(ctx context.Context, position int64) (hash string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT hash FROM events WHERE position = $1`, position).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the event at %d: %w", position, err)
	}
	return hash, nil
}

// generation returns the store's generation, "" while it has none.
func generation(ctx context.Context, q querier) (text string, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'generation'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return text, err
}

// begun gives a store its first generation.
func (s *Store) begun(ctx context.Context) error {
	if text, err := generation(ctx, s.read); text != "" || err != nil {
		return err
	}
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('generation', $1) ON CONFLICT (name) DO NOTHING`, rand.Text())
		return err
	})
}

// renew gives a store that was restored a generation of its own.
func (s *Store) renew(ctx context.Context) error {
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `UPDATE meta SET value = $1 WHERE name = 'generation'`, rand.Text())
		return err
	})
}
