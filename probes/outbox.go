package probes

import (
	"slices"

	"github.com/spinware/piket/alerts"
)

// outbox holds alerts that were not taken yet, in the order in which they
// turned.
type outbox struct{ alerts []alerts.Alert }

// maxPending bounds what waits for one label set. Beyond it, the oldest
// episode that is both begun and over makes room: what holds now is kept.
const maxPending = 16

func (o *outbox) put(alert alerts.Alert) (dropped int) {
	o.alerts = append(o.alerts, alert)
	var mine []int
	for i, a := range o.alerts {
		if a.Fingerprint == alert.Fingerprint {
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
	o.alerts = slices.DeleteFunc(o.alerts, func(a alerts.Alert) bool { return a.Episode() == episode })
	return 1
}

func (o *outbox) all() []alerts.Alert { return slices.Clone(o.alerts) }
func (o *outbox) clear()              { o.alerts = nil }
func (o *outbox) len() int            { return len(o.alerts) }
