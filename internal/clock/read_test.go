package clock_test

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
)

func TestReadTakesAMomentWithAZoneOrByTheWall(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-01-05T18:00":          "2026-01-05T17:00:00Z",
		"2026-07-05T18:00":          "2026-07-05T16:00:00Z",
		"2026-01-05T18:00:00+03:00": "2026-01-05T15:00:00Z",
		"2026-01-05T18:00:00Z":      "2026-01-05T18:00:00Z",
		"":                          "", "now": "", "2026-01-05": "", "2026-01-05 18:00": "", "2026-02-30T18:00": "", "2026-01-05T18:00 ": "",
	} {
		got, err := clock.Read(text, amsterdam)
		if want == "" {
			if err == nil || !got.IsZero() {
				t.Errorf("%q is taken for %v", text, got)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v (%v), want %s", text, got, err, want)
		}
	}
}
