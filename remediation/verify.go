package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// maxDuty bounds how often piket tries to bring back power that it cut itself
// before it calls a person.
const maxDuty = 2

// verify waits for the effect of an action. "The BMC accepted it" is not
// success; the goal is, and restore has already asked for that.
func verify(f Facts) Move {
	inc := f.Incident
	a := inc.Action
	if !a.Live() || a.Outcome == "" {
		return nil
	}
	if m := powerDuty(f, a); m != nil {
		return m
	}
	switch {
	case a.Outcome == incident.OutcomeRefused && a.Duty == 0:
		return decide(f.failed("it was not carried out: " + a.Detail))
	case f.Now.Before(a.VerifyBy):
		return f.waitUntil(a.VerifyBy)
	case a.Outcome == incident.OutcomeUnknown:
		return decide(f.failed("it is not known whether it was carried out, and service did not come back by " + clockTime(a.VerifyBy)))
	}
	return decide(f.failed("service did not come back by " + clockTime(a.VerifyBy)))
}

// failed ends the attempt. After an unknown outcome there is no other: a
// second one could be the second time that the same thing happens.
func (f Facts) failed(why string) incident.StepFailed {
	a := f.Incident.Action
	remedy, ok := f.Runbook.Remedy(a.Step)
	final := !ok || a.Outcome == incident.OutcomeUnknown || a.Attempt >= remedy.MaxAttempts()
	return incident.StepFailed{Step: a.Step, Reason: why, Final: final}
}

// powerDuty brings back power that piket itself may have cut: a server is
// never left off. "On" is harmless when it happens twice, and it needs no new
// approval, because it undoes what was approved.
func powerDuty(f Facts, a *incident.Action) Move {
	if !a.Cut || f.Incident.Power != "off" || f.Goal.Power != "off" {
		return nil
	}
	settled := a.SettledAt.Add(f.Limits.PowerOn)
	switch {
	case f.Now.Before(settled):
		return f.waitUntil(settled)
	case f.Frozen != "":
		return f.block(a.Step, refusal{Guard: "freeze", Why: "the server is off and piket is frozen: " + f.Frozen, Until: f.Now.Add(f.Limits.IdlePoll)})
	case a.Duty >= maxDuty:
		return attention(f.Incident, "left-off", fmt.Sprintf("%s is off after a power action of piket's, and %d tries to switch it on did not help", a.Server, a.Duty))
	}
	return decide(f.duty(a))
}

// duty is the intent to switch on what was switched off.
func (f Facts) duty(a *incident.Action) incident.Intended {
	on := a.Intended
	on.Intent = fmt.Sprintf("%s/I%d", f.Incident.ID, f.Incident.Version+1)
	on.Verb, on.Duty = "on", a.Duty+1
	on.NotAfter = f.Now.Add(f.Limits.NotAfter)
	if boot := f.Now.Add(10 * time.Minute); boot.After(on.VerifyBy) {
		on.VerifyBy = boot
	}
	return on
}

// restored says how service came back, as far as that is known.
func (f Facts) restored() incident.Restored {
	inc := f.Incident
	held := fmt.Sprintf("all checks have answered for %v", f.Runbook.Goal.For)
	if a := inc.Action; a.Live() && a.Outcome == incident.OutcomeUnknown {
		return incident.Restored{Step: a.Step, How: held + "; whether \"" + a.What() + "\" did it is not known"}
	} else if a.Live() {
		return incident.Restored{Step: a.Step, How: held + " after \"" + a.What() + "\""}
	}
	if o := inc.Order; o != nil && o.State == "done" {
		return incident.Restored{Step: o.Step, How: held + " after the technician's work"}
	}
	if a := inc.Action; a != nil && !a.Voided {
		return incident.Restored{How: held + "; \"" + a.What() + "\" had already been given up"}
	}
	return incident.Restored{How: held + "; piket had done nothing for it"}
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
