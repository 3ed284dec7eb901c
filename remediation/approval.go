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
)

// approval takes a remedy through asking: nil when this very plan has been
// agreed to.
func approval(f Facts, r runbooks.Remedy, p plan) Move {
	a := f.Incident.Approval
	switch {
	case a == nil:
		return decide(ask(f, r, p))
	case a.Step != r.ID || a.PlanHash != p.hash():
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: "what was asked no longer fits what is found"})
	case a.GrantedBy == "":
		return f.waitUntil(a.Expires)
	}
	return nil
}

// ask puts the question to a person.
func ask(f Facts, r runbooks.Remedy, p plan) incident.ApprovalRequested {
	return incident.ApprovalRequested{
		Approval: fmt.Sprintf("%s/A%d", f.Incident.ID, f.Incident.Version+1),
		Step:     r.ID, Attempt: p.Attempt, Action: p.words(), Why: f.Incident.Verdict.Reason,
		PlanHash: p.hash(), By: r.Approve.By, Expires: f.Now.Add(r.Approve.Within), Else: r.Approve.Otherwise,
	}
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
// ErrNothingAsked, ErrOtherPlan, ErrExpired and ErrNotAllowed; none is cured by
// answering again in the same way.
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
	case a.Yes:
		return incident.Approved{Approval: a.Approval, PlanHash: a.PlanHash, By: a.By}, nil
	}
	return incident.Denied{Approval: a.Approval, By: a.By, Reason: a.Reason}, nil
}

// MayAnswer reports whether a person may answer what the incident asks:
// engineers of the team that is on duty for "on-duty", members of a team that
// is named, or the one person.
func MayAnswer(inc *incident.Incident, inv *inventory.Inventory, name string) bool {
	person, ok := inv.Person(name)
	if !ok || inc.Approval == nil || !slices.Contains(person.Roles, inventory.Engineer) {
		return false
	}
	by := inc.Approval.By
	if by == "on-duty" {
		return slices.ContainsFunc(inv.OnDuty(inc.Team), func(p inventory.Person) bool { return p.Name == name })
	}
	team, ok := inv.Team(by)
	return by == name || ok && slices.Contains(team.Members, name)
}
