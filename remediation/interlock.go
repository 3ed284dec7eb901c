package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/runbooks"
)

// Others is who else is at work on a machine, or has asked that nobody is, as
// far as the findings of a diagnosis do not say it.
type Others struct {
	Hands       string    // the incident for which hands come to the server's rack or are in it, "" when none is
	InRack      string    // the same, when they are there by now
	Maintenance string    // the window that it is in, "" when none
	Silence     string    // the silence of Alertmanager that covers it, "" when none
	SilencesOff string    // why nobody knows about silences, "" when that is known or none are asked for
	Dumping     time.Time // when it last said that it is writing a crash dump, zero when never
}

// dumpTime is how long a machine is left alone after it has said that it is
// writing a crash dump. A large memory takes longer; while it says so, the time
// begins anew, and who listens ends it: anybody could say so.
const dumpTime = 2 * time.Minute

// maxAhead is how far ahead a BMC's clock may be to be believed.
const maxAhead = time.Hour

// justStarted reports whether the machine began to start so lately that it may
// be checking its disks: its silence proves nothing yet.
func (f Facts) justStarted(text string) bool {
	at, err := time.Parse(time.RFC3339, text)
	age := f.Now.Sub(at)
	return err == nil && age > -maxAhead && age < f.Limits.BootGrace
}

// inRack is the incident for which hands are in the server's rack by now, "" when
// none is: then no power is given there either.
func (f Facts) inRack() string {
	if f.Incident.InRack() {
		return f.Incident.ID
	}
	return f.Others.InRack
}

// nobodyElseAtWork: cutting power under a firmware job breaks the machine, under
// a crash dump it destroys the evidence, and under somebody's hands it hurts.
func nobodyElseAtWork(f Facts, r runbooks.Remedy) *refusal {
	soon := f.Now.Add(f.Limits.Fresh)
	o := f.Others
	switch {
	case o.Maintenance != "":
		return &refusal{Why: "it is under maintenance: " + o.Maintenance, Until: soon}
	case o.Silence != "":
		return &refusal{Why: "Alertmanager is told to be silent about it: " + o.Silence, Until: soon}
	case f.inRack() != "":
		return &refusal{Why: "hands are in its rack, for " + f.inRack(), Until: soon}
	case !touches(r):
		return nil
	case f.Incident.AtWork():
		return &refusal{Why: "hands are at work on it", Until: soon}
	case o.Hands != "":
		return &refusal{Why: "hands are at work in its rack, for " + o.Hands, Until: soon}
	case f.Now.Sub(o.Dumping).Abs() < dumpTime: // it may have spoken since the facts were taken; a clock that was set back makes no day of it
		return &refusal{Why: "it says that it is writing a crash dump, last at " + clockTime(o.Dumping), Until: soon}
	}
	bmc, _ := f.finding("bmc")
	said := func(fact string) string { text, _ := bmc.Facts[fact].(string); return text }
	switch {
	case said("task") != "":
		return &refusal{Why: "its BMC is at work: " + said("task"), Until: soon}
	case said("console") != "":
		return &refusal{Why: fmt.Sprintf("somebody is on its console (%s)", said("console")), Until: soon}
	case f.justStarted(said("boot_event")):
		return &refusal{Why: "it started at " + said("boot_event") + " and may still be coming up", Until: soon}
	case said("panic") != "":
		return &refusal{Why: "its system stopped a short while ago and may be writing a crash dump: " + said("panic"), Until: soon}
	}
	return nil
}
