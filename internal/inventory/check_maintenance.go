package inventory

import (
	"encoding/json"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// maintenance checks one entry. It must say on what and when: one for
// everything, or without an end, is how a fleet is forgotten.
func (c *checker) maintenance(m *Maintenance) {
	c.references("server", m.Servers, c.servers)
	c.references("rack", m.Racks, c.racks)
	c.references("site", m.Sites, c.sites)
	if len(m.Servers)+len(m.Racks)+len(m.Sites) == 0 {
		c.hint(m, "give servers, racks or sites", "maintenance %q is of nothing", m.Name)
	}
	from, until := c.given(&m.From, m.From.IsZero()), c.given(&m.Until, m.Until.IsZero())
	switch {
	case len(m.Weekly) > 0 && (from || until):
		c.add(&m.Weekly, "maintenance %q is weekly and has from or until as well: make two of it", m.Name)
	case len(m.Weekly) > 0:
		for i := range m.Weekly {
			c.weekly(&m.Weekly[i])
		}
	case !from || !until:
		c.hint(m, "give from and until, or weekly", "maintenance %q does not say from when until when", m.Name)
	case !m.From.IsZero() && !m.Until.IsZero() && !m.Until.After(m.From.Time):
		c.add(&m.Until, "until %s is not after from", m.Until.Format(time.RFC3339))
	}
}

// weekly hands each part to Alertmanager's own time intervals, so that each
// mistake has its place.
func (c *checker) weekly(w *Weekly) {
	w.interval = timeinterval.TimeInterval{}
	c.weekdays(w)
	if w.From != "" && w.Until != "" {
		times := []map[string]string{{"start_time": w.From, "end_time": w.Until}}
		if err := interval(&w.interval, "times", times); err != nil {
			c.hint(&w.From, "write from: \"22:00\" and until: \"24:00\"; what goes past midnight takes two entries", "%s to %s is no time of one day", w.From, w.Until)
		}
	}
	if zone := c.location(&w.Location); zone != nil {
		_ = interval(&w.interval, "location", w.Location) // it was found
	}
}

func (c *checker) weekdays(w *Weekly) {
	for i := range w.Weekdays {
		if day := &w.Weekdays[i]; *day != "" && interval(new(timeinterval.TimeInterval), "weekdays", []string{*day}) != nil {
			c.hint(day, "write saturday, or monday:friday; a week begins with sunday", "weekday %q is not understood", *day)
			return
		}
	}
	if len(w.Weekdays) > 0 {
		_ = interval(&w.interval, "weekdays", w.Weekdays) // each was read on its own
	}
}

// interval reads one field of an interval, as Alertmanager's configuration has
// it, into all.
func interval(all *timeinterval.TimeInterval, field string, value any) error {
	raw, err := json.Marshal(map[string]any{field: value})
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, all)
}
