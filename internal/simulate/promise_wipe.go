package simulate

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// checkWipe: nothing that may wipe a disk is sent to a server on which customers have
// data, or that is protected; and nothing restarts a machine into an installer but
// the one restart that two people agreed to after this very incident had set it.
func (w *world) checkWipe(i incident.Intended, m *machine) {
	entry, _ := w.inventory.Server(m.name)
	wipes := i.Prepares() || i.Boot != "" && !i.TakesBack()
	switch {
	case wipes && (m.data || m.number%17 == 0 || !entry.Wipeable()):
		w.violate("P15", "%s is sent to %s, whose disks must not be wiped", i.Intent, m.name)
	case i.Action == incident.ActionPower && i.Boot == "" && m.override != "" && !m.mute():
		w.violate("P15", "%s touches the power of %s, which starts from %s", i.Intent, m.name, m.override)
	case i.Action == incident.ActionPower && i.Boot != "" && m.foreign:
		w.violate("P15", "%s restarts %s from what somebody else has set", i.Intent, m.name)
	}
	if n := w.reinstalledToday(i, m); i.Prepares() && n >= w.limits.Reinstalls {
		w.violate("P15", "%s: %d other servers were made ready for a reinstallation within a day", i.Intent, n)
	}
}

// reinstalledToday counts the other servers that were made ready for one.
func (w *world) reinstalledToday(i incident.Intended, m *machine) int {
	others := map[*machine]bool{}
	for _, s := range w.watch.begun {
		if s.Prepares() && s.Intent != i.Intent && s.machine != m && s.counts() && !w.lookedAfter(s) && w.now-s.begun < 24*time.Hour-time.Minute {
			others[s.machine] = true
		}
	}
	return len(others)
}

// maxArmed is how long a machine may be set to start from an installer by piket
// while it could be taken back, nobody is asked about its restart, none is under way
// and nobody was told.
const maxArmed = 75 * time.Minute

// checkArmed: what piket set, it takes back, or a person has it.
func (w *world) checkArmed(m *machine) {
	if m.override == "" || m.foreign || m.hands > 0 {
		m.armedFor = 0
		return
	}
	able := false
	for _, r := range w.replicas {
		_, broken := m.bmcDown(r)
		able = able || r.working(w) && !broken
	}
	entry, known := w.inventory.Server(m.name)
	if !able || w.frozenWhy != "" || m.lie != honest || !m.powered() || !known || entry.Serial != m.serial || w.byRoute[entry.BMC.Address] != m {
		return
	}
	for _, id := range w.db.order {
		inc := w.db.incidents[id].inc
		if _, told := inc.Attentions["boot-left"]; inc.Subject.Name == m.name && told && inc.Ongoing() {
			m.armedFor = 0
			return
		}
	}
	if m.armedFor += time.Minute; m.armedFor > maxArmed {
		w.violate("P15", "%s is set to start from %s by piket, and could be taken back for %v", m.name, m.override, m.armedFor)
	}
}
