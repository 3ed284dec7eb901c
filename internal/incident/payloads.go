package incident

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
)

// Kinds lists every type of event that exists, by its name in storage.
var Kinds = map[Kind]func([]byte) (Payload, error){
	"opened":             read[Opened],
	"alert":              read[AlertReceived],
	"classified":         read[Classified],
	"assigned":           read[Assigned],
	"acknowledged":       read[Acknowledged],
	"runbook_pinned":     read[RunbookPinned],
	"diagnosed":          read[Diagnosed],
	"concluded":          read[Concluded],
	"goal":               read[GoalSeen],
	"skipped":            read[Skipped],
	"blocked":            read[Blocked],
	"approval_requested": read[ApprovalRequested],
	"approved":           read[Approved],
	"denied":             read[Denied],
	"approval_lapsed":    read[ApprovalLapsed],
	"intended":           read[Intended],
	"claimed":            read[Claimed],
	"voided":             read[Voided],
	"outcome":            read[OutcomeRecorded],
	"power_seen":         read[PowerSeen],
	"step_failed":        read[StepFailed],
	"ordered":            read[WorkOrdered],
	"order_progress":     read[OrderProgress],
	"attention":          read[Attention],
	"restored":           read[Restored],
	"relapsed":           read[Relapsed],
	"closure_checked":    read[ClosureChecked],
	"resolution":         read[Resolution],
	"closed":             read[Closed],
	"merged":             read[Merged],
	"absorbed":           read[Absorbed],
	"message":            read[MessageQueued],
	"delivered":          read[Delivered],
	"undelivered":        read[Undelivered],
	"call_task":          read[CallTask],
	"called":             read[Called],
	"note":               read[Note],
}

func read[P Payload](data []byte) (Payload, error) {
	var p P
	err := json.Unmarshal(data, &p)
	return p, err
}

// Subject is what an incident is about: one server, one rack, one site, or, for
// an alert that is about none of them, that alert.
type Subject struct {
	Kind string `json:"kind"` // "server", "rack", "site", "alert"
	Name string `json:"name"`
}

// String is the subject's key: at most one incident is open for it.
func (s Subject) String() string { return s.Kind + ":" + s.Name }

// Opened begins every timeline.
type Opened struct {
	Title     string   `json:"title"`
	Subject   Subject  `json:"subject"`
	Site      string   `json:"site,omitempty"`
	Customers []string `json:"customers,omitempty"` // whose service it touches
}

func (Opened) Kind() Kind     { return "opened" }
func (p Opened) Text() string { return sentence("Incident opened: %s.", p.Title) }

// AlertReceived records an alert that opened or joined the incident.
type AlertReceived struct {
	Alert alerts.Alert `json:"alert"`
	Cut   uint64       `json:"cut,omitempty"` // alerts the sender left out of the same message
}

func (AlertReceived) Kind() Kind { return "alert" }
func (p AlertReceived) Text() string {
	text := fmt.Sprintf("Alert %s from %s: %s.", p.Alert.Status, p.Alert.Source, strings.TrimSuffix(p.Alert.Summary(), "."))
	if p.Cut > 0 {
		text += fmt.Sprintf(" The sender left out %d more alerts; silence about them does not mean they are resolved.", p.Cut)
	}
	return sentence("%s", text)
}

// Classified sets impact and urgency; the priority follows from the matrix.
// When something worse than what opened the incident raises it, Title is what
// the incident is called from then on.
type Classified struct {
	Title    string   `json:"title,omitempty"`
	Impact   Level    `json:"impact"`
	Urgency  Level    `json:"urgency"`
	Priority Priority `json:"priority"`
	Reason   string   `json:"reason"`
}

func (Classified) Kind() Kind { return "classified" }
func (p Classified) Text() string {
	text := fmt.Sprintf("Priority %s %s: impact %s, urgency %s (%s).", p.Priority, p.Priority.Word(), p.Impact, p.Urgency, p.Reason)
	if p.Title != "" {
		text += fmt.Sprintf(" It is now: %s.", strings.TrimSuffix(p.Title, "."))
	}
	return sentence("%s", text)
}

// Assigned names the team that works on the incident.
type Assigned struct {
	Team string `json:"team"`
}

func (Assigned) Kind() Kind     { return "assigned" }
func (p Assigned) Text() string { return sentence("Assigned to the team %s.", p.Team) }

// Acknowledged says that a person has taken the incident.
type Acknowledged struct {
	By string `json:"by"`
}

func (Acknowledged) Kind() Kind     { return "acknowledged" }
func (p Acknowledged) Text() string { return sentence("%s has taken the incident.", p.By) }

// RunbookPinned fixes the runbook for this incident: its text travels with the
// timeline, so that editing the file changes nothing that is under way.
type RunbookPinned struct {
	Name   string `json:"name"`
	Hash   string `json:"hash"`
	Source string `json:"source"`
}

func (RunbookPinned) Kind() Kind { return "runbook_pinned" }
func (p RunbookPinned) Text() string {
	return sentence("Runbook %s chosen (version %.12s).", p.Name, p.Hash)
}

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
		VerdictServer: "the server itself", VerdictRack: "the rack", VerdictSite: "the site, not the server",
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

// ApprovalRequested asks a person before something dangerous.
type ApprovalRequested struct {
	Approval string    `json:"approval"`
	Step     string    `json:"step"`
	Attempt  int       `json:"attempt"`
	Action   string    `json:"action"`    // in words: "power cycle web-07"
	Why      string    `json:"why"`       // what was seen
	PlanHash string    `json:"plan_hash"` // of exactly what is to be done, to what, on which facts
	By       string    `json:"by"`        // who may: "on-duty", or a team or person
	Expires  time.Time `json:"expires"`
	Else     string    `json:"otherwise"` // what happens without an answer; never the action
}

func (ApprovalRequested) Kind() Kind { return "approval_requested" }
func (p ApprovalRequested) Text() string {
	return sentence("Asked %s for leave to %s, until %s. Without an answer: %s.", p.By, p.Action, clockTime(p.Expires), p.Else)
}

// Approved is a person's yes to one request.
type Approved struct {
	Approval string `json:"approval"`
	PlanHash string `json:"plan_hash"`
	By       string `json:"by"`
}

func (Approved) Kind() Kind     { return "approved" }
func (p Approved) Text() string { return sentence("%s approved (plan %.12s).", p.By, p.PlanHash) }

// Denied is a person's no to one request.
type Denied struct {
	Approval string `json:"approval"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
}

func (Denied) Kind() Kind { return "denied" }
func (p Denied) Text() string {
	if p.Reason == "" {
		return sentence("%s said no.", p.By)
	}
	return sentence("%s said no: %s.", p.By, p.Reason)
}

// ApprovalLapsed ends a request, or a yes, that no longer counts.
type ApprovalLapsed struct {
	Approval string `json:"approval"`
	Reason   string `json:"reason"`
	Expired  bool   `json:"expired"` // nobody answered in time; otherwise the facts changed
}

func (ApprovalLapsed) Kind() Kind     { return "approval_lapsed" }
func (p ApprovalLapsed) Text() string { return sentence("The request for leave lapsed: %s.", p.Reason) }

// Intended is written before anything is sent. It names one server.
type Intended struct {
	Intent   string    `json:"intent"`
	Step     string    `json:"step"`
	Attempt  int       `json:"attempt"`
	Server   string    `json:"server"`
	Action   string    `json:"action"` // "power" or "ssh"
	Verb     string    `json:"verb,omitempty"`
	Command  []string  `json:"command,omitempty"`
	Serial   string    `json:"serial"`
	UUID     string    `json:"uuid"`
	PlanHash string    `json:"plan_hash"`
	Approval string    `json:"approval,omitempty"`
	Duty     int       `json:"duty,omitempty"` // 1, 2 …: the try to bring back power that we cut ourselves
	NotAfter time.Time `json:"not_after"`      // never sent later than this
	VerifyBy time.Time `json:"verify_by"`
}

func (Intended) Kind() Kind     { return "intended" }
func (p Intended) Text() string { return sentence("About to %s.", p.What()) }

// What says the action in words: "power cycle web-07".
func (p Intended) What() string {
	if p.Action == "power" {
		return "power " + p.Verb + " " + p.Server
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

// WorkOrdered asks hands on site to do something.
type WorkOrdered struct {
	Order         string    `json:"order"`
	Step          string    `json:"step"` // place in the runbook's escalation
	To            string    `json:"to"`   // name of the remote hands
	Email         []string  `json:"email"`
	Telephone     string    `json:"telephone,omitempty"`
	Subject       string    `json:"subject"`
	Body          string    `json:"body"`
	AcknowledgeBy time.Time `json:"acknowledge_by"`
	ArriveBy      time.Time `json:"arrive_by"`
}

func (WorkOrdered) Kind() Kind { return "ordered" }
func (p WorkOrdered) Text() string {
	return sentence("Work order %s to %s: %s. To be acknowledged by %s.", p.Order, p.To, p.Subject, clockTime(p.AcknowledgeBy))
}

// OrderProgress is one step of a work order: acknowledged, on_site, done,
// refused.
type OrderProgress struct {
	Order string `json:"order"`
	State string `json:"state"`
	By    string `json:"by"`
	Words string `json:"words,omitempty"`
}

// OrderStates lists the states that a person may report, in their order.
var OrderStates = []string{"acknowledged", "on_site", "done", "refused"}

func (OrderProgress) Kind() Kind { return "order_progress" }
func (p OrderProgress) Text() string {
	text := fmt.Sprintf("Work order %s: %s, says %s", p.Order, strings.ReplaceAll(p.State, "_", " "), p.By)
	if p.Words != "" {
		text += ": " + p.Words
	}
	return sentence("%s.", text)
}

// Attention says that piket cannot go on without a person, and why.
type Attention struct {
	Topic string `json:"topic"` // "order-unacknowledged", "ladder-used-up", …: each is raised once
	Why   string `json:"why"`
}

func (Attention) Kind() Kind     { return "attention" }
func (p Attention) Text() string { return sentence("A person is needed: %s.", p.Why) }

// Restored says that service is back: the goal held for its time.
type Restored struct {
	How  string `json:"how"`  // in words
	Step string `json:"step"` // the remedy or order it followed, "" when it came back by itself
}

func (Restored) Kind() Kind     { return "restored" }
func (p Restored) Text() string { return sentence("Service is back: %s.", p.How) }

// Relapsed says that service failed again before the incident was closed.
type Relapsed struct {
	Reason string `json:"reason"`
}

func (Relapsed) Kind() Kind     { return "relapsed" }
func (p Relapsed) Text() string { return sentence("Failed again: %s.", p.Reason) }

// ClosureChecked records the check of every service before closing.
type ClosureChecked struct {
	Passed bool    `json:"passed"`
	Checks []Check `json:"checks"`
}

func (ClosureChecked) Kind() Kind { return "closure_checked" }
func (p ClosureChecked) Text() string {
	if p.Passed {
		return sentence("Closure check passed: all %d checks answer.", len(p.Checks))
	}
	return sentence("Closure check failed: %s.", firstBad(p.Checks))
}

// Resolution is the full description that closing needs.
type Resolution struct {
	Cause      string `json:"cause"`
	Solution   string `json:"solution"`
	Prevention string `json:"prevention,omitempty"`
	Unchecked  string `json:"unchecked,omitempty"` // why it is closed without a passed check; "" when one passed
	By         string `json:"by"`
}

func (Resolution) Kind() Kind { return "resolution" }
func (p Resolution) Text() string {
	text := fmt.Sprintf("Cause: %s. Solution: %s.", strings.TrimSuffix(p.Cause, "."), strings.TrimSuffix(p.Solution, "."))
	if p.Unchecked != "" {
		text += fmt.Sprintf(" Closed without a check: %s.", strings.TrimSuffix(p.Unchecked, "."))
	}
	return sentence("%s", text)
}

// Closed ends the incident.
type Closed struct {
	By string `json:"by"`
}

func (Closed) Kind() Kind     { return "closed" }
func (p Closed) Text() string { return sentence("Closed by %s.", p.By) }

// Merged ends an incident that proved to be part of another.
type Merged struct {
	Into   string `json:"into"`
	Reason string `json:"reason"`
}

func (Merged) Kind() Kind     { return "merged" }
func (p Merged) Text() string { return sentence("Now part of %s: %s.", p.Into, p.Reason) }

// Absorbed is the other side of Merged: what the part had already set going.
type Absorbed struct {
	From      string               `json:"from"`
	Subject   Subject              `json:"subject"`
	Customers []string             `json:"customers,omitempty"`
	Told      map[string]time.Time `json:"told,omitempty"` // customer → when last told
}

func (Absorbed) Kind() Kind { return "absorbed" }
func (p Absorbed) Text() string {
	return sentence("%s (%s) is part of this.", p.From, p.Subject.Name)
}

// MessageQueued is a message that must reach somebody. The timeline is the
// outbox: what is queued and not delivered is sent, also after a crash.
type MessageQueued struct {
	Message  string   `json:"message"`
	Purpose  string   `json:"purpose"` // "first", "update", "restored", "summary", "page", "work-order"
	Customer string   `json:"customer,omitempty"`
	To       []string `json:"to"`
	Subject  string   `json:"subject"`
	Body     string   `json:"body"`
}

func (MessageQueued) Kind() Kind { return "message" }
func (p MessageQueued) Text() string {
	return sentence("Mail (%s) to %s: %s.", p.Purpose, strings.Join(p.To, ", "), p.Subject)
}

// Delivered says that the mail server accepted a message.
type Delivered struct {
	Message string `json:"message"`
	Detail  string `json:"detail"`
}

func (Delivered) Kind() Kind { return "delivered" }
func (p Delivered) Text() string {
	return sentence("Message %s delivered: %s.", p.Message, p.Detail)
}

// Undelivered says that a try failed, and when the next one is; a zero RetryAt
// means that piket has given up.
type Undelivered struct {
	Message string    `json:"message"`
	Try     int       `json:"try"`
	Reason  string    `json:"reason"`
	RetryAt time.Time `json:"retry_at,omitzero"`
}

func (Undelivered) Kind() Kind { return "undelivered" }
func (p Undelivered) Text() string {
	if p.RetryAt.IsZero() {
		return sentence("Message %s was not delivered and is given up: %s.", p.Message, p.Reason)
	}
	return sentence("Message %s was not delivered (try %d): %s. Next try at %s.", p.Message, p.Try, p.Reason, clockTime(p.RetryAt))
}

// CallTask asks a person to telephone a customer.
type CallTask struct {
	Task      string    `json:"task"`
	Purpose   string    `json:"purpose"`
	Customer  string    `json:"customer"`
	Telephone string    `json:"telephone"`
	Script    string    `json:"script"`
	Due       time.Time `json:"due"`
}

func (CallTask) Kind() Kind { return "call_task" }
func (p CallTask) Text() string {
	return sentence("To telephone: %s at %s (%s).", p.Customer, p.Telephone, p.Purpose)
}

// Called is the outcome of a call task: reached, voicemail, no_answer.
type Called struct {
	Task    string `json:"task"`
	Outcome string `json:"outcome"`
	By      string `json:"by"`
}

// CallOutcomes lists what may come of a call.
var CallOutcomes = []string{"reached", "voicemail", "no_answer"}

func (Called) Kind() Kind { return "called" }
func (p Called) Text() string {
	return sentence("%s telephoned (%s): %s.", p.By, p.Task, strings.ReplaceAll(p.Outcome, "_", " "))
}

// Note is a person's remark.
type Note struct {
	By    string `json:"by"`
	Words string `json:"words"`
}

func (Note) Kind() Kind     { return "note" }
func (p Note) Text() string { return sentence("%s notes: %s", p.By, p.Words) }

// clockTime is how a time of day stands in a text: with its zone, because the
// reader may be in another.
func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
