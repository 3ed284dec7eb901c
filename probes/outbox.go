package probes

import (
	"slices"

	"github.com/spinware/piket/alerts"
)

// outbox holds alerts that were not taken yet, in the order in which they
// turned.
type outbox struct {
	alerts  []alerts.Alert
	offered int // of the first, that are being handed over and stay as they are
}

// maxPending bounds what waits for one label set. Beyond it, the oldest
// episode that is both begun and over makes room: what holds now is kept.
const maxPending = 16

func (o *outbox) put(alert alerts.Alert) (dropped int) {
	o.alerts = append(o.alerts, alert)
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
	}
	o.offered = 0
}

func (o *outbox) len() int { return len(o.alerts) }
