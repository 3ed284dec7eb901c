//go:build battery || e2e

package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// findings is what the outside world's memory, the lab's wire log and the
// timelines say when they are held against each other.
type findings struct {
	Accepted  int `json:"accepted_alerts"`
	Incidents int `json:"incidents"`
	Intents   int `json:"intents_claimed"`
	Unknown   int `json:"outcomes_unknown"`
	Sends     int `json:"sends"` // power commands and SSH commands on the wire
	Power     int `json:"power_sends"`
	Duties    int `json:"duties"`
	Approvals int `json:"approvals_granted"`
	Mails     int `json:"mails"`
	Repeated  int `json:"mails_repeated"` // delivered again after a crash: allowed, and counted

	Lost       int      `json:"alerts_lost"`
	Doubles    int      `json:"double_sends"`
	Unintended int      `json:"sends_without_intent"`
	LeftOff    int      `json:"servers_left_off"`
	Faults     []string `json:"faults,omitempty"` // each in words
}

func (f *findings) fault(format string, args ...any) {
	f.Faults = append(f.Faults, fmt.Sprintf(format, args...))
}

// add counts what was found in another world as well.
func (f *findings) add(other findings) {
	f.Accepted += other.Accepted
	f.Incidents += other.Incidents
	f.Intents += other.Intents
	f.Unknown += other.Unknown
	f.Sends += other.Sends
	f.Power += other.Power
	f.Duties += other.Duties
	f.Approvals += other.Approvals
	f.Mails += other.Mails
	f.Repeated += other.Repeated
	f.Lost += other.Lost
	f.Doubles += other.Doubles
	f.Unintended += other.Unintended
	f.LeftOff += other.LeftOff
	f.Faults = append(f.Faults, other.Faults...)
}

// judge reads the record and holds it against the ledger and the wire. piket
// must have ended.
func (w *ward) judge() findings {
	var f findings
	s, err := store.Open(cmp.Or(w.store, filepath.Join(w.dir, "data")), w.clk)
	if err != nil {
		f.fault("the store does not open: %v", err)
		return f
	}
	defer s.Close()
	ctx := context.Background()
	report, err := s.Verify(ctx)
	if err != nil {
		f.fault("the record cannot be verified: %v", err)
	}
	for _, broken := range report.Faults {
		f.fault("the record is not whole: %s", broken)
	}
	list, err := s.List(ctx, store.Filter{})
	if err != nil {
		f.fault("the incidents cannot be listed: %v", err)
	}
	var all []incident.Event
	for _, m := range list {
		events, err := s.Events(ctx, m.ID, 0)
		if err != nil {
			f.fault("%s cannot be read: %v", m.ID, err)
		}
		f.undelivered(incident.Fold(events))
		all = append(all, events...)
	}
	f.Incidents = len(list)
	w.judgeAlerts(&f, all)
	intents := intentsOf(&f, all, w.many)
	w.judgeWire(&f, intents)
	w.judgeApprovals(&f, all, intents)
	w.judgeFreeze(&f)
	w.judgeMachines(&f)
	w.judgeMails(&f)
	return f
}

func (f *findings) undelivered(inc *incident.Incident) {
	for _, m := range inc.Messages {
		if !m.Delivered {
			f.fault("%s was never delivered", m.Message)
		}
	}
}

// judgeAlerts: every alert that got its 2xx stands on a timeline.
func (w *ward) judgeAlerts(f *findings, all []incident.Event) {
	kept := map[string]bool{}
	for _, e := range all {
		if p, ok := e.Payload.(incident.AlertReceived); ok {
			kept[p.Alert.Labels["number"]+" "+string(p.Alert.Status)] = true
		}
	}
	f.Accepted = len(w.ledger.accepted)
	for key, whose := range w.ledger.accepted {
		if !kept[key] {
			f.Lost++
			f.fault("alert %s of %s was accepted and is on no timeline", key, whose)
		}
	}
}

// intent is one command that piket claimed, and what of it reached the wire.
type intent struct {
	incident.Intended
	incident string
	claimed  time.Time
	outcome  incident.Outcome
	sends    int
}

// intentsOf reads the intents that were claimed. Where many share the work, who
// was given up for dead may come back and say what really happened.
func intentsOf(f *findings, all []incident.Event, many bool) []*intent {
	byID := map[string]*intent{}
	var claimed []*intent
	for _, e := range all {
		switch p := e.Payload.(type) {
		case incident.Intended:
			byID[p.Intent] = &intent{Intended: p, incident: e.Incident}
		case incident.Claimed:
			i := byID[p.Intent]
			if i == nil || !i.claimed.IsZero() {
				f.fault("%s was claimed twice, or never planned", p.Intent)
				continue
			}
			i.claimed = e.At
			claimed = append(claimed, i)
		case incident.OutcomeRecorded:
			i := byID[p.Intent]
			if i.outcome != "" && !(many && i.outcome == incident.OutcomeUnknown) {
				f.fault("%s has two outcomes", p.Intent)
			}
			i.outcome = p.Outcome
			if p.Outcome == incident.OutcomeUnknown {
				f.Unknown++
			}
		}
	}
	f.Intents = len(claimed)
	slices.SortFunc(claimed, func(a, b *intent) int { return a.claimed.Compare(b.claimed) })
	return claimed
}

// lateness is how much later than its time a command may arrive: between piket's
// last question and the lab's log lies one exchange on a busy machine.
func (w *ward) lateness() time.Duration { return w.ofMachine(3 * time.Second) }

// ofMachine is what passes in the ward during d of the machine's time.
func (w *ward) ofMachine(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.speed)
}

// acts reports whether an entry of the wire log is a command that changes
// something: power, a service, a reboot. Each word of an SSH command is in quotes.
func acts(e lab.WireEntry) bool {
	return e.Power || strings.HasPrefix(strings.ReplaceAll(e.What, "'", ""), "systemctl ")
}

// judgeWire: each command on the wire belongs to the intent that was claimed
// last for its server, and is the only one of it, and of its step's attempt.
func (w *ward) judgeWire(f *findings, intents []*intent) {
	attempts := map[string]int{}
	for _, e := range w.lab.WireLog() {
		if !acts(e) {
			continue
		}
		if f.Sends++; e.Power {
			f.Power++
		}
		var i *intent
		for _, other := range intents {
			if other.Server == e.Server && (other.Action == "power") == e.Power && !other.claimed.After(e.At) {
				i = other
			}
		}
		switch {
		case i == nil:
			f.Unintended++
			f.fault("%s %s at %s belongs to no intent", e.Server, e.What, clockOf(e.At))
			continue
		case !w.ledger.everSick[e.Server]:
			f.fault("%s was never ill and was told %s (%s)", e.Server, e.What, i.Intent)
		case i.outcome == incident.OutcomeRefused:
			f.fault("%s reached the wire and is recorded as refused", i.Intent)
		case e.At.After(i.NotAfter.Add(w.lateness())):
			f.fault("%s was sent %v after its time", i.Intent, e.At.Sub(i.NotAfter))
		}
		i.sends++
		attempt := fmt.Sprintf("%s %s attempt %d duty %d", i.incident, i.Step, i.Attempt, i.Duty)
		if i.Duty > 0 {
			f.Duties++
			attempt = i.Intent // a duty begins anew with each "off" that is owed
		}
		if attempts[attempt]++; i.sends > 1 || attempts[attempt] > 1 {
			f.Doubles++
			f.fault("%s (%s) was sent twice", i.Intent, attempt)
		}
	}
	if f.Power != w.lab.PowerSends() {
		f.fault("the wire log holds %d of %d power commands: it overflowed", f.Power, w.lab.PowerSends())
	}
	f.repeatedUnknown(intents)
}

// repeatedUnknown: after an outcome that nobody knows, the step is not taken
// again.
func (f *findings) repeatedUnknown(intents []*intent) {
	unknown := map[string]string{}
	for _, i := range intents {
		step := i.incident + " " + i.Step
		if before := unknown[step]; before != "" && i.Duty == 0 {
			f.fault("%s was claimed after %s had ended unknown", i.Intent, before)
		}
		if i.outcome == incident.OutcomeUnknown {
			unknown[step] = i.Intent
		}
	}
}

// judgeApprovals: power is touched on a yes that was given, each yes is used
// once, and none that was accepted is forgotten.
func (w *ward) judgeApprovals(f *findings, all []incident.Event, intents []*intent) {
	used := map[string]string{}
	for _, i := range intents {
		switch {
		case i.Action != "power" || i.Duty > 0:
		case !w.ledger.attempted[i.Approval]:
			f.fault("%s went out on the approval %q, which nobody gave", i.Intent, i.Approval)
		case used[i.Approval] != "":
			f.fault("%s was used for %s and for %s", i.Approval, used[i.Approval], i.Intent)
		default:
			used[i.Approval] = i.Intent
		}
	}
	given := map[string]int{}
	for _, e := range all {
		if p, ok := e.Payload.(incident.Approved); ok {
			given[p.Approval]++
		}
	}
	f.Approvals = len(given)
	for approval := range w.ledger.granted {
		if given[approval] != 1 {
			f.fault("the yes to %s was accepted and stands %d times on the timeline", approval, given[approval])
		}
	}
}

// judgeFreeze: from one second after the answer to a freeze, until the thaw,
// nothing is sent; a second is the machine's, not the ward's.
func (w *ward) judgeFreeze(f *findings) {
	if w.ledger.thawed > 0 {
		f.fault("%d freezes were forgotten", w.ledger.thawed)
	}
	for _, span := range w.ledger.frozen {
		from := span[0].Add(w.ofMachine(time.Second))
		for _, e := range w.lab.WireLog() {
			if acts(e) && e.At.After(from) && (span[1].IsZero() || e.At.Before(span[1])) {
				f.fault("%s was told %s while piket was frozen", e.Server, e.What)
			}
		}
	}
}

// judgeMachines: whatever piket was in the middle of, every server ends on.
func (w *ward) judgeMachines(f *findings) {
	for _, s := range w.lab.Servers() {
		switch {
		case s.Power != "On":
			f.LeftOff++
			f.fault("%s is left %s%s", s.Name, s.Power, w.lastWords(s.Name))
		case s.Condition != lab.IsRunning:
			f.fault("%s is left %s", s.Name, s.Condition)
		}
	}
}

// lastWords are the last commands that a server was told.
func (w *ward) lastWords(server string) string {
	var told []string
	for _, e := range w.lab.WireLog() {
		if e.Power && e.Server == server {
			told = append(told, clockOf(e.At)+" "+e.What+" "+e.Result)
		}
	}
	return fmt.Sprintf("; it was told %q", told[max(0, len(told)-5):])
}

func (w *ward) judgeMails(f *findings) {
	seen := map[string]bool{}
	for _, m := range w.lab.Mails() {
		f.Mails++
		key := m.Header.Get("Message-Id") + strings.Join(m.To, ",")
		if seen[key] {
			f.Repeated++
		}
		seen[key] = true
	}
}

func clockOf(t time.Time) string { return t.UTC().Format("15:04:05.000") }
