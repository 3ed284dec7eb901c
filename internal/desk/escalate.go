package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// relay is one matter that is taken from person to person until somebody
// answers.
type relay struct {
	topic, subject, body string

	rungs [][]inventory.Person // who is asked at the same time, in the order in which they are
	since time.Time            // when the first are
	every time.Duration        // between one rung and the next
}

// question asks who may answer what is asked, one after the other as long as
// nobody has. Everybody was asked before the time is up, with as long to answer
// as the others had.
func (b *batch) question() {
	inc, inv := b.facts.Incident, b.facts.Inventory
	a := inc.Approval
	if a == nil || a.GrantedBy != "" || inc.Status != incident.Open || !b.facts.Now.Before(a.Expires) {
		return
	}
	first, rest := inv.KnownAt(a.AskedAt).Asked(a.By, inc.Team)
	if a.By != inventory.OnDutyPeople { // all of a team that is named may answer from the beginning
		first, rest = append(first, rest...), nil
	}
	first, rest = b.useful(first), b.useful(rest)
	if left := len(first) + len(rest); len(a.Yes)+left < a.Needed() {
		b.attention("cannot-be-agreed-"+a.Approval, fmt.Sprintf("%d people must agree to %s, and of those who may only %d can", a.Needed(), a.Action, len(a.Yes)+left))
	}
	rungs := rungsOf(first, rest)
	team := a.By
	if team == inventory.OnDutyPeople {
		team = inc.Team
	}
	r := relay{
		topic: a.Approval, subject: fmt.Sprintf("[%s] May piket %s? Answer by %s", inc.ID, a.Action, clockTime(a.Expires)),
		body: questionText(a), rungs: rungs, since: a.AskedAt, every: inv.Wait(team),
	}
	if n := len(rungs); n > 0 {
		r.every = min(r.every, a.Expires.Sub(a.AskedAt)/time.Duration(n))
	}
	if _, ok := inv.Team(team); !ok { // one person is asked by name
		team = inc.Team
	}
	b.notice(r.topic, r.subject, r.body, team)
	b.relay(r)
}

// useful leaves out whose yes would change nothing: who has said it already,
// and, where two must agree, who reported the trouble. Whoever is left comes to
// their turn the sooner.
func (b *batch) useful(people []inventory.Person) []inventory.Person {
	inc := b.facts.Incident
	return slices.DeleteFunc(slices.Clone(people), func(p inventory.Person) bool {
		asker := inc.Approval.Needed() > 1 && slices.Contains(inc.Requesters, p.Name)
		return asker || slices.Contains(inc.Approval.Yes, p.Name)
	})
}

func questionText(a *incident.Approval) string {
	text := fmt.Sprintf("piket asks for leave to %s.\nWhy: %s.\n", a.Action, a.Why)
	if a.Wipes != "" {
		text = a.Wipes + ".\n\n" + text
	}
	if a.Serial != "" {
		text += fmt.Sprintf("Machine: serial %s.\n", a.Serial)
	}
	if a.Record != "" {
		text += fmt.Sprintf("Until now: %s.\n", a.Record)
	}
	if a.Needed() > 1 {
		text += fmt.Sprintf("%d different people must agree.", a.Needed())
		if len(a.Yes) > 0 {
			text += fmt.Sprintf(" %s has.", strings.Join(a.Yes, " and "))
		}
		text += "\n"
	}
	return text + fmt.Sprintf("Without an answer by %s it is not done: %s.\n", clockTime(a.Expires), a.Else)
}

// open pages that a pressing incident is open, for as long as nobody has taken
// it and service is not back: who is on duty, one after the other, then
// everybody else of the team, then the incident manager, then all managers [4].
func (b *batch) open() {
	inc, inv := b.facts.Incident, b.facts.Inventory
	again := ""
	if inc.Relapses > 0 {
		again = " again:"
	}
	subject, body := fmt.Sprintf("[%s] %s%s %s", inc.ID, inc.Priority, again, inc.Title), inc.Title+".\n"+attentions(inc)
	b.notice("open", subject, inc.Title+".\n", inc.Team)
	if inc.Owner != "" || inc.Team == "" || inc.Status != incident.Open {
		b.page("open", subject, body, b.onDuty())
		return
	}
	_, rest := inv.Asked(inventory.OnDutyPeople, inc.Team)
	rungs := rungsOf(b.onDuty(), rest)
	if len(rungs) == 0 {
		b.nobody()
	}
	rungs = append(rungs, b.upTo(incident.ManagerRole, inv.WithRole(inventory.Manager))...)
	b.relay(relay{topic: "open", subject: subject, body: body, rungs: rungs, since: inc.FellAt, every: inv.Wait(inc.Team)})
}

// needed calls for a person. What the incident manager sees to [4.1] goes to them,
// and on to all managers; what presses and nobody has taken goes on to the next;
// anything else goes to everybody on duty at once, and to who works on it.
func (b *batch) needed(topic string) {
	inc, inv := b.facts.Incident, b.facts.Inventory
	subject := fmt.Sprintf("[%s] A person is needed: %s", inc.ID, brief(inc.Reasons[topic]))
	why := complaintText(inc, topic) + attentions(inc)
	if topic == incident.UnconfirmedTopic || ofOrder(inc, topic) || strings.HasSuffix(topic, "-late") || strings.HasPrefix(topic, incident.OverdueTopic) {
		b.relay(relay{
			topic: topic, subject: subject, body: why,
			rungs: b.upTo(incident.ManagerRole, b.managers()), since: inc.Attentions[topic], every: inv.Wait(inc.Team),
		})
		return
	}
	b.needNotice(topic)
	pressing := inc.Priority == incident.P1 || inc.Priority == incident.P2
	if !pressing || inc.Owner != "" || inc.Team == "" {
		b.page(topic, subject, why, append(b.onDuty(), b.specialists()...))
		return
	}
	_, rest := inv.Asked(inventory.OnDutyPeople, inc.Team)
	b.relay(relay{
		topic: topic, subject: subject, body: why,
		rungs: rungsOf(b.onDuty(), rest), since: inc.Attentions[topic], every: inv.Wait(inc.Team),
	})
}

// maxSubjectRunes is what a telephone shows of a subject, and then some.
const maxSubjectRunes = 120

// brief cuts a reason down to what a subject holds; the whole of it stands below.
func brief(why string) string {
	if runes := []rune(why); len(runes) > maxSubjectRunes {
		return string(runes[:maxSubjectRunes-1]) + "…"
	}
	return why
}

// complaintText is what a customer has reported, where that is the topic.
func complaintText(inc *incident.Incident, topic string) string {
	for _, c := range inc.Complaints() {
		if incident.ComplaintTopic+c.Customer == topic {
			return c.Text() + "\n"
		}
	}
	return ""
}

// managers are all who can be incident managers [4.1], who see to it that customers
// hear and that incidents end; where there are none, who is on duty.
func (b *batch) managers() []inventory.Person {
	if people := mailable(b.facts.Inventory.WithRole(inventory.Manager)); len(people) > 0 {
		return people
	}
	return b.onDuty()
}

// rungsOf asks those on duty one by one, then all others together. Who cannot
// be mailed takes up no time.
func rungsOf(first, rest []inventory.Person) [][]inventory.Person {
	var rungs [][]inventory.Person
	for _, p := range mailable(first) {
		rungs = append(rungs, []inventory.Person{p})
	}
	if rest = mailable(rest); len(rest) > 0 {
		rungs = append(rungs, rest)
	}
	return rungs
}

// relay mails whoever's turn it is by now and notes when the next one's is.
// What fell due while nobody looked is one mail, not several.
func (b *batch) relay(r relay) {
	var due []inventory.Person
	at := r.since
	for n, rung := range r.rungs {
		if n > 0 {
			at = b.turn(r, r.rungs[n-1], at)
		}
		if b.facts.Now.Before(at) {
			b.later(at)
			break
		}
		for _, p := range rung {
			if !b.asked(r.topic, p) {
				due = append(due, p)
			}
		}
	}
	switch {
	case len(r.rungs) == 0:
		b.nobody()
	case len(due) > 0:
		b.mail(r.topic, r.subject, r.body, due)
	}
}

// mail asks people, all in one message that says who they are.
func (b *batch) mail(topic, subject, body string, people []inventory.Person) {
	b.mailAt("/incidents/"+b.facts.Incident.ID, topic, subject, body, people)
}

// mailAt is mail with a link to another page than the incident's.
func (b *batch) mailAt(path, topic, subject, body string, people []inventory.Person) {
	if url := b.facts.Policy.ExternalURL; url != "" {
		body += "\n" + url + path + "\n"
	}
	m := incident.MessageQueued{Message: b.id("M"), Purpose: b.purpose(topic), Topic: topic, Subject: subject}
	for _, p := range people {
		if !slices.Contains(m.People, p.Name) {
			m.People = append(m.People, p.Name)
		}
		if !slices.Contains(m.To, p.Email) {
			m.To = append(m.To, p.Email)
		}
	}
	m.Body = body
	b.add(m)
	b.push(path, topic, subject, people)
}

// purpose names a page: what about, and since service failed again for the
// how-manyeth time.
func (b *batch) purpose(topic string) string {
	if n := b.facts.Incident.Relapses; n > 0 {
		return fmt.Sprintf("page %s, relapse %d", topic, n)
	}
	return "page " + topic
}

// paged counts the messages about a topic until now.
func (b *batch) paged(topic string) (n int) {
	for _, m := range b.facts.Incident.Messages {
		if m.Way == incident.ByMail && m.Purpose == b.purpose(topic) {
			n++
		}
	}
	return n
}

// asked reports whether a person has been mailed about a topic. An older piket
// wrote down the address only.
func (b *batch) asked(topic string, p inventory.Person) bool {
	return slices.ContainsFunc(b.facts.Incident.Messages, func(m *incident.Message) bool {
		return m.Way == incident.ByMail && m.Purpose == b.purpose(topic) && (slices.Contains(m.People, p.Name) || len(m.People) == 0 && slices.Contains(m.To, p.Email))
	})
}

// mailable leaves out who has no mail address.
func mailable(people []inventory.Person) []inventory.Person {
	return slices.DeleteFunc(slices.Clone(people), func(p inventory.Person) bool { return p.Email == "" })
}
