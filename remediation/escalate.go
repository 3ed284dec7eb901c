package remediation

import (
	"fmt"

	"github.com/spinware/piket/internal/incident"
)

// escalate sends somebody when the ladder is used up, and calls a person when
// there is nobody to send.
func escalate(f Facts) Move {
	inc := f.Incident
	next := 0
	if o := inc.Order; o != nil { // the one before was refused
		if _, err := fmt.Sscanf(o.Step, "escalate-%d", &next); err != nil {
			panic("remediation: an order's step is written by escalate: " + o.Step)
		}
	}
	if next >= len(f.Runbook.Escalate) {
		if m := attention(inc, "ladder-used-up", "the runbook has nothing left to try"); m != nil {
			return m
		}
		return f.nextLook()
	}
	t := *f.Runbook.Escalate[next].Technician
	if from := inc.OpenedAt.Add(t.After); f.Now.Before(from) {
		return f.waitUntil(from)
	}
	site, _ := f.Inventory.Site(inc.Site)
	if site.RemoteHands == nil {
		if m := attention(inc, "no-remote-hands", "the inventory names nobody who can be sent to "+inc.Site); m != nil {
			return m
		}
		return f.nextLook()
	}
	return Dispatch{Step: fmt.Sprintf("escalate-%d", next+1), Technician: t}
}

// waitForOrder keeps the clocks of a work order. While hands may be in the
// machine, nothing else is done to it.
func waitForOrder(f Facts, o *incident.Order) Move {
	inc := f.Incident
	switch {
	case o.State == "sent" && f.Now.After(o.AcknowledgeBy):
		if m := attention(inc, o.Order+"-unacknowledged", o.To+" has not acknowledged work order "+o.Order); m != nil {
			return m
		}
	case (o.State == "sent" || o.State == "acknowledged") && f.Now.After(o.ArriveBy):
		if m := attention(inc, o.Order+"-not-arrived", o.To+" has not arrived for work order "+o.Order); m != nil {
			return m
		}
	case o.State == "done" && f.Now.After(o.ChangedAt.Add(f.Limits.AfterWork)):
		if m := attention(inc, o.Order+"-did-not-help", "work order "+o.Order+" is done and service is not back"); m != nil {
			return m
		}
	}
	return f.nextLook()
}
