package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// escalate sends somebody when the ladder is used up, and calls a person when
// there is nobody to send.
func escalate(f Facts) Move {
	inc := f.Incident
	next := 0
	if o := inc.Order; o != nil { // nobody comes for the one before
		if _, err := fmt.Sscanf(o.Step, "escalate-%d", &next); err != nil {
			panic("remediation: an order's step is written by escalate: " + o.Step)
		}
	}
	if next >= len(f.Runbook.Escalate) {
		// A topic is raised once, and a runbook with a ladder may take over later.
		topic, why := "ladder-used-up", "the runbook has nothing left to try"
		if len(f.Runbook.Remedies) == 0 && inc.Order == nil {
			topic, why = "by-hand", "the runbook leaves this to people"
		}
		if m := attention(inc, topic, why); m != nil {
			return m
		}
		return f.nextLook()
	}
	t := *f.Runbook.Escalate[next].Technician
	if from := inc.PinnedAt.Add(t.After); f.Now.Before(from) {
		return f.waitUntil(from)
	}
	site, _ := f.Inventory.Site(inc.Site)
	if site.RemoteHands == nil {
		if m := attention(inc, "no-remote-hands", "the inventory names nobody who can be sent to "+inc.Site); m != nil {
			return m
		}
		return f.nextLook()
	}
	if a := inc.Armed; a != nil && a.Tries < incident.TakeBacks && f.Frozen == "" {
		return f.waitUntil(f.Now.Add(f.Limits.Poll)) // nobody is sent to press the button of a machine that it would wipe
	}
	return Dispatch{Step: fmt.Sprintf("escalate-%d", next+1), Technician: t}
}

// waitForOrder leaves hands their time: the desk keeps the clocks of an order. While
// they may be in the machine, nothing else is done to it.
func waitForOrder(f Facts, o *incident.Order) Move {
	if o.State != incident.OrderDone || !o.HandsIn.IsZero() {
		return f.nextLook()
	}
	due := o.ChangedAt.Add(f.Limits.AfterWork)
	if f.Now.After(due) {
		if m := attention(f.Incident, o.Order+"-did-not-help", "work order "+o.Order+" is done and service is not back"); m != nil {
			return m
		}
		return f.nextLook()
	}
	return f.waitUntil(due.Add(time.Millisecond)) // past it, not at it
}
