package desk

import (
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Judgement is how a person classifies an incident [2.2]. What is empty stays as
// it is; the priority follows from the matrix unless it is given.
type Judgement struct {
	Impact, Urgency incident.Level
	Priority        incident.Priority // an override of the matrix [1.2], "" for none
	Reason          string
}

// Classify records a person's judgement, with what it was before. All clocks
// follow it at once.
func Classify(inc *incident.Incident, by inventory.Person, j Judgement) ([]incident.Payload, error) {
	reason, err := said(j.Reason, "the reason")
	p := incident.Classified{
		Impact: inc.Impact, Urgency: inc.Urgency, Reason: reason, By: by.Name,
		Was: incident.Classified{Impact: inc.Impact, Urgency: inc.Urgency, Priority: inc.Priority}.Words(),
	}
	if j.Impact != "" {
		p.Impact = j.Impact
	}
	if j.Urgency != "" {
		p.Urgency = j.Urgency
	}
	p.Priority = incident.PriorityOf(p.Impact, p.Urgency)
	if j.Priority != "" && j.Priority != p.Priority {
		p.Priority, p.Override = j.Priority, true
	}
	switch {
	case !mayJudge(by):
		return nil, ErrRole
	case !inc.Ongoing():
		return nil, fmt.Errorf("classify: %w: it is %s", ErrNotNow, inc.Status)
	case err != nil:
		return nil, fmt.Errorf("classify: %w", err)
	case !slices.Contains(incident.Levels, p.Impact):
		return nil, fmt.Errorf("classify: %w: impact %q is not high, medium or low", ErrIncomplete, p.Impact)
	case !slices.Contains(incident.Levels, p.Urgency):
		return nil, fmt.Errorf("classify: %w: urgency %q is not high, medium or low", ErrIncomplete, p.Urgency)
	case !slices.Contains(incident.Priorities, p.Priority):
		return nil, fmt.Errorf("classify: %w: priority %q is not P1, P2, P3 or P4", ErrIncomplete, p.Priority)
	case p.Impact == inc.Impact && p.Urgency == inc.Urgency && p.Priority == inc.Priority:
		return nil, fmt.Errorf("classify: %w: it is judged so already", ErrNotNow)
	}
	return []incident.Payload{p}, nil
}

func mayJudge(by inventory.Person) bool {
	return leads(by) || by.Has(inventory.Support)
}
