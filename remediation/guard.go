package remediation

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// refusal is a guard's no. A zero Until means that waiting does not help.
type refusal struct {
	Guard string
	Why   string
	Until time.Time
}

// guards are asked before an action is planned and again before it is sent.
// Every one is a pure function; the first that refuses is named on the
// timeline. None can be switched off: what is not configured refuses.
var guards = []struct {
	name  string
	check func(Facts, runbooks.Remedy) *refusal
}{
	{"surroundings", knowsTheRest},
	{"freeze", notFrozen},
	{"clock", clockTrusted},
	{"one-target", oneTarget},
	{"site-verdict", serverVerdict},
	{"around", allWellAround},
	{"interlock", nobodyElseAtWork},
	{"few-at-once", fewAtOnce},
	{"blast-radius", smallRadius},
	{"rate", rarely},
	{"cooldown", cooledDown},
	{"attempts", attemptsLeft},
	{"identity", identityKnown},
	{"evidence", independentEvidence},
	{WipeGuard, wipeLeave},
	{"reinstalls", fewReinstalls},
	{"boot-override", knownStart},
	{"hold-down", troubleLasts},
}

// refuse asks every guard and returns the first no, nil when all agree.
func refuse(f Facts, r runbooks.Remedy) *refusal {
	for _, g := range guards {
		if no := g.check(f, r); no != nil {
			no.Guard = g.name
			return no
		}
	}
	return nil
}

// knowsTheRest: what other incidents do was looked up for this decision.
func knowsTheRest(f Facts, _ runbooks.Remedy) *refusal {
	if !f.Alone {
		return nil
	}
	return &refusal{Why: "what other incidents do was not looked up", Until: f.Now}
}

// notFrozen: `piket freeze` stops every new action.
func notFrozen(f Facts, _ runbooks.Remedy) *refusal {
	if f.Frozen == "" {
		return nil
	}
	return &refusal{Why: f.Frozen, Until: f.Now.Add(f.Limits.IdlePoll)}
}

// clockTrusted: who does not know what time it is cannot say how long trouble
// has lasted, nor whether an answer came in time.
func clockTrusted(f Facts, _ runbooks.Remedy) *refusal {
	if f.Clock == "" {
		return nil
	}
	return &refusal{Why: f.Clock, Until: f.Now.Add(f.Limits.IdlePoll)}
}

// oneTarget: an incident acts on its own server and on nothing else, and that
// server is one entry of the inventory.
func oneTarget(f Facts, _ runbooks.Remedy) *refusal {
	if f.Incident.Subject.Kind != "server" {
		return &refusal{Why: "the incident is not about one server"}
	}
	if _, ok := f.Inventory.Server(f.Incident.Subject.Name); !ok {
		return &refusal{Why: fmt.Sprintf("%q is not in the inventory", f.Incident.Subject.Name)}
	}
	return nil
}

// serverVerdict: nothing but the verdict "server" allows an action, and it is
// judged anew on what was found last.
func serverVerdict(f Facts, _ runbooks.Remedy) *refusal {
	if c := Judge(f); c.Verdict != incident.VerdictServer {
		return &refusal{Why: c.Reason, Until: f.Now.Add(f.Limits.Fresh)}
	}
	return nil
}

// attemptsLeft: a remedy is tried as often as the runbook says, on one
// incident, relapses included, and never after an unknown outcome.
func attemptsLeft(f Facts, r runbooks.Remedy) *refusal {
	if f.Incident.StepOf(r.ID).Unknown {
		return &refusal{Why: "a try before ended without anybody knowing whether it was carried out; it is not repeated"}
	}
	n := f.Incident.StepOf(r.ID).Attempts
	if a := f.Incident.Action; a.Live() && a.Step == r.ID {
		n-- // the one that is about to be sent
	}
	if n >= r.MaxAttempts() {
		return &refusal{Why: fmt.Sprintf("tried %d of %d times", n, r.MaxAttempts())}
	}
	return nil
}

// identityKnown: what cuts power needs two identifiers to compare with what
// the BMC says of itself.
func identityKnown(f Facts, r runbooks.Remedy) *refusal {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	switch {
	case !touches(r):
		return nil
	case f.otherMachine() != "":
		return &refusal{Why: f.otherMachine(), Until: f.Now.Add(f.Limits.IdlePoll)}
	case server.BMC == nil:
		return &refusal{Why: "the inventory has no BMC for it"}
	case server.Serial == "" || server.UUID == "":
		return &refusal{Why: "the inventory lacks its serial number or UUID, so it could be the wrong machine"}
	}
	return nil
}

// otherMachine says why nobody knows at this moment which machine the server is, ""
// when that is settled. What two people have confirmed counts only for as long as
// their record says so.
func (f Facts) otherMachine() string {
	if f.Incident.IsDrill() { // it has a pretended one
		return ""
	}
	if f.Identity.Open() {
		return "people have said that it is another machine now, and that is not settled"
	}
	restated, is := f.Inventory.Restated(f.Incident.Subject.Name)
	if is && !f.Identity.Confirms(incident.Machine(restated.Was), incident.Machine(restated.Now)) {
		return "what people had confirmed of which machine it is no longer holds"
	}
	return ""
}

// independentEvidence: power is cut only when the network says that the server
// is gone and its BMC, on another path, answers with a power state that fits.
func independentEvidence(f Facts, r runbooks.Remedy) *refusal {
	if !touches(r) {
		return nil
	}
	power, asked := f.finding("bmc")
	state, _ := power.Facts["state"].(string)
	switch {
	case !asked:
		return &refusal{Why: "the runbook does not ask the BMC, so nothing confirms the outage"}
	case state != "on" && state != "off":
		return &refusal{Why: "the BMC does not say whether the machine is on: " + power.Reason}
	case r.Power == "on" && state == "on":
		return &refusal{Why: "the machine is on already"}
	case r.Power != "" && r.Power != "on" && state == "off":
		return &refusal{Why: "the machine is off; " + r.Power + " would not be what it says"}
	}
	if r.Power == "on" {
		return nil
	}
	return silentOnTheNetwork(f)
}

// silentOnTheNetwork: nothing of the machine answers, neither here nor to
// anybody who looks along, and it was asked in more than one way. A firewall that
// eats pings is not a dead server.
func silentOnTheNetwork(f Facts) *refusal {
	ways := 0
	for _, checks := range [][]incident.Check{f.Goal.Checks, f.Diagnosis.Checks} {
		for _, c := range checks {
			switch {
			case c.Kind == "bmc" || c.Target != "server", c.Kind == "vantages" && number(c.Facts["up"]) == 0:
			case c.State == incident.Up && !(c.Kind == "services" && number(c.Facts["up"]) == 0), number(c.Facts["up"]) > 0:
				return &refusal{Why: "the server answers on the network (" + c.ID + "), so its power is not cut"}
			case c.State == incident.Down:
				ways++
			}
		}
	}
	if ways < 2 {
		return &refusal{Why: "fewer than two ways of asking found the server silent"}
	}
	return nil
}

// allWellAround: while its whole rack or site is in trouble, a server's own is
// not judged.
func allWellAround(f Facts, _ runbooks.Remedy) *refusal {
	if f.Around == "" {
		return nil
	}
	return &refusal{Why: f.Around + " is open for its whole rack or site", Until: f.Now.Add(f.Limits.Fresh)}
}

// troubleLasts: a glitch of a minute is not worth a restart (43 seconds of
// partition once cost 24 hours, because failover was faster than the glitch).
func troubleLasts(f Facts, r runbooks.Remedy) *refusal {
	// Counted from what piket has seen itself: an alert may claim any age, and
	// an incident that was open for something lesser gives no credit.
	from := f.Incident.PinnedAt
	if f.Incident.DownSince.After(from) {
		from = f.Incident.DownSince
	}
	until := from.Add(f.Limits.HoldDown)
	if !touches(r) || !f.Now.Before(until) {
		return nil
	}
	return &refusal{Why: fmt.Sprintf("power is not touched in the first %v", f.Limits.HoldDown), Until: until}
}
