package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
)

// Binding is what a leave to act rests on, in hashes: when one of them is no
// longer what it was, neither is the leave.
type Binding struct {
	Content  string `json:"content_hash,omitempty"`   // what is to be done, to which machine, for the how-manyeth time
	Evidence string `json:"evidence_hash,omitempty"`  // what was found
	Policy   string `json:"policy_version,omitempty"` // the limits, the server's entry in the inventory and the runbook
}

// Changed says in words which parts of b are different in now, "" when none is.
func (b Binding) Changed(now Binding) string {
	var parts []string
	for _, part := range []struct{ name, was, is string }{
		{"the plan (what is to be done, or to which machine)", b.Content, now.Content},
		{"the evidence (what is found)", b.Evidence, now.Evidence},
		{"the policy (limits, the server's entry in the inventory, or the runbook)", b.Policy, now.Policy},
	} {
		if part.was != part.is {
			parts = append(parts, part.name)
		}
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0] + " has changed since"
	}
	return strings.Join(parts, " and ") + " have changed since"
}

// ApprovalRequested asks a person before something dangerous, or two.
type ApprovalRequested struct {
	Approval string    `json:"approval"`
	Step     string    `json:"step"`
	Attempt  int       `json:"attempt"`
	Action   string    `json:"action"`    // in words: "power cycle web-07"
	Why      string    `json:"why"`       // what was seen
	PlanHash string    `json:"plan_hash"` // of exactly what is to be done, to what, on which facts, under which policy
	By       string    `json:"by"`        // who may: "on-duty", or a team or person
	Expires  time.Time `json:"expires"`
	Else     string    `json:"otherwise"` // what happens without an answer; never the action

	Binding
	Serial  string            `json:"serial,omitempty"`  // of the machine that is meant
	Facts   map[string]string `json:"facts,omitempty"`   // what was found, by check: what Evidence is the hash of
	Persons int               `json:"persons,omitempty"` // how many must agree, two at most; 0 means one
	Because string            `json:"because,omitempty"` // why two must agree, or why anybody is asked whom the runbook would not ask
	Record  string            `json:"record,omitempty"`  // what the step was good for before, in words
	Wipes   string            `json:"wipes,omitempty"`   // what would be lost for ever, in words; "" when nothing is
}

// Needed is how many different persons must say yes.
func (p ApprovalRequested) Needed() int { return max(1, p.Persons) }

func (ApprovalRequested) Kind() Kind { return "approval_requested" }
func (p ApprovalRequested) Text() string {
	text := fmt.Sprintf("Asked %s for leave to %s, until %s.", p.By, p.Action, clockTime(p.Expires))
	if p.Wipes != "" {
		text += " " + strings.TrimSuffix(p.Wipes, ".") + "."
	}
	if p.Needed() > 1 {
		text += fmt.Sprintf(" %d different people must agree%s.", p.Needed(), because(p.Because))
	} else if p.Because != "" {
		text += fmt.Sprintf(" It is asked because %s.", p.Because)
	}
	if p.Evidence != "" {
		text += " A yes is for " + p.Bound() + "."
	}
	if p.Record != "" {
		text += " Until now: " + strings.TrimSuffix(p.Record, ".") + "."
	}
	return sentence("%s Without an answer: %s.", text, p.Else)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// Bound says in words what a yes is for, and so what ends it when it changes.
func (p ApprovalRequested) Bound() string {
	machine := "this machine"
	if p.Serial != "" {
		machine = "the machine with serial " + p.Serial
	}
	return fmt.Sprintf("try %d of step %s on %s, once, and ends when what was found, the limits, the inventory's entry or the runbook change",
		p.Attempt, p.Step, machine)
}

// FactsChanged says which of the facts that were asked on are different now, "" when
// none is.
func (p ApprovalRequested) FactsChanged(now map[string]string) string {
	all := maps.Clone(now)
	for name, was := range p.Facts {
		if _, ok := all[name]; !ok {
			all[name] = ""
		}
		if all[name] == was {
			delete(all, name)
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%s was %s and is %s", name, orNothing(p.Facts[name]), orNothing(all[name])))
	}
	return strings.Join(parts, ", ")
}

func orNothing(word string) string {
	if word == "" {
		return "not asked"
	}
	return word
}

// Approved is a person's yes to one request. Where two must agree, each of them
// has one.
type Approved struct {
	Approval string `json:"approval"`
	PlanHash string `json:"plan_hash"`
	By       string `json:"by"`
	Number   int    `json:"number,omitempty"` // the how-manyeth yes it is
	Of       int    `json:"of,omitempty"`     // how many are needed
}

func (Approved) Kind() Kind { return "approved" }
func (p Approved) Text() string {
	if p.Of > 1 {
		return sentence("%s approved, %d of %d (plan %.12s).", p.By, p.Number, p.Of, p.PlanHash)
	}
	return sentence("%s approved (plan %.12s).", p.By, p.PlanHash)
}

// Denied is a person's no to one request. It ends it, whoever else said yes.
type Denied struct {
	Approval string `json:"approval"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
}

func (Denied) Kind() Kind { return "denied" }
func (p Denied) Text() string {
	if p.Reason == "" {
		return sentence("%s said no.", p.By)
	}
	return sentence("%s said no: %s.", p.By, p.Reason)
}

// ApprovalLapsed ends a request, or a yes, that no longer counts.
type ApprovalLapsed struct {
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
	Expired  bool   `json:"expired"` // nobody answered in time; otherwise the facts changed
}

func (ApprovalLapsed) Kind() Kind     { return "approval_lapsed" }
func (p ApprovalLapsed) Text() string { return sentence("The request for leave lapsed: %s.", p.Reason) }

// Approval is a question to one person or two, and what was answered.
type Approval struct {
	ApprovalRequested
	AskedAt   time.Time
	Yes       []string // who has agreed so far, in their order
	GrantedBy string   // all who agreed, in words, once they are enough; "" before
}

// agree books a yes, if it is for this very question, in time, and by somebody
// who has not said so before.
func (i *Incident) agree(p Approved, at time.Time) {
	a := i.Approval
	if a == nil || p.By == "" || a.Approval != p.Approval || a.PlanHash != p.PlanHash || !at.Before(a.Expires) || slices.Contains(a.Yes, p.By) {
		return
	}
	a.Yes = append(a.Yes, p.By)
	i.countYes()
}

// countYes says whether those who agreed are enough. Where two are needed, who
// asked for it is none of them.
func (i *Incident) countYes() {
	a := i.Approval
	if a == nil {
		return
	}
	a.GrantedBy = ""
	if a.Needed() > 1 {
		a.Yes = slices.DeleteFunc(a.Yes, func(name string) bool { return slices.Contains(i.Requesters, name) })
	}
	if len(a.Yes) >= a.Needed() {
		a.GrantedBy = strings.Join(a.Yes, " and ")
	}
}

// request notes the person who reported the trouble.
func (i *Incident) request(a alerts.Alert) {
	name := a.Annotations["reporter"]
	if a.Source != "person" || name == "" || slices.Contains(i.Requesters, name) {
		return
	}
	i.Requesters = append(i.Requesters, name)
	i.countYes()
}

func (i *Incident) lapse(p ApprovalLapsed) {
	a := i.Approval
	if a == nil || a.Approval != p.Approval {
		return
	}
	if p.Expired {
		i.leave(a.Step, "expired", p.Reason)
	}
	i.Approval = nil
}
