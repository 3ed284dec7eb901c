package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store/storetest"
)

// onEachBench runs a benchmark on every database.
func onEachBench(b *testing.B, bench func(b *testing.B, where string)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, b.TempDir()) })
	b.Run("postgres", func(b *testing.B) { bench(b, storetest.Shared(b).Database(b)) })
}

// BenchmarkBareInsert100 is what the machine can do: 100 rows of an event's size
// in one transaction, synced, with nothing looked up, hashed or kept beside.
func BenchmarkBareInsert100(b *testing.B) { onEachBench(b, benchmarkBareInsert100) }

func benchmarkBareInsert100(b *testing.B, where string) {
	open(b, where).Close()
	db := raw(b, where)
	db.SetMaxOpenConns(1)
	if !strings.HasPrefix(where, "postgres") {
		if _, err := db.Exec("PRAGMA synchronous = FULL"); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := db.Exec("CREATE TABLE bare (id BIGINT PRIMARY KEY, data TEXT NOT NULL)"); err != nil {
		b.Fatal(err)
	}
	data, id := strings.Repeat("d", 400), 0
	for b.Loop() {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		id = bareRows(b, tx, id, data)
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "rows/s")
}

func bareRows(b *testing.B, tx *sql.Tx, id int, data string) int {
	for range 100 {
		id++
		if _, err := tx.Exec("INSERT INTO bare VALUES ($1, $2)", id, data); err != nil {
			b.Fatal(err)
		}
	}
	return id
}

// BenchmarkAppend commits one event at a time, from so many callers with an
// incident each.
func BenchmarkAppend(b *testing.B) { onEachBench(b, benchmarkAppend) }

func benchmarkAppend(b *testing.B, where string) {
	s := open(b, where)
	var made atomic.Int64
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(callers, "-callers"), func(b *testing.B) {
			b.SetParallelism(callers) // times GOMAXPROCS, of which the machine has two
			b.RunParallel(func(pb *testing.PB) {
				inc := create(b, s, fmt.Sprint("web-", made.Add(1)))
				for pb.Next() {
					if inc.Version == 100 { // a long timeline of one incident
						inc = create(b, s, fmt.Sprint("web-", made.Add(1)))
					}
					inc = add(b, s, inc, note("the fan is loud"))
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkCreate opens incidents as an alert about a server does, from 128
// callers: two events, the episode, and the number.
func BenchmarkCreate(b *testing.B) { onEachBench(b, benchmarkCreate) }

func benchmarkCreate(b *testing.B, where string) {
	s := open(b, where)
	var made atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			name := fmt.Sprint("web-", made.Add(1))
			create(b, s, name, event(incident.AlertReceived{Alert: alerts.Alert{
				Source: "probe", Status: alerts.Firing, Fingerprint: name, StartsAt: start, Labels: alerts.Labels{"alertname": "ServerUnreachable", "server": name}}}))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "incidents/s")
}

// BenchmarkRecordAlert adds an alert to an incident that is open, from 128
// callers with 64 incidents.
func BenchmarkRecordAlert(b *testing.B) { onEachBench(b, benchmarkRecordAlert) }

func benchmarkRecordAlert(b *testing.B, where string) {
	s := open(b, where)
	list := make([]*incident.Incident, 64)
	for n := range list {
		list[n] = create(b, s, fmt.Sprint("web-", n))
	}
	var made atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := made.Add(1)
			_, err := s.Record(ctx, list[n%64].ID, event(incident.AlertReceived{Alert: alerts.Alert{
				Source: "probe", Status: alerts.Firing, Fingerprint: fmt.Sprint(n / 640), StartsAt: start, Labels: alerts.Labels{"server": "web"}}}))
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
}

// BenchmarkLoad100Events reads an incident that another has just added to
// nothing: what an engine's visit costs.
func BenchmarkLoad100Events(b *testing.B) { onEachBench(b, benchmarkLoad100Events) }

func benchmarkLoad100Events(b *testing.B, where string) {
	s := open(b, where)
	inc := create(b, s, "web-07")
	for inc.Version < 100 {
		inc = add(b, s, inc, note("the fan is loud"))
	}
	for b.Loop() {
		if _, err := s.Load(ctx, inc.ID); err != nil {
			b.Fatal(err)
		}
	}
}
