package store

import (
	"context"
	"database/sql"
	"errors"
)

// Freezes are rows of meta: "frozen WHERE" holds why, and "" once it was thawed
// from elsewhere. A row that is not there says nothing: a database can forget.
const freezes = "frozen "

// Freeze stops every replica for as long as nobody thaws; where names who holds
// the freeze, and why is shown. Each hears of it with its next beat, and who is
// about to send at once. It works beside the freeze file, which needs no store.
func (s *Store) Freeze(ctx context.Context, where, why string) error {
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, freezes+where, plain(why))
		return err
	})
}

// Unfreeze ends the freeze that one place holds.
func (s *Store) Unfreeze(ctx context.Context, where string) error {
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `DELETE FROM meta WHERE name = $1`, freezes+where)
		return err
	})
}

// Thaw ends the freezes of all places, and leaves word for each that it did.
func (s *Store) Thaw(ctx context.Context) error {
	return s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `UPDATE meta SET value = '' WHERE name LIKE 'frozen %'`)
		return err
	})
}

// Freezing returns why a place holds a freeze. Known and "" says that somebody
// has thawed it from elsewhere.
func (s *Store) Freezing(ctx context.Context, where string) (why string, known bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, freezes+where).Scan(&why)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return why, err == nil, err
}

// frozen returns why everything is stopped, "" when it is not.
func frozen(ctx context.Context, q querier) (string, error) {
	var why string
	err := q.QueryRowContext(ctx, `SELECT value FROM meta WHERE name LIKE 'frozen %' AND value <> '' ORDER BY name LIMIT 1`).Scan(&why)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return why, err
}
