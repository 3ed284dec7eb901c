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
ALTER TABLE incidents ADD COLUMN fell INTEGER NOT NULL DEFAULT 0; -- when it was opened, or failed again last
UPDATE incidents SET fell = opened;
ALTER TABLE incidents ADD COLUMN hands INTEGER NOT NULL DEFAULT 0; -- 1 while they are at work for it
CREATE INDEX incidents_with_hands ON incidents (site) WHERE hands = 1;
CREATE INDEX incidents_by_fall ON incidents (site, fell) WHERE status = 'open';
`

// intent is what is kept of an action for looking it up.
type intent struct {
	intent, incident, server, runbook, step, class string
	duty                                           int
	planned                                        int64
	ended                                          int
	result, data                                   string
}

const intentColumns = `intent, incident, server, runbook, step, class, duty, planned, ended, result, data`

// intentOf reads the row off an incident that has an action.
func intentOf(inc *incident.Incident) (intent, error) {
	a := inc.Action
	if a == nil {
		return intent{}, nil
	}
	data, err := json.Marshal(a)
	i := intent{
		intent: plain(a.Intent), incident: inc.ID, server: plain(a.Server), runbook: plain(a.Runbook), step: plain(a.Step), class: plain(a.Class),
		duty: a.Duty, planned: a.PlannedAt.UnixMicro(), result: string(a.Result), data: string(data),
	}
	if a.Ended {
		i.ended = 1
	}
	return i, err
}

// acted reports whether an incident has an action that others must know of. What
// a drill only pretends is none.
func acted(inc *incident.Incident) bool { return inc.Action != nil && !inc.IsDrill() }

// touch keeps the row of an incident's action in step with the events.
func touch(ctx context.Context, x execer, inc *incident.Incident) error {
	if !acted(inc) {
		return nil
	}
	i, err := intentOf(inc)
	if err == nil {
		_, err = x.ExecContext(ctx, `INSERT INTO intents (`+intentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (intent) DO UPDATE SET incident = excluded.incident, server = excluded.server, runbook = excluded.runbook, step = excluded.step,
				class = excluded.class, duty = excluded.duty, planned = excluded.planned, ended = excluded.ended, result = excluded.result, data = excluded.data`,
			i.intent, i.incident, i.server, i.runbook, i.step, i.class, i.duty, i.planned, i.ended, i.result, i.data)
	}
	if err != nil {
		return fmt.Errorf("note what was touched: %w", err)
	}
	return nil
}

// Touches returns every intent that still holds its server, whenever it was
// planned, and every other that was planned since, oldest first. The caller
// shares them with others and must not change them.
func (s *Store) Touches(ctx context.Context, since time.Time) ([]*incident.Touch, error) {
	t, err := s.touches(ctx, s.read, since)
	if err != nil {
		return nil, err
	}
	return t.from(since), nil
}

// lately is about as far back as guards ask what was touched.
const lately = 24 * time.Hour

// Results returns what a step was good for on a class of server, newest first.
// Only tries that were carried out and judged are among them. The caller shares
// them with others and must not change them.
func (s *Store) Results(ctx context.Context, runbook, step, class string, limit int) ([]*incident.Touch, error) {
	key := tried{runbook, step, class, limit}
	t, err := s.touches(ctx, s.read, s.clk.Now().Add(-lately))
	if err != nil {
		return nil, err
	}
	if record, ok := t.results[key]; ok {
		return record, nil
	}
	record, err := readTouches(ctx, s.read, `SELECT incident, data FROM intents
		WHERE runbook = $1 AND step = $2 AND class = $3 AND duty = 0 AND result <> '' ORDER BY planned DESC, intent DESC LIMIT $4`,
		runbook, step, class, limit)
	if err == nil {
		s.rememberResults(t, key, record)
	}
	return record, err
}

func readTouches(ctx context.Context, q querier, query string, args ...any) ([]*incident.Touch, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	list, err := collect(rows, err, readTouch)
	if err != nil {
		return nil, fmt.Errorf("read what was touched: %w", err)
	}
	return list, nil
}

func readTouch(rows *sql.Rows) (*incident.Touch, error) {
	var t incident.Touch
	var data sql.RawBytes
	if err := rows.Scan(&t.Incident, &data); err != nil {
		return nil, err
	}
	return &t, json.Unmarshal(data, &t.Action)
}

// Fallen returns the servers of a site that have an open incident of their own
// which was opened, or failed again, within [from, to], at most so many.
func (s *Store) Fallen(ctx context.Context, site string, from, to time.Time, limit int) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT substr(subject, 8) FROM incidents
		WHERE site = $1 AND status = 'open' AND fell >= $2 AND fell <= $3 AND subject LIKE 'server:%' ORDER BY fell, id LIMIT $4`,
		plain(site), from.UnixMicro(), to.UnixMicro(), limit)
	names, err := collect(rows, err, one[string])
	if err != nil {
		return nil, fmt.Errorf("read which servers fell: %w", err)
	}
	return names, nil
}

// AppendIf appends as Append does, if check agrees to what has been touched
// since, by any incident; what it returns otherwise is returned, and nothing is
// stored. No other reservation happens between the check and the commit, of this
// process or another; so check must be quick, and must not use the store.
func (s *Store) AppendIf(ctx context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	return s.appendAt(ctx, id, version, func(ctx context.Context, q querier) error {
		t, err := s.touches(ctx, q, since)
		if err != nil {
			return err
		}
		list := t.from(since)
		return check(list)
	}, events)
}

// retouch fills the table, and what else is kept for looking up since, from the
// events of a store that is older.
func retouch(ctx context.Context, x execer) error {
	rows, err := x.QueryContext(ctx, `SELECT DISTINCT incident FROM events WHERE kind IN ('intended', 'ordered', 'relapsed')`)
	ids, err := collect(rows, err, one[string])
	if err != nil {
		return err
	}
	for _, id := range ids {
		list, err := events(ctx, x, id, 0)
		if err != nil {
			return err
		}
		inc := incident.Fold(nil)
		for _, e := range list {
			inc.Apply(e)
			if concernsAction(e.Payload) {
				if err := touch(ctx, x, inc); err != nil {
					return err
				}
			}
		}
		r := rowOf(folded{inc: inc})
		if _, err := x.ExecContext(ctx, `UPDATE incidents SET fell = $1, hands = $2 WHERE id = $3`, r.fell, r.hands, id); err != nil {
			return err
		}
	}
	return nil
}

// WithHands returns the incidents of a site that are open or whose service is
// back and for which hands have said that they come, and not yet that they are
// done; oldest first.
func (s *Store) WithHands(ctx context.Context, site string) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM incidents WHERE site = $1 AND hands = 1 AND status IN ('open', 'restored') ORDER BY opened, id`, site)
	ids, err := collect(rows, err, one[string])
	if err != nil {
		return nil, fmt.Errorf("read where hands are at %s: %w", site, err)
	}
	return ids, nil
}
