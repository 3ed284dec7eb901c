package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// Freezes are rows of meta: "frozen WHERE" holds why, and "" once it was thawed
// from elsewhere. A row that is not there says nothing: a database can forget.
const freezes = "frozen "

// Freeze stops every replica for as long as nobody thaws; where names who holds
// the freeze, and why is shown. Each hears of it when it next asks [Store.Freezing],
// and who is about to send at once. It works beside the freeze file, which needs no store.
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

// Freezing is what the store knows of freezes at one moment.
type Freezing struct {
	All   string // why every replica is stopped, by whichever place, "" when none is
	Said  string // what the store was told of one place
	Known bool   // with Said "", somebody has thawed that place from elsewhere
}

// Freezing returns what it knows, and of one place in particular. It reads a row
// for each place, so that it may be asked several times a second.
func (s *Store) Freezing(ctx context.Context, where string) (Freezing, error) {
	return freezing(ctx, s.read, where)
}

func freezing(ctx context.Context, q querier, where string) (f Freezing, err error) {
	rows, err := q.QueryContext(ctx, `SELECT name, value FROM meta WHERE name LIKE 'frozen %' ORDER BY name`)
	list, err := collect(rows, err, func(rows *sql.Rows) (row [2]string, err error) { return row, rows.Scan(&row[0], &row[1]) })
	if err != nil {
		return f, err
	}
	var reasons []string
	for _, row := range list {
		if row[0] == freezes+where {
			f.Said, f.Known = row[1], true
		}
		if row[1] != "" && !slices.Contains(reasons, row[1]) {
			reasons = append(reasons, row[1])
		}
	}
	f.All = strings.Join(reasons, "; and ")
	return f, nil
}

// frozen returns why everything is stopped, "" when it is not.
func frozen(ctx context.Context, q querier) (string, error) {
	f, err := freezing(ctx, q, "")
	return f.All, err
}
