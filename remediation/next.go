// Package remediation carries an incident through its runbook. [Next] decides,
// from facts alone, the one thing to do now; [Engine] does it and writes it
// down; an [Action] sends one change to one server at most once.
//
// Read next.go first: the rules stand there in the order in which they are
// asked. Those about looking are in watch.go, about coming back in restore.go,
// about remedies in ladder.go, guard.go and approval.go, about effects in
// verify.go, about people on site in escalate.go.
package remediation

import (
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// Facts is everything that Next may look at.
type Facts struct {
	Incident  *incident.Incident
	Runbook   *runbooks.Runbook // nil when no runbook fits: then a person works
	Inventory *inventory.Inventory
	Limits    Limits
	Frozen    string // why every action is stopped, "" when none is
	Goal      Look   // this process's latest look at the goal
	Diagnosis Look   // and at the rest
	Now       time.Time

	// A look that was taken for this very decision is as fresh as looks get,
	// however long it took.
	JustWatched, JustDiagnosed bool

	// Alone says that the rest of these facts was not looked up, because no rule
	// needs it while the incident is asleep. No action is allowed on such facts.
	Alone bool

	Touched  []*incident.Touch            // what was acted on lately, by any incident
	Fallen   []string                     // servers of the site that fell at about the same time, each once
	Results  map[string][]*incident.Touch // what each step was good for on this class of server, newest first
	Around   string                       // the incident that is open for the server's whole rack or site, "" when none
	PartOf   string                       // the incident of servers that fell together which names this one, "" when none does
	Others   Others                       // who else is at work on the machine
	Identity *incident.Identity           // what people have said of which machine the server is, nil when nothing
	Clock    string                       // why this machine's clock cannot be trusted, "" when it can
	Ahead    []clock.Step                 // how that clock was set ahead lately
	Real     string                       // of a drill: the incident that is open for its server in earnest, "" when none is
	ClaimAge time.Duration                // how long this process has known, by its own watch, that the intent is claimed
}

// Look is what was seen. The zero Look is no look at all: after a start piket
// has seen nothing yet, whatever the timeline says.
type Look struct {
	At     time.Time // when it began: no finding is younger
	Ended  time.Time // when it ended: the next one is due a while after that
	Checks []incident.Check
	Power  string // "on", "off", "unknown"; "" when not asked

	Evidence []incident.Check // of an action under way: what the BMC and the machine tell of a restart
}

// Limits hold for every incident.
type Limits struct {
	HoldDown  time.Duration // trouble lasts this long before power is touched
	Fresh     time.Duration // findings older than this decide nothing
	Poll      time.Duration // between looks while something is on its way
	IdlePoll  time.Duration // between looks while people work, at first
	IdleMost  time.Duration // and when nothing has changed for long; a tenth of that time in between
	NotAfter  time.Duration // from intent to send; later it is not sent
	PowerOn   time.Duration // power that we cut may be off this long before it is duty to restore it
	AfterWork time.Duration // from "the technician is done" to asking a person why it is still down

	InFlight             int           // servers that are acted on at the same time, at most
	Rack, Customer, Site int           // servers of one of each in piket's hands at once, at most
	FleetPercent         int           // of all servers in piket's hands at once, at most; one at least
	Reinstalls           int           // servers that are made ready for a reinstallation in a day, at most
	SiteHour, ServerDay  int           // actions on one site in an hour, on one server in a day, at most
	BootGrace            time.Duration // a machine that started so lately may still be coming up
	Cooldown             time.Duration // from touching a machine's power to touching it again

	Together, TogetherPercent int           // so many servers of a rack, feed or site, or more than such a share of it,
	TogetherWithin            time.Duration // that fall within this time have a cause in common

	ErrorBudget ErrorBudget
	HeldBack    time.Duration // from a guard's first no to calling a person about it
}

// DefaultLimits are the limits when the configuration names none.
var DefaultLimits = Limits{
	HoldDown: 5 * time.Minute, Fresh: time.Minute, Poll: 10 * time.Second, IdlePoll: 30 * time.Second, IdleMost: 5 * time.Minute,
	NotAfter: 30 * time.Second, PowerOn: 30 * time.Second, AfterWork: 15 * time.Minute,
	InFlight: 5, Rack: 1, Customer: 1, Site: 2, FleetPercent: 1, Reinstalls: 1, SiteHour: 5, ServerDay: 3, Cooldown: 30 * time.Minute, BootGrace: 10 * time.Minute,
	Together: 3, TogetherPercent: 20, TogetherWithin: 5 * time.Minute,
	ErrorBudget: ErrorBudget{Of: 10, Failed: 3}, HeldBack: 30 * time.Minute,
}

// Move is the one thing to do now.
type Move interface{ move() }

// The moves that exist.
type (
	// Rest: nothing, until the timeline changes.
	Rest struct{}
	// Wait: nothing, until then or until the timeline changes.
	Wait struct{ Until time.Time }
	// Watch: look at the goal, and at the power while an action is on its way.
	Watch struct{ Power bool }
	// Diagnose: take every look of the runbook, touching nothing.
	Diagnose struct{}
	// Decide: write these events down.
	Decide struct{ Payloads []incident.Payload }
	// Merge: this is part of a trouble of the whole site.
	Merge struct{ Reason string }
	// Intend: write this intent down, if the guards agree in that very moment.
	Intend struct{ Intent incident.Intended }
	// Send: claim the intent, if the guards still agree, then send it once.
	Send struct{ Intent incident.Intended }
	// Dispatch: send the work order to hands on site.
	Dispatch struct {
		Step       string
		Technician runbooks.Technician
	}
)

func (Rest) move()     {}
func (Wait) move()     {}
func (Watch) move()    {}
func (Diagnose) move() {}
func (Decide) move()   {}
func (Merge) move()    {}
func (Intend) move()   {}
func (Send) move()     {}
func (Dispatch) move() {}

// rules are asked from the top; the first that has something to do decides. A
// rule that returns nil has nothing to say.
var rules = []func(Facts) Move{
	settle,    // an intent on its way comes before everything else
	watch,     // never decide on an old look at the goal
	takeBack,  // what piket set on a BMC for a reinstallation that is over
	restore,   // the goal has held for its time
	finish,    // service is back: closure check, or it failed again
	powerDuty, // what piket switched off, it switches on
	verify,    // an action was done: has it helped?
	wait,      // a person has been asked, or is on site
	diagnose,  // look before touching
	conclude,  // whose trouble is it?
	hold,      // not the server's: touch nothing
	ladder,    // the next remedy that applies
	escalate,  // none is left: send somebody
}

// Next decides what to do now. It is a pure function: the same facts give the
// same move, whoever asks and however often.
func Next(f Facts) Move {
	if !f.Incident.Ongoing() || f.Runbook == nil {
		return Rest{}
	}
	if m := drillEnds(f); m != nil {
		return m
	}
	for _, rule := range rules {
		if m := rule(f); m != nil {
			return m
		}
	}
	return f.nextLook()
}

// settle deals with an intent that has not yet been answered for.
func settle(f Facts) Move {
	a := f.Incident.Action
	switch {
	case !a.Live() || a.Outcome != "":
		return nil
	case a.ClaimedAt.IsZero() && f.Now.After(a.NotAfter):
		return decide(incident.Voided{Intent: a.Intent, Reason: "its time to be sent had passed"})
	case a.ClaimedAt.IsZero():
		return send(f, a.Intended)
	case f.ClaimAge > f.Limits.NotAfter && f.Now.After(a.NotAfter), f.ClaimAge > f.longestClaim():
		// Whoever claimed it had that long by their own watch, however wrong their
		// clock is, and nobody sends later. It may or may not have been sent.
		return decide(incident.OutcomeRecorded{Intent: a.Intent, Outcome: incident.OutcomeUnknown,
			Detail: "piket stopped after claiming it and before seeing an answer"})
	}
	wait := max(min(a.NotAfter.Sub(f.Now), f.longestClaim()-f.ClaimAge), f.Limits.NotAfter-f.ClaimAge)
	return Wait{Until: f.Now.Add(wait + time.Millisecond)}
}

// longestClaim is how long a claim is waited for when the time of day never says
// that its send is over: one of the clocks is wrong, and by any watch no send
// takes as long.
func (f Facts) longestClaim() time.Duration { return 10 * f.Limits.NotAfter }

// send asks the guards again, on the facts of this moment.
func send(f Facts, intent incident.Intended) Move {
	if why := f.forbids(intent); why != "" {
		return decide(incident.Voided{Intent: intent.Intent, Reason: why})
	}
	return Send{Intent: intent}
}

const unlooked = "this process has not looked at it lately"

// forbids says why an intent may not be written or sent now, "" when it may. It
// is asked when the intent is planned, and again in the transactions that write
// it and that claim its one send. Power that piket cut itself is given back
// whatever the guards say, unless everything is frozen, by a process that has
// looked.
func (f Facts) forbids(intent incident.Intended) string {
	// Another process may have planned it while what this one remembers grew old.
	oldest := f.Limits.Fresh + f.Limits.NotAfter
	if intent.Duty > 0 {
		switch {
		case f.Frozen != "":
			return "guard freeze: " + f.Frozen
		case intent.GivesPower() && f.Alone: // what is taken back from a BMC moves no machine
			return "guard surroundings: what other incidents do was not looked up"
		case intent.GivesPower() && f.inRack() != "":
			return "guard interlock: hands are in its rack, for " + f.inRack()
		case f.otherMachine() != "":
			return "guard identity: " + f.otherMachine()
		case f.Goal.old(f.Now, oldest):
			return unlooked
		}
		return ""
	}
	remedy, ok := f.Runbook.Remedy(intent.Step)
	if !ok {
		return "the runbook has no such step"
	}
	if f.Goal.old(f.Now, oldest) || f.Diagnosis.old(f.Now, oldest) {
		return unlooked
	}
	if no := refuse(f, remedy); no != nil {
		return "guard " + no.Guard + ": " + no.Why
	}
	if intent.Approval == "" && f.trust(remedy).Trust != runbooks.Auto {
		return "nobody was asked, and what made that unnecessary no longer holds"
	}
	return f.rebound(intent, remedy)
}

// wait leaves people their time: one who was asked, and one who is on site.
func wait(f Facts) Move {
	inc := f.Incident
	if o := inc.Order; o != nil && !o.Declined() {
		return waitForOrder(f, o)
	}
	a := inc.Approval
	switch {
	case a == nil:
		return nil
	case f.Clock != "":
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: "nobody knows any more when it expires: " + f.Clock})
	case f.Now.Before(a.Expires) && f.outdated(a) != "":
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Reason: f.outdated(a)})
	case f.Now.Before(a.Expires) && a.GrantedBy == "":
		return f.waitUntil(a.Expires)
	case f.Now.Before(a.Expires):
		return nil
	case a.GrantedBy == "":
		return decide(incident.ApprovalLapsed{Approval: a.Approval, Expired: true,
			Reason: unanswered(a) + " in time; " + a.Else})
	}
	return decide(incident.ApprovalLapsed{Approval: a.Approval,
		Reason: a.GrantedBy + " said yes, but it could not be done in time"})
}

// diagnose takes a fresh look before anything is concluded, at the goal as well:
// while nothing changes that is looked at more seldom than an action allows.
func diagnose(f Facts) Move {
	if !f.JustWatched && f.Goal.old(f.Now, f.Limits.Fresh) {
		return f.look()
	}
	if !f.JustDiagnosed && f.Diagnosis.old(f.Now, f.Limits.Fresh) {
		return Diagnose{}
	}
	return nil
}

// conclude writes the verdict down when it is new.
func conclude(f Facts) Move {
	c := Judge(f)
	if c.Verdict == f.Incident.Verdict.Verdict {
		return nil
	}
	return decide(c)
}

// hold stops before the ladder when the trouble is not the server's.
func hold(f Facts) Move {
	inc := f.Incident
	if inc.Subject.Kind != "server" { // no ladder: somebody is sent
		if inc.Verdict.Verdict == incident.VerdictUnknown && f.Now.Sub(inc.VerdictAt) > 2*f.Limits.HoldDown {
			return attention(inc, "parts-still-down", "the way to "+inc.Subject.Name+" is there again, and not everything behind it: "+badness(f.Goal.Checks))
		}
		return nil
	}
	// Who owes something stays as long as it is owed, and where hands are at work
	// somebody keeps asking after them: what is part of another incident does nothing
	// any more.
	if f.PartOf != "" && !inc.Action.Live() && inc.Owes == nil && inc.Armed == nil && !inc.AtWork() {
		return Merge{Reason: "it is one of the servers that fell together"}
	}
	switch v := inc.Verdict; v.Verdict {
	case incident.VerdictServer:
		return nil
	case incident.VerdictSite, incident.VerdictFeed, incident.VerdictRack:
		// Where no service is at stake, one lost look at the gateway must not
		// become an outage of the site that customers are told of; the scheduler,
		// which looks several times, opens that.
		if f.Runbook.Goal.Service() && inc.Owes == nil && inc.Armed == nil && !inc.AtWork() && f.Diagnosis.At.After(inc.VerdictAt) {
			return Merge{Reason: v.Reason} // a second look has found the same
		}
		return f.block("", refusal{Guard: "verdict", Why: v.Reason, Until: f.Now.Add(f.Limits.Fresh)})
	case incident.VerdictRecovered:
		return f.nextLook()
	default:
		if flaps(inc) {
			if m := attention(inc, "flapping", inc.Subject.Name+" goes and comes back again and again; its power is left alone"); m != nil {
				return m
			}
		}
		if f.Now.Sub(inc.PinnedAt) > 2*f.Limits.HoldDown {
			if m := attention(inc, "verdict-unknown", "piket cannot tell where the trouble lies: "+v.Reason); m != nil {
				return m
			}
		}
		return f.block("", refusal{Guard: "verdict", Why: v.Reason, Until: f.Now.Add(f.Limits.Fresh)})
	}
}

func decide(payloads ...incident.Payload) Move { return Decide{Payloads: payloads} }

// block writes down once what is held back, and looks again at its time. A
// person hears of what stays so for long.
func (f Facts) block(step string, no refusal) Move {
	if b := f.Incident.Blocked; b.Guard == no.Guard && b.Step == step {
		if f.Now.Sub(f.Incident.BlockedAt) > f.Limits.HeldBack {
			if m := attention(f.Incident, "held-back-"+no.Guard, "for "+f.Limits.HeldBack.String()+" now nothing is done: "+no.Why); m != nil {
				return m
			}
		}
		return f.waitUntil(no.Until)
	}
	return decide(incident.Blocked{Step: step, Guard: no.Guard, Why: no.Why, Until: no.Until})
}

// attention calls for a person, once for each topic.
func attention(inc *incident.Incident, topic, why string) Move {
	if _, raised := inc.Attentions[topic]; raised {
		return nil
	}
	return decide(incident.Attention{Topic: topic, Why: why})
}
