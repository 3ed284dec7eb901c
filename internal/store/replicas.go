package store

import (
	"context"
	"database/sql"
	"time"
)

// Replica is a process that works on the store, as the others hear of it.
type Replica struct {
	Name      string
	Silent    time.Duration // since it was last heard, by the store's clock
	Incidents int           // that it has
}

// Work is how the incidents are spread.
type Work struct {
	Replicas []Replica // those who were heard within their term, by name
	Free     int       // incidents that nobody has
}

// Fair returns how many more incidents a replica may take before it has more
// than its part.
func (w Work) Fair(replica string) int {
	all, replicas := w.Free, max(1, len(w.Replicas))
	for _, r := range w.Replicas {
		all += r.Incidents
	}
	return (all+replicas-1)/replicas - w.Has(replica)
}

// Has returns how many incidents a replica has.
func (w Work) Has(replica string) int {
	for _, r := range w.Replicas {
		if r.Name == replica {
			return r.Incidents
		}
	}
	return 0
}

// Leases returns the incidents that a replica has.
func (s *Store) Leases(ctx context.Context, replica string) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident FROM leases WHERE replica = $1 ORDER BY incident`, replica)
	return collect(rows, err, one[string])
}

// Work returns who works on the store and what is left to take.
func (s *Store) Work(ctx context.Context) (w Work, err error) {
	now, err := s.dialect.now(ctx, s.read, s.clk.Now())
	if err != nil {
		return w, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT r.name, r.heard, (SELECT COUNT(*) FROM leases l WHERE l.replica = r.name)
		FROM replicas r WHERE r.until > $1 ORDER BY r.name`, now.UnixMicro())
	w.Replicas, err = collect(rows, err, func(rows *sql.Rows) (r Replica, err error) {
		var heard int64
		err = rows.Scan(&r.Name, &heard, &r.Incidents)
		r.Silent = max(0, now.Sub(time.UnixMicro(heard)))
		return r, err
	})
	if err != nil {
		return w, err
	}
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM leases WHERE replica = ''`).Scan(&w.Free)
	return w, err
}
