package store_test

import (
	"fmt"
	"testing"
)

// BenchmarkAppend commits one event at a time with synchronous=FULL.
func BenchmarkAppend(b *testing.B) {
	s := open(b, b.TempDir())
	inc := create(b, s, "web-0")
	for n := 0; b.Loop(); n++ {
		if inc.Version == 100 { // a long timeline of one incident
			inc = create(b, s, fmt.Sprint("web-", n))
		}
		inc = add(b, s, inc, note("the fan is loud"))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkLoad100Events(b *testing.B) {
	s := open(b, b.TempDir())
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
