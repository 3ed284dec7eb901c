package simulate

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// How late anything may be beside what the rules say: for skewed clocks, for
// a look that took its time, and for the looks that a decision may rest on.
const (
	bound   = 2 * time.Second
	oldest  = 100 * time.Second // a finding, plus the time from intent to send
	restful = 90 * time.Second  // somebody has looked within this time
)

// begins is called when the last check before a write has passed: from here on
// nothing can hold it back.
func (w *world) begins(r *replica, i incident.Intended, m *machine) {
	s := w.watch.intents[i.Intent]
	if s == nil {
		w.violate("P2", "%s is sent and was never written down", i.Intent)
		return
	}
	if i.Duty == 0 {
		w.checkLeave(i, m)
		w.checkCrowd(i, m)
		w.checkRates(i, m)
	}
	w.checkWipe(i, m)
	w.checkMoment(r, s, i, m)
	w.checkAgain(i, m)
	s.begun, s.machine = max(w.now, 1), m
	w.watch.begun = append(w.watch.begun, s)
	w.say(r, "begins to send "+i.Intent+": "+i.What()+" to "+m.name)
}

func (w *world) checkMoment(r *replica, s *sentIntent, i incident.Intended, m *machine) {
	heard := time.Duration(r.asked[m.number].Load())
	covered, by := m.covered(r, w.now)
	switch power := i.Action != "ssh"; {
	case power && (m.serial != i.Serial || m.uuid != i.UUID) || m.name != i.Server:
		w.violate("P4", "%s is for %s and reaches %s", i.Intent, i.Server, m.name)
	case w.now-s.planned > w.limits.NotAfter+bound:
		w.violate("P2", "%s is sent %v after it was planned", i.Intent, w.now-s.planned)
	case w.frozenAt > 0 && w.now-w.frozenAt > time.Second:
		w.violate("P8", "%s begins %v after a freeze", i.Intent, w.now-w.frozenAt)
	case i.Duty == 0 && w.watch.unknown[s.incident+"/"+i.Step]:
		w.violate("P2", "%s: step %s of %s is sent again after an unknown outcome", i.Intent, i.Step, s.incident)
	case heard < r.born || w.now-heard > oldest:
		w.violate("P14", "%s is sent, and the process (started at %v) last looked at %v", i.Intent, r.born, heard)
	case power && i.Duty == 0 && i.Verb != "on" && m.answering(r, w.now) > restful:
		w.violate("P6", "%s cuts the power of %s, which has answered for %v", i.Intent, m.name, m.answering(r, w.now))
	case power && i.Duty == 0 && covered > oldest:
		w.violate("P6", "%s touches %s while %s is the trouble for %v", i.Intent, m.name, by, covered)
	case power && w.handsAt(s.incident, m, i.Duty > 0):
		w.violate("P6", "%s touches the power of %s while hands are there", i.Intent, m.name)
	}
}

// checkAgain: a database that forgot a send gives the same name again, and it
// must not be sent again before a person has looked.
func (w *world) checkAgain(i incident.Intended, m *machine) {
	for _, s := range w.watch.begun {
		if s.Intent == i.Intent && s.wires > 0 && s.machine == m && w.thawedAt < s.begun {
			w.violate("P2", "%s is sent again %v after the database forgot it", i.Intent, w.now-s.begun)
		}
	}
}

// handsAt reports whether piket has known for a while that somebody is in the
// machine's rack; for power that it owes, at the machine itself.
func (w *world) handsAt(id string, m *machine, owed bool) bool {
	for other, since := range w.watch.onSite {
		inc, err := w.db.load(other)
		if err != nil || !inc.Ongoing() || w.now-since < oldest || owed && other != id {
			continue
		}
		if at := w.byName[inc.Subject.Name]; at != nil && at.rack == m.rack {
			return true
		}
	}
	return false
}

// wire counts the one write.
func (w *world) wire(r *replica, i incident.Intended, m *machine) {
	s := w.watch.intents[i.Intent]
	if s == nil {
		return
	}
	s.wires++
	w.figures.Sends++
	if i.Duty > 0 {
		w.figures.Duties++
	}
	w.say(r, "on the wire: "+i.Intent+": "+i.What())
	if s.wires > 1 {
		w.figures.Doubles++
		w.violate("P2", "%s is on the wire %d times", i.Intent, s.wires)
	}
	if m.name != i.Server {
		w.violate("P4", "%s is for %s and reaches %s", i.Intent, i.Server, m.name)
	}
}

func (w *world) outcome(inc *incident.Incident, e incident.OutcomeRecorded) {
	s := w.watch.intents[e.Intent]
	if s == nil || s.incident != inc.ID {
		return
	}
	s.outcome = e.Outcome
	switch e.Outcome {
	case incident.OutcomeUnknown:
		w.figures.Unknown++
		if s.Duty == 0 {
			w.watch.unknown[inc.ID+"/"+s.Step] = true
		}
	case incident.OutcomeRefused:
		w.figures.Refused++
		if s.wires > 0 && s.machine != nil && s.machine.lie != refuses {
			w.violate("P2", "%s was carried out and is recorded as refused", e.Intent)
		}
	}
}
