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
	"graded":             read[Graded],
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

	"confirmation_asked": read[ConfirmationAsked],
	"customer_answered":  read[CustomerAnswered],
	"complaint_settled":  read[ComplaintSettled],
	"feedback":           read[Feedback],
	"call_taken":         read[CallTaken],
	"bounced":            read[Bounced],
	"update_drafted":     read[UpdateDrafted],
	"update_agreed":      read[UpdateAgreed],
	"review_due":         read[ReviewDue],
	"review_written":     read[ReviewWritten],
	"review_shared":      read[ReviewShared],
	"action_done":        read[ActionDone],
	"significant":        read[Significant],
	"duty_reported":      read[DutyReported],
	"order_agreed":       read[OrderAgreed],
	"hands_in_rack":      read[HandsInRack],
	"order_sending":      read[OrderSending],
	"order_tried":        read[OrderTried],
	"order_settled":      read[OrderSettled],
	"ticked":             read[Ticked],
	"found":              read[Found],
	"part_replaced":      read[PartReplaced],
	"photo_taken":        read[PhotoTaken],
	"identity_claimed":   read[IdentityClaimed],
	"identity_proposed":  read[IdentityProposed],
	"identity_confirmed": read[IdentityConfirmed],
	"identity_dropped":   read[IdentityDropped],
	"covered":            read[Covered],
	"uncovered":          read[Uncovered],
	"role_assigned":      read[RoleAssigned],
	"role_released":      read[RoleReleased],
	"subscribed":         read[Subscribed],
	"unsubscribed":       read[Unsubscribed],
	"ringing":            read[Ringing],
	"key_pressed":        read[KeyPressed],
	"rang":               read[Rang],
	"mail_received":      read[MailReceived],
}

func read[P Payload](data []byte) (Payload, error) {
	var p P
	err := json.Unmarshal(data, &p)
	return p, err
}

// Subject is what an incident is about: one server, one rack, what hangs on one
// power feed, one site, piket's own view, or, for an alert that is about none of
// them, that alert; or a date, see [Subject.NoTrouble].
type Subject struct {
	Kind string `json:"kind"` // "server", "rack", "feed", "site", "observer", "alert", "report", "policy", "roster", "push", "drill", "identity"
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
	Drill     Drill    `json:"drill,omitzero"`      // of an exercise, zero for real trouble
}

func (Opened) Kind() Kind { return "opened" }
func (p Opened) Text() string {
	if p.Subject.Kind == DrillKind {
		return sentence("Drill begun by %s (%s): %s. It touches no machine, and ends by itself at %s.", p.Drill.By, p.Drill.Story, p.Title, clockTime(p.Drill.Until))
	}
	return sentence("Incident opened: %s.", p.Title)
}

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

	By       string `json:"by,omitempty"`       // the person who judged it, "" for a runbook
	Override bool   `json:"override,omitempty"` // the priority does not follow from the matrix [1.2]
	Was      string `json:"was,omitempty"`      // what it was before, in words
}

// Words says in short what was judged, for the judgement that takes its place.
func (p Classified) Words() string {
	return fmt.Sprintf("%s, impact %s, urgency %s", p.Priority, p.Impact, p.Urgency)
}

func (Classified) Kind() Kind { return "classified" }
func (p Classified) Text() string {
	text := fmt.Sprintf("Priority %s %s: impact %s, urgency %s (%s).", p.Priority, p.Priority.Word(), p.Impact, p.Urgency, p.Reason)
	if p.By != "" {
		text = fmt.Sprintf("%s judges: %s", p.By, text)
	}
	if p.Override {
		text += " The priority is an override of the matrix."
	}
	if p.Was != "" {
		text += fmt.Sprintf(" Before: %s.", p.Was)
	}
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
	By  string `json:"by"`
	Way Way    `json:"way,omitempty"` // by which they said so, when not on a page
}

func (Acknowledged) Kind() Kind { return "acknowledged" }
func (p Acknowledged) Text() string {
	if p.Way != "" {
		return sentence("%s has taken the incident, by %s.", p.By, p.Way)
	}
	return sentence("%s has taken the incident.", p.By)
}

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

// Relapsed says that service failed again before the incident was closed, or
// that a customer says so.
type Relapsed struct {
	Reason   string `json:"reason"`
	Customer string `json:"customer,omitempty"` // who says so; "" when piket has seen it
}

func (Relapsed) Kind() Kind { return "relapsed" }
func (p Relapsed) Text() string {
	if p.Customer != "" {
		return sentence("Open again: %s.", p.Reason)
	}
	return sentence("Failed again: %s.", p.Reason)
}

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

// Resolution is the full description that closing needs [2.5].
type Resolution struct {
	Cause       string `json:"cause"`
	Measures    string `json:"measures,omitempty"` // what was done on the way
	Solution    string `json:"solution"`
	Prevention  string `json:"prevention,omitempty"`
	Unchecked   string `json:"unchecked,omitempty"`   // why it is closed without a passed check; "" when one passed
	Unconfirmed string `json:"unconfirmed,omitempty"` // why it is closed without the customers' yes; "" when they gave it
	By          string `json:"by"`
}

func (Resolution) Kind() Kind { return "resolution" }
func (p Resolution) Text() string {
	text := fmt.Sprintf("Cause: %s. Solution: %s.", strings.TrimSuffix(p.Cause, "."), strings.TrimSuffix(p.Solution, "."))
	if p.Unchecked != "" {
		text += fmt.Sprintf(" Closed without a check: %s.", strings.TrimSuffix(p.Unchecked, "."))
	}
	if p.Unconfirmed != "" {
		text += fmt.Sprintf(" Closed without the customers' yes: %s.", strings.TrimSuffix(p.Unconfirmed, "."))
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
