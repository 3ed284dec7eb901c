package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// Episode is the last word on one stretch of trouble.
type Episode struct {
	Incident string // that it belongs to, "" when it was never seen
	Status   alerts.Status
	Recorded time.Time // when that status was written down
	Ongoing  bool      // whether that incident is open, or its service only just back
}

// Episodes returns what is known of alerts' episodes, by their names. Those that
// were never seen are not in it.
func (s *Store) Episodes(ctx context.Context, names []string) (map[string]Episode, error) {
	known, asked := make(map[string]Episode, len(names)), make(map[string]string, len(names))
	for _, name := range names {
		asked[plain(name)] = name
	}
	rows, err := s.read.QueryContext(ctx, `SELECT e.episode, e.incident, e.status, e.recorded, i.status IN ('open', 'restored')
		FROM episodes e JOIN incidents i ON i.id = e.incident WHERE e.episode IN (`+s.dialect.elements("$1")+`)`, texts(names))
	_, err = collect(rows, err, func(rows *sql.Rows) (e Episode, err error) {
		var name string
		var recorded int64
		err = rows.Scan(&name, &e.Incident, &e.Status, &recorded, &e.Ongoing)
		e.Recorded = time.UnixMicro(recorded).UTC()
		known[asked[name]] = e
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for episodes: %w", err)
	}
	return known, nil
}

// Episode is Episodes for one, the zero Episode when it was never seen.
func (s *Store) Episode(ctx context.Context, name string) (Episode, error) {
	known, err := s.Episodes(ctx, []string{name})
	return known[name], err
}

// Ongoing returns the incidents that are open for subjects. A subject for which
// none is open is not in it. The caller shares them with others and must not
// change them.
func (s *Store) Ongoing(ctx context.Context, about []incident.Subject) (map[incident.Subject]*incident.Incident, error) {
	ids, err := column(ctx, s.read, `SELECT id FROM incidents WHERE subject IN (`+s.dialect.elements("$1")+`) AND status IN ('open', 'restored')`, subjects(about))
	if err != nil {
		return nil, fmt.Errorf("look for what is open: %w", err)
	}
	list, err := s.loadAll(ctx, s.read, ids)
	if err != nil {
		return nil, err
	}
	open := make(map[incident.Subject]*incident.Incident, len(list))
	for id, f := range list {
		s.known.put(id, f)
		if f.inc.Ongoing() { // it may have ended since the first look
			open[f.inc.Subject] = f.inc
		}
	}
	return open, nil
}

// taken returns for which subjects an incident is open, as they are stored.
func (s *Store) taken(ctx context.Context, q querier, about []incident.Subject) (map[string]bool, error) {
	list, err := column(ctx, q, `SELECT subject FROM incidents WHERE subject IN (`+s.dialect.elements("$1")+`) AND status IN ('open', 'restored')`, subjects(about))
	taken := make(map[string]bool, len(about))
	for _, subject := range list {
		taken[subject] = true
	}
	return taken, err
}

// loadAll is load for many: it asks once how far each is. Those that do not
// exist are not in it.
func (s *Store) loadAll(ctx context.Context, q querier, ids []string) (map[string]folded, error) {
	there := make(map[string]folded, len(ids))
	if len(ids) == 0 {
		return there, nil
	}
	type head struct{ id, hash string }
	rows, err := q.QueryContext(ctx, `SELECT id, head FROM incidents WHERE id IN (`+s.dialect.elements("$1")+`)`, texts(ids))
	heads, err := collect(rows, err, func(rows *sql.Rows) (h head, err error) {
		err = rows.Scan(&h.id, &h.hash)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	for _, h := range heads {
		f := s.known.get(h.id)
		if f.inc == nil || f.head != h.hash {
			if f, err = s.load(ctx, q, h.id); err != nil {
				return nil, err
			}
		}
		there[h.id] = f
	}
	return there, nil
}

// texts writes a list for SQL.
func texts(list []string) string {
	clean := make([]string, len(list))
	for n, text := range list {
		clean[n] = plain(text)
	}
	text, err := json.Marshal(clean)
	if err != nil {
		panic("store: a list of strings always encodes: " + err.Error())
	}
	return string(text)
}
