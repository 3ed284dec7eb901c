package inventory

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// Maintenance says when machines are expected to be silent, because people work
// on them: piket leaves them alone. It is once, From to Until, or comes back
// every week.
type Maintenance struct {
	Name    string   `yaml:"name,required"`
	Servers []string `yaml:"servers"`
	Racks   []string `yaml:"racks"`
	Sites   []string `yaml:"sites"`
	From    Moment   `yaml:"from"`  // once: the first moment of it
	Until   Moment   `yaml:"until"` // once: the first moment after it
	Weekly  []Weekly `yaml:"weekly"`
}

// Weekly is a time that comes back every week, by the clock on the wall of a
// place. A time that the wall skips when summer begins is no maintenance that
// day; one that it shows twice when summer ends is so twice. What goes on past
// midnight takes two of them.
type Weekly struct {
	Weekdays []string `yaml:"weekdays,required"` // "saturday", "monday:friday"
	From     string   `yaml:"from,required"`     // "22:00"
	Until    string   `yaml:"until,required"`    // "24:00" at most
	Location string   `yaml:"location,required"` // "Europe/Amsterdam", "UTC"

	interval timeinterval.TimeInterval
}

// Moment is a time with its zone, written as in RFC 3339.
type Moment struct{ time.Time }

// UnmarshalText reads RFC 3339. What has no zone could be meant in any.
func (m *Moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return errors.New("want a time with its zone, such as 2026-12-01T22:00:00+01:00")
	}
	return nil
}

// Window is a maintenance that is under way.
type Window struct {
	Name  string
	Until time.Time // the first moment after it, or maxWindow ahead
}

// maxWindow bounds how far ahead the end of a weekly window is looked for.
const maxWindow = 48 * time.Hour

// Maintenance returns the maintenance that a server is in at now: of several the
// one that ends last, since nothing may be done before.
func (inv *Inventory) Maintenance(s Server, now time.Time) (last Window, under bool) {
	for _, m := range inv.Windows {
		if until, in := m.until(now); m.covers(s) && in && (!under || until.After(last.Until)) {
			last, under = Window{Name: m.Name, Until: until}, true
		}
	}
	return last, under
}

func (m Maintenance) covers(s Server) bool {
	return slices.Contains(m.Servers, s.Name) || slices.Contains(m.Racks, s.Rack) || slices.Contains(m.Sites, s.Site)
}

// until says when the maintenance that is under way at now is over. Two weekly
// times that touch are one.
func (m Maintenance) until(now time.Time) (time.Time, bool) {
	if len(m.Weekly) == 0 {
		return m.Until.Time, !now.Before(m.From.Time) && now.Before(m.Until.Time)
	}
	if !m.weekly(now) {
		return time.Time{}, false
	}
	end := now.Truncate(time.Minute).Add(time.Minute)
	for m.weekly(end) && end.Before(now.Add(maxWindow)) {
		end = end.Add(time.Minute)
	}
	return end, true
}

func (m Maintenance) weekly(at time.Time) bool {
	return slices.ContainsFunc(m.Weekly, func(w Weekly) bool { return w.interval.ContainsTime(at) })
}
