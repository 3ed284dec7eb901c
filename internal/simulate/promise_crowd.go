package simulate

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// counts reports whether an intent that has begun still counts against limits.
func (s *sentIntent) counts() bool {
	return s.Duty == 0 && !s.Prepares() && s.outcome != incident.OutcomeRefused
}

// lookedAfter reports whether the database forgot a send and a person has looked at
// that server and thawed: from then on nothing that piket has tells of it.
func (w *world) lookedAfter(s *sentIntent) bool { return s.forgotten > 0 && w.thawedAt > s.forgotten }

// checkCrowd: so many of a circle at once, and no more.
func (w *world) checkCrowd(i incident.Intended, m *machine) {
	rack, site, fleet, flying := map[*machine]bool{}, map[*machine]bool{}, map[*machine]bool{}, map[*machine]bool{}
	customer := map[*machine]bool{}
	for _, s := range w.watch.begun {
		if !s.counts() || w.lookedAfter(s) || s.machine == m || w.now-s.begun > w.limits.Cooldown-w.limits.NotAfter-bound {
			continue
		}
		fleet[s.machine] = true
		site[s.machine] = site[s.machine] || s.machine.rack.site == m.rack.site
		rack[s.machine] = rack[s.machine] || s.machine.rack == m.rack
		customer[s.machine] = customer[s.machine] || w.customerOf(s.machine) == w.customerOf(m)
		flying[s.machine] = flying[s.machine] || s.outcome == ""
	}
	for _, c := range []struct {
		what  string
		in    map[*machine]bool
		limit int
	}{
		{"rack", rack, w.limits.Rack}, {"customer", customer, w.limits.Customer}, {"site", site, w.limits.Site},
		{"fleet", fleet, max(1, len(w.machines)*w.limits.FleetPercent/100)}, {"in flight", flying, w.limits.InFlight},
	} {
		n := 0
		for _, in := range c.in {
			if in {
				n++
			}
		}
		if n >= c.limit {
			w.violate("P5", "%s on %s: %d others of its %s are in piket's hands already", i.Intent, m.name, n, c.what)
		}
	}
}

func (w *world) customerOf(m *machine) string { return w.customers[m.number] }

func (w *world) checkRates(i incident.Intended, m *machine) {
	hour, day := 0, 0
	for _, s := range w.watch.begun {
		if again := w.now - s.begun; s.counts() && s.machine == m && i.Action == "power" && s.Action == "power" && again < w.limits.Cooldown-w.limits.NotAfter-bound {
			w.violate("P5", "%s touches the power of %s again after %v", i.Intent, m.name, again)
		}
		switch age := w.now - s.begun; {
		case !s.counts():
		case s.machine == m && age < 24*time.Hour-time.Minute:
			day++
			fallthrough
		case s.machine.rack.site == m.rack.site && age < time.Hour-time.Minute:
			if age < time.Hour-time.Minute {
				hour++
			}
		}
	}
	if day >= w.limits.ServerDay {
		w.violate("P5", "%s: %s was acted on %d times within a day", i.Intent, m.name, day)
	}
	if hour >= w.limits.SiteHour {
		w.violate("P5", "%s: %d actions on %s within an hour", i.Intent, hour, m.rack.site.name)
	}
}
