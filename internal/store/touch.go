package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

const touchSchema = `
-- Read off the events as well: every action on a server, for what other
-- incidents must know of it.
CREATE TABLE intents (
	intent   TEXT PRIMARY KEY,
	incident TEXT NOT NULL,
	server   TEXT NOT NULL,
	runbook  TEXT NOT NULL,
	step     TEXT NOT NULL,
	class    TEXT NOT NULL,
	duty     INTEGER NOT NULL,
	planned  INTEGER NOT NULL,
	ended    INTEGER NOT NULL, -- 0 while it holds its server
	result   TEXT NOT NULL,
	data     TEXT NOT NULL     -- the action as it stands
);
CREATE INDEX intents_by_time ON intents (planned);
CREATE INDEX intents_under_way ON intents (ended) WHERE ended = 0;
CREATE INDEX intents_by_step ON intents (runbook, step, class, planned) WHERE result <> '';
CREATE INDEX incidents_by_opening ON incidents (site, opened) WHERE status = 'open';
`

// note keeps the row of an incident's action in step with the events.
func note(ctx context.Context, tx *sql.Tx, inc *incident.Incident) error {
	a := inc.Action
	if a == nil {
		return nil
	}
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (intent) DO UPDATE SET ended = excluded.ended, result = excluded.result, data = excluded.data`,
		a.Intent, inc.ID, a.Server, a.Runbook, a.Step, a.Class, a.Duty, a.PlannedAt.UnixMicro(), a.Ended, string(a.Result), string(data))
	if err != nil {
		return fmt.Errorf("note what was touched: %w", err)
	}
	return nil
}

// Touches returns every intent that still holds its server, whenever it was
// planned, and every other that was planned since, oldest first.
func (s *Store) Touches(ctx context.Context, since time.Time) ([]incident.Touch, error) {
	return touches(ctx, s.read, since)
}

func touches(ctx context.Context, q querier, since time.Time) ([]incident.Touch, error) {
	return readTouches(ctx, q, `SELECT incident, data FROM intents WHERE ended = 0 OR planned >= ? ORDER BY planned, intent`, since.UnixMicro())
}

// Results returns what a step was good for on a class of server, newest first.
// Only tries that were carried out and judged are among them.
func (s *Store) Results(ctx context.Context, runbook, step, class string, limit int) ([]incident.Touch, error) {
	return readTouches(ctx, s.read, `SELECT incident, data FROM intents
		WHERE runbook = ? AND step = ? AND class = ? AND duty = 0 AND result <> '' ORDER BY planned DESC, intent DESC LIMIT ?`,
		runbook, step, class, limit)
}

func readTouches(ctx context.Context, q querier, query string, args ...any) ([]incident.Touch, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read what was touched: %w", err)
	}
	defer rows.Close()
	var list []incident.Touch
	for rows.Next() {
		var t incident.Touch
		var data string
		if err := rows.Scan(&t.Incident, &data); err != nil {
			return nil, fmt.Errorf("read what was touched: %w", err)
		}
		if err := json.Unmarshal([]byte(data), &t.Action); err != nil {
			return nil, fmt.Errorf("read what was touched: %w", err)
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// Fallen returns the servers of a site that have an open incident of their own
// which was opened within [from, to], at most so many.
func (s *Store) Fallen(ctx context.Context, site string, from, to time.Time, limit int) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT substr(subject, 8) FROM incidents
		WHERE site = ? AND status = 'open' AND opened >= ? AND opened <= ? AND subject LIKE 'server:%' ORDER BY opened, id LIMIT ?`,
		site, from.UnixMicro(), to.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read which servers fell: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read which servers fell: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// AppendIf appends as Append does, if check agrees to what has been touched
// since, by any incident; what it returns otherwise is returned, and nothing is
// stored. No other reservation happens between the check and the commit.
func (s *Store) AppendIf(ctx context.Context, id string, version int, check func([]incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	return s.appendAt(ctx, id, version, func(tx *sql.Tx) error {
		list, err := touches(ctx, tx, since)
		if err != nil {
			return err
		}
		return check(list)
	}, events)
}

// retouch fills the table from the events of a store that is older than it.
func (s *Store) retouch(tx *sql.Tx) error {
	ctx := context.Background()
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT incident FROM events WHERE kind = 'intended'`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		list, err := events(ctx, tx, id, 0)
		if err != nil {
			return err
		}
		inc := incident.Fold(nil)
		for _, e := range list {
			inc.Apply(e)
			if concernsAction(e.Payload) {
				if err := note(ctx, tx, inc); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
