package web

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/store"
)

// measured is a bucket with answers of one latency.
func measured(asked, lost uint16, took time.Duration) store.Bucket {
	return store.Bucket{Asked: asked, Lost: lost, Mean: took, Worst: 2 * took}
}

func TestPlotShowsGapsAsGapsAndLossAsLoss(t *testing.T) {
	const ms = time.Millisecond
	v := plotOf("Reachable", morning, []store.Bucket{
		measured(30, 0, ms), measured(30, 0, ms), {}, measured(30, 30, 0), measured(30, 3, ms),
	})
	cases := []struct{ what, got, want string }{
		{"line", v.Line, "M100.0 100.0L300.0 100.0M900.0 100.0h.01"},
		{"area", v.Spread, "M100.0 69.9L300.0 69.9L300.0 100.0L100.0 100.0ZM900.0 69.9L900.0 100.0Z"},
		{"loss", v.Loss, "M600.00 100v-100.0h200.00v100.0zM800.00 100v-12.0h200.00v12.0z"},
		{"gaps", v.Gaps, "M400.00 0h200.00v100h-200.00z"},
		{"labels", strings.Join(v.Decades, ", "), "10 ms, 1 ms"},
		{"words", v.Words, "Reachable: 33 of 120 answers lost; latency 1 ms in the mean, 2 ms at worst; nothing was measured for 5 min of 25 min."},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestPlotOfNothingSaysSo(t *testing.T) {
	v := plotOf("BMC", morning, make([]store.Bucket, 288))
	if v.Known || v.Line != "" || v.Loss != "" || len(v.Hours) != 0 || v.Words != "BMC: nothing was measured in this time." {
		t.Errorf("%+v", v)
	}
}

func TestPlotWithoutAnyAnswerShowsOnlyLoss(t *testing.T) {
	v := plotOf("Reachable", morning, []store.Bucket{measured(30, 30, 0)})
	if !v.Known || v.Line != "" || v.Words != "Reachable: 30 of 30 answers lost." || v.Hours[0].Mean != "" {
		t.Errorf("%+v", v)
	}
}

func TestEveryLatencyFitsInThePlot(t *testing.T) {
	for d := time.Duration(0); d <= time.Hour; d += 1 + d/3 {
		for _, worst := range []time.Duration{d, 10 * d, time.Hour} {
			s := scaleOf([]store.Bucket{{Asked: 1, Mean: d, Worst: worst}})
			for _, y := range []float64{s.y(d), s.y(worst)} {
				if y < -0.001 || y > latencyHeight+0.001 {
					t.Fatalf("%v to %v: %v lies outside of %+v", d, worst, y, s)
				}
			}
		}
	}
}

func TestHoursAddUpToTheirBuckets(t *testing.T) {
	from := morning.Add(-10 * time.Minute)
	rows := hoursOf(from, []store.Bucket{measured(30, 1, time.Millisecond), {}, measured(10, 0, 2*time.Millisecond), measured(30, 2, time.Millisecond)})
	want := []hourRow{{morning, "1.3 ms", "4 ms", 2, 40}, {morning.Add(-time.Hour), "1 ms", "2 ms", 1, 30}}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("got %+v, want %+v", rows, want)
	}
}

func TestLatenciesAreWrittenShortly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 310 * time.Microsecond: "0.31 ms", 9990 * time.Microsecond: "10 ms", 12345 * time.Microsecond: "12 ms",
		1200 * time.Millisecond: "1.2 s", time.Hour: "3600 s",
	} {
		if got := inMillis(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
