package probes

import (
	"hash/fnv"
	"net/netip"
	"time"

	"github.com/spinware/piket/alerts"
)

// row is one thing that the scheduler looks at, and what it knows of it. A
// fleet has a hundred thousand of them: what only a few need is behind a
// pointer.
type row struct {
	key, name         string     // name is as a person knows it: "web-07", "gateway of ams1"
	question          *question  // nil where addr says it all
	addr              netip.Addr // for the sweep; invalid for what is asked one at a time
	words             *wording
	on, site, service string                            // what it is about; "" for none
	judges            func(State, map[string]any) State // makes of an answer what is counted; nil: the answer itself
	above             *row                              // explains why this does not answer: a service's server, a BMC's way to its site; nil for nothing
	gateway           *domain                           // the site whose gateway it is; nil for everything else
	server            *place                            // where a server stands; nil for everything else

	interval time.Duration
	due      moment // 0 while nothing is planned
	asked    moment // when last was asked for; 0 before the first time
	last     sighting
	health   Health
	partOf   *domain  // whose failure explains this one's; nil for none
	grace    moment   // not alarmed before: what took it along has only just come back
	told     *telling // what was said about it and still stands; nil when nothing is

	index  int32 // its place among the rows, in which alerts leave
	tally  Tally
	slot   int16 // its place in every interval, 0 to slots-1
	lane   lane
	mute   bool // raises no alert of its own: what it says is part of another verdict
	mark   bool // the observer is judged by it
	gone   bool // the inventory was replaced; another row goes on with what this one knew
	asking int8 // questions under way
}

// question is how to ask one target by itself.
type question struct {
	kind   string
	target Target
}

// kind is the check that is made.
func (r *row) kind() string {
	if r.question == nil {
		return "icmp"
	}
	return r.question.kind
}

// wording is how the alerts of one kind of row are called, and how they begin
// and end after the name.
type wording struct{ alertname, begins, ends string }

var (
	ofServers  = &wording{alerts.ServerUnreachable, beginsDown, endsDown}
	ofServices = &wording{alerts.ServiceDown, beginsDown, endsDown}
	ofBMCs     = &wording{alerts.BMCUnreachable, beginsDown, endsDown}
	ofPages    = &wording{alerts.ProviderIncident, "announces trouble", "announces no trouble any more"}
	ofNone     = &wording{} // of a row that raises no alert of its own
)

// sighting is a Result as it is kept: an answer that was expected costs no
// memory.
type sighting struct {
	state  State
	reason string // "" for an echo that was answered: the latency says it
	took   time.Duration
	detail *Detail // nil for most kinds
}

// telling is what stands about a row.
type telling struct {
	down, flaps, path *alerts.Alert
	disputed          time.Time // since when it is silent from here and the majority sees it; zero while it is not
}

const beginsDown, endsDown = "does not answer as it should", "answers again"

// slots is into how many moments an interval is divided. Each wakes the process
// once, which a batch of some hundred echoes pays for; a sweep spreads the echoes
// of a large one by itself.
const slots = 25

// slotOf gives a name its moment within an interval: always the same one.
func slotOf(name string) int16 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int16(h.Sum32() % slots)
}

// dueAfter returns the first moment of r's slot that lies after now. Moments
// that passed unused, while the process stood still, are not made up for.
func (r *row) dueAfter(now time.Time, interval time.Duration) time.Time {
	due := now.Truncate(interval).Add(time.Duration(r.slot) * (interval / slots))
	if !due.After(now) {
		due = due.Add(interval)
	}
	return due
}

// inherit takes over what an earlier row for the same thing knew.
func (r *row) inherit(old *row) {
	r.health, r.last, r.asked = old.health, old.last, old.asked
	r.partOf, r.grace, r.told, r.tally = old.partOf, old.grace, old.told, old.tally
}

// alarmed reports whether the row's own alert stands.
func (r *row) alarmed() bool { return r.told != nil && r.told.down != nil }

// standing returns where the row's alerts are kept.
func (r *row) standing() *telling {
	if r.told == nil {
		r.told = &telling{}
	}
	return r.told
}

// unsettled reports whether the row is in doubt, or will say in a moment
// whether it is. A doubt that cannot be cleared up is none: nobody waits for it.
func (r *row) unsettled() bool {
	return r.health.Doubtful() && r.last.state != Unknown || r.asking > 0
}

// confirming reports whether the row is asked again quickly, to believe what
// the first of a new kind of answer said. What is slow never is.
func (r *row) confirming() bool {
	return r.lane != slow && r.last.state != Unknown && (r.health.Doubtful() || r.health.Alarm && r.health.Hits > 0)
}

// hidden reports whether an answer would say nothing of the row itself, because
// what stands above it is gone or in doubt.
func (r *row) hidden() bool {
	return r.above != nil && (r.above.health.Alarm || r.above.health.Doubtful())
}

// count books one answer, given to a question of the moment at, and reports
// whether the alarm began or ended with it. What explains the silence of a row
// whose alert does not stand yet keeps it from being counted.
func (r *row) count(limits Limits, answer sighting, at time.Time, excused bool) (turned bool) {
	r.last, r.asked = answer, momentOf(at)
	if !r.alarmed() && (excused || r.above != nil && r.above.health.Alarm) {
		r.health = r.health.well()
		return false
	}
	r.health, turned = limits.Next(r.health, answer.state, at)
	return turned
}

// labels are those of an alert of ours about the row.
func (r *row) labels(alertname string) alerts.Labels {
	labels := alerts.Labels{"alertname": alertname}
	for name, value := range map[string]string{"server": r.on, "site": r.site, "service": r.service} {
		if value != "" {
			labels[name] = value
		}
	}
	return labels
}

// fire makes the alert by which a trouble of the row begins.
func (r *row) fire(alertname string, since time.Time, summary string) *alerts.Alert {
	return fire(r.labels(alertname), since, summary)
}

func fire(labels alerts.Labels, since time.Time, summary string) *alerts.Alert {
	return &alerts.Alert{
		Source: "probe", Status: alerts.Firing, Labels: labels, Annotations: alerts.Labels{"summary": summary},
		StartsAt: since, Fingerprint: labels.Fingerprint(),
	}
}

// resolve makes the alert by which a trouble ends.
func resolve(firing *alerts.Alert, now time.Time, summary string) alerts.Alert {
	resolved := *firing
	resolved.Status, resolved.EndsAt = alerts.Resolved, now
	resolved.Annotations = alerts.Labels{"summary": summary}
	return resolved
}

// words say what an answer means to a person.
func (s sighting) words() string {
	if s.reason == "" && s.state == Up {
		return "answers in " + millis(s.took)
	}
	return s.reason
}
