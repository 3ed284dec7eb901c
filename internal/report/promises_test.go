package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// [3.2, 3.3]: every promised moment against what was told.
func TestEveryPromisedMomentIsHeldAgainstWhatWasTold(t *testing.T) {
	const half = 30 * time.Minute
	begin := func(more ...line) []line {
		return append([]line{
			{0, incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Customers: []string{"bakery"}}, ""},
			{0, incident.Classified{Priority: incident.P1}, ""},
		}, more...)
	}
	said := func(at, sent time.Duration, id, purpose string) []line {
		return []line{{at, mail(id, purpose, "bakery"), ""}, {sent, delivered(id), ""}}
	}
	for _, c := range []struct {
		name  string
		lines []line
		now   time.Duration // after the opening
		want  []string
	}{
		{"on time, and then service is back", begin(append(append(said(0, time.Second, "M1", "first"), line{10 * time.Minute, incident.Restored{}, ""}),
			said(10*time.Minute, 11*time.Minute, "M2", "restored")...)...), time.Hour, []string{"first on time", "restored on time"}},
		{"one half hour is passed over", begin(append(said(0, time.Second, "M1", "first"), said(half+5*time.Minute, half+5*time.Minute, "M2", "update")...)...), half + 10*time.Minute,
			[]string{"first on time", "update late by 5m0s"}},
		{"nobody ever hears", begin(), time.Hour, []string{"first never"}},
		{"the moment has not come yet", begin(), time.Minute, nil},
		{"it waits in the outbox", begin(line{0, mail("M1", "first", "bakery"), ""}), 10 * time.Minute, []string{"first never"}},
		{"the mail bounced and somebody telephoned", begin(line{0, mail("M1", "first", "bakery"), ""},
			line{0, incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery"}, ""}, line{time.Minute, incident.Called{Task: "T1", Outcome: "reached"}, ""}),
			10 * time.Minute, []string{"first on time"}},
		{"nobody answered the telephone", begin(line{0, incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery"}, ""}, line{time.Minute, incident.Called{Task: "T1", Outcome: "no_answer"}, ""}),
			10 * time.Minute, []string{"first never"}},
		{"service returns late in the half hour, and nobody is told", begin(append(said(0, time.Second, "M1", "first"), line{29 * time.Minute, incident.Restored{}, ""})...), time.Hour,
			[]string{"first on time", "restored never"}},
		{"it turns out to be lesser", begin(line{time.Minute, incident.Classified{Priority: incident.P3}, ""}), time.Hour, nil},
		{"closed before a word was due", begin(append(said(0, time.Second, "M1", "first"), line{20 * time.Minute, incident.Closed{}, ""})...), 3 * time.Hour, []string{"first on time"}},
		{"it fails again", begin(append(append(said(0, time.Second, "M1", "first"), line{10 * time.Minute, incident.Restored{}, ""}),
			append(said(10*time.Minute, 10*time.Minute, "M2", "restored"), append([]line{{12 * time.Minute, incident.Relapsed{}, ""}}, said(20*time.Minute, 20*time.Minute, "M3", "update")...)...)...)...),
			40 * time.Minute, []string{"first on time", "restored on time", "update late by 8m0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range report.NewReview(timeline(id(1), opened, c.lines...), updates, opened.Add(c.now)).Promises {
				switch {
				case p.Told.IsZero():
					got = append(got, p.Word+" never")
				case p.Late:
					got = append(got, fmt.Sprint(p.Word, " late by ", p.LateBy()))
				default:
					got = append(got, p.Word+" on time")
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
