// Package desk is the human side of the policy: who must be told, asked or
// telephoned, and when. [Due] decides; [Desk] writes down.
//
//	for _, duty := range desk.Due(facts) { … }
package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
)

// Facts is everything that Due may look at.
type Facts struct {
	Incident  *incident.Incident
	Inventory *inventory.Inventory
	Policy    Policy
	Now       time.Time
}

// Policy says how often customers hear, by priority, by whose clock, and where
// links lead.
type Policy struct {
	Updates     map[incident.Priority]time.Duration // a priority that is not in it is not told
	ExternalURL string                              // of piket's own page; "" leaves links out
	Zone        *time.Location                      // of the times that customers read; nil means UTC

	Confirmation Confirmation             // how they are asked whether everything works again
	Nod          bool                     // whether updates wait for the communications manager
	Channels     map[string][]Channel     // receiver → what it consists of
	Pushes       func(person string) bool // whether a browser of theirs wants to hear; nil for nobody's
	Review       time.Duration            // from closing a P1 or P2 to when its review is due; 0 means that none is
	Orders       Orders                   // how long a work order may stay in a state; DefaultOrders where a time is 0
}

// DefaultUpdates is the policy's 30 minutes for a P1 [3.2].
var DefaultUpdates = map[incident.Priority]time.Duration{incident.P1: 30 * time.Minute}

// Due returns what must be written down now, in order, and the next moment at
// which something may fall due (zero: not before the incident changes). It is a
// pure function.
func Due(f Facts) (duties []incident.Payload, next time.Time) {
	b := &batch{facts: f}
	b.roles()
	b.pages()
	b.over()
	b.customers()
	b.confirmation()
	b.overdue()
	b.orders()
	b.identityOpen()
	b.lookback()
	b.duty()
	b.calendar()
	return b.duties, b.next
}

// batch collects duties and numbers them.
type batch struct {
	facts  Facts
	duties []incident.Payload
	next   time.Time

	drafted  []inventory.Customer // whose updates are to be put before somebody
	draftDue time.Time            // when the first of them is due
}

func (b *batch) add(p incident.Payload) { b.duties = append(b.duties, p) }

// id names the next duty by the place its event will have on the timeline.
func (b *batch) id(letter string) string {
	return fmt.Sprintf("%s/%s%d", b.facts.Incident.ID, letter, b.facts.Incident.Version+len(b.duties)+1)
}

// later notes a moment at which something falls due.
func (b *batch) later(t time.Time) {
	if b.next.IsZero() || t.Before(b.next) {
		b.next = t
	}
}

// maxAhead is how far the clocks of replicas may be apart.
const maxAhead = time.Minute

// believed reports whether the trouble may be announced: what only a person has
// reported waits for piket's own first look, and is not announced while
// everything answers; and what only came by mail waits for somebody who takes it or
// judges it.
func (b *batch) believed() bool {
	inc := b.facts.Incident
	machine := slices.ContainsFunc(inc.Alerts, func(a alerts.Alert) bool { return a.Source != "person" && a.Source != alerts.Mail })
	mailed := len(inc.Alerts) > 0 && !slices.ContainsFunc(inc.Alerts, func(a alerts.Alert) bool { return a.Source != alerts.Mail })
	if mailed && inc.JudgedBy == "" && inc.Owner == "" {
		return false // nobody knows who wrote it: a person looks first
	}
	if machine || len(inc.Alerts) == 0 || inc.Runbook.Hash == "" {
		return true
	}
	if !inc.Goal.Known {
		b.later(inc.OpenedAt.Add(firstLook))
		return !b.facts.Now.Before(inc.OpenedAt.Add(firstLook))
	}
	return !inc.Goal.Holds
}

// firstLook is how long the first look may take before a report is believed
// without it.
const firstLook = time.Minute

// once tells a customer one thing, if they ever heard of the trouble and have
// not been told since.
func (b *batch) once(c inventory.Customer, purpose string) {
	inc := b.facts.Incident
	_, heard := inc.Told[c.Name]
	_, back := inc.ToldBack[c.Name]
	switch {
	case !heard, purpose == "restored" && (back || inc.RestoredAt.IsZero() || !c.WantsRestored()):
		return
	case slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool { return m.Customer == c.Name && m.Purpose == "summary" }):
		return
	case slices.ContainsFunc(inc.CallTasks, func(t *incident.Call) bool { return t.Customer == c.Name && t.Purpose == "summary" }):
		return
	}
	w := word{purpose: purpose}
	if purpose == "summary" {
		w.link = signed.Link{Purpose: FeedbackLink, Incident: inc.ID, Party: c.Name, Expires: inc.ClosedAt.Add(feedbackFor).Truncate(time.Second)}
	}
	b.tell(c, w)
}

// word is one thing that is told to a customer.
type word struct {
	purpose string
	next    time.Time   // when the next word comes, zero when none does
	link    signed.Link // by which they answer; the zero Link for none
	words   string      // what the communications manager adds
}

// tell writes the mail and, for a P1, the telephone task beside it [3.1]. Who
// has no mail address is telephoned whatever the priority.
func (b *batch) tell(c inventory.Customer, w word) {
	c = b.inDrill(c)
	text := compose(b.facts, c, w)
	if len(c.Email) > 0 {
		b.add(incident.MessageQueued{
			Message: b.id("M"), Purpose: w.purpose, Customer: c.Name, To: c.Email, Subject: text.subject, Body: text.body, Link: text.link,
		})
	}
	beside := b.facts.Incident.Priority == incident.P1 && slices.Contains([]string{"first", "update", "restored"}, w.purpose)
	if c.Telephone != "" && (beside || len(c.Email) == 0) {
		b.add(incident.CallTask{
			Task: b.id("T"), Purpose: w.purpose, Customer: c.Name, Telephone: c.Telephone, Script: text.spoken, Due: b.facts.Now,
		})
	}
	if len(c.Email) == 0 && c.Telephone == "" {
		b.attention("no-address-"+c.Name, "customer "+c.Name+" must be told, and the inventory has neither mail address nor telephone number")
	}
	if !w.next.IsZero() {
		b.later(w.next)
	}
}

// attention calls for a person, once for each topic.
func (b *batch) attention(topic, why string) {
	_, raised := b.facts.Incident.Attentions[topic]
	if call := (incident.Attention{Topic: topic, Why: why}); !raised && !slices.Contains(b.duties, incident.Payload(call)) {
		b.add(call)
	}
}

// pages mails the engineers on duty what they must know or answer: that a
// pressing incident is open, that something is asked of them, that piket
// cannot go on. Each is mailed once, and once more when service fails again;
// what nobody answers goes on to the next of them.
func (b *batch) pages() {
	inc := b.facts.Incident
	if !inc.Ongoing() {
		return
	}
	if inc.Priority == incident.P1 || inc.Priority == incident.P2 {
		b.open()
	}
	b.question()
	b.askForNod()
	for _, topic := range sortedTopics(inc) {
		b.needed(topic)
	}
}

// page mails one subject to people, all at once, unless it has been.
func (b *batch) page(topic, subject, body string, people []inventory.Person) {
	if b.paged(topic) > 0 {
		return
	}
	if people := mailable(people); len(people) > 0 {
		b.mail(topic, subject, body, people)
		return
	}
	b.nobody()
}

// nobody says that there is nobody to mail.
func (b *batch) nobody() {
	where := fmt.Sprintf("in team %q", b.facts.Incident.Team)
	if b.facts.Incident.Team == "" {
		where = "in any team"
	}
	b.attention("nobody-on-duty", "nobody who can be mailed is on duty "+where)
}

// onDuty lists who is on duty in the incident's team. What no runbook has given
// to a team concerns every team.
func (b *batch) onDuty() []inventory.Person {
	inv, teams := b.facts.Inventory, []string{b.facts.Incident.Team}
	if teams[0] == "" {
		teams = nil
		for _, team := range inv.Teams {
			teams = append(teams, team.Name)
		}
	}
	var people []inventory.Person
	for _, team := range teams {
		for _, p := range inv.OnDuty(team) {
			if !slices.ContainsFunc(people, func(q inventory.Person) bool { return q.Name == p.Name }) {
				people = append(people, p)
			}
		}
	}
	return people
}

func sortedTopics(inc *incident.Incident) []string {
	var topics []string
	for topic := range inc.Attentions {
		if topic != "nobody-on-duty" {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

func attentions(inc *incident.Incident) string {
	team := "no team"
	if inc.Team != "" {
		team = "team " + inc.Team
	}
	text := fmt.Sprintf("Priority %s %s, %s, since %s.\n", inc.Priority, inc.Priority.Word(), team, clockTime(inc.OpenedAt))
	if v := inc.Verdict; v.Verdict != "" {
		text += v.Text() + "\n"
	}
	if len(inc.Attentions) > 0 {
		text += "Open points:\n"
		for _, topic := range sortedTopics(inc) {
			text += "- " + inc.Reasons[topic] + "\n"
		}
	}
	return text
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
