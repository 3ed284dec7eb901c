package remediation

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// A drill goes the way of real trouble, with the same rules, and touches nothing:
// what is looked at is what its story pretends, read off the timeline alone, and
// what is sent ends in pretend.

// pretend is what carrying out an intent of a drill comes to.
func pretend(intent incident.Intended) incident.Payload {
	return incident.OutcomeRecorded{
		Intent: intent.Intent, Outcome: incident.OutcomeDone, Detail: "drill: not sent; the pretended machine took " + intent.What(),
	}
}

// startsIn is how long a pretended machine takes to come up.
const startsIn = time.Minute

// cured reports whether what was done would have mended what the story pretends.
func (f Facts) cured() bool {
	inc := f.Incident
	if inc.Order != nil && inc.Order.State == "done" {
		return true
	}
	a, cure := inc.Action, incident.Stories[inc.Drill.Story].Cure
	if a == nil || a.Outcome != incident.OutcomeDone || f.Now.Before(a.SettledAt.Add(startsIn)) {
		return false
	}
	return cure == a.Action || cure == a.Action+" "+a.Verb
}

// pretended is what a round of looks finds in a drill. No probe is asked.
func (f Facts) pretended(list []runbooks.Diagnosis) []incident.Check {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	found := make([]incident.Check, len(list))
	for n, d := range list {
		found[n] = pretendedCheck(d.Check, d.Target, incident.Stories[f.Incident.Drill.Story], f.cured(), server)
		found[n].ID, found[n].Kind, found[n].Target = d.ID, d.Check, d.Target
	}
	return found
}

func pretendedCheck(kind, target string, story incident.Story, cured bool, server inventory.Server) incident.Check {
	well := incident.Check{State: incident.Up, Reason: "answers (drill)"}
	bad := incident.Check{State: incident.Down, Reason: "does not answer (drill)"}
	alive := cured || story.Answers
	switch {
	case kind == "reachable" && target == "server", kind == "ssh", kind == "icmp" && target == "server":
		if alive {
			return well
		}
		return bad
	case kind == "services":
		return pretendedServices(cured, server, well, bad)
	case kind == "bmc" && story.Power == "" && !cured:
		return incident.Check{State: incident.Unknown, Reason: "the BMC is silent (drill)"}
	case kind == "bmc":
		power := story.Power
		if cured {
			power = "on"
		}
		return incident.Check{State: incident.Up, Reason: "the machine is " + power + " (drill)", Facts: map[string]any{"state": power}}
	case kind == "boot":
		return incident.Check{State: incident.Unknown, Reason: "a drill has no start of a machine to show"}
	case kind == "announcement", kind == "icmp":
		return well
	}
	return DefaultFound(kind, target)
}

func pretendedServices(cured bool, server inventory.Server, well, bad incident.Check) incident.Check {
	c, down := bad, ""
	if len(server.Services) > 0 {
		down = server.Services[0].Name
	}
	c.Facts = map[string]any{"down": down, "up": 0}
	if cured || down == "" {
		c = well
		c.Facts = map[string]any{"down": "", "up": len(server.Services)}
	}
	return c
}

// standIns are who gets the work order of a drill instead of the site's hands,
// who would come: the people on duty.
func standIns(f Facts) *inventory.RemoteHands {
	hands := &inventory.RemoteHands{Name: "whoever is on duty, in the place of the technician"}
	for _, p := range f.Inventory.OnDuty(f.Incident.Team) {
		if p.Email != "" {
			hands.Email = append(hands.Email, p.Email)
		}
	}
	return hands
}

// real looks whether the server of a drill is in trouble in earnest.
func (e *Engine) real(ctx context.Context, f *Facts) error {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	subjects := append([]incident.Subject{f.Incident.Subject}, wider(server, server.Site)...)
	open, err := e.Store.Ongoing(ctx, subjects)
	for _, subject := range subjects {
		if inc := open[subject]; inc != nil && f.Real == "" && (subject == f.Incident.Subject || inc.Stands()) {
			f.Real = inc.ID
		}
	}
	return err
}

// drillEnds ends a drill as soon as there is real trouble: people have one thing
// to do.
func drillEnds(f Facts) Move {
	if f.Real == "" {
		return nil
	}
	return decide(
		incident.Note{By: incident.Piket, Words: "The drill ends: " + f.Real + " is real trouble of the same server, or of all around it."},
		incident.Closed{By: incident.Piket})
}
