package probes

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
)

// domain is what may take several servers with it at once: their rack, the
// power feed they hang on, their site. The failure of a domain is one trouble,
// and none of its servers is to blame.
type domain struct {
	kind, name, site string
	gateway          *row // of a site: says by itself that the way there is gone; nil for none
	members          []*row

	firing *alerts.Alert // the alert that stands; nil when none does
	worst  int           // members that were part of it at once, at most
	ended  time.Time     // when the last failure did
	looked time.Time     // when all of it was last asked because one member was missed
}

// place is where a server stands: the domains that it shares the fate of, from
// the narrowest.
type place struct {
	rack, feed, site *domain // nil for none; a server on two feeds shares the fate of neither
}

// domains returns those that exist, from the widest.
func (p *place) domains() []*domain {
	if p == nil {
		return nil
	}
	var list []*domain
	for _, d := range []*domain{p.site, p.feed, p.rack} {
		if d != nil {
			list = append(list, d)
		}
	}
	return list
}

// together is how close in time members of a domain must have gone for one
// cause to be likely.
const together = 5 * time.Minute

// census is how the members of a domain fare.
type census struct {
	down   int // of late: within [together]
	doubt  int // missed, and not yet often enough; or being asked right now
	racks  int // in which members are down; what stands in none stands by itself
	listed int
}

// count goes over the members. What most vantages hear is not down.
func (d *domain) count(now time.Time, heard func(*row) bool) census {
	c := census{listed: len(d.members)}
	racks, nowhere := map[*domain]bool{}, 0
	for _, m := range d.members {
		switch {
		case m.straggles(), m.health.Alarm && heard(m):
		case m.health.Alarm && now.Sub(m.health.Since) <= together:
			c.down++
			if racks[m.server.rack] = true; m.server.rack == nil {
				nowhere++
			}
		case m.unsettled() && !m.health.Alarm:
			c.doubt++
		}
	}
	c.racks = max(len(racks), nowhere)
	return c
}

// straggles reports whether r has not come back from a failure of its domain
// that is over: from then on, its silence is its own.
func (r *row) straggles() bool { return r.health.Alarm && r.grace > momentOf(r.health.Since) }

// correlated reports whether so many members of a domain went together that
// their own failures do not explain it. In a rack or on a feed, three are
// enough, or two where there are few; of a site, most.
func (d *domain) correlated(down, listed int) bool {
	if d.kind == "site" {
		return down >= 3 && down*2 > listed || down >= 2 && down == listed
	}
	return down >= 3 || down >= 2 && down*5 > listed
}

// failed reports whether the domain as a whole is what failed. What lies in one
// rack alone is that rack's, as long as there is one.
func (d *domain) failed(c census) bool {
	return d.correlated(c.down, c.listed) && (d.kind == "rack" || c.racks > 1)
}

// mayFail reports whether those in doubt could make it a failure of the whole
// domain.
func (d *domain) mayFail(c census) bool {
	if d.gateway != nil && (d.gateway.health.Doubtful() || d.gateway.asking > 0 && !d.gateway.health.Alarm) {
		return true
	}
	return c.doubt > 0 && d.correlated(c.down+c.doubt, c.listed)
}

// isOver reports whether what the domain took along is back: a straggler is
// its own trouble, the absence of half of them is not.
func (d *domain) isOver() bool {
	still := 0
	for _, m := range d.members {
		if m.partOf == d && m.health.Alarm {
			still++
		}
	}
	d.worst = max(d.worst, still)
	return (d.gateway == nil || !d.gateway.health.Alarm) && (still < 2 || still*2 <= d.worst)
}

// takes reports whether the failure of d that stands explains the silence of r:
// that of the way to a site explains all of it, otherwise only what went with the
// rest. What dies hours later died by itself.
func (d *domain) takes(r *row, gatewayGone bool) bool {
	if d.firing == nil || gatewayGone {
		return gatewayGone
	}
	for _, m := range d.members {
		if m.partOf == d && r.health.Since.Sub(m.health.Since).Abs() <= together {
			return true
		}
	}
	return false
}

// begin makes the alert that the whole domain does not answer.
func (d *domain) begin(gatewayGone bool, c census, now time.Time) alerts.Alert {
	if gatewayGone {
		g := d.gateway
		d.firing = fire(d.labels(), later(g.health.Since, d.ended), g.name+" "+beginsDown+" ("+g.kind()+": "+g.last.words()+")")
	} else {
		d.firing = fire(d.labels(), d.since(now), fmt.Sprintf("%d of the %d servers %s stopped answering together", c.down, c.listed, d.where()))
		if names := d.silent(); len(names) <= maxNamed {
			d.firing.Annotations["servers"] = strings.Join(names, ",")
		}
	}
	return *d.firing
}

// maxNamed bounds how many silent servers an alert lists. Where there are more,
// it is as good as all of them.
const maxNamed = 100

// silent lists the names of the members that do not answer.
func (d *domain) silent() []string {
	var names []string
	for _, m := range d.members {
		if m.health.Alarm {
			names = append(names, m.name)
		}
	}
	return names
}

// end makes the alert that it does again, and gives those that are still
// silent time to come back: a machine that lost its power boots for minutes.
func (d *domain) end(now time.Time) alerts.Alert {
	summary := fmt.Sprintf("most servers %s answer again", d.where())
	if d.gateway != nil {
		summary = d.gateway.name + " " + endsDown + " (" + d.gateway.last.words() + ")"
	}
	resolved := resolve(d.firing, now, summary)
	for _, m := range d.members {
		if m.partOf == d {
			m.partOf, m.grace = nil, momentOf(now.Add(comeBack))
		}
	}
	d.firing, d.worst, d.ended = nil, 0, now
	return resolved
}

// comeBack is how long after the end of a failure of its whole domain a server
// may still be silent.
const comeBack = 2 * time.Minute

func (d *domain) labels() alerts.Labels {
	switch d.kind {
	case "rack":
		return alerts.Labels{"alertname": alerts.RackUnreachable, "site": d.site, "rack": d.name}
	case "feed":
		return alerts.Labels{"alertname": alerts.FeedUnreachable, "site": d.site, "feed": d.name}
	}
	return alerts.Labels{"alertname": alerts.SiteUnreachable, "site": d.name}
}

// where says it behind "servers".
func (d *domain) where() string {
	return map[string]string{"rack": "in rack ", "feed": "on feed ", "site": "on site "}[d.kind] + d.name
}

// since is when the first of the members that went together was missed; never
// before the end of an earlier failure, of which this is not a part.
func (d *domain) since(now time.Time) time.Time {
	first := now
	for _, m := range d.members {
		if m.health.Alarm && !m.straggles() && now.Sub(m.health.Since) <= together && m.health.Since.Before(first) {
			first = m.health.Since
		}
	}
	return later(first, d.ended)
}
