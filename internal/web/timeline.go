package web

import (
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// line is one event as the timeline shows it.
type line struct {
	Seq     int
	At      time.Time
	Group   string // for the filter: people, actions, messages or record
	Icon    string // name of a sign in the sprite
	Tone    string
	Actor   string
	Text    string
	More    string // a mail's text, a call's script
	Link    string // where the sender of an alert shows more
	Late    bool   // written down well after it happened
	Written time.Time
}

// filters lists how the timeline can be narrowed.
var filters = []struct{ Name, Title string }{
	{"all", "All"}, {"people", "People"}, {"actions", "Actions"}, {"messages", "Messages"},
}

// look is how a kind of event is shown.
type look struct{ group, icon, tone string }

// kindLooks lists how each kind is shown. Every kind that exists stands here.
var kindLooks = map[incident.Kind]look{
	"opened":             {"record", "flag", toneBad},
	"alert":              {"record", "bell", toneBad},
	"classified":         {"record", "gauge", toneQuiet},
	"assigned":           {"record", "people", toneQuiet},
	"acknowledged":       {"people", "hand", toneGood},
	"covered":            {"people", "people", toneQuiet},
	"uncovered":          {"people", "people", toneQuiet},
	"role_assigned":      {"people", "people", toneQuiet},
	"role_released":      {"people", "people", toneQuiet},
	"subscribed":         {"people", "bell", toneQuiet},
	"unsubscribed":       {"people", "bell", toneQuiet},
	"runbook_pinned":     {"record", "book", toneQuiet},
	"diagnosed":          {"record", "eye", toneLook},
	"concluded":          {"record", "eye", toneLook},
	"goal":               {"record", "eye", toneLook},
	"skipped":            {"actions", "skip", toneQuiet},
	"blocked":            {"actions", "shield", toneHold},
	"approval_requested": {"people", "ask", toneAsk},
	"approved":           {"people", "yes", toneGood},
	"denied":             {"people", "no", toneBad},
	"approval_lapsed":    {"people", "clock", toneHold},
	"intended":           {"actions", "power", toneAct},
	"claimed":            {"actions", "power", toneAct},
	"graded":             {"actions", "eye", toneLook},
	"voided":             {"actions", "no", toneHold},
	"outcome":            {"actions", "power", toneAct},
	"power_seen":         {"actions", "power", toneLook},
	"step_failed":        {"actions", "no", toneBad},
	"ordered":            {"actions", "wrench", toneAct},
	"order_progress":     {"people", "wrench", toneAct},
	"attention":          {"people", "ask", toneAsk},
	"restored":           {"record", "yes", toneGood},
	"relapsed":           {"record", "bell", toneBad},
	"closure_checked":    {"record", "yes", toneGood},
	"resolution":         {"people", "book", toneQuiet},
	"closed":             {"people", "flag", toneQuiet},
	"merged":             {"record", "people", toneQuiet},
	"absorbed":           {"record", "people", toneQuiet},
	"message":            {"messages", "mail", toneQuiet},
	"delivered":          {"messages", "mail", toneGood},
	"undelivered":        {"messages", "mail", toneBad},
	"call_task":          {"messages", "phone", toneAsk},
	"called":             {"messages", "phone", toneGood},
	"note":               {"people", "note", toneQuiet},
	"confirmation_asked": {"messages", "ask", toneAsk},
	"customer_answered":  {"people", "people", toneGood},
	"complaint_settled":  {"people", "eye", toneQuiet},
	"feedback":           {"people", "note", toneQuiet},
	"call_taken":         {"messages", "phone", toneQuiet},
	"ringing":            {"people", "phone", toneAsk},
	"key_pressed":        {"people", "phone", toneGood},
	"rang":               {"people", "phone", toneQuiet},
	"bounced":            {"messages", "mail", toneBad},
	"update_drafted":     {"messages", "ask", toneAsk},
	"update_agreed":      {"people", "yes", toneGood},
	"mail_received":      {"people", "mail", toneAsk},
	"review_due":         {"record", "clock", toneQuiet},
	"review_written":     {"people", "note", toneQuiet},
	"review_shared":      {"people", "book", toneGood},
	"action_done":        {"people", "yes", toneGood},
	"order_agreed":       {"people", "yes", toneGood},
	"hands_in_rack":      {"people", "hand", toneHold},
	"order_sending":      {"messages", "wrench", toneQuiet},
	"order_tried":        {"messages", "wrench", toneQuiet},
	"order_settled":      {"people", "wrench", toneQuiet},
	"ticked":             {"people", "yes", toneQuiet},
	"found":              {"people", "eye", toneLook},
	"part_replaced":      {"people", "wrench", toneAct},
	"photo_taken":        {"people", "eye", toneLook},
	"identity_claimed":   {"people", "shield", toneHold},
	"identity_proposed":  {"people", "shield", toneAsk},
	"identity_confirmed": {"people", "shield", toneGood},
	"identity_dropped":   {"people", "shield", toneQuiet},
	"significant":        {"people", "flag", toneAsk},
	"duty_reported":      {"people", "yes", toneGood},
}

// lateAfter is the gap between happening and being written down that is shown.
const lateAfter = time.Minute

// lines shows events, newest first: on a telephone the newest is what counts.
func lines(events []incident.Event, inv *inventory.Inventory) []line {
	list := make([]line, 0, len(events))
	for n := len(events) - 1; n >= 0; n-- {
		list = append(list, lineOf(events[n], inv))
	}
	return list
}

func lineOf(e incident.Event, inv *inventory.Inventory) line {
	how := kindLooks[e.Payload.Kind()]
	l := line{
		Seq: e.Seq, At: e.At, Group: how.group, Icon: how.icon, Tone: toneOf(e.Payload, how.tone),
		Actor: actorName(e.Actor, inv), Text: e.Payload.Text(),
		Late: e.Recorded.Sub(e.At) > lateAfter, Written: e.Recorded,
	}
	switch p := e.Payload.(type) {
	case incident.AlertReceived:
		l.Link = p.Alert.Link
		if p.Alert.Source == alerts.Calendar {
			l.More = p.Alert.Annotations[alerts.Figures]
		}
	case incident.ReviewWritten:
		l.More = versionText(p)
	case incident.MessageQueued:
		l.More = p.Body
	case incident.CallTask:
		l.More = p.Script
	case incident.MailReceived:
		l.More = p.Words
	case incident.WorkOrdered:
		l.More = p.Body
	}
	return l
}

// versionText is what one version of a review says.
func versionText(p incident.ReviewWritten) string {
	text := "Causes: " + p.Causes + "\nWhat went well: " + p.WentWell + "\nWhat went badly: " + p.WentBadly + "\n"
	for _, a := range p.Actions {
		text += a.ID + " " + a.What + " (" + a.Owner + ", by " + a.Due + ")\n"
	}
	return text
}

// toneOf judges the kinds that may be good or bad news.
func toneOf(p incident.Payload, tone string) string {
	good := true
	switch p := p.(type) {
	case incident.AlertReceived:
		good = p.Alert.Status == "resolved"
	case incident.GoalSeen:
		good = p.Holds
	case incident.ClosureChecked:
		good = p.Passed
	case incident.CustomerAnswered:
		good = p.Works
	case incident.OutcomeRecorded:
		if p.Outcome != incident.OutcomeDone {
			return toneHold
		}
		return toneAct
	case incident.Called:
		if p.Outcome != "reached" {
			return toneHold
		}
		return toneGood
	default:
		return tone
	}
	if good {
		return toneGood
	}
	return toneBad
}

// actorName writes who did it: a person by their title.
func actorName(actor string, inv *inventory.Inventory) string {
	name, person := strings.CutPrefix(actor, "person:")
	if !person {
		return actor
	}
	if p, ok := inv.Person(name); ok {
		return nameOf(p)
	}
	return name
}
