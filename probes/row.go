package probes

import (
	"hash/fnv"
	"maps"
	"time"

	"github.com/spinware/piket/alerts"
)

// row is one thing that the scheduler looks at, and what it knows of it.
type row struct {
	key      string
	kind     string
	target   Target
	labels   alerts.Labels
	words    wording
	judges   func(State, map[string]any) State // makes of an answer what is counted; nil: the answer itself
	above    *row                              // explains why this does not answer: a service's server, a BMC's way to its site; nil for nothing
	lane     lane
	interval time.Duration
	slot     time.Duration // its place in every interval, 0 to slots-1

	gone   bool // the inventory was replaced; another row goes on with what this one knew
	due    time.Time
	health Health
	firing alerts.Alert // the alert that stands; without labels when none does
	last   Result
	asked  time.Time // when last was asked for; zero before the first time
}

// wording is how a row's alert begins and ends, after the target's name.
type wording struct{ begins, ends string }

var (
	answering  = wording{"does not answer as it should", "answers again"}
	announcing = wording{"announces trouble", "announces no trouble any more"}
)

// slots is into how many moments an interval is divided. More would spread
// probes further and wake the process more often.
const slots = 16

// slotOf gives a name its moment within an interval: always the same one.
func slotOf(name string) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(name))
	return time.Duration(h.Sum32() % slots)
}

// dueAfter returns the first moment of r's slot that lies after now. Moments
// that passed unused, while the process stood still, are not made up for.
func (r *row) dueAfter(now time.Time, interval time.Duration) time.Time {
	due := now.Truncate(interval).Add(r.slot * (interval / slots))
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

// judge counts one answer. While what stands above it is known to be gone, a
// row is not counted at all: that one's alert says it, and when it is back the
// row gets the time to come back that its limits give.
func (r *row) judge(limits Limits, answer Result, at time.Time) {
	if r.judges != nil {
		answer.State = r.judges(answer.State, answer.Facts)
	}
	r.last, r.asked = answer, at
	if r.above != nil && r.above.health.Alarm && !r.told() {
		r.health = Health{}
		return
	}
	r.health, _ = limits.Next(r.health, answer.State, at)
}

// told reports whether the row's alert stands.
func (r *row) told() bool { return r.firing.Labels != nil }

// waits reports whether the row keeps its alarm to itself for now: what stands
// above it does not answer either, and whether that is gone shows within a few
// rounds.
func (r *row) waits() bool { return r.above != nil && r.above.last.State == Down }

// hidden reports whether an answer would say nothing of the row itself, because
// what stands above it is gone or in doubt.
func (r *row) hidden() bool { return r.above != nil && (r.above.health.Alarm || r.waits()) }

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
		resolved.Annotations = alerts.Labels{"summary": r.target.Name + " " + r.words.ends + " (" + r.last.Reason + ")"}
		r.firing = alerts.Alert{}
		return resolved, true
	}
	return alerts.Alert{}, false
}

func (r *row) fire() alerts.Alert {
	return alerts.Alert{
		Source: "probe", Status: alerts.Firing, Labels: maps.Clone(r.labels),
		Annotations: alerts.Labels{"summary": r.target.Name + " " + r.words.begins + " (" + r.kind + ": " + r.last.Reason + ")"},
		StartsAt:    r.health.Since, Fingerprint: r.labels.Fingerprint(),
	}
}
