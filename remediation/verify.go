package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// maxDuty bounds how often piket switches on what it switched off before it
// calls a person.
const maxDuty = 2

// verify waits for the effect of an action. "The BMC accepted it" is not
// success; the goal is, and restore has already asked for that.
func verify(f Facts) Move {
	inc := f.Incident
	a := inc.Action
	switch {
	case !a.Live() || a.Outcome == "":
		return nil
	case a.Outcome == incident.OutcomeRefused && a.Duty == 0:
		return decide(f.failed("it was not carried out: " + a.Detail))
	case a.Prepares():
		return decide(f.failed("it is not known whether it was carried out, so nothing is restarted: " + a.Detail))
	case f.Now.Before(a.VerifyBy):
		return f.waitUntil(a.VerifyBy)
	}
	why := "service did not come back by " + clockTime(a.VerifyBy)
	if a.Outcome == incident.OutcomeUnknown {
		why = "it is not known whether it was carried out, and " + why
	}
	if inc.Owes != nil && inc.Power != "on" {
		if m := attention(inc, "power-not-seen-on", inc.Owes.Server+" has not been seen on since \""+inc.Owes.What()+"\""); m != nil {
			return m
		}
	}
	return decide(f.failed(why))
}

// failed ends the attempt. After an unknown outcome there is no other: a
// second one could be the second time that the same thing happens.
func (f Facts) failed(why string) incident.StepFailed {
	a := f.Incident.Action
	remedy, ok := f.Runbook.Remedy(a.Step)
	final := !ok || a.Outcome == incident.OutcomeUnknown || a.Attempt >= remedy.MaxAttempts()
	return incident.StepFailed{Step: a.Step, Reason: why, Final: final}
}

// powerDuty brings back power that piket itself may have cut: a server is never
// left off, also when the step is long over. "On" is harmless when it happens
// twice, and it needs no new approval, because it undoes what was approved.
// While hands may be in the machine it stays as they want it.
func powerDuty(f Facts) Move {
	inc := f.Incident
	owed := inc.Owes
	a := inc.Action
	switch {
	case owed == nil || inc.Power != "off" || f.Goal.Power != "off":
		return nil
	case a.Live() && a.Outcome == "" || inc.AtWork():
		return nil
	}
	settled := inc.PowerAt.Add(f.Limits.PowerOn)
	switch {
	case f.Now.Before(settled):
		return f.waitUntil(settled)
	case f.inRack() != "":
		return f.block(owed.Step, refusal{Guard: "interlock", Why: "the server is off, and hands are in its rack, for " + f.inRack(), Until: f.Now.Add(f.Limits.Poll)})
	case f.otherMachine() != "":
		return f.block(owed.Step, refusal{Guard: "identity", Why: "the server is off, and " + f.otherMachine(), Until: f.Now.Add(f.Limits.IdlePoll)})
	case f.Frozen != "":
		return f.block(owed.Step, refusal{Guard: "freeze", Why: "the server is off and piket is frozen: " + f.Frozen, Until: f.Now.Add(f.Limits.IdlePoll)})
	case inc.Armed != nil && !a.Live(): // takeBack goes first; a start now would be into the installer
		return attention(inc, "left-off", fmt.Sprintf("%s is off after a power action of piket's and is not switched on: %s", owed.Server, inc.Armed.What()))
	case inc.DutyTries >= maxDuty:
		return attention(inc, "left-off", fmt.Sprintf("%s is off after a power action of piket's, and %d tries to switch it on did not help", owed.Server, inc.DutyTries))
	}
	if a.Live() { // its end is booked before another intent takes its place
		return decide(f.failed("the machine was off after it, and stayed so"))
	}
	if refusedDuty(a) && f.Now.Before(a.SettledAt.Add(dutyPause)) {
		if m := attention(inc, "duty-refused", owed.Server+" is off and could not be switched on: "+a.Detail); m != nil {
			return m
		}
		return f.waitUntil(a.SettledAt.Add(dutyPause))
	}
	return Intend{f.duty(*owed)}
}

// dutyPause is how long after an "on" that was proved not to be carried out it is
// tried again. It does not count as a try.
const dutyPause = 5 * time.Minute

func refusedDuty(a *incident.Action) bool {
	return a != nil && a.GivesPower() && a.Outcome == incident.OutcomeRefused
}

// duty is the intent to switch on what was switched off.
func (f Facts) duty(on incident.Intended) incident.Intended {
	on.Intent = fmt.Sprintf("%s/I%d", f.Incident.ID, f.Incident.Version+1)
	on.Verb, on.Duty, on.Boot = "on", f.Incident.DutyTries+1, ""
	on.NotAfter = f.Now.Add(f.Limits.NotAfter)
	if boot := f.Now.Add(10 * time.Minute); boot.After(on.VerifyBy) {
		on.VerifyBy = boot
	}
	return f.ofToday(on)
}

// ofToday has a duty name the machine that the inventory names by now: hardware may
// have been replaced since. The session holds that against what the BMC says.
func (f Facts) ofToday(i incident.Intended) incident.Intended {
	server, _ := f.Inventory.Server(i.Server)
	i.Serial, i.UUID = server.Serial, server.UUID
	return i
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
