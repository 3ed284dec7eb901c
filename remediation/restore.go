package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// restore ends the outage when the goal has held for its time. While it holds,
// nothing else is done: what answers is not touched.
func restore(f Facts) Move {
	inc := f.Incident
	if inc.Status != incident.Open || !inc.Goal.Holds {
		return nil
	}
	if a := inc.Approval; a != nil {
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: "it answers again"})
	}
	complained := len(inc.Complaints()) > 0 // a customer knows better [6.6]; who is on duty has been called, and nothing is touched meanwhile
	if complained && !(inc.Action.Live() && inc.Action.Outcome != "") {
		return f.nextLook()
	}
	if since := inc.Goal.Since.Add(f.Runbook.Goal.For); f.Now.Before(since) {
		return f.waitUntil(since)
	}
	if complained { // what is not judged would count against every other server
		return decide(f.failed("it answers again, and a customer says that not everything works"))
	}
	if !f.JustWatched && f.Goal.old(f.Now, time.Second) {
		return f.look() // customers are told at once: let it be so at this moment
	}
	return decide(f.restored())
}

// finish checks everything once more after service is back, and notices when
// it fails again. Closing itself is a person's act: it needs a cause.
func finish(f Facts) Move {
	inc := f.Incident
	switch {
	case inc.Status != incident.BackInService:
		return nil
	case !inc.Goal.Holds:
		return relapse(f)
	case inc.Closure != nil:
		return f.remind()
	case !f.Goal.At.After(inc.RestoredAt):
		return f.nextLook() // the closure check is a look of its own
	}
	return decide(incident.ClosureChecked{Passed: true, Checks: f.Goal.Checks})
}

// relapse opens the incident again once the failure has been seen for a while.
// What piket cannot see is no failure: customers are not told of its own
// trouble. What a whole site or rack explains has an incident of its own, by
// which they hear.
func relapse(f Facts) Move {
	lasts := f.Incident.Goal.Since.Add(f.Limits.Fresh)
	switch {
	case !anyDown(f.Goal.Checks):
		return f.nextLook()
	case f.Now.Before(lasts):
		return f.waitUntil(lasts)
	case f.Around != "":
		return f.nextLook()
	}
	if m := diagnose(f); m != nil {
		return m
	}
	switch Judge(f).Verdict {
	case incident.VerdictMe:
		return f.nextLook()
	case incident.VerdictSite, incident.VerdictFeed, incident.VerdictRack:
		if f.Incident.Subject.Kind == "server" {
			return f.nextLook()
		}
	}
	return decide(incident.Relapsed{Reason: badness(f.Goal.Checks)})
}

// closeWithin is how long a finished incident may wait for its description.
const closeWithin = 24 * time.Hour

// remind calls for somebody to close what is long over.
func (f Facts) remind() Move {
	due := f.Incident.RestoredAt.Add(closeWithin)
	if awaited := f.Incident.AwaitedUntil(); !awaited.IsZero() {
		due = awaited.Add(closeWithin) // the customers come first, then the incident manager
	}
	if !f.Now.After(due) {
		return f.waitUntil(due.Add(time.Millisecond))
	}
	if m := attention(f.Incident, "not-closed", "service is back since "+clockTime(f.Incident.RestoredAt)+", and nobody has closed the incident"); m != nil {
		return m
	}
	return f.nextLook()
}

// restored says how service came back, as far as that is known. A step has the
// credit only when it was carried out.
func (f Facts) restored() incident.Restored {
	inc := f.Incident
	held := fmt.Sprintf("all checks have answered for %v", f.Runbook.Goal.For)
	a, o := inc.LastTried(), inc.Order
	switch {
	case a.Live() && a.Outcome == incident.OutcomeDone && !a.Grade.Reaches(f.needs(a.Step)):
		return incident.Restored{How: fmt.Sprintf("%s; that \"%s\" was carried out is proved to grade %q only, and the runbook wants %q", held, a.What(), a.Grade, f.needs(a.Step))}
	case a.Live() && a.Outcome == incident.OutcomeDone:
		return incident.Restored{Step: a.Step, How: held + " after \"" + a.What() + "\""}
	case a.Live() && a.Outcome == incident.OutcomeUnknown:
		return incident.Restored{How: held + "; whether \"" + a.What() + "\" did it is not known"}
	case o != nil && o.State == "done":
		return incident.Restored{Step: o.Step, How: held + " after the technician's work"}
	case a != nil && !a.Voided && a.Outcome != incident.OutcomeRefused && !a.Prepares():
		return incident.Restored{How: held + "; \"" + a.What() + "\" had already been given up"}
	}
	return incident.Restored{How: held + "; piket had done nothing for it"}
}

// needs is the proof that a step's runbook wants before it counts as carried
// out.
func (f Facts) needs(step string) incident.Grade {
	r, _ := f.Runbook.Remedy(step)
	return incident.Grade(r.Evidence)
}
