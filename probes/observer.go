package probes

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
)

// observer is piket itself: whether it can see is judged by references on
// either side of its own uplink, and by nothing that it looks after. Without
// references, the gateways of all sites stand in for them: that they all went
// at once says more about the one who looks.
type observer struct {
	near, far []*row
	gateways  bool // far are the sites' gateways, for want of references

	firing *alerts.Alert
}

// doubtful reports whether a whole side is missing and not all of it for long
// enough, or is being asked whether it is there.
func (o *observer) doubtful() bool { return !o.gone() && (wanting(o.near) || wanting(o.far)) }

// gone reports whether a whole side does not answer.
func (o *observer) gone() bool {
	return silent(o.near) || silent(o.far) && (!o.gateways || atOnce(o.far))
}

// sees reports whether somebody on each side has answered again.
func (o *observer) sees() bool { return heard(o.near) && heard(o.far) }

func heard(side []*row) bool {
	for _, r := range side {
		if r.last.state == Up && r.health.Misses == 0 {
			return true
		}
	}
	return len(side) == 0
}

func silent(side []*row) bool {
	for _, r := range side {
		if !r.health.Alarm {
			return false
		}
	}
	return len(side) > 0
}

// wanting reports whether everybody of a side was missed, or is being asked, and
// of somebody it is not sure yet.
func wanting(side []*row) bool {
	open := false
	for _, r := range side {
		if !r.health.Alarm && !r.unsettled() {
			return false
		}
		open = open || !r.health.Alarm
	}
	return open
}

// atOnce reports whether at least two of the rows went within [together] of the
// last: one that has been dead for long says nothing about the others.
func atOnce(rows []*row) bool {
	last := rows[0].health.Since
	for _, r := range rows {
		last = later(last, r.health.Since)
	}
	n := 0
	for _, r := range rows {
		if last.Sub(r.health.Since) <= together {
			n++
		}
	}
	return n > 1
}

// begin makes the alert that piket cannot see.
func (o *observer) begin() alerts.Alert {
	side, what := o.far, "beyond piket's own uplink"
	switch {
	case silent(o.near):
		side, what = o.near, "in piket's own network"
	case o.gateways:
		what = "at any site"
	}
	names := make([]string, 0, len(side))
	since := side[0].health.Since
	for _, r := range side {
		names = append(names, r.name)
		if r.health.Since.Before(since) {
			since = r.health.Since
		}
	}
	o.firing = fire(alerts.Labels{"alertname": alerts.ObserverCutOff}, since,
		fmt.Sprintf("nothing answers %s (%s), so what looks dead from here is not judged", what, strings.Join(names, ", ")))
	return *o.firing
}

func (o *observer) end(now time.Time) alerts.Alert {
	resolved := resolve(o.firing, now, "piket sees again")
	o.firing = nil
	return resolved
}

// rows are everything that the judgement rests on.
func (o *observer) rows() []*row { return append(append([]*row(nil), o.near...), o.far...) }

// unanswered makes a miss of whatever is no answer: that not even a question
// can leave this machine is what a reference is there to show.
func unanswered(state State, _ map[string]any) State {
	if state == Unknown {
		return Down
	}
	return state
}
