package incident

import (
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
)

// Status is where an incident stands. It never goes back from Closed or Merged.
type Status string

// The statuses.
const (
	Open          Status = "open"
	BackInService Status = "restored" // service is back, the record is not yet closed
	Finished      Status = "closed"
	Joined        Status = "merged" // part of another incident
)

// Incident is what a timeline adds up to. It is a value for reading: nothing
// but [Incident.Apply] changes it.
type Incident struct {
	ID      string
	Version int // sequence number of the last event
	Status  Status
	Title   string
	Subject Subject
	Drill   Drill // of an exercise, zero for real trouble
	Site    string

	Impact, Urgency Level
	Priority        Priority
	JudgedBy        string // the person who judged impact and urgency last, "" when a runbook did
	Team            string
	Owner           string // who acknowledged it, "" while nobody has
	Cast            Cast   // who has which role
	Customers       []string
	Parts           []Subject // what was merged into it

	OpenedAt, AcknowledgedAt, RestoredAt, ClosedAt time.Time
	StartedAt                                      time.Time // when the trouble began, by the earliest alert
	Requesters                                     []string  // persons who reported it, and so asked for what is done about it
	FellAt                                         time.Time // when it was opened, or failed again last
	SilentAt                                       time.Time // FellAt, unless only a customer said so and nothing has been seen down since
	Relapses                                       int
	MergedInto                                     string

	Alerts    []alerts.Alert // the latest of each episode, in order of arrival
	AlertedAt time.Time      // when the last word of an alert came

	Runbook  RunbookPinned
	PinnedAt time.Time // when that runbook was chosen: its trouble is no older

	Diagnosis   []Check // the latest round
	DiagnosedAt time.Time
	Verdict     Concluded
	Goal        Goal
	DownSince   time.Time // since when "reachable" has been seen down without a break, zero while it is not
	VerdictAt   time.Time // when the verdict was drawn
	Power       string    // as last seen after an action of ours, "" before
	PowerAt     time.Time // since when
	Owes        *Intended // the action that may have cut power, until service is back or hands have been there
	DutyTries   int       // how often the power that it cut was switched on again
	Armed       *Armed    // what stands on the BMC and is owed back, nil for nothing

	Steps    map[string]*Step
	Approval *Approval // the one that is asked or granted and not yet used up
	Action   *Action   // the last intent and what became of it
	Undone   *Action   // of one that takes back: the last that did not; nil while Action takes nothing back
	Blocked  Blocked   // what is held back right now; zero Guard when nothing is

	BlockedAt time.Time // since when, by that guard

	Order      *Order               // the latest for hands on site, nil when nobody was sent
	Vendors    []*Order             // those for vendors [2.4]
	Attentions map[string]time.Time // topic → when raised
	Reasons    map[string]string    // topic → why it was raised last, also of those that are settled

	Closure      *ClosureChecked
	Confirmation *Confirmation // what customers say once service is back; nil before they were asked
	Resolution   *Resolution
	Review       *Review   // nil before anything is said of one
	Duty         *Duty     // under NIS2, nil while nobody called it significant
	Covers       []Cover   // of a team's own record: who takes over whose duty
	Identity     *Identity // of a server's own record: which machine it is, nil while nobody said anything

	Devices []Subscribed // of a person's own record: their browsers that hear of pages

	Mails     []string // what came by mail, see [Incident.HasMail]
	Messages  []*Message
	CallTasks []*Call
	Rings     []*Ring              // calls that piket made, oldest first
	Draft     *Draft               // the latest update that was put before somebody, nil when none was
	News      []News               // what has happened that customers may hear of, oldest first
	Told      map[string]time.Time // customer → when last told of the trouble
	ToldBack  map[string]time.Time // customer → when told that service is back
}

// Goal is whether service is there, and since when that has been watched
// without a gap.
type Goal struct {
	Known  bool
	Holds  bool
	Since  time.Time
	Checks []Check
}

// Step is how far one remedy has come.
type Step struct {
	Attempts int
	Done     string // "failed", "denied", "expired" or "prepared": left for good; "skipped": did not apply when last looked at
	Reason   string
	Unknown  bool // one try ended without anybody knowing whether it was carried out
}

// Action is one intent on its way.
type Action struct {
	Intended
	PlannedAt time.Time
	ClaimedAt time.Time // zero until one process owns the send
	ClaimedBy string    // that process
	Voided    bool
	Outcome   Outcome // "" until known
	Detail    string
	SettledAt time.Time // when the outcome was recorded
	Ended     bool      // verified, failed or voided: the server is free again

	Grade  Grade         // how well it is proved that it was carried out
	Result Result        // whether it helped, "" until that is judged
	Took   time.Duration // from the outcome to service being back, when it helped
}

// Touch is one action on one server, as other incidents see it: what has lately
// been done, and what of it helped.
type Touch struct {
	Incident string
	Action
}

// Result is what an action was good for.
type Result string

// The results. What was refused or voided has none: it was never tried.
const (
	Helped     Result = "helped"      // service came back by it
	ShortLived Result = "short-lived" // service came back by it, and failed again within the hour
	Failed     Result = "failed"      // service did not come back in its time
	Unclear    Result = "unclear"     // service came back, and whether by it is not known
)

// Live reports whether the intent still holds its server: from the moment it
// is planned until its effect has been judged.
func (a *Action) Live() bool { return a != nil && !a.Ended }

// Message is one mail and how far it has come.
type Message struct {
	MessageQueued
	QueuedAt  time.Time
	Delivered bool
	Tries     int
	RetryAt   time.Time
	GivenUp   bool
	Bounced   string // why it came back after it had been accepted, "" when it has not
}

// Call is one telephone task and what came of it.
type Call struct {
	CallTask
	Outcome, By string
	Tries       int // how often somebody has called

	TakenBy             string // who is calling, "" when nobody is
	TakenAt, TakenUntil time.Time
}

// StepOf returns how far a remedy has come; the zero Step when it was never
// touched.
func (i *Incident) StepOf(id string) Step {
	if s := i.Steps[id]; s != nil {
		return *s
	}
	return Step{}
}

// Message returns the message with the given id, nil when there is none.
func (i *Incident) Message(id string) *Message {
	for _, m := range i.Messages {
		if m.Message == id {
			return m
		}
	}
	return nil
}

// HeldBack returns what piket does not do right now; a zero Guard means that
// nothing is held back.
func (i *Incident) HeldBack() Blocked {
	if i.Status != Open || i.Action.Live() || i.Approval != nil {
		return Blocked{}
	}
	return i.Blocked
}

// Asking reports whether a question waits for people.
func (i *Incident) Asking() bool {
	return i.Status == Open && i.Approval != nil && i.Approval.GrantedBy == ""
}

// Paged returns who has been asked about a topic until now, such as an approval.
func (i *Incident) Paged(topic string) []string {
	var names []string
	for _, m := range i.Messages {
		if m.Topic == topic && topic != "" {
			names = append(names, m.People...)
		}
	}
	return names
}

// Ongoing reports whether anything may still happen on the incident.
func (i *Incident) Ongoing() bool { return i.Status == Open || i.Status == BackInService }

// Firing returns the alerts that have not been resolved.
func (i *Incident) Firing() []alerts.Alert {
	var firing []alerts.Alert
	for _, a := range i.Alerts {
		if a.Status == alerts.Firing {
			firing = append(firing, a)
		}
	}
	return firing
}

// Stands reports whether the trouble of something wider than one server is still
// there, as far as those who reported it say.
func (i *Incident) Stands() bool {
	return slices.ContainsFunc(i.Firing(), func(a alerts.Alert) bool { return a.Labels["server"] == "" })
}

// Held is the server that a live intent of this incident holds, "" when none. A
// drill holds none: its actions must not stand in the way of real ones.
func (i *Incident) Held() string {
	if i.Action.Live() && !i.IsDrill() {
		return i.Action.Server
	}
	return ""
}
