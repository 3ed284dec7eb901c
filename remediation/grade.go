package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// grade returns the best proof that a look gives of the action under way; ok
// is false when it proves no more than is known.
func (f Facts) grade(look Look) (g incident.Graded, ok bool) {
	a := f.Incident.Action
	if !a.Live() || a.Outcome == "" || a.Outcome == incident.OutcomeRefused {
		return g, false
	}
	for _, proof := range []func(Facts, Look) (incident.Grade, string){bootedSince, heardAgain, bootSeen, powerChanged} {
		if grade, detail := proof(f, look); grade != incident.Unproved {
			better := !a.Grade.Reaches(grade)
			return incident.Graded{Intent: a.Intent, Grade: grade, Detail: detail}, better
		}
	}
	return g, false
}

// bootedSince: the machine itself says that it has started since the command.
func bootedSince(f Facts, look Look) (incident.Grade, string) {
	boot, ok := finding(look.Evidence, "boot")
	seconds, told := boot.Facts["uptime"].(float64)
	if !ok || !told || boot.State != incident.Up {
		return "", ""
	}
	if started := look.At.Add(-time.Duration(seconds * float64(time.Second))); started.After(f.Incident.Action.ClaimedAt) {
		return incident.NewBoot, fmt.Sprintf("the machine says that it started at %s (boot %.8v)", clockTime(started), boot.Facts["id"])
	}
	return "", ""
}

// heardAgain: it answers, and had been silent when the action was planned.
func heardAgain(f Facts, look Look) (incident.Grade, string) {
	if answers(look.Checks) == incident.Up && answers(f.Incident.Goal.Checks) == incident.Down {
		return incident.OnTheNet, "it answers on the network again"
	}
	return "", ""
}

// bootSeen: the BMC tells of a start that is younger than the command.
func bootSeen(f Facts, look Look) (incident.Grade, string) {
	bmc, _ := finding(look.Evidence, "bmc")
	text, _ := bmc.Facts["boot_event"].(string)
	at, err := time.Parse(time.RFC3339, text)
	before, _ := finding(f.Incident.Diagnosis, "bmc")
	if err != nil || !at.After(f.Incident.Action.ClaimedAt) || before.Facts["boot_event"] == text { // a BMC's clock may be some minutes ahead
		return "", ""
	}
	return incident.Booting, "the BMC's log tells of a start at " + clockTime(at)
}

// powerChanged: the power was seen to do what it was told. A cycle has shown
// itself when the machine was seen off and then on.
func powerChanged(f Facts, look Look) (incident.Grade, string) {
	a, was := f.Incident.Action, f.Incident.Power
	switch {
	case a.Action != "power":
	case a.Verb == "on" && look.Power == "on":
		return incident.Powered, "the BMC says that the machine is on; it was off"
	case a.Verb == "cycle" && was == "off" && look.Power == "on":
		return incident.Powered, "the BMC said off, and says on"
	case (a.Verb == "off" || a.Verb == "soft") && look.Power == "off":
		return incident.Powered, "the BMC says that the machine is off"
	}
	return "", ""
}
