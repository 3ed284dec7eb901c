package desk

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Channel is one integration of a receiver: one chat, one pager. Each is told
// for itself, so that a pager that is down does not have the chat told twice.
type Channel struct {
	Address  string
	Resolved bool // it wants to hear that trouble is over
}

// UndeliveredTopic begins the calls for a person that follow from a message that
// could not be delivered. The receivers are not told of those.
const UndeliveredTopic = "undelivered-"

// notice tells a team's receivers once what its people are paged about. While
// people are asked one after the other, a chat hears of it with the first.
func (b *batch) notice(topic, subject, body, team string) {
	inc := b.facts.Incident
	_, needed := inc.Attentions[topic]
	if inc.Status != incident.Open && !needed || inc.Subject.NoTrouble() {
		return
	}
	for _, c := range b.channels(team) {
		if !b.noticed(topic, c.Address) {
			b.add(b.noticeTo(c.Address, topic, subject, b.describe(body)))
		}
	}
}

// needNotice says that a person is needed. What is a customer's business stays
// on the page: a chat is read by many, and run by others.
func (b *batch) needNotice(topic string) {
	inc := b.facts.Incident
	if strings.HasPrefix(topic, UndeliveredTopic) {
		return
	}
	why := inc.Reasons[topic]
	if aboutCustomers(topic) {
		why = "it concerns a customer; the page says more"
	}
	b.notice(topic, fmt.Sprintf("[%s] A person is needed: %s", inc.ID, brief(why)), why+".\n", inc.Team)
}

func aboutCustomers(topic string) bool {
	return slices.ContainsFunc([]string{
		incident.ComplaintTopic, incident.OverdueTopic, incident.UnconfirmedTopic, UndeliveredTopic, "no-address-", "bounced-",
	}, func(begin string) bool { return strings.HasPrefix(topic, begin) })
}

// channels lists what the receivers of a team consist of. What no runbook has
// given to a team concerns every team.
func (b *batch) channels(team string) []Channel {
	var list []Channel
	for _, t := range b.facts.Inventory.Teams {
		if team != "" && t.Name != team {
			continue
		}
		for _, name := range t.Receivers {
			for _, c := range b.facts.Policy.Channels[name] {
				if !slices.Contains(list, c) {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// noticed reports whether a channel has been told about a topic.
func (b *batch) noticed(topic, address string) bool {
	return slices.ContainsFunc(b.facts.Incident.Messages, func(m *incident.Message) bool {
		return m.Way == incident.ByReceiver && m.Purpose == b.purpose(topic) && slices.Contains(m.To, address) && !m.Notice.Resolved()
	})
}

// over tells each channel that was told of trouble that it is over: a pager
// closes its incident, a tracker its ticket.
func (b *batch) over() {
	inc := b.facts.Incident
	if inc.Status == incident.Open || !slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool { return m.Way == incident.ByReceiver }) {
		return
	}
	for _, c := range b.allChannels() {
		last := inc.LastNotice(c.Address)
		if !c.Resolved || last == nil || last.Notice.Resolved() || b.stillNeeded(last) {
			continue
		}
		m := b.noticeTo(c.Address, last.Topic, fmt.Sprintf("[%s] Over: %s", inc.ID, inc.Title), b.describe("Service is back, or the incident is closed.\n"))
		m.Notice.EndsAt = b.facts.Now
		b.add(m)
	}
}

// stillNeeded reports whether a channel was called for something that came up
// after service was back, and that still calls for a person.
func (b *batch) stillNeeded(m *incident.Message) bool {
	inc := b.facts.Incident
	_, needed := inc.Attentions[m.Topic]
	return inc.Status == incident.BackInService && needed && m.QueuedAt.After(inc.RestoredAt)
}

// allChannels lists every channel there is, once, in a settled order. One that
// was taken out of its team is still told that what it heard of is over.
func (b *batch) allChannels() []Channel {
	var list []Channel
	for _, channels := range b.facts.Policy.Channels {
		list = append(list, channels...)
	}
	slices.SortFunc(list, func(x, y Channel) int { return strings.Compare(x.Address, y.Address) })
	return list
}

// noticeTo makes the message to one channel.
func (b *batch) noticeTo(address, topic, subject, description string) incident.MessageQueued {
	inc := b.facts.Incident
	n := incident.Notice{
		Labels:      b.labels(),
		Annotations: map[string]string{"summary": subject, "description": description},
		StartsAt:    inc.FellAt,
	}
	if inc.Runbook.Name != "" {
		n.Annotations["runbook"] = inc.Runbook.Name
	}
	if url := b.facts.Policy.ExternalURL; url != "" {
		n.Annotations["link"] = url + "/incidents/" + inc.ID
	}
	return incident.MessageQueued{
		Message: b.id("M"), Purpose: b.purpose(topic), Topic: topic, Way: incident.ByReceiver, To: []string{address},
		Subject: subject, Body: description, Notice: n,
	}
}

// severities are the words that pagers know for a priority.
var severities = map[incident.Priority]string{
	incident.P1: "critical", incident.P2: "error", incident.P3: "warning", incident.P4: "info",
}

// alertNameForm is what the name of an alert must be to stand in a label of
// ours: it comes from outside.
var alertNameForm = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_:.-]{0,99}\z`)

// labels say what the incident is about. They name no customer.
func (b *batch) labels() map[string]string {
	inc := b.facts.Incident
	labels := map[string]string{
		"alertname": "Incident", "incident": inc.ID, "priority": string(inc.Priority), "severity": severities[inc.Priority],
	}
	if len(inc.Alerts) > 0 {
		if name := inc.Alerts[0].Name(); alertNameForm.MatchString(name) {
			labels["alertname"] = name
		}
	}
	if inc.Site != "" {
		labels["site"] = inc.Site
	}
	if inc.Team != "" {
		labels["team"] = inc.Team
	}
	switch inc.Subject.Kind {
	case "server":
		labels["server"] = inc.Subject.Name
		if s, ok := b.facts.Inventory.Server(inc.Subject.Name); ok && s.Rack != "" {
			labels["rack"] = s.Rack
		}
	case "rack", "feed", "site":
		labels[inc.Subject.Kind] = inc.Subject.Name
	}
	return labels
}

// describe adds to a text how matters stand, without what concerns customers.
func (b *batch) describe(text string) string {
	inc := b.facts.Incident
	team := "no team"
	if inc.Team != "" {
		team = "team " + inc.Team
	}
	text += fmt.Sprintf("Priority %s %s, %s, since %s.\n", inc.Priority, inc.Priority.Word(), team, clockTime(inc.OpenedAt))
	if v := inc.Verdict; v.Verdict != "" {
		text += v.Text() + "\n"
	}
	for _, topic := range sortedTopics(inc) {
		if !aboutCustomers(topic) {
			text += "- " + inc.Reasons[topic] + "\n"
		}
	}
	return text
}

// push has those who are mailed hear on their telephones as well, if they wish.
func (b *batch) push(path, topic, subject string, people []inventory.Person) {
	wanted := b.facts.Policy.Pushes
	if wanted == nil || !strings.HasPrefix(b.purpose(topic), "page ") {
		return
	}
	for _, p := range people {
		if wanted(p.Name) {
			b.add(incident.MessageQueued{
				Message: b.id("M"), Purpose: b.purpose(topic), Topic: topic, Way: incident.ByPush, To: []string{p.Name},
				Subject: subject, Body: path,
			})
		}
	}
}
