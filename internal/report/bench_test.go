package report_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// BenchmarkMonth adds up a month of so many incidents of 31 events each, from a
// store on disk, two thirds of which are read. Beside the time it prints what the
// processor was busy with: on a loaded machine the rest is waiting for others.
func BenchmarkMonth(b *testing.B) {
	for _, incidents := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint("sqlite/", incidents), func(b *testing.B) { benchmarkMonth(b, b.TempDir(), incidents) })
		b.Run(fmt.Sprint("postgres/", incidents), func(b *testing.B) { benchmarkMonth(b, storetest.Shared(b).Database(b), incidents) })
	}
}

func benchmarkMonth(b *testing.B, where string, incidents int) {
	s, err := store.Open(where, clock.Jumping(opened))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	multiply(b, where, writeIncident(b, s), incidents)
	month := report.At("month", opened)
	before := busy(b)
	for b.Loop() {
		f, err := report.Sum(month, updates, month.To, s.Timelines(context.Background(), month.From, month.To, report.Kinds))
		if err != nil {
			b.Fatal(err)
		}
		if f.Incidents != incidents || f.Alone.Of != incidents || f.Updates.Of != 2*incidents {
			b.Fatalf("%+v", f)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
	b.ReportMetric((busy(b)-before).Seconds()/float64(b.N), "cpu-s/report")
	b.ReportMetric(float64(incidents)*float64(b.N)/b.Elapsed().Seconds(), "incidents/s")
}

// busy is the processor time of this process.
func busy(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// writeIncident stores the incident that all others are copies of.
func writeIncident(b *testing.B, s *store.Store) string {
	b.Helper()
	events := wholeIncident()
	inc, err := s.Create(context.Background(), events[0])
	for _, e := range events[1:] {
		if err == nil {
			inc, err = s.Record(context.Background(), inc.ID, e)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	return inc.ID
}

// multiply copies an incident within the database, each copy a few seconds later
// and about another server. Hashes are copied, too: nobody verifies here.
func multiply(b *testing.B, where, id string, all int) {
	b.Helper()
	driver, source, series := "sqlite", "file:"+filepath.Join(where, store.FileName), "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c) AS c"
	if store.IsURL(where) {
		driver, source, series = "pgx", where+"&default_query_exec_mode=simple_protocol", "generate_series(1::bigint, %d) AS c(n)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if driver == "sqlite" {
		if _, err := db.Exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000"); err != nil {
			b.Fatal(err)
		}
	}
	series = fmt.Sprintf(series, all-1)
	const name, later = `'INC-2027-' || (1000000 + c.n)`, `c.n * 20000000`
	for _, statement := range []string{
		`INSERT INTO incidents (id, version, head, subject, title, status, priority, site, opened, changed)
			SELECT ` + name + `, version, head, subject, title, status, priority, site, opened + ` + later + `, changed FROM incidents, ` + series,
		`INSERT INTO events (position, incident, seq, at, recorded, actor, kind, data, prev, hash)
			SELECT c.n * 100 + seq, ` + name + `, seq, at + ` + later + `, recorded, actor, kind, replace(data, 'web-07', 'web-' || (c.n % 5000)), prev, hash
			FROM events, ` + series,
		`ANALYZE`,
	} {
		if _, err := db.Exec(statement); err != nil {
			b.Fatal(err)
		}
	}
}

var (
	opened  = time.Date(2026, 10, 1, 3, 0, 0, 0, time.UTC)
	updates = report.Updates{incident.P1: 30 * time.Minute}
)
