package report_test

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/report"
)

func amsterdam(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// A day on which the clocks change has 23 or 25 hours; a month begins at midnight
// by the wall all the same.
func TestPeriodsFollowTheWallClockOfTheirZone(t *testing.T) {
	zone := amsterdam(t)
	for _, c := range []struct {
		kind, of, from, to string
		lasts              time.Duration
	}{
		{"month", "2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", 31*24*time.Hour + time.Hour},
		{"month", "2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", 31*24*time.Hour - time.Hour},
		{"week", "2026-W43", "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z", 7*24*time.Hour + time.Hour},
		{"week", "2026-W53", "2026-12-27T23:00:00Z", "2027-01-03T23:00:00Z", 7 * 24 * time.Hour},
		{"week", "2027-W01", "2027-01-03T23:00:00Z", "2027-01-10T23:00:00Z", 7 * 24 * time.Hour},
		{"quarter", "2026-Q4", "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z", 92*24*time.Hour + time.Hour},
		{"year", "2026", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z", 365 * 24 * time.Hour},
	} {
		p, err := report.Parse(c.kind, c.of, zone)
		if err != nil {
			t.Errorf("%s %s: %v", c.kind, c.of, err)
			continue
		}
		if p.From.UTC().Format(time.RFC3339) != c.from || p.To.UTC().Format(time.RFC3339) != c.to || p.To.Sub(p.From) != c.lasts {
			t.Errorf("%s: from %v to %v, %v", p, p.From.UTC(), p.To.UTC(), p.To.Sub(p.From))
		}
		if p.After().Before() != p || report.At(c.kind, p.To.Add(-time.Second)) != p || report.At(c.kind, p.From) != p {
			t.Errorf("%s is not between its neighbours %s and %s", p, p.Before(), p.After())
		}
		if p.Over(p.To.Add(-time.Nanosecond)) || !p.Over(p.To) {
			t.Errorf("%s does not end at its end", p)
		}
	}
}

func TestAPeriodThatIsNoneSaysHowOneIsWritten(t *testing.T) {
	for _, c := range []struct{ kind, of, want string }{
		{"day", "2026-10-01", `period "day": want one of week, month, quarter, year`},
		{"month", "2026-13", `month "2026-13": want one such as 2026-10`},
		{"month", "2026-1", `month "2026-1": want one such as 2026-10`},
		{"month", "2026-10-05", `month "2026-10-05": want one such as 2026-10`},
		{"week", "2026-W54", `week "2026-W54": want one such as 2026-W43`},
		{"week", "2026-W00", `week "2026-W00": want one such as 2026-W43`},
		{"quarter", "2026-Q5", `quarter "2026-Q5": want one such as 2026-Q4`},
		{"year", "", `year "": want one such as 2026`},
		{"year", "0000", `year "0000": want one such as 2026`},
	} {
		if p, err := report.Parse(c.kind, c.of, time.UTC); err == nil || err.Error() != c.want {
			t.Errorf("%s %q: got %v, %v", c.kind, c.of, p, err)
		}
	}
}
