// Package report is what management reads: figures over a period, the review of
// one incident, and the documents that both become. Everything in it is read off
// timelines; nothing in it reads a clock, a file or a database.
//
//	trends := report.NewTrends(period, updates, now)
//	for events, err := range store.Timelines(ctx, period.From, period.To, report.Kinds) {
//		trends.Add(events)
//	}
//	figures := trends.Figures()
package report

import (
	"fmt"
	"strings"
	"time"
)

// Period is a stretch of the calendar: from its first moment to the first of the
// next, both by the wall clock of a zone. A day of it may have 23 or 25 hours.
type Period struct {
	Kind string    `json:"kind"` // one of PeriodKinds
	Of   string    `json:"of"`   // "2026-W43", "2026-10", "2026-Q4", "2026"
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// PeriodKinds lists the kinds, shortest first.
var PeriodKinds = []string{"week", "month", "quarter", "year"}

// examples says how a period of each kind is named.
var examples = map[string]string{"week": "2026-W43", "month": "2026-10", "quarter": "2026-Q4", "year": "2026"}

// String names the period uniquely: "month/2026-10".
func (p Period) String() string { return p.Kind + "/" + p.Of }

// Title names it for people: "month 2026-10".
func (p Period) Title() string { return p.Kind + " " + p.Of }

// Before is the period that ends where p begins.
func (p Period) Before() Period { return At(p.Kind, p.From.Add(-time.Second)) }

// After is the period that begins where p ends.
func (p Period) After() Period { return At(p.Kind, p.To) }

// Over reports whether the period has ended.
func (p Period) Over(now time.Time) bool { return !now.Before(p.To) }

// At returns the period of a kind in which a moment lies, in that moment's zone.
// The kind must be one of PeriodKinds.
func At(kind string, t time.Time) Period {
	year, month, _ := t.Date()
	switch kind {
	case "week":
		y, w := t.ISOWeek()
		return weekOf(y, w, t.Location())
	case "month":
		return months(kind, year, month, 1, t.Location())
	case "quarter":
		return months(kind, year, (month-1)/3*3+1, 3, t.Location())
	case "year":
		return months(kind, year, time.January, 12, t.Location())
	}
	panic("report: " + kind + " is no kind of period")
}

// months makes a period of whole months. Its ends are dates, not durations: the
// hour that a zone puts in or leaves out belongs to the day on which it does so.
func months(kind string, year int, month time.Month, n int, zone *time.Location) Period {
	p := Period{Kind: kind, From: time.Date(year, month, 1, 0, 0, 0, 0, zone), To: time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, zone)}
	switch kind {
	case "month":
		p.Of = fmt.Sprintf("%d-%02d", year, month)
	case "quarter":
		p.Of = fmt.Sprintf("%d-Q%d", year, (month-1)/3+1)
	default:
		p.Of = fmt.Sprint(year)
	}
	return p
}

// weekOf makes a week as ISO 8601 counts them: from Monday, and the first of a
// year is the one with its 4 January.
func weekOf(year, week int, zone *time.Location) Period {
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, zone)
	monday := 4 - (int(fourth.Weekday())+6)%7 + 7*(week-1)
	return Period{
		Kind: "week", Of: fmt.Sprintf("%d-W%02d", year, week),
		From: time.Date(year, time.January, monday, 0, 0, 0, 0, zone), To: time.Date(year, time.January, monday+7, 0, 0, 0, 0, zone),
	}
}

// Parse reads a period's name. The error says how it is written.
func Parse(kind, of string, zone *time.Location) (Period, error) {
	example, known := examples[kind]
	if !known {
		return Period{}, fmt.Errorf("period %q: want one of %s", kind, strings.Join(PeriodKinds, ", "))
	}
	var year, n int
	var err error
	switch kind {
	case "week":
		_, err = fmt.Sscanf(of, "%4d-W%2d", &year, &n)
	case "month":
		_, err = fmt.Sscanf(of, "%4d-%2d", &year, &n)
	case "quarter":
		_, err = fmt.Sscanf(of, "%4d-Q%1d", &year, &n)
	default:
		_, err = fmt.Sscanf(of, "%4d", &year)
	}
	var p Period
	if err == nil && year > 0 {
		switch kind {
		case "week":
			p = weekOf(year, n, zone)
		case "quarter":
			p = months(kind, year, time.Month(3*n-2), 3, zone)
		case "month":
			p = months(kind, year, time.Month(n), 1, zone)
		default:
			p = months(kind, year, time.January, 12, zone)
		}
		p = At(kind, p.From) // the thirteenth month is the first of another year, and no name
	}
	if p.Of == "" || p.Of != of {
		return Period{}, fmt.Errorf("%s %q: want one such as %s", kind, of, example)
	}
	return p, nil
}

// parts divides the period for a plot: days of a week or month, weeks of a
// quarter, months of a year.
func (p Period) parts() []Period {
	var list []Period
	for from := p.From; from.Before(p.To); {
		part := p.part(from)
		list = append(list, part)
		from = part.To
	}
	return list
}

func (p Period) part(from time.Time) Period {
	y, m, d := from.Date()
	part := Period{Kind: "day", Of: from.Format("2006-01-02"), From: from}
	switch p.Kind {
	case "year":
		part.Kind, part.Of, part.To = "month", from.Format("2006-01"), time.Date(y, m+1, 1, 0, 0, 0, 0, from.Location())
	case "quarter": // cut at its ends
		part.Kind, part.To = "week", At("week", from).To
	default:
		part.To = time.Date(y, m, d+1, 0, 0, 0, 0, from.Location())
	}
	if part.To.After(p.To) {
		part.To = p.To
	}
	return part
}
