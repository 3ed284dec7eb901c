package simulate

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/ledger"
	"github.com/spinware/piket/remediation"
)

// Violation is a promise that did not hold.
type Violation struct {
	Promise string        `json:"promise"`
	Detail  string        `json:"detail"`
	At      time.Duration `json:"at"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s broken after %v: %s", v.Promise, v.At.Round(time.Millisecond), v.Detail)
}

// promises is what is remembered in order to check them, by the true time.
type promises struct {
	accepted map[string]int               // episode → 1 when firing was accepted
	intents  map[string]*sentIntent       // by intent
	within   map[string]time.Duration     // approval → for how long a yes counts
	asked    map[string]time.Duration     // approval → when
	agreed   map[string]map[string]string // approval → who → plan hash
	used     map[string]string            // approval → intent
	unknown  map[string]bool              // incident and step
	told     map[string]time.Duration     // incident and customer → when
	pressing map[string]time.Duration     // incident → since when it is open as a P1
	onSite   map[string]time.Duration     // incident → since when piket knows that hands are there
	opened   map[string]time.Duration     // incident → when
	joined   map[string]time.Duration     // incident and customer → when it became theirs
	begun    []*sentIntent                // in order
	healthy  time.Duration                // since when some replica has been able to work
	clocks   time.Duration                // when a clock was last set
}

func newPromises() promises {
	return promises{
		accepted: map[string]int{}, intents: map[string]*sentIntent{}, asked: map[string]time.Duration{}, within: map[string]time.Duration{}, agreed: map[string]map[string]string{},
		used: map[string]string{}, unknown: map[string]bool{}, told: map[string]time.Duration{}, pressing: map[string]time.Duration{},
		onSite: map[string]time.Duration{}, opened: map[string]time.Duration{}, joined: map[string]time.Duration{},
	}
}

// sentIntent is an intent as it really went.
type sentIntent struct {
	incident.Intended
	incident string
	machine  *machine // that it reached
	planned  time.Duration
	begun    time.Duration // when its last check had passed; 0 before
	wires    int
	outcome  incident.Outcome
}

func (w *world) violate(promise, format string, args ...any) {
	if w.broken != nil {
		return
	}
	w.broken = &Violation{promise, fmt.Sprintf(format, args...), w.now}
	w.say(nil, "VIOLATION "+w.broken.String())
}

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
	w.checkMoment(r, s, i, m)
	s.begun, s.machine = max(w.now, 1), m
	w.watch.begun = append(w.watch.begun, s)
	w.say(r, "begins to send "+i.Intent+": "+i.What()+" to "+m.name)
}

func (w *world) checkMoment(r *replica, s *sentIntent, i incident.Intended, m *machine) {
	heard := time.Duration(r.asked[m.number].Load())
	covered, by := m.covered(r, w.now)
	switch power := i.Action == "power"; {
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

// checkLeave: nothing that must be asked is sent without a yes to this plan.
func (w *world) checkLeave(i incident.Intended, m *machine) {
	persons := 1
	if m.number%17 == 0 { // it is protected
		persons = 2
	}
	needed := i.Action == "power" && i.Verb == "cycle" || persons > 1
	agreed := 0
	for _, hash := range w.watch.agreed[i.Approval] {
		if hash == i.PlanHash {
			agreed++
		}
	}
	other, used := w.watch.used[i.Approval]
	switch {
	case i.Approval == "" && needed:
		w.violate("P7", "%s was never asked for: %s", i.Intent, i.What())
	case i.Approval == "":
	case agreed < persons:
		w.violate("P7", "%s rests on %s, to which %d of %d agreed", i.Intent, i.Approval, agreed, persons)
	case used && other != i.Intent:
		w.violate("P7", "%s rests on %s, which %s has used up", i.Intent, i.Approval, other)
	}
	w.watch.used[i.Approval] = i.Intent
}

// counts reports whether an intent that has begun still counts against limits.
func (s *sentIntent) counts() bool { return s.Duty == 0 && s.outcome != incident.OutcomeRefused }

// checkCrowd: so many of a circle at once, and no more.
func (w *world) checkCrowd(i incident.Intended, m *machine) {
	rack, site, fleet, flying := map[*machine]bool{}, map[*machine]bool{}, map[*machine]bool{}, map[*machine]bool{}
	customer := map[*machine]bool{}
	for _, s := range w.watch.begun {
		if !s.counts() || s.machine == m || w.now-s.begun > w.limits.Cooldown-w.limits.NotAfter-bound {
			continue
		}
		fleet[s.machine] = true
		site[s.machine] = site[s.machine] || s.machine.rack.site == m.rack.site
		rack[s.machine] = rack[s.machine] || s.machine.rack == m.rack
		customer[s.machine] = customer[s.machine] || w.customerOf(s.machine) == w.customerOf(m)
		flying[s.machine] = flying[s.machine] || s.outcome == ""
	}
	for _, c := range []struct {
		what  string
		in    map[*machine]bool
		limit int
	}{
		{"rack", rack, w.limits.Rack}, {"customer", customer, w.limits.Customer}, {"site", site, w.limits.Site},
		{"fleet", fleet, max(1, len(w.machines)*w.limits.FleetPercent/100)}, {"in flight", flying, w.limits.InFlight},
	} {
		n := 0
		for _, in := range c.in {
			if in {
				n++
			}
		}
		if n >= c.limit {
			w.violate("P5", "%s on %s: %d others of its %s are in piket's hands already", i.Intent, m.name, n, c.what)
		}
	}
}

func (w *world) customerOf(m *machine) string { return w.customers[m.number] }

func (w *world) checkRates(i incident.Intended, m *machine) {
	hour, day := 0, 0
	for _, s := range w.watch.begun {
		if again := w.now - s.begun; s.counts() && s.machine == m && i.Action == "power" && s.Action == "power" && again < w.limits.Cooldown-w.limits.NotAfter-bound {
			w.violate("P5", "%s touches the power of %s again after %v", i.Intent, m.name, again)
		}
		switch age := w.now - s.begun; {
		case !s.counts():
		case s.machine == m && age < 24*time.Hour-time.Minute:
			day++
			fallthrough
		case s.machine.rack.site == m.rack.site && age < time.Hour-time.Minute:
			if age < time.Hour-time.Minute {
				hour++
			}
		}
	}
	if day >= w.limits.ServerDay {
		w.violate("P5", "%s: %s was acted on %d times within a day", i.Intent, m.name, day)
	}
	if hour >= w.limits.SiteHour {
		w.violate("P5", "%s: %d actions on %s within an hour", i.Intent, hour, m.rack.site.name)
	}
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

// checkAnswer is called with every answer of a person that was taken.
func (w *world) checkAnswer(a remediation.Answer, asked incident.ApprovalRequested, p incident.Payload) {
	if _, yes := p.(incident.Approved); !yes {
		return
	}
	late := w.now - w.watch.asked[asked.Approval]
	within := w.watch.within[asked.Approval]
	switch {
	case !slices.Contains(engineers, a.By):
		w.violate("P7", "%q may not agree to %s, and was believed", a.By, asked.Approval)
	case a.PlanHash != asked.PlanHash:
		w.violate("P7", "a yes to another plan was taken for %s", asked.Approval)
	case late > within+bound:
		w.violate("P7", "a yes to %s was taken after %v", asked.Approval, late)
	}
	yes := w.watch.agreed[asked.Approval]
	if yes == nil {
		yes = map[string]string{}
		w.watch.agreed[asked.Approval] = yes
	}
	yes[a.By] = a.PlanHash
}

// checkCommit looks at everything that is stored.
func (w *world) checkCommit(r *replica, inc *incident.Incident, events []incident.Event) {
	for n, e := range events {
		if e.Seq != inc.Version-len(events)+n+1 {
			w.violate("P13", "%s: event %d where %d belongs", inc.ID, e.Seq, inc.Version-len(events)+n+1)
		}
		w.checkEvent(r, inc, e)
	}
	p1 := inc.Status == incident.Open && inc.Priority == incident.P1
	if _, was := w.watch.pressing[inc.ID]; p1 && !was {
		w.watch.pressing[inc.ID] = w.now
	} else if !p1 {
		delete(w.watch.pressing, inc.ID)
	}
	for _, c := range inc.Customers {
		if _, known := w.watch.joined[inc.ID+c]; !known {
			w.watch.joined[inc.ID+c] = w.now
		}
	}
}

func (w *world) checkEvent(r *replica, inc *incident.Incident, e incident.Event) {
	f, p := &w.figures, &w.watch
	at := e.At
	switch e := e.Payload.(type) {
	case incident.Opened:
		f.Incidents++
		p.opened[inc.ID] = w.now
		delete(p.pressing, inc.ID)
		delete(p.onSite, inc.ID)
		for c := range p.joined {
			if len(c) > len(inc.ID) && c[:len(inc.ID)] == inc.ID {
				delete(p.joined, c)
				delete(p.told, c)
			}
		}
	case incident.Intended:
		p.intents[e.Intent] = &sentIntent{Intended: e, incident: inc.ID, planned: w.now}
	case incident.OutcomeRecorded:
		w.outcome(inc, e)
	case incident.ApprovalRequested:
		f.Approvals++
		p.asked[e.Approval], p.within[e.Approval] = w.now, e.Expires.Sub(at)
		delete(p.agreed, e.Approval)
		delete(p.used, e.Approval)
	case incident.Blocked:
		f.BlockedBy[e.Guard]++
	case incident.Restored:
		w.restored(r, inc, e)
	case incident.Relapsed:
		f.Relapses++
	case incident.Merged:
		f.Merged++
	case incident.Absorbed:
		for c := range e.Told {
			p.told[inc.ID+c] = max(p.told[inc.ID+c], p.told[e.From+c])
		}
	case incident.MessageQueued:
		if e.Purpose == "first" || e.Purpose == "update" {
			f.Told++
			p.told[inc.ID+e.Customer] = w.now
		}
	case incident.OrderProgress:
		if e.State == "on_site" {
			p.onSite[inc.ID] = w.now
		} else {
			delete(p.onSite, inc.ID)
		}
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

// sweep looks every minute at what ought to have happened by itself.
func (w *world) sweep() {
	w.after(time.Minute, w.sweep)
	if w.anyWorking() == nil {
		w.watch.healthy = w.now
	}
	for _, m := range w.machines {
		w.checkLeftOff(m)
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
	from := max(w.lease(inc.ID).visited, w.watch.healthy)
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
	late := nextWord // a half hour by a wrong clock is longer
	for _, r := range w.replicas {
		late = max(late, nextWord+min(time.Duration(r.skew.Load()).Abs(), time.Hour))
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
		case heard && w.now-max(told, from) > late:
			w.violate("P11", "%s of %s was last told %v ago", c, inc.ID, w.now-told)
		}
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
