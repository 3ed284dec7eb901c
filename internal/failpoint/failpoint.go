// Package failpoint names the moments at which the program can die and must
// have promised nothing that it does not keep. In the program that is shipped
// they are nothing at all:
//
//	failpoint.Reach(failpoint.SendClaimed)
//	failpoint.Done(failpoint.DeedDone, err) // only when err is nil
//
// compile to no instruction. Built with the tag failpoints, a process kills
// itself at the Nth time that it reaches a point named by PIKET_FAILPOINT (NAME
// or NAME:N, or several with commas, of which the first to come counts), and
// writes the name of every point that it reaches for the first time to the file
// named by PIKET_FAILPOINT_LOG. The battery (cmd/piket/kill_test.go) demands that
// every point was reached and that the program was killed at it.
package failpoint

// Point is a named moment of the program.
type Point string

// The points, in the order in which a trouble meets them.
const (
	StoreOpened Point = "store-opened" // at start, before anything runs
	Serving     Point = "serving"      // the listeners are open, the work is about to begin

	WebhookRead         Point = "webhook-read" // an alert is there and nothing is kept of it
	IntakeBeforeCreate  Point = "intake-before-create"
	IntakeCreated       Point = "intake-created"
	IntakeBeforeJoin    Point = "intake-before-join"
	IntakeJoined        Point = "intake-joined"
	IntakeBeforeResolve Point = "intake-before-resolve"
	IntakeResolved      Point = "intake-resolved"
	WebhookBeforeAnswer Point = "webhook-before-answer" // committed, and the sender does not know
	WebhookAnswered     Point = "webhook-answered"

	StoreWritten   Point = "store-written"   // in a transaction, before its commit
	StoreCommitted Point = "store-committed" // before anybody is told

	GoalLooked      Point = "goal-looked" // seen and not yet written down: also what a verification sees
	DiagnosisLooked Point = "diagnosis-looked"
	EngineDeciding  Point = "engine-deciding"
	EngineDecided   Point = "engine-decided"
	MergeReported   Point = "merge-reported" // the whole has heard, its part has not
	MergeAbsorbed   Point = "merge-absorbed"
	OrderComposed   Point = "order-composed"
	OrderWritten    Point = "order-written"

	ApprovalJudged Point = "approval-judged" // a yes is good and not yet written down
	DeedDone       Point = "deed-done"       // what a person did is committed, and they do not know

	SendPlanned       Point = "send-planned" // the intent is committed and nobody has claimed it
	DutyPlanned       Point = "duty-planned" // the same, of an "on" that is owed
	SendClaimed       Point = "send-claimed"
	SendJournaled     Point = "send-journaled" // it stands in the journal, too
	SendSessionOpen   Point = "send-session-open"
	SendIdentified    Point = "send-identified"
	RedfishBeforeSend Point = "redfish-before-write"
	RedfishSent       Point = "redfish-written"
	IPMIBeforeSend    Point = "ipmi-before-write"
	IPMISent          Point = "ipmi-written"
	SSHBeforeSend     Point = "ssh-before-write"
	SSHSent           Point = "ssh-written"
	SendAnswered      Point = "send-answered" // the outcome is known and not yet written down
	SendRecorded      Point = "send-recorded"

	DutiesDue     Point = "duties-due" // mail and calls are due and not yet queued
	DutiesQueued  Point = "duties-queued"
	MailBefore    Point = "mail-before-delivery"
	MailDelivered Point = "mail-delivered" // the mail server has it, the timeline does not
	MailMarked    Point = "mail-marked"

	FreezeCreated Point = "freeze-created" // the file is there and still empty
	FreezeWritten Point = "freeze-written"
	FreezeRemoved Point = "freeze-removed"

	ShutdownBegun   Point = "shutdown-begun"
	ShutdownDrained Point = "shutdown-drained" // all work has ended, requests may be open
)

// Points lists every point that the program reaches.
var Points = []Point{
	StoreOpened, Serving,
	WebhookRead, IntakeBeforeCreate, IntakeCreated, IntakeBeforeJoin, IntakeJoined, IntakeBeforeResolve, IntakeResolved,
	WebhookBeforeAnswer, WebhookAnswered, StoreWritten, StoreCommitted,
	GoalLooked, DiagnosisLooked, EngineDeciding, EngineDecided, MergeReported, MergeAbsorbed, OrderComposed, OrderWritten,
	ApprovalJudged, DeedDone,
	SendPlanned, DutyPlanned, SendClaimed, SendJournaled, SendSessionOpen, SendIdentified, RedfishBeforeSend, RedfishSent,
	IPMIBeforeSend, IPMISent, SSHBeforeSend, SSHSent, SendAnswered, SendRecorded,
	DutiesDue, DutiesQueued, MailBefore, MailDelivered, MailMarked,
	FreezeCreated, FreezeWritten, FreezeRemoved, ShutdownBegun, ShutdownDrained,
}

// The environment that a process built with the tag failpoints listens to.
const (
	EnvPoint = "PIKET_FAILPOINT"     // NAME or NAME:N, or several with commas
	EnvLog   = "PIKET_FAILPOINT_LOG" // a file to which reached names are added
)
