package remediation

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// memorySpan is how far back what was touched matters to any guard.
const memorySpan = 24 * time.Hour

// memory is since when what was touched matters, by a clock that may have been
// set ahead since.
func (f Facts) memory() time.Time {
	since := f.Now.Add(-memorySpan)
	for _, step := range f.Ahead {
		since = since.Add(-step.By)
	}
	return since
}

// asOfNow is what was touched, each at the moment that the clock would give it
// now: setting a clock ahead makes nothing longer ago.
func (f Facts) asOfNow(touched []*incident.Touch) []*incident.Touch {
	if len(f.Ahead) == 0 {
		return touched
	}
	list := make([]*incident.Touch, len(touched))
	for n, t := range touched {
		moved := *t
		for _, step := range f.Ahead {
			if moved.PlannedAt.Before(step.At) {
				moved.PlannedAt = moved.PlannedAt.Add(step.By)
			}
		}
		list[n] = &moved
	}
	return list
}

// others are the touches that count beside the intent that is being decided:
// what was voided or refused never reached a machine, and giving power back
// undoes what has been counted already.
func (f Facts) others() iter.Seq[*incident.Touch] {
	own := f.Incident.Action
	return func(yield func(*incident.Touch) bool) {
		for _, t := range f.Touched {
			mine := own.Live() && t.Intent == own.Intent
			if !mine && !t.Voided && t.Outcome != incident.OutcomeRefused && t.Duty == 0 && !yield(t) {
				return
			}
		}
	}
}

// standing is a server and the circles that an action on it counts against: the
// ones of today and, because servers are moved and taken out of the inventory,
// just when they are in trouble, the ones of when it was planned.
type standing struct {
	name    string
	circles []incident.Circles
}

func circlesOf(s inventory.Server) incident.Circles {
	return incident.Circles{Rack: s.Rack, Site: s.Site, Customers: s.Customers}
}

// standing says where what was touched counts. Without the inventory, and
// without a note of when it was planned, it still counts for the fleet.
func (f Facts) standing(t *incident.Touch) standing {
	s := standing{t.Server, []incident.Circles{t.Among}}
	if server, ok := f.Inventory.Server(t.Server); ok {
		s.circles = append(s.circles, circlesOf(server))
	}
	return s
}

func (s standing) in(same func(incident.Circles) bool) bool {
	return slices.ContainsFunc(s.circles, same)
}

// onSite reports whether what was touched counts on a site. It is standing's
// answer, without its lists: it is asked of everything that a day has touched.
func (f Facts) onSite(t *incident.Touch, site string) bool {
	if t.Among.Site == site {
		return true
	}
	server, ok := f.Inventory.Server(t.Server)
	return ok && server.Site == site
}

// inHand lists the other servers that count as piket's doing: acted on right
// now, acted on a short while ago, or left with nobody knowing whether a command
// was carried out. A machine that is being restarted is not a healthy one; where
// it counted as such, limits have leaked until a whole cluster was restarted.
func (f Facts) inHand() []standing {
	var servers []standing
	for t := range f.others() {
		unsettled := t.Outcome == incident.OutcomeUnknown && t.Result != incident.Unclear && t.Result != incident.Helped
		recent := f.Now.Sub(t.PlannedAt) < f.Limits.Cooldown
		if t.Server == f.Incident.Subject.Name || !t.Live() && !recent && !unsettled {
			continue
		}
		if n := slices.IndexFunc(servers, func(s standing) bool { return s.name == t.Server }); n >= 0 {
			servers[n].circles = append(servers[n].circles, t.Among)
		} else {
			servers = append(servers, f.standing(t))
		}
	}
	return servers
}

// fewAtOnce: however many servers are in trouble, only a few are acted on at
// the same time.
func fewAtOnce(f Facts, _ runbooks.Remedy) *refusal {
	busy := 0
	for _, t := range f.Touched {
		if t.Live() && t.Server != f.Incident.Subject.Name {
			busy++
		}
	}
	if busy < f.Limits.InFlight {
		return nil
	}
	return &refusal{Why: fmt.Sprintf("%d other servers are being acted on already", busy), Until: f.Now.Add(f.Limits.IdlePoll)}
}

// smallRadius: of one rack, one customer, one site and the fleet only so many
// servers may be in piket's hands at once.
func smallRadius(f Facts, _ runbooks.Remedy) *refusal {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	shared := func(customer string) func(incident.Circles) bool {
		return func(o incident.Circles) bool { return slices.Contains(o.Customers, customer) }
	}
	type circle struct {
		what  string
		limit int
		in    func(incident.Circles) bool
	}
	circles := []circle{
		{"rack " + server.Rack, f.Limits.Rack, func(o incident.Circles) bool { return server.Rack != "" && o.Rack == server.Rack }},
		{"site " + server.Site, f.Limits.Site, func(o incident.Circles) bool { return o.Site == server.Site }},
		{"the fleet", f.fleetLimit(), func(incident.Circles) bool { return true }},
	}
	for _, c := range server.Customers {
		circles = slices.Insert(circles, 1, circle{"customer " + c, f.Limits.Customer, shared(c)})
	}
	hand := f.inHand()
	for _, c := range circles {
		n := 0
		for _, o := range hand {
			if o.in(c.in) {
				n++
			}
		}
		if n >= c.limit {
			return &refusal{Why: fmt.Sprintf("%d of %s in piket's hands, or were a short while ago; at most %d at once", n, c.what, c.limit), Until: f.Now.Add(f.Limits.Fresh)}
		}
	}
	return nil
}

// fleetLimit is the share of the fleet that may be in piket's hands, rounded
// down, and one server at least.
func (f Facts) fleetLimit() int {
	return max(1, len(f.Inventory.Servers)*f.Limits.FleetPercent/100)
}

// rarely: a site sees few actions an hour, and a server few a day. What needs
// more than that is not cured by more of the same.
func rarely(f Facts, _ runbooks.Remedy) *refusal {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	var site, own []time.Time
	for t := range f.others() {
		if t.Prepares() {
			continue // it restarts nothing; the restart that it is for counts
		}
		if f.Now.Sub(t.PlannedAt) < time.Hour && f.onSite(t, server.Site) {
			site = append(site, t.PlannedAt)
		}
		if f.Now.Sub(t.PlannedAt) < memorySpan && t.Server == server.Name {
			own = append(own, t.PlannedAt)
		}
	}
	if until, full := fullUntil(own, f.Limits.ServerDay, memorySpan); full {
		return &refusal{Why: fmt.Sprintf("%s was acted on %d times within a day; at most %d", server.Name, len(own), f.Limits.ServerDay), Until: until}
	}
	if until, full := fullUntil(site, f.Limits.SiteHour, time.Hour); full {
		return &refusal{Why: fmt.Sprintf("%d actions on site %s within an hour; at most %d", len(site), server.Site, f.Limits.SiteHour), Until: until}
	}
	return nil
}

// fullUntil says whether so many moments within a span use up a limit, and
// when the next place in it falls free.
func fullUntil(moments []time.Time, limit int, span time.Duration) (time.Time, bool) {
	if len(moments) < limit || limit <= 0 {
		return time.Time{}, limit <= 0
	}
	slices.SortFunc(moments, time.Time.Compare)
	return moments[len(moments)-limit].Add(span), true
}

// cooledDown: a machine whose power was touched is given time before it is
// touched again.
func cooledDown(f Facts, r runbooks.Remedy) *refusal {
	if r.Power == "" {
		return nil
	}
	for t := range f.others() {
		if until := t.PlannedAt.Add(f.Limits.Cooldown); t.Server == f.Incident.Subject.Name && t.Action.Action == "power" && f.Now.Before(until) {
			return &refusal{Why: fmt.Sprintf("its power was touched at %s and is left alone for %v", clockTime(t.PlannedAt), f.Limits.Cooldown), Until: until}
		}
	}
	return nil
}
