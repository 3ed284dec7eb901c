package store

import (
	"context"
	"fmt"
)

// Keep returns the value that all replicas share under a name. The first to ask
// sets it, and whoever comes later gets that one.
func (s *Store) Keep(ctx context.Context, name, value string) (kept string, err error) {
	err = s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, "kept "+name, value)
		return err
	})
	if err == nil {
		err = s.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, "kept "+name).Scan(&kept)
	}
	if err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	return kept, nil
}
