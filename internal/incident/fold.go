package incident

import (
	"cmp"
	"slices"
	"time"
	"unique"

	"github.com/spinware/piket/alerts"
)

// Fold adds up a timeline. The events must be one incident's, from the first.
func Fold(events []Event) *Incident {
	inc := &Incident{
		Status: Open, Steps: map[string]*Step{}, Attentions: map[string]time.Time{}, Reasons: map[string]string{},
		Told: map[string]time.Time{}, ToldBack: map[string]time.Time{},
	}
	for _, e := range events {
		inc.Apply(e)
	}
	return inc
}

// Apply adds one event. It is the only place in which an incident changes.
func (i *Incident) Apply(e Event) {
	i.ID, i.Version = e.Incident, e.Seq
	if opened, ok := e.Payload.(Opened); ok {
		i.Subject, i.Drill = opened.Subject, opened.Drill
	}
	if i.IsDrill() {
		e.Payload = marked(e.Payload)
	}
	switch p := e.Payload.(type) {
	case Opened:
		i.OpenedAt, i.StartedAt, i.FellAt, i.SilentAt = e.At, e.At, e.At, e.At
		i.Title, i.Site, i.Customers = p.Title, p.Site, p.Customers
	case AlertReceived:
		i.alert(p.Alert)
		i.AlertedAt = e.At
	case Classified:
		i.Impact, i.Urgency, i.Priority, i.JudgedBy = p.Impact, p.Urgency, p.Priority, p.By
		i.Title = cmp.Or(p.Title, i.Title)
	case Assigned:
		i.Team = p.Team
	case Acknowledged:
		i.Owner = p.By
		if i.AcknowledgedAt.IsZero() {
			i.AcknowledgedAt = e.At
		}
	case RunbookPinned:
		i.pin(p, e.At)
	case Merged:
		i.Status, i.MergedInto, i.ClosedAt = Joined, p.Into, e.At
	case Absorbed:
		i.absorb(p)
	case Restored:
		i.restore(p, e.At)
	case Relapsed:
		i.relapse(p, e.At)
	case ClosureChecked:
		i.Closure = &p
	case Resolution:
		i.Resolution = &p
	case Closed:
		i.Status, i.ClosedAt = Finished, e.At
	case Attention:
		i.Attentions[p.Topic], i.Reasons[p.Topic] = e.At, p.Why
	case Diagnosed, Concluded, GoalSeen, PowerSeen:
		i.look(e)
	case WorkOrdered, OrderProgress, OrderAgreed, HandsInRack:
		i.order(e)
	case OrderSending, OrderTried, OrderSettled:
		i.orderTried(e)
	case Ticked, Found, PartReplaced, PhotoTaken:
		i.onSite(e)
	case IdentityClaimed, IdentityProposed, IdentityConfirmed, IdentityDropped:
		i.identity(e)
	case MessageQueued, Delivered, Undelivered, CallTask, Called:
		i.tell(e)
	case ConfirmationAsked, CustomerAnswered, ComplaintSettled, Feedback:
		i.confirmation(e)
	case CallTaken, Bounced, UpdateDrafted, UpdateAgreed:
		i.telling(e)
	case ReviewDue, ReviewWritten, ReviewShared, ActionDone:
		i.reviewed(e)
	case Significant, DutyReported:
		i.dutiful(e)
	case Ringing, KeyPressed, Rang:
		i.rang(e)
	case Covered, Uncovered:
		i.roster(e)
	case RoleAssigned, RoleReleased:
		i.assigned(e)
	case Subscribed, Unsubscribed:
		i.subscribe(e)
	case MailReceived, Note:
		i.mailed(e)
	default:
		i.advance(e)
	}
	i.news(e)
}

// pin takes a runbook. What was seen and concluded by another one says nothing
// about the goal and the trouble of this.
func (i *Incident) pin(p RunbookPinned, at time.Time) {
	if i.Runbook.Hash != p.Hash {
		i.Goal, i.Verdict, i.Blocked = Goal{}, Concluded{}, Blocked{}
	}
	p.Source = unique.Make(p.Source).Value() // thousands of incidents share one text
	i.Runbook, i.PinnedAt = p, at
}

// Lasting is for how long service must be back before what was done for it is
// known to have helped.
const Lasting = time.Hour

// relapse opens the incident again. Whoever was called before is called again,
// and hands that were there before are not there now. What was done has not
// helped when that came soon: it may even have made matters worse. What a
// customer says is looked at before anything else: what was seen before says
// nothing about it.
func (i *Incident) relapse(p Relapsed, at time.Time) {
	if a := i.LastTried(); a != nil && a.Result == Helped && at.Before(i.RestoredAt.Add(Lasting)) {
		a.Result = ShortLived
	}
	if p.Customer != "" {
		i.Goal = Goal{}
	} else {
		i.disappoint()
		i.SilentAt = at
	}
	i.askAgain(p.Customer != "")
	i.FellAt = at
	i.Status, i.RestoredAt, i.Closure = Open, time.Time{}, nil
	i.Relapses++
	clear(i.Attentions)
	if !i.Order.Open() {
		i.Order = nil
	}
}

// disappoint makes the next word due at once to everybody who was told that
// service is back: it is not, and their clock must not run from before that.
func (i *Incident) disappoint() {
	for customer := range i.ToldBack {
		i.retract(customer)
	}
}

// retract makes the next word due at once to one who was told that service is
// back.
func (i *Incident) retract(customer string) {
	if _, back := i.ToldBack[customer]; back {
		i.Told[customer] = time.Time{}
		delete(i.ToldBack, customer)
	}
}

// look books what was seen.
func (i *Incident) look(e Event) {
	switch p := e.Payload.(type) {
	case Diagnosed:
		i.Diagnosis, i.DiagnosedAt = p.Checks, e.At
	case Concluded:
		i.Verdict, i.VerdictAt = p, e.At
	case GoalSeen:
		i.goal(p, e.At)
	case PowerSeen:
		i.Power, i.PowerAt = p.Power, e.At
	}
}

// goal books a look at the goal, and since when the subject has been silent. A
// look that could not be taken neither breaks nor begins the silence.
func (i *Incident) goal(p GoalSeen, at time.Time) {
	if !i.Goal.Known || i.Goal.Holds != p.Holds || p.Unwatched {
		i.Goal.Since = at
	}
	i.Goal.Known, i.Goal.Holds, i.Goal.Checks = true, p.Holds, p.Checks
	if !p.Holds && i.Status == Open && i.SilentAt.Before(i.FellAt) {
		i.SilentAt = at // a customer was right
	}
	for _, c := range p.Checks {
		switch {
		case c.ID != "reachable":
		case c.State == Up:
			i.DownSince = time.Time{}
		case c.State == Down && i.DownSince.IsZero():
			i.DownSince = at
		}
	}
}

// advance moves the ladder. An approval lives and dies here and nowhere else:
// every event that leaves a step, or uses the leave up, clears it.
func (i *Incident) advance(e Event) {
	switch p := e.Payload.(type) {
	case Skipped:
		i.leave(p.Step, "skipped", p.Reason)
	case Blocked:
		i.block(p, e.At)
	case ApprovalRequested:
		i.Approval = &Approval{ApprovalRequested: p, AskedAt: e.At}
		i.Blocked = Blocked{}
	case Approved:
		i.agree(p, e.At)
	case Denied:
		if a := i.Approval; a != nil && a.Approval == p.Approval {
			i.leave(a.Step, "denied", p.Reason)
		}
	case ApprovalLapsed:
		i.lapse(p)
	case Intended:
		i.Undone = i.before(p)
		i.Approval, i.Blocked = nil, Blocked{}
		i.Action = &Action{Intended: p, PlannedAt: e.At}
		i.step(p.Step).Attempts = p.Attempt
	case Claimed, Voided, OutcomeRecorded, Graded:
		i.settle(e)
	case StepFailed:
		if p.Final {
			i.leave(p.Step, "failed", p.Reason)
		}
		i.judge(Failed)
		i.endAction()
	}
}

// settle books what became of the live intent; words about any other intent
// change nothing.
func (i *Incident) settle(e Event) {
	a := i.Action
	switch p := e.Payload.(type) {
	case Claimed:
		if a.Live() && a.Intent == p.Intent && a.ClaimedAt.IsZero() {
			a.ClaimedAt, a.ClaimedBy = e.At, p.Owner
			i.tried(a, 1, e.At)
		}
	case Voided:
		if a.Live() && a.Intent == p.Intent {
			i.void(p)
		}
	case OutcomeRecorded:
		if a.Live() && a.Intent == p.Intent {
			i.outcome(p, e.At)
		}
	case Graded:
		if a.Live() && a.Intent == p.Intent && !a.Grade.Reaches(p.Grade) {
			a.Grade = p.Grade
		}
	}
}

// block books what is held back. The same guard's next word about the same step
// does not begin the time anew.
func (i *Incident) block(p Blocked, at time.Time) {
	if i.Blocked.Guard != p.Guard || i.Blocked.Step != p.Step {
		i.BlockedAt = at
	}
	i.Blocked = p
}

// outcome books what is known of a send. Power that may have been cut is owed
// back from here on, whatever becomes of the step.
func (i *Incident) outcome(p OutcomeRecorded, at time.Time) {
	a := i.Action
	a.Outcome, a.Detail, a.SettledAt = p.Outcome, p.Detail, at
	if p.Outcome == OutcomeDone {
		a.Grade = Accepted
	}
	i.Power, i.PowerAt = "", at
	i.step(a.Step).Unknown = i.step(a.Step).Unknown || p.Outcome == OutcomeUnknown
	switch {
	case a.TakesBack():
		i.disarm(a)
	case a.Prepares():
		i.arm(a, at)
	case a.GivesPower() && p.Outcome == OutcomeRefused:
		i.DutyTries-- // it was never tried
	}
	if a.Action == "power" && a.Verb != "on" && p.Outcome != OutcomeRefused {
		owed := a.Intended
		i.Owes, i.DutyTries = &owed, 0
	}
}

// void books that the live intent was not sent after all. It does not count as
// an attempt.
func (i *Incident) void(p Voided) {
	i.Action.Voided, i.Action.Detail = true, p.Reason
	if i.Action.Duty == 0 {
		i.step(i.Action.Step).Attempts = i.Action.Attempt - 1
	} else if !i.Action.ClaimedAt.IsZero() {
		i.tried(i.Action, -1, i.Action.ClaimedAt)
	}
	i.endAction()
}

// leave takes the ladder off a step.
func (i *Incident) leave(step, why, reason string) {
	s := i.step(step)
	s.Done, s.Reason = why, reason
	if i.Approval != nil && i.Approval.Step == step {
		i.Approval = nil
	}
	if i.Blocked.Step == step {
		i.Blocked = Blocked{}
	}
}

// restore books that service is back, and what the action under way was good
// for.
func (i *Incident) restore(p Restored, at time.Time) {
	i.Status, i.RestoredAt = BackInService, at
	i.Owes = nil
	if a := i.Action; a.Live() && p.Step == a.Step {
		i.judge(Helped)
		a.Took, a.Grade = at.Sub(a.SettledAt), GoalHeld
	} else {
		i.judge(Unclear)
	}
	i.endAction()
}

// judge says what the live action was good for, if it was carried out at all.
func (i *Incident) judge(r Result) {
	if a := i.Action; a.Live() && (a.Outcome == OutcomeDone || a.Outcome == OutcomeUnknown) {
		a.Result = r
	}
}

func (i *Incident) endAction() {
	if i.Action != nil {
		i.Action.Ended = true
	}
}

func (i *Incident) step(id string) *Step {
	if i.Steps[id] == nil {
		i.Steps[id] = &Step{}
	}
	return i.Steps[id]
}

// alert keeps the latest word on each episode.
func (i *Incident) alert(a alerts.Alert) {
	if a.StartsAt.Before(i.StartedAt) {
		i.StartedAt = a.StartsAt
	}
	i.request(a)
	for n := range i.Alerts {
		if i.Alerts[n].SameEpisode(a) {
			i.Alerts[n] = a // the door has kept out what came too late
			return
		}
	}
	i.Alerts = append(i.Alerts, a)
}

func (i *Incident) absorb(p Absorbed) {
	if !slices.Contains(i.Parts, p.Subject) {
		i.Parts = append(i.Parts, p.Subject)
	}
	for _, c := range p.Customers {
		if !slices.Contains(i.Customers, c) {
			i.Customers = append(i.Customers, c)
		}
	}
	for customer, at := range p.Told {
		if at.After(i.Told[customer]) {
			i.Told[customer] = at
		}
	}
}

// replaceCalls ends the calls that were never made to a customer: the newer one
// says what is so now.
func (i *Incident) replaceCalls(customer string) {
	for _, c := range i.CallTasks {
		if c.Customer == customer && c.Outcome == "" {
			c.Outcome, c.By = "replaced", Piket
			delete(i.Attentions, OverdueTopic+c.Task)
		}
	}
}

func (i *Incident) tell(e Event) {
	switch p := e.Payload.(type) {
	case MessageQueued:
		i.Messages = append(i.Messages, &Message{MessageQueued: p, QueuedAt: e.At})
		i.told(p.Customer, p.Purpose, e.At)
	case CallTask:
		i.replaceCalls(p.Customer)
		i.CallTasks = append(i.CallTasks, &Call{CallTask: p})
		i.told(p.Customer, p.Purpose, e.At)
	case Delivered:
		if m := i.Message(p.Message); m != nil {
			m.Delivered, m.Tries = true, m.Tries+1
			i.handed(m.Order, e.At)
			delete(i.Attentions, OverdueTopic+p.Message)
		}
	case Undelivered:
		if m := i.Message(p.Message); m != nil {
			m.Tries, m.RetryAt, m.GivenUp = p.Try, p.RetryAt, p.RetryAt.IsZero()
		}
	case Called:
		if c := i.Call(p.Task); c != nil {
			if c.called(p); c.Outcome != "" {
				delete(i.Attentions, OverdueTopic+p.Task)
			}
		}
	}
}

func (i *Incident) told(customer, purpose string, at time.Time) {
	switch {
	case customer == "":
	case purpose == "restored":
		i.ToldBack[customer] = at
	case purpose == "first" || purpose == "update":
		i.Told[customer] = at
		delete(i.ToldBack, customer) // whatever they heard before
	}
}
