package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var (
	// ErrNotNow says that the incident is not in a state in which this can be
	// said. Look at it again.
	ErrNotNow = errors.New("not possible at this point of the incident")
	// ErrRole says that the person's role does not allow it.
	ErrRole = errors.New("your role does not allow this")
	// ErrIncomplete says what is missing in what was said.
	ErrIncomplete = errors.New("something is missing")
)

// maxWordsRunes bounds what a person may write in one go.
const maxWordsRunes = 4000

// Acknowledge takes the incident.
func Acknowledge(inc *incident.Incident, by inventory.Person) ([]incident.Payload, error) {
	switch {
	case !slices.Contains(by.Roles, inventory.Engineer):
		return nil, ErrRole
	case !inc.Ongoing():
		return nil, fmt.Errorf("acknowledge: %w: it is %s", ErrNotNow, inc.Status)
	case inc.Owner == by.Name:
		return nil, fmt.Errorf("acknowledge: %w: you have it already", ErrNotNow)
	}
	return []incident.Payload{incident.Acknowledged{By: by.Name}}, nil
}

// Note adds a remark; everybody may.
func Note(inc *incident.Incident, by inventory.Person, words string) ([]incident.Payload, error) {
	words, err := said(words, "the note")
	if err != nil {
		return nil, err
	}
	return []incident.Payload{incident.Note{By: by.Name, Words: words}}, nil
}

// Close records the full description and closes. Service must be back and the
// closure check passed [2.5].
func Close(inc *incident.Incident, by inventory.Person, r incident.Resolution) ([]incident.Payload, error) {
	cause, causeErr := said(r.Cause, "the cause")
	solution, solutionErr := said(r.Solution, "the solution")
	switch {
	case !slices.Contains(by.Roles, inventory.Engineer):
		return nil, ErrRole
	case inc.Runbook.Hash == "" && inc.Status == incident.Open && len(inc.Firing()) == 0:
		// Nothing checks an incident without a runbook; the person's word and
		// the resolved alerts are all there is.
	case inc.Status != incident.BackInService:
		return nil, fmt.Errorf("close: %w: service is not back", ErrNotNow)
	case inc.Closure == nil || !inc.Closure.Passed:
		return nil, fmt.Errorf("close: %w: the closure check has not passed yet", ErrNotNow)
	}
	if err := errors.Join(causeErr, solutionErr); err != nil {
		return nil, err
	}
	return []incident.Payload{
		incident.Resolution{Cause: cause, Solution: solution, Prevention: clip(r.Prevention), By: by.Name},
		incident.Closed{By: by.Name},
	}, nil
}

// ReportOrder records how far a work order has come.
func ReportOrder(inc *incident.Incident, by inventory.Person, p incident.OrderProgress) ([]incident.Payload, error) {
	o := inc.Order
	switch {
	case !slices.Contains(by.Roles, inventory.Engineer) && !slices.Contains(by.Roles, inventory.Support):
		return nil, ErrRole
	case o == nil || o.Order != p.Order || !inc.Ongoing():
		return nil, fmt.Errorf("work order %q: %w: no such order is open", p.Order, ErrNotNow)
	case !slices.Contains(incident.OrderStates, p.State):
		return nil, fmt.Errorf("work order: %w: %q is not one of %s", ErrIncomplete, p.State, strings.Join(incident.OrderStates, ", "))
	case o.State == "done" || o.State == "refused":
		return nil, fmt.Errorf("work order: %w: it is %s already", ErrNotNow, o.State)
	}
	p.By, p.Words = by.Name, clip(p.Words)
	return []incident.Payload{p}, nil
}

// ReportCall records what came of a telephone task.
func ReportCall(inc *incident.Incident, by inventory.Person, task, outcome string) ([]incident.Payload, error) {
	if !slices.Contains(incident.CallOutcomes, outcome) {
		return nil, fmt.Errorf("call: %w: %q is not one of %s", ErrIncomplete, outcome, strings.Join(incident.CallOutcomes, ", "))
	}
	for _, c := range inc.CallTasks {
		switch {
		case c.Task != task:
		case c.Outcome != "":
			return nil, fmt.Errorf("call %s: %w: %s has recorded %s", task, ErrNotNow, c.By, c.Outcome)
		default:
			return []incident.Payload{incident.Called{Task: task, Outcome: outcome, By: by.Name}}, nil
		}
	}
	return nil, fmt.Errorf("call %q: %w: no such task", task, ErrNotNow)
}

// said checks that something was written.
func said(words, what string) (string, error) {
	words = clip(words)
	if words == "" {
		return "", fmt.Errorf("%w: %s", ErrIncomplete, what)
	}
	return words, nil
}

func clip(words string) string {
	runes := []rune(strings.TrimSpace(words))
	return string(runes[:min(len(runes), maxWordsRunes)])
}

// Draft proposes cause and solution from the timeline, for a person to correct
// and sign.
func Draft(inc *incident.Incident) incident.Resolution {
	r := incident.Resolution{Cause: inc.Title, Solution: "Service came back by itself; nothing was done."}
	if v := inc.Verdict; v.Reason != "" && v.Verdict != incident.VerdictRecovered {
		r.Cause += " (" + v.Reason + ")"
	}
	switch a, o := inc.Action, inc.Order; {
	case o != nil && o.State == "done":
		r.Solution = "A technician worked on site: " + o.Words
	case a != nil && !a.Voided && a.Outcome == incident.OutcomeDone:
		r.Solution = "piket did: " + a.What() + "."
	}
	return r
}
