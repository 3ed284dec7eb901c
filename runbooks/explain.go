package runbooks

import (
	"fmt"
	"strings"
	"time"
)

// Explain says in plain words what a runbook does, in the order in which it
// happens.
func (b *Runbook) Explain() string {
	var t strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	say("%s: %s", b.Name, b.Title)
	say("version %.12s", b.Hash)
	say("")
	say("Meant for alerts with %s.", strings.Join(b.Match, " and "))
	say("Impact %s, urgency %s. The team %s takes it.", b.Classify.Impact, b.Classify.Urgency, b.Assign)
	say("Service counts as back when %s answers for %s.", b.Goal.explain(), duration(b.Goal.For))
	say("")
	say("It looks first, and touches nothing:")
	for _, d := range b.Diagnose {
		say("  %-12s %s of %s", d.ID, d.Check, d.Target)
	}
	say("")
	if len(b.Remedies) == 0 {
		say("It changes nothing by itself.")
	} else {
		say("Then, one after the other, as long as service is not back:")
	}
	for n, r := range b.Remedies {
		say("  %d. %s", n+1, b.explainRemedy(r))
	}
	for _, e := range b.Escalate {
		say("%s", e.explain())
	}
	if len(b.Escalate) == 0 {
		say("When nothing is left, a person of the team is called.")
	}
	return t.String()
}

func (g Goal) explain() string {
	words := make([]string, len(g.Checks))
	for n, name := range g.Checks {
		words[n] = goalWords[name]
	}
	return strings.Join(words, " and ")
}

func (b *Runbook) explainRemedy(r Remedy) string {
	parts := []string{b.explainAction(r)}
	if r.When != "" {
		parts = append(parts, "only when "+r.When)
	}
	if r.Approve != nil {
		leave := fmt.Sprintf("only after %s by %s within %s, otherwise %s", r.Approve.yes(), r.Approve.By, duration(r.Approve.Within), r.Approve.Otherwise)
		if r.Approve.Unless != "" {
			leave += " (nobody is asked when " + r.Approve.Unless + ")"
		}
		parts = append(parts, leave)
	}
	switch {
	case r.Trust == Observe:
		parts = append(parts, "for now it is only written down")
	case r.Trust == Propose:
		parts = append(parts, "for now it is proposed to a person, who does it")
	case r.Earn > 0:
		parts = append(parts, fmt.Sprintf("nobody is asked any more once nine in ten of the last %d tries on such servers helped", r.Earn))
	}
	if r.Evidence != "" {
		parts = append(parts, "carried out only with proof of grade "+r.Evidence)
	}
	if r.Prepares() {
		return strings.Join(append(parts, "once"), "; ")
	}
	parts = append(parts, fmt.Sprintf("at most %s, each given %s to help", times(r.MaxAttempts()), duration(r.Verify)))
	return strings.Join(parts, "; ")
}

// yes says how many must agree.
func (a Approve) yes() string {
	if a.Persons > 1 {
		return fmt.Sprintf("a yes each of %d different people (who reported the trouble is none of them)", a.Persons)
	}
	return "a yes"
}

func (e Escalation) explain() string {
	t := e.Technician
	text := fmt.Sprintf("When nothing is left, a work order (%s) goes to %s, to be acknowledged within %s, on site within %s",
		t.Order, t.To, duration(t.Acknowledge), duration(t.Arrive))
	if t.After > 0 {
		text += ", but not in the first " + duration(t.After)
	}
	return text + "."
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// duration writes 2m for 2m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
