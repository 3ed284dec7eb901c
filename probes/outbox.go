package probes

import (
	"slices"

	"github.com/spinware/piket/alerts"
)

// outbox holds alerts that were not taken yet, in the order in which they
// turned.
type outbox struct {
	alerts  []alerts.Alert
	offered int            // of the first, that are being handed over and stay as they are
	waiting map[string]int // how many there are of each label set
}

// maxPending bounds what waits for one label set. Beyond it, the oldest
// episode that is both begun and over makes room: what holds now is kept.
const maxPending = 16

func (o *outbox) put(alert alerts.Alert) (dropped int) {
	o.alerts = append(o.alerts, alert)
	if o.waiting == nil {
		o.waiting = map[string]int{}
	}
	if o.waiting[alert.Fingerprint]++; o.waiting[alert.Fingerprint] <= maxPending {
		return 0
	}
	var mine []int
	for i, a := range o.alerts {
		if i >= o.offered && a.Fingerprint == alert.Fingerprint {
			mine = append(mine, i)
		}
	}
	if len(mine) <= maxPending {
		return 0
	}
	// The first may be the end of an episode whose beginning was taken.
	first := 0
	if o.alerts[mine[0]].Status == alerts.Resolved {
		first = 1
	}
	episode := o.alerts[mine[first]].Episode()
	kept := slices.DeleteFunc(o.alerts[o.offered:], func(a alerts.Alert) bool { return a.Episode() == episode })
	o.alerts = o.alerts[:o.offered+len(kept)]
	o.count()
	return 1
}

// offer returns what is pending, to be handed over; [outbox.settle] says what
// became of it.
func (o *outbox) offer() []alerts.Alert {
	o.offered = len(o.alerts)
	return slices.Clone(o.alerts)
}

// settle forgets what was offered when it was taken.
func (o *outbox) settle(taken bool) {
	if taken {
		o.alerts = slices.Clone(o.alerts[o.offered:])
		o.count()
	}
	o.offered = 0
}

func (o *outbox) count() {
	o.waiting = map[string]int{}
	for _, a := range o.alerts {
		o.waiting[a.Fingerprint]++
	}
}

func (o *outbox) len() int { return len(o.alerts) }
