package simulate

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
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
	told     map[string]telling           // incident and customer → the last word
	pressing map[string]time.Duration     // incident → since when it is open as a P1
	onSite   map[string]time.Duration     // incident → since when piket knows that hands are there
	opened   map[string]time.Duration     // incident → when
	restored map[string]time.Time         // incident → when service was back last, by the timeline
	joined   map[string]time.Duration     // incident and customer → when it became theirs
	begun    []*sentIntent                // in order
	healthy  time.Duration                // since when some replica has been able to work
	clocks   time.Duration                // when a clock was last set
}

func newPromises() promises {
	return promises{
		accepted: map[string]int{}, intents: map[string]*sentIntent{}, asked: map[string]time.Duration{}, within: map[string]time.Duration{}, agreed: map[string]map[string]string{},
		used: map[string]string{}, unknown: map[string]bool{}, told: map[string]telling{}, pressing: map[string]time.Duration{},
		onSite: map[string]time.Duration{}, opened: map[string]time.Duration{}, restored: map[string]time.Time{}, joined: map[string]time.Duration{},
	}
}

// telling is one word to a customer, and how wrong the clock was by which it was
// noted.
type telling struct{ at, skew time.Duration }

// sentIntent is an intent as it really went.
type sentIntent struct {
	incident.Intended
	incident string
	machine  *machine // that it reached
	planned  time.Duration
	begun    time.Duration // when its last check had passed; 0 before
	wires    int
	outcome  incident.Outcome

	forgotten time.Duration // when the database forgot that it was sent; 0 when it did not
}

func (w *world) violate(promise, format string, args ...any) {
	if w.broken != nil {
		return
	}
	w.broken = &Violation{promise, fmt.Sprintf(format, args...), w.now}
	w.say(nil, "VIOLATION "+w.broken.String())
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
		p.restored[inc.ID] = at
		w.restored(r, inc, e)
	case incident.Relapsed:
		f.Relapses++
		w.checkLasting(inc, at)
	case incident.Merged:
		f.Merged++
	case incident.Absorbed:
		for c := range e.Told {
			if there := p.told[e.From+c]; there.at > p.told[inc.ID+c].at {
				p.told[inc.ID+c] = there
			}
		}
	case incident.MessageQueued:
		if e.Purpose == "first" || e.Purpose == "update" {
			f.Told++
			p.told[inc.ID+e.Customer] = telling{w.now, time.Duration(r.skew.Load()).Abs()}
		}
	case incident.OrderProgress:
		if e.State == "on_site" {
			p.onSite[inc.ID] = w.now
		} else {
			delete(p.onSite, inc.ID)
		}
	}
}
