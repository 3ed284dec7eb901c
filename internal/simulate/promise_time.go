package simulate

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// sweep looks every minute at what ought to have happened by itself.
func (w *world) sweep() {
	w.after(time.Minute, w.sweep)
	if w.anyWorking() == nil {
		w.watch.healthy = w.now
	}
	for _, m := range w.machines {
		w.checkLeftOff(m)
		w.checkArmed(m)
	}
	for _, inc := range w.db.ongoing() {
		w.checkLooked(inc)
		w.checkTold(inc)
	}
}

// maxLeftOff is how long a machine may be off after a command of piket's while
// it could be switched on, and nobody was told.
const maxLeftOff = 25 * time.Minute

func (w *world) checkLeftOff(m *machine) {
	if m.on || m.cutAt == 0 || m.hands > 0 {
		m.patience = 0
		return
	}
	able := false
	for _, r := range w.replicas {
		_, broken := m.bmcDown(r)
		able = able || r.working(w) && !broken
	}
	inv, known := w.inventory.Server(m.name)
	if !able || w.frozenWhy != "" || m.lie != honest || !m.powered() || !known || inv.Serial != m.serial || w.byRoute[inv.BMC.Address] != m {
		return
	}
	for _, id := range w.db.order {
		inc := w.db.incidents[id].inc
		about := inc.Subject.Name == m.name
		for _, part := range inc.Parts {
			about = about || part.Name == m.name
		}
		if about && (inc.Order.Open() || len(inc.Attentions) > 0) && inc.Ongoing() {
			m.patience = 0 // a person has it
			return
		}
	}
	if m.patience += time.Minute; m.patience > maxLeftOff {
		w.violate("P3", "%s is off since %v because of piket, and could be switched on for %v", m.name, m.cutAt, m.patience)
	}
}

// maxUnseen is how long an incident may go without a visit while somebody could
// make one.
const maxUnseen = 10 * time.Minute

func (w *world) checkLooked(inc *incident.Incident) {
	if inc.Runbook.Hash == "" {
		return
	}
	// A database that forgot gives the same number again: what was seen of the
	// older incident says nothing of this one.
	from := max(w.lease(inc.ID).visited, w.watch.healthy, w.watch.opened[inc.ID])
	if w.now-from > maxUnseen {
		w.violate("P9", "%s was last looked at %v ago", inc.ID, w.now-from)
	}
}

// Customers hear at once, and then every half hour.
const (
	firstWord = 4 * time.Minute
	nextWord  = 30*time.Minute + 2*time.Minute
)

func (w *world) checkTold(inc *incident.Incident) {
	since, pressing := w.watch.pressing[inc.ID]
	if !pressing || w.now-w.watch.clocks < nextWord {
		return
	}
	// A half hour by a wrong clock is longer: by that of who speaks next, and also
	// by that of who spoke last, long after it was put right.
	var skew time.Duration
	for _, r := range w.replicas {
		skew = max(skew, time.Duration(r.skew.Load()).Abs())
	}
	for _, c := range inc.Customers {
		if _, back := inc.ToldBack[c]; back {
			continue // another customer has opened it again, and nothing that is looked at says so
		}
		from := max(since, w.watch.healthy, w.watch.joined[inc.ID+c])
		told, heard := w.watch.told[inc.ID+c]
		switch {
		case !heard && w.now-from > firstWord:
			w.violate("P11", "%s of %s has not been told for %v", c, inc.ID, w.now-from)
		case heard && w.now-max(told.at, from) > nextWord+min(max(skew, told.skew), time.Hour):
			w.violate("P11", "%s of %s was last told %v ago", c, inc.ID, w.now-told.at)
		}
	}
}
