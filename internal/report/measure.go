package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Measure is what many durations come to. What is missing is no zero, and what
// ended before it began is counted and left out.
type Measure struct {
	Known   int           // durations that it rests on
	Missing int           // incidents of which one end is not known
	Invalid int           // incidents whose end lies before the beginning
	Median  time.Duration // with P90, only when Known > 0
	P90     time.Duration
}

// MarshalJSON writes seconds, and null for what is not known.
func (m Measure) MarshalJSON() ([]byte, error) {
	out := struct {
		Known   int      `json:"known"`
		Missing int      `json:"missing"`
		Invalid int      `json:"invalid"`
		Median  *float64 `json:"median_seconds"`
		P90     *float64 `json:"p90_seconds"`
	}{Known: m.Known, Missing: m.Missing, Invalid: m.Invalid}
	if m.Known > 0 {
		median, p90 := m.Median.Seconds(), m.P90.Seconds()
		out.Median, out.P90 = &median, &p90
	}
	return json.Marshal(out)
}

// lengths collects durations.
type lengths struct {
	list             []time.Duration
	missing, invalid int
}

// add takes the time from one moment to another; a zero moment is one that is
// not known.
func (l *lengths) add(from, to time.Time) {
	switch {
	case from.IsZero() || to.IsZero():
		l.missing++
	case to.Before(from):
		l.invalid++
	default:
		l.list = append(l.list, to.Sub(from))
	}
}

func (l *lengths) measure() Measure {
	slices.Sort(l.list)
	return Measure{len(l.list), l.missing, l.invalid, percentile(l.list, 0.5), percentile(l.list, 0.9)}
}

// percentile is the nearest rank of a sorted list: the least value that so large
// a share of all do not exceed. It is always one that was measured.
func percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// notKnown stands wherever a figure is missing.
const notKnown = "n/a"

// Words writes one of the measure's durations.
func (m Measure) words(d time.Duration) string {
	if m.Known == 0 {
		return notKnown
	}
	return Lasting(d)
}

// Lasting writes a duration in the two units that matter: "1 h 20 min".
func Lasting(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(d, time.Minute, "min", time.Second, "s")
	case d < 48*time.Hour:
		return two(d.Round(time.Minute), time.Hour, "h", time.Minute, "min")
	}
	return two(d.Round(time.Hour), 24*time.Hour, "d", time.Hour, "h")
}

func two(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// Share is a part of a whole. Of nothing there is no share.
type Share struct {
	Part int
	Of   int
}

// MarshalJSON writes both numbers and the percentage, null for a share of
// nothing.
func (s Share) MarshalJSON() ([]byte, error) {
	out := struct {
		Part    int      `json:"part"`
		Of      int      `json:"of"`
		Percent *float64 `json:"percent"`
	}{Part: s.Part, Of: s.Of}
	if s.Of > 0 {
		percent := 100 * float64(s.Part) / float64(s.Of)
		out.Percent = &percent
	}
	return json.Marshal(out)
}

func (s Share) words() string {
	if s.Of == 0 {
		return notKnown
	}
	return fmt.Sprintf("%d of %d (%.0f %%)", s.Part, s.Of, 100*float64(s.Part)/float64(s.Of))
}

// Score is what customers gave, from 1 to 5.
type Score struct {
	Answers int
	Sum     int
}

// MarshalJSON writes the mean, null without an answer.
func (s Score) MarshalJSON() ([]byte, error) {
	out := struct {
		Answers int      `json:"answers"`
		Mean    *float64 `json:"mean"`
	}{Answers: s.Answers}
	if s.Answers > 0 {
		mean := float64(s.Sum) / float64(s.Answers)
		out.Mean = &mean
	}
	return json.Marshal(out)
}

func (s Score) words() string {
	if s.Answers == 0 {
		return notKnown
	}
	return fmt.Sprintf("%.1f of 5 (%d answers)", float64(s.Sum)/float64(s.Answers), s.Answers)
}
