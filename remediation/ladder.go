package remediation

import (
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// ladder finds the first remedy that applies and takes it one step further. A
// person's no, or silence, ends the ladder: the next is a person's, too.
func ladder(f Facts) Move {
	if f.Incident.Subject.Kind != "server" {
		return nil
	}
	for _, r := range f.Runbook.Remedies {
		switch step := f.Incident.StepOf(r.ID); step.Done {
		case "denied", "expired":
			return nil
		case "failed", "prepared":
			continue
		}
		if m := climb(f, r); m != nil {
			return m
		}
	}
	return nil
}

// climb takes one remedy a step further: does it apply, do the guards let it,
// has a person agreed? nil means that it is not this remedy's turn.
func climb(f Facts, r runbooks.Remedy) Move {
	if why := inapplicable(f, r); why != "" {
		return f.skip(r.ID, why)
	}
	if no := refuse(f, r); no != nil && no.Until.IsZero() {
		return f.skip(r.ID, "guard "+no.Guard+": "+no.Why)
	} else if no != nil {
		return f.block(r.ID, *no)
	}
	plan, why := newPlan(f, r)
	if why != "" {
		return f.skip(r.ID, why)
	}
	switch f.trust(r).Trust {
	case runbooks.Observe:
		return f.skip(r.ID, "observing only: would now "+plan.words())
	case runbooks.Propose:
		if m := attention(f.Incident, "proposal-"+r.ID, "piket proposes to "+plan.words()+", and leaves it to you"); m != nil {
			return m
		}
		return f.skip(r.ID, "proposed, and left to a person: "+plan.words())
	case runbooks.Asks:
		if m := approval(f, r, plan); m != nil {
			return m
		}
	}
	return Intend{plan.intent(f, r)}
}

// inapplicable says why a remedy does not fit what was found, "" when it does.
func inapplicable(f Facts, r runbooks.Remedy) string {
	if why := f.unprepared(r); why != "" {
		return why
	}
	answer := f.Runbook.Applies(r.ID, f.conditionFacts())
	switch {
	case !answer.Known:
		return "not known: " + answer.Missing
	case !answer.Holds:
		return "does not apply (" + r.When + ")"
	}
	return ""
}

// skip writes down once why a remedy is left out.
func (f Facts) skip(step, why string) Move {
	if s := f.Incident.StepOf(step); s.Done == "skipped" && s.Reason == why {
		return nil
	}
	return decide(incident.Skipped{Step: step, Reason: why})
}
