// Package alerts is the one form in which trouble enters piket: a probe's
// verdict, an Alertmanager webhook, a report by telephone. It knows label sets,
// firing and resolved, fingerprints and matchers, and nothing of incidents.
//
//	hook, err := alerts.DecodeWebhook(request.Body)
//	for _, alert := range hook.Alerts { … }
package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Status says whether the trouble is there or gone.
type Status string

// The two statuses, spelled as Alertmanager spells them.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// Labels identify what an alert is about. Two alerts with the same labels are
// the same trouble at different times.
type Labels map[string]string

// Names of the alerts that piket's own probes raise.
const (
	ServerUnreachable   = "ServerUnreachable"
	ServiceDown         = "ServiceDown"
	SiteUnreachable     = "SiteUnreachable"
	RackUnreachable     = "RackUnreachable"     // labels site, rack
	FellTogether        = "ServersFellTogether" // labels site, and rack or feed when it is narrower
	FeedUnreachable     = "FeedUnreachable"     // labels site, feed: what hangs on one power feed is silent
	BMCUnreachable      = "BMCUnreachable"      // labels server, site
	ProviderIncident    = "ProviderIncident"    // label site: its status page announces trouble
	ServerFlapping      = "ServerFlapping"      // labels server, site: it goes and comes back again and again
	PathTrouble         = "PathTrouble"         // silent from here, and not for the majority of the vantages
	ObserverCutOff      = "ObserverCutOff"      // piket itself cannot see
	DutyRoster          = "DutyRoster"          // label team: somebody takes over its duty
	DutyCalendarTrouble = "DutyCalendarTrouble" // label team: another tool's calendar cannot be read, or names nobody
	VantageLost         = "VantageLost"         // label vantage: one that looked along reports no more
	ServerIdentity      = "ServerIdentity"      // label server: which machine it is was said by people
	MailboxUnreadable   = "MailboxUnreadable"   // label mailbox: what customers mail is not read
)

// Names of what falls due by the calendar. Only what comes from the source
// Calendar is one: a sender from outside cannot make a date.
const (
	Calendar    = "calendar"            // as a source
	ReportDue   = "ReportDue"           // label period, such as month/2026-10: figures go to the managers
	PolicyDue   = "PolicyEvaluationDue" // label period: the year over which the policy is evaluated
	PushDevices = "PushDevices"         // label person: a browser of theirs hears of pages
	Figures     = "figures"             // as an annotation: the figures of the period, as text
	DrillDue    = "DrillDue"            // labels server, story: people practise
)

// RecordOf returns the alert by which a record that people keep of something is
// opened: who has a team's duty, which machine a server is. It is the same each
// time, so that there is one record however often it is said.
func RecordOf(name, label, of, summary string) Alert {
	labels := Labels{"alertname": name, label: of}
	return Alert{
		Source: Calendar, Status: Firing, Labels: labels, StartsAt: time.Unix(0, 0).UTC(), Fingerprint: labels.Fingerprint(),
		Annotations: Labels{"summary": summary},
	}
}

// Mail is the source of what came by mail. Nobody knows who wrote it: it opens a
// record, and proves nothing.
const (
	Mail           = "mail"
	ReportedByMail = "ReportedByMail" // labels server, when it names one of the sender's, and report, which mail it is
)

// CustomerOf is the annotation of what a person reports that says whose trouble it
// is.
const CustomerOf = "customer"

// Fingerprint is the same for the same label set, whatever the order. It is
// Alertmanager's own (a 64-bit FNV-1a over the sorted pairs), so that an alert
// of ours and the same alert through Alertmanager carry one identity.
func (l Labels) Fingerprint() string {
	set := make(model.LabelSet, len(l))
	for name, value := range l {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set.Fingerprint().String()
}

// String writes the labels as a matcher would: {alertname="X", server="y"}.
func (l Labels) String() string {
	pairs := make([]string, 0, len(l))
	for _, name := range slices.Sorted(maps.Keys(l)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", name, l[name]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// Alert is one report that something is wrong, or no longer is.
type Alert struct {
	Source      string    `json:"source"` // who says so: "alertmanager", "probe", "person", Mail, Calendar
	Status      Status    `json:"status"`
	Labels      Labels    `json:"labels"`
	Annotations Labels    `json:"annotations,omitempty"`
	StartsAt    time.Time `json:"starts_at"`
	EndsAt      time.Time `json:"ends_at,omitzero"` // zero while firing
	Fingerprint string    `json:"fingerprint"`
	Link        string    `json:"link,omitempty"` // where the sender shows more; only ever http or https
}

// Name returns the alert's name, "" when it has none.
func (a Alert) Name() string { return a.Labels["alertname"] }

// Episode identifies one stretch of trouble: the same labels from the same
// source, beginning at the same moment. Everything that arrives twice for one
// episode and status is a duplicate (webhooks are delivered at least once).
func (a Alert) Episode() string {
	return a.Source + "/" + a.Fingerprint + "/" + a.StartsAt.UTC().Format(time.RFC3339Nano)
}

// SameEpisode reports whether two alerts are of one episode, without writing its
// name out: an incident with thousands of alerts asks it of each.
func (a Alert) SameEpisode(b Alert) bool {
	return a.Fingerprint == b.Fingerprint && a.Source == b.Source && a.StartsAt.Equal(b.StartsAt)
}

// Summary is what a person reads first: the annotation "summary" if there is
// one, otherwise the name and labels.
func (a Alert) Summary() string {
	if s := a.Annotations["summary"]; s != "" {
		return s
	}
	return a.Name() + " " + a.Labels.String()
}
