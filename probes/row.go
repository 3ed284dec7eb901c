package probes

import (
	"hash/fnv"
	"maps"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/inventory"
)

// row is one thing that the scheduler looks at, and what it knows of it.
type row struct {
	key    string
	kind   string
	target Target
	labels alerts.Labels
	server *row // for a service: the row of its server
	phase  time.Duration

	due    time.Time
	health Health
	firing alerts.Alert // the alert that stands; without labels when none does
	last   Result
	asked  time.Time // when last was asked for; zero before the first time
}

// rowsOf lists everything in inv that is looked at: gateways, then servers,
// then services, so that who explains a failure is judged before who suffers
// it. Rows of one server share a phase: they are asked in the same round.
func rowsOf(inv *inventory.Inventory, cfg Config) []*row {
	var rows, services []*row
	for _, site := range inv.Sites {
		if kind, target, ok := Gateway(site, cfg.Timeout); ok {
			rows = append(rows, &row{
				key: "site/" + site.Name, kind: kind, target: target,
				labels: alerts.Labels{"alertname": alerts.SiteUnreachable, "site": site.Name},
				phase:  phaseOf(site.Name, cfg.Interval),
			})
		}
	}
	for _, s := range inv.Servers {
		server := serverRow(s, cfg)
		rows = append(rows, server)
		for _, svc := range s.Services {
			services = append(services, serviceRow(s, svc, server, cfg))
		}
	}
	return append(rows, services...)
}

func serverRow(s inventory.Server, cfg Config) *row {
	kind, target := Reachable(s, cfg.Timeout)
	return &row{
		key: "server/" + s.Name, kind: kind, target: target,
		labels: labelsOf(alerts.ServerUnreachable, s),
		phase:  phaseOf(s.Name, cfg.Interval),
	}
}

func serviceRow(s inventory.Server, svc inventory.Service, server *row, cfg Config) *row {
	kind, target := Service(s, svc, cfg.Timeout)
	labels := labelsOf(alerts.ServiceDown, s)
	labels["service"] = svc.Name
	return &row{
		key: "service/" + s.Name + "/" + svc.Name, kind: kind, target: target,
		labels: labels, server: server, phase: server.phase,
	}
}

func labelsOf(alertname string, s inventory.Server) alerts.Labels {
	labels := alerts.Labels{"alertname": alertname, "server": s.Name}
	if s.Site != "" {
		labels["site"] = s.Site
	}
	return labels
}

// slots is into how many moments an interval is divided. More would spread
// probes further and wake the process more often.
const slots = 16

// phaseOf gives a name its moment within the interval: always the same one.
func phaseOf(name string, interval time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(h.Sum32()%slots) * (interval / slots)
}

// dueAfter returns the first moment of r's phase that lies after now. Moments
// that passed unused, while the process stood still, are not made up for.
func (r *row) dueAfter(now time.Time, interval time.Duration) time.Time {
	due := now.Truncate(interval).Add(r.phase)
	if !due.After(now) {
		due = due.Add(interval)
	}
	return due
}

// inherit takes over what an earlier row for the same thing knew.
func (r *row) inherit(old *row) {
	r.due, r.health, r.firing = old.due, old.health, old.firing
	r.last, r.asked = old.last, old.asked
}

// judge counts one answer. While its server is known to be gone, a service is
// not counted at all: the server's alert says it, and when the server is back
// the service gets the time to start that its limits give.
func (r *row) judge(limits Limits, answer Result, at time.Time) {
	r.last, r.asked = answer, at
	if r.server != nil && r.server.health.Alarm && !r.told() {
		r.health = Health{}
		return
	}
	r.health, _ = limits.Next(r.health, answer.State, at)
}

// told reports whether the row's alert stands.
func (r *row) told() bool { return r.firing.Labels != nil }

// waits reports whether the row keeps its alarm to itself for now: its server
// does not answer either, and whether that is gone shows within a few rounds.
func (r *row) waits() bool { return r.server != nil && r.server.last.State == Down }

// turn returns the alert by which the row begins or ends its alarm, if it does
// so now.
func (r *row) turn(now time.Time) (alert alerts.Alert, ok bool) {
	switch {
	case r.health.Alarm && !r.told() && !r.waits():
		r.firing = r.fire()
		return r.firing, true
	case !r.health.Alarm && r.told():
		resolved := r.firing
		resolved.Status, resolved.EndsAt = alerts.Resolved, now
		resolved.Annotations = alerts.Labels{"summary": r.target.Name + " answers again (" + r.last.Reason + ")"}
		r.firing = alerts.Alert{}
		return resolved, true
	}
	return alerts.Alert{}, false
}

func (r *row) fire() alerts.Alert {
	return alerts.Alert{
		Source: "probe", Status: alerts.Firing, Labels: maps.Clone(r.labels),
		Annotations: alerts.Labels{"summary": r.target.Name + " does not answer as it should (" + r.kind + ": " + r.last.Reason + ")"},
		StartsAt:    r.health.Since, Fingerprint: r.labels.Fingerprint(),
	}
}
