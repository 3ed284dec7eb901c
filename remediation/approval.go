package remediation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

var (
	// ErrNothingAsked says that no request with that id is open any more. The
	// page shows what is asked now.
	ErrNothingAsked = errors.New("nothing is asked, or no longer")
	// ErrOtherPlan says that what is asked now is not what the person saw.
	ErrOtherPlan = errors.New("what is asked has changed since it was shown")
	// ErrExpired says that the answer came too late to count.
	ErrExpired = errors.New("the request has expired")
	// ErrNotAllowed says that this person may not answer.
	ErrNotAllowed = errors.New("not among those who may answer")
	// ErrRequester says that this person asked for it, and so is none of the two
	// who must agree. Others can.
	ErrRequester = errors.New("who reported the trouble is none of the two who must agree")
	// ErrAlready says that this person has agreed already; somebody else must, too.
	ErrAlready = errors.New("you have agreed already; one more person must, and it cannot be you")
)

// approval takes a remedy through asking: nil when enough people have agreed to
// this very plan, on this evidence, under this policy.
func approval(f Facts, r runbooks.Remedy, p plan) Move {
	a := f.Incident.Approval
	if a == nil {
		return decide(ask(f, r, p))
	}
	if why := moved(a, r, p); why != "" {
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: why})
	}
	switch needed, _ := f.persons(r); {
	case a.Needed() < needed:
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: "two people must agree by now"})
	case f.gone(a.Yes, r) != "":
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: f.gone(a.Yes, r)})
	case a.GrantedBy == "":
		return f.waitUntil(a.Expires)
	}
	return nil
}

// moved says which part of what was asked is no longer so, "" when all of it
// still is.
func moved(a *incident.Approval, r runbooks.Remedy, p plan) string {
	now := p.binding()
	switch {
	case a.Step != r.ID:
		return "the plan has changed since: it is the turn of step " + r.ID
	case a.PlanHash == p.hash() && a.Binding == now:
		return ""
	case a.Evidence != now.Evidence:
		return a.Changed(now) + ": " + a.FactsChanged(p.Facts)
	case a.Binding != now:
		return a.Changed(now)
	}
	return "what was asked no longer fits what is found"
}

// gone says who of those who agreed has no say any more, whoever's shift it is: a
// person who left, or who is no engineer of the team now. "" when all still have.
func (f Facts) gone(agreed []string, r runbooks.Remedy) string {
	first, rest := f.Inventory.Asked(leaveOf(r).By, f.Incident.Team)
	for _, name := range agreed {
		is := func(p inventory.Person) bool { return p.Name == name }
		if !slices.ContainsFunc(first, is) && !slices.ContainsFunc(rest, is) {
			return name + ", who agreed, is not among those who may any more"
		}
	}
	return ""
}

// outdated says why a question need not wait for its answer any more, "" when it
// must. What was found is looked at anew once it is answered.
func (f Facts) outdated(a *incident.Approval) string {
	r, ok := f.Runbook.Remedy(a.Step)
	if !ok {
		return "the policy has changed since: the runbook has no such step"
	}
	p, why := newPlan(f, r)
	now := p.binding()
	now.Evidence = a.Evidence
	if why != "" {
		now.Content = a.Content
	}
	return a.Changed(now)
}

// rebound says why an intent may no longer be written or sent as it stands:
// what it was planned, and perhaps agreed to, on is not what is so now. "" when
// it is.
func (f Facts) rebound(intent incident.Intended, r runbooks.Remedy) string {
	p, why := newPlan(f, r)
	p.Attempt = intent.Attempt // its own intent already counts as a try
	switch {
	case why != "":
		return "the plan has changed since: " + why
	case intent.Binding != p.binding():
		return intent.Changed(p.binding())
	case intent.PlanHash != p.hash():
		return "the plan has changed since"
	}
	if a := f.Incident.Approval; intent.Approval != "" && a != nil && (a.Approval != intent.Approval || a.GrantedBy == "" || !f.Now.Before(a.Expires)) {
		return "the leave for it no longer counts"
	}
	return f.gone(intent.Agreed, r)
}

// ask puts the question to a person, or to two.
func ask(f Facts, r runbooks.Remedy, p plan) incident.ApprovalRequested {
	leave := leaveOf(r)
	server, _ := f.Inventory.Server(p.Server)
	persons, because := f.persons(r)
	a := incident.ApprovalRequested{
		Approval: fmt.Sprintf("%s/A%d", f.Incident.ID, f.Incident.Version+1),
		Step:     r.ID, Attempt: p.Attempt, Action: p.words(), Why: f.Incident.Verdict.Reason,
		PlanHash: p.hash(), By: leave.By, Expires: f.Now.Add(leave.Within), Else: leave.Otherwise,
		Binding: p.binding(), Serial: p.Serial, Facts: p.Facts, Because: because,
	}
	a.Wipes = f.whatIsLost(r, server)
	if persons > 1 {
		a.Persons = persons
	} else {
		a.Because = f.trust(r).Why
	}
	if record := f.Results[r.ID]; len(record) > 0 {
		a.Record = scorecard(record, server)
	}
	return a
}

// persons says how many different people must agree to a remedy, and why it is
// more than one.
func (f Facts) persons(r runbooks.Remedy) (needed int, because string) {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	switch {
	case server.Protected && server.ProtectedWhy != "":
		return 2, server.Name + " is protected: " + server.ProtectedWhy
	case server.Protected:
		return 2, server.Name + " is protected"
	case f.wipes(r):
		return 2, "it may wipe the disks of " + server.Name
	case leaveOf(r).Persons > 1:
		return 2, "the runbook wants it"
	}
	return 1, ""
}

// unanswered says how far a question came that ran out.
func unanswered(a *incident.Approval) string {
	if len(a.Yes) > 0 {
		return fmt.Sprintf("only %s agreed, %d of %d,", a.Yes[0], len(a.Yes), a.Needed())
	}
	return "nobody answered"
}

// Answer is a person's yes or no to one request.
type Answer struct {
	Approval string
	PlanHash string // of what the person was shown
	By       string // name in the inventory
	Yes      bool
	Reason   string
}

// Payload judges an answer and returns what to append for it. The errors are
// ErrNothingAsked, ErrOtherPlan, ErrExpired, ErrNotAllowed, ErrRequester and
// ErrAlready; none is cured by answering again in the same way.
func (a Answer) Payload(inc *incident.Incident, inv *inventory.Inventory, now time.Time) (incident.Payload, error) {
	asked := inc.Approval
	switch {
	case asked == nil || asked.Approval != a.Approval || asked.GrantedBy != "" || inc.Status != incident.Open:
		return nil, ErrNothingAsked
	case asked.PlanHash != a.PlanHash:
		return nil, ErrOtherPlan
	case !now.Before(asked.Expires):
		return nil, ErrExpired
	case !MayAnswer(inc, inv, a.By):
		return nil, fmt.Errorf("%s: %w", a.By, ErrNotAllowed)
	case !a.Yes:
		return incident.Denied{Approval: a.Approval, By: a.By, Reason: a.Reason}, nil
	case !MayAgree(inc, inv, a.By):
		return nil, fmt.Errorf("%s: %w", a.By, ErrRequester)
	case slices.Contains(asked.Yes, a.By):
		return nil, fmt.Errorf("%s: %w", a.By, ErrAlready)
	}
	yes := incident.Approved{Approval: a.Approval, PlanHash: a.PlanHash, By: a.By}
	if asked.Needed() > 1 {
		yes.Number, yes.Of = len(asked.Yes)+1, asked.Needed()
	}
	return yes, nil
}

// MayAnswer reports whether a person may answer what the incident asks: for
// "on-duty" the engineers who are on duty in its team, and the others of the
// team once they have been asked; for a team its engineers; or the one person.
// Who took over the duty after it was asked is one of the others.
func MayAnswer(inc *incident.Incident, inv *inventory.Inventory, name string) bool {
	a := inc.Approval
	if a == nil {
		return false
	}
	is := func(p inventory.Person) bool { return p.Name == name }
	first, rest := inv.SayAt(a.AskedAt).Asked(a.By, inc.Team)
	if a.By == inventory.OnDutyPeople && !slices.Contains(inc.Paged(a.Approval), name) {
		rest = nil
	}
	return slices.ContainsFunc(first, is) || slices.ContainsFunc(rest, is)
}

// MayAgree reports whether a person's yes would count: of those who may answer,
// who reported the trouble is none of two who must agree. A no of theirs counts.
func MayAgree(inc *incident.Incident, inv *inventory.Inventory, name string) bool {
	return MayAnswer(inc, inv, name) && !(inc.Approval.Needed() > 1 && slices.Contains(inc.Requesters, name))
}
