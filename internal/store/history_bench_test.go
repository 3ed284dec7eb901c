package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spinware/piket/internal/store"
)

// BenchmarkRemember100000 writes one step of a fleet, into an hour that has
// steps already, while an incident is appended to without a pause. It tells the
// worst append, and what an hour adds to the file.
func BenchmarkRemember100000(b *testing.B) {
	const targets = 100_000
	dir := b.TempDir()
	s := open(b, dir)
	samples := make([]store.Sample, targets)
	for i := range samples {
		samples[i] = store.Sample{
			Target: fmt.Sprintf("server/web-%06d", i),
			Bucket: store.Bucket{Asked: 30, Mean: 300 * time.Microsecond, Worst: time.Duration(i) * time.Microsecond},
		}
	}
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	quiet := appendUntil(b, s, doneAfter(b, time.Second))
	before := fileSize(b, dir)
	for n := 0; b.Loop(); n++ {
		stop, cancel := context.WithCancel(ctx)
		worst := make(chan time.Duration)
		go func() { worst <- appendUntil(b, s, stop) }()
		if err := s.Remember(ctx, at.Add(time.Duration(n)*store.HistoryStep), samples); err != nil {
			b.Fatal(err)
		}
		cancel()
		b.ReportMetric(float64((<-worst).Microseconds())/1000, "worst-append-ms")
	}
	b.ReportMetric(float64(quiet.Microseconds())/1000, "worst-append-alone-ms")
	hours := (b.N-1)/12 + 1
	b.ReportMetric(float64(fileSize(b, dir)-before)/float64(hours)/targets, "B/target-hour")
}

func doneAfter(b *testing.B, d time.Duration) context.Context {
	done, cancel := context.WithTimeout(ctx, d)
	b.Cleanup(cancel)
	return done
}

// appendUntil appends events one after the other and returns the longest time
// that one took.
func appendUntil(b *testing.B, s *store.Store, done context.Context) (worst time.Duration) {
	inc := create(b, s, fmt.Sprint("web-", time.Now().UnixNano()))
	for done.Err() == nil {
		began := time.Now()
		next, err := s.Append(ctx, inc.ID, inc.Version, note("the fan is loud"))
		if err != nil {
			b.Error(err)
			return worst
		}
		worst = max(worst, time.Since(began))
		if inc = next; inc.Version == 100 {
			inc = create(b, s, fmt.Sprint("web-", time.Now().UnixNano()))
		}
	}
	return worst
}

func fileSize(b *testing.B, dir string) int64 {
	b.Helper()
	info, err := os.Stat(filepath.Join(dir, store.FileName))
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}
