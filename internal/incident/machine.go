package incident

import (
	"fmt"
	"strings"
	"time"
)

// State is a probe's judgement. Unknown is piket's own trouble or silence that
// proves nothing: it is never read as up, nor as down.
type State string

// The three states.
const (
	Up      State = "up"
	Down    State = "down"
	Unknown State = "unknown"
)

// Check is one finding of a diagnosis or of the goal.
type Check struct {
	ID     string         `json:"id"`
	Kind   string         `json:"check"`
	Target string         `json:"target"`
	State  State          `json:"state"`
	Reason string         `json:"reason"`
	Facts  map[string]any `json:"facts,omitempty"` // what a runbook's conditions see: {"state": "off"}
}

// Diagnosed records one round of looking, before anything is touched.
type Diagnosed struct {
	Checks []Check `json:"checks"`
}

func (Diagnosed) Kind() Kind { return "diagnosed" }
func (p Diagnosed) Text() string {
	parts := make([]string, 0, len(p.Checks))
	for _, c := range p.Checks {
		parts = append(parts, fmt.Sprintf("%s: %s", c.ID, c.Reason))
	}
	return sentence("Looked, touched nothing. %s.", strings.Join(parts, "; "))
}

// Verdict says where the trouble lies. Only Server ever allows an action.
type Verdict string

// The verdicts.
const (
	VerdictServer    Verdict = "server"
	VerdictRack      Verdict = "rack"
	VerdictFeed      Verdict = "feed"
	VerdictSite      Verdict = "site"
	VerdictMe        Verdict = "me"
	VerdictRecovered Verdict = "recovered"
	VerdictUnknown   Verdict = "unknown"
)

// Concluded records the verdict drawn from a diagnosis.
type Concluded struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
}

func (Concluded) Kind() Kind { return "concluded" }
func (p Concluded) Text() string {
	where := map[Verdict]string{
		VerdictServer: "the server itself", VerdictRack: "the rack", VerdictFeed: "a power feed", VerdictSite: "the site, not the server",
		VerdictMe: "piket's own view, not the server", VerdictRecovered: "nowhere any more", VerdictUnknown: "not known",
	}[p.Verdict]
	return sentence("Where the trouble lies: %s (%s).", where, p.Reason)
}

// GoalSeen records that the goal began or ceased to hold. A look that changes
// nothing is not written down.
type GoalSeen struct {
	Holds     bool    `json:"holds"`
	Checks    []Check `json:"checks"`
	Unwatched bool    `json:"unwatched,omitempty"` // piket had not looked for a while: the time starts anew
}

func (GoalSeen) Kind() Kind { return "goal" }
func (p GoalSeen) Text() string {
	if p.Holds && p.Unwatched {
		return "Everything answers, but nobody had watched for a while: counting starts anew."
	}
	if p.Holds {
		return "Everything answers; watching whether it stays that way."
	}
	return sentence("Not well: %s.", firstBad(p.Checks))
}

func firstBad(checks []Check) string {
	var bad []string
	for _, c := range checks {
		if c.State != Up {
			bad = append(bad, c.ID+" "+c.Reason)
		}
	}
	return strings.Join(bad, "; ")
}

// Skipped records a remedy that does not apply, and why.
type Skipped struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

func (Skipped) Kind() Kind     { return "skipped" }
func (p Skipped) Text() string { return sentence("Step %s left out: %s.", p.Step, p.Reason) }

// Blocked records what piket does not do, why, and when it looks again.
type Blocked struct {
	Step  string    `json:"step"`
	Guard string    `json:"guard"` // the named reason: "freeze", "hold-down", …
	Why   string    `json:"why"`
	Until time.Time `json:"until"` // the next look
}

func (Blocked) Kind() Kind { return "blocked" }
func (p Blocked) Text() string {
	return sentence("Step %s held back by guard %s: %s. Next look at %s.", p.Step, p.Guard, p.Why, clockTime(p.Until))
}

// Intended is written before anything is sent. It names one server.
type Intended struct {
	Intent   string   `json:"intent"`
	Step     string   `json:"step"`
	Attempt  int      `json:"attempt"`
	Server   string   `json:"server"`
	Action   string   `json:"action"` // [ActionPower], [ActionSSH], [ActionBoot] or [ActionMedia]
	Verb     string   `json:"verb,omitempty"`
	Boot     string   `json:"boot,omitempty"` // the device that this incident has set: what a power command starts it from, and what is taken back
	ISO      string   `json:"iso,omitempty"`  // of media: the image
	SHA256   string   `json:"sha256,omitempty"`
	Command  []string `json:"command,omitempty"`
	Runbook  string   `json:"runbook,omitempty"` // whose step it is
	Class    string   `json:"class,omitempty"`   // of server, for what is learnt from it: the model
	Serial   string   `json:"serial"`
	UUID     string   `json:"uuid"`
	PlanHash string   `json:"plan_hash"`
	Binding
	Drill    bool      `json:"drill,omitempty"` // of an exercise: whoever holds the keys refuses it
	Approval string    `json:"approval,omitempty"`
	Agreed   []string  `json:"agreed,omitempty"`  // who said yes to it
	Unasked  string    `json:"unasked,omitempty"` // why nobody is asked, where the runbook would have somebody asked
	Duty     int       `json:"duty,omitempty"`    // 1, 2 …: the try to bring back power that we cut ourselves, or to take back what we set
	NotAfter time.Time `json:"not_after"`         // never sent later than this
	VerifyBy time.Time `json:"verify_by"`
	Among    Circles   `json:"among,omitzero"`
}

// Circles are what a server shares with others, as the inventory had it when an
// action was planned. The limits of these hold for the action even when the
// server has been moved, or taken out of the inventory, since.
type Circles struct {
	Rack      string   `json:"rack,omitempty"`
	Site      string   `json:"site,omitempty"`
	Customers []string `json:"customers,omitempty"`
}

func (Intended) Kind() Kind { return "intended" }
func (p Intended) Text() string {
	if p.Drill {
		return sentence("Drill: about to pretend to %s. No machine is touched.", p.What())
	}
	if p.Unasked != "" {
		return sentence("About to %s. Nobody is asked: %s.", p.What(), p.Unasked)
	}
	return sentence("About to %s.", p.What())
}

// What says the action in words: "power cycle web-07".
func (p Intended) What() string {
	switch {
	case p.Action == ActionPower && p.Boot != "":
		return fmt.Sprintf("power %s %s, which starts it from %s and may wipe its disks", p.Verb, p.Server, DeviceWords(p.Boot))
	case p.Action == ActionPower:
		return "power " + p.Verb + " " + p.Server
	case p.onBMC():
		return p.whatOnBMC()
	}
	return fmt.Sprintf("run %q on %s", strings.Join(p.Command, " "), p.Server)
}

// Claimed says that exactly this process now owns the one send.
type Claimed struct {
	Intent string `json:"intent"`
	Owner  string `json:"owner"`
}

func (Claimed) Kind() Kind     { return "claimed" }
func (p Claimed) Text() string { return sentence("Sending it, once (%s).", p.Owner) }

// Voided ends an intent that was never sent.
type Voided struct {
	Intent string `json:"intent"`
	Reason string `json:"reason"`
}

func (Voided) Kind() Kind     { return "voided" }
func (p Voided) Text() string { return sentence("Not sent: %s.", p.Reason) }

// Outcome is what is known of a send.
type Outcome string

// The outcomes. OutcomeUnknown is settled by looking, never by sending again.
const (
	OutcomeDone    Outcome = "done"    // accepted; whether it helped is seen later
	OutcomeRefused Outcome = "refused" // proved not carried out
	OutcomeUnknown Outcome = "unknown"
)

// OutcomeRecorded says what became of the one send.
type OutcomeRecorded struct {
	Intent  string  `json:"intent"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
}

func (OutcomeRecorded) Kind() Kind { return "outcome" }
func (p OutcomeRecorded) Text() string {
	switch p.Outcome {
	case OutcomeDone:
		return sentence("Accepted: %s. Whether it helped is still to be seen.", p.Detail)
	case OutcomeRefused:
		return sentence("Not carried out: %s.", p.Detail)
	}
	return sentence("Not known whether it was carried out (%s). It is not sent again; piket looks.", p.Detail)
}

// PowerSeen records a change of the power state that the BMC reports.
type PowerSeen struct {
	Server string `json:"server"`
	Power  string `json:"power"` // "on", "off", "unknown"
}

func (PowerSeen) Kind() Kind { return "power_seen" }
func (p PowerSeen) Text() string {
	if p.Power == "unknown" {
		return sentence("The BMC does not say whether %s is on.", p.Server)
	}
	return sentence("The BMC says that %s is %s.", p.Server, p.Power)
}

// StepFailed ends a remedy that did not help.
type StepFailed struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
	Final  bool   `json:"final"` // it is not tried again on this incident
}

func (StepFailed) Kind() Kind     { return "step_failed" }
func (p StepFailed) Text() string { return sentence("Step %s did not help: %s.", p.Step, p.Reason) }
