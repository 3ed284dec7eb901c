package simulate

import (
	"reflect"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/ledger"
)

// restored: service is back only when the world's server really answers, or did
// when it was last looked at.
func (w *world) restored(r *replica, inc *incident.Incident, e incident.Restored) {
	w.figures.Restored++
	if e.Step != "" {
		w.figures.Helped++
	}
	m := w.byName[inc.Subject.Name]
	if m == nil || inc.Subject.Kind != "server" || inc.Runbook.Name == "bmc-unreachable" {
		return
	}
	w.settleTrouble(m)
	if looked := time.Duration(r.asked[m.number].Load()); m.trouble > 0 && m.trouble < looked {
		w.violate("P3", "%s is said to be back, and %s is not well since %v", inc.ID, m.name, m.trouble)
	}
}

// rank says whether an alert must be found again.
func (w *world) rank(a alerts.Alert) int {
	if a.Status == alerts.Firing {
		return 1
	}
	return 0
}

// checkEnd looks at the whole record.
func (w *world) checkEnd() {
	if w.broken != nil {
		return
	}
	for episode, rank := range w.watch.accepted {
		if rank > 0 && w.db.episodes[episode].Incident == "" {
			w.violate("P1", "the accepted alert %s is in no timeline", episode)
		}
	}
	for n, id := range w.db.order {
		k := w.db.incidents[id]
		if again := incident.Fold(k.events); n%5 == 0 && !reflect.DeepEqual(again, k.inc) {
			w.violate("P13", "%s is not what its timeline adds up to", id)
		}
	}
}

// forgot: the database has lost commits. That something was sent must be noticed
// by the machine that sent it; the loss of anything else is counted.
func (w *world) forgot() {
	w.figures.Forgotten++
	for episode := range w.watch.accepted {
		if w.db.episodes[episode].Incident == "" {
			delete(w.watch.accepted, episode)
			w.figures.AlertsForgotten++
		}
	}
	known := map[string]bool{}
	for _, t := range w.db.touches {
		known[t.Intent] = !t.ClaimedAt.IsZero()
	}
	sent := ""
	for id, s := range w.watch.intents {
		if s.wires > 0 && !known[id] && s.forgotten == 0 {
			s.forgotten = w.now
		}
		if s.wires > 0 && !known[id] && w.now-s.begun < ledger.Span-time.Hour {
			sent = max(sent, id)
		}
	}
	epoch := w.epoch
	w.after(5*time.Minute, func() {
		switch {
		case w.noticed >= epoch:
			w.figures.Noticed++
		case sent != "" && epoch == w.epoch && w.allCompared():
			w.violate("P2", "the database has forgotten that %s was sent, and nobody noticed", sent)
		}
	})
}

// allCompared reports whether every replica has held its journal against the
// database that is there now.
func (w *world) allCompared() bool {
	for _, r := range w.replicas {
		if r.compared != w.epoch {
			return false
		}
	}
	return true
}
