package intake

import (
	"slices"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// covers reports whether an alert about subject can be part of inc. The
// incident of a site or a rack looks after its servers only while that is in
// trouble as a whole, and its goal is that they answer: what is still silent when
// the way there is back has a trouble of its own. One whose service is back, or one that waits for
// the end of the provider's announcement, would be closed with the server still
// down, and nothing would ever be tried for it. What touches nobody's service,
// like a BMC, is never part of an outage that customers are told of.
func (d *Door) covers(inc *incident.Incident, subject incident.Subject, a alerts.Alert) bool {
	if inc.Subject == subject {
		return true
	}
	if inc.Status != incident.Open || !inc.Stands() {
		return false
	}
	if book := d.Runbooks().Select(a.Labels); book != nil && !book.Goal.Service() {
		return false
	}
	book := d.pinned(inc.Runbook)
	return book != nil && book.Goal.Service()
}

// pinned is the runbook of an incident, from the library while it has the same
// text; nil when it cannot be read.
func (d *Door) pinned(pin incident.RunbookPinned) *runbooks.Runbook {
	if book, ok := d.Runbooks().Book(pin.Name); ok && book.Hash == pin.Hash {
		return book
	}
	book, err := runbooks.Parse(pin.Name, []byte(pin.Source))
	if err != nil {
		return nil
	}
	return book
}

// raise is what an alert makes of an incident that it is worse than; nothing
// is ever lowered. What no runbook judges is worse than the least. The team and
// the runbook are those for the incident's own subject: what a server needs is
// not what its site needs.
func (d *Door) raise(inc *incident.Incident, about about, a alerts.Alert) []incident.Payload {
	const why = "worse than what opened it"
	// What a person has judged stands against more of what they knew.
	if inc.JudgedBy != "" && slices.ContainsFunc(inc.Alerts, func(known alerts.Alert) bool { return known.Name() == a.Name() }) {
		return nil
	}
	before := incident.Classified{Impact: inc.Impact, Urgency: inc.Urgency, Priority: inc.Priority}
	if p, ok := judgedByReporter(before, true, a); ok {
		return []incident.Payload{p}
	}
	own := inc.Subject == about.subject
	title := ""
	if own {
		title = about.title
	}
	book := d.Runbooks().Select(a.Labels)
	switch {
	case book != nil && worse(book, inc.Priority) && own:
		return judged(book, title, why)
	case book != nil && worse(book, inc.Priority):
		return []incident.Payload{classified(book, title, why)}
	case book == nil && unjudgedPriority < inc.Priority:
		return unjudged(title, why)
	}
	return nil
}

// worse reports whether a runbook's classification is more pressing than what
// an incident has: a server that stops answering is more than a service down.
func worse(book *runbooks.Runbook, than incident.Priority) bool {
	return classified(book, "", "").Priority < than
}

// judged is what a runbook says of the incidents it is meant for.
func judged(book *runbooks.Runbook, title, why string) []incident.Payload {
	return []incident.Payload{
		classified(book, title, why),
		incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source},
	}
}

func classified(book *runbooks.Runbook, title, why string) incident.Classified {
	impact, urgency := incident.Level(book.Classify.Impact), incident.Level(book.Classify.Urgency)
	return incident.Classified{Title: title, Impact: impact, Urgency: urgency, Priority: incident.PriorityOf(impact, urgency), Reason: why}
}

var unjudgedPriority = incident.PriorityOf(incident.Medium, incident.Medium)

// unjudged is what holds for an alert that no runbook is meant for.
func unjudged(title, why string) []incident.Payload {
	return []incident.Payload{
		incident.Classified{Title: title, Impact: incident.Medium, Urgency: incident.Medium, Priority: unjudgedPriority, Reason: why},
		incident.Attention{Topic: "no-runbook", Why: "no runbook is meant for this alert, so nothing is done by itself"},
	}
}

// dated is what holds for a date: no trouble, and no machine's business.
func dated() []incident.Payload {
	return []incident.Payload{incident.Classified{
		Impact: incident.Low, Urgency: incident.Low, Priority: incident.PriorityOf(incident.Low, incident.Low), Reason: "it falls due by the calendar",
	}}
}

// opening is how every timeline begins: opened, the alert, the priority, the
// team, the runbook.
func (d *Door) opening(about about, a alerts.Alert, cut uint64) []incident.Event {
	payloads := []incident.Payload{
		incident.Opened{Title: about.title, Subject: about.subject, Site: about.site, Customers: about.customers, Drill: about.drill},
	}
	if about.subject.Kind == incident.DrillKind {
		as := a
		as.Labels = alerts.Labels{"alertname": incident.Stories[about.drill.Story].Alert, "server": about.subject.Name, "site": about.site}
		payloads = append(payloads, d.classified(as)...)
	} else if about.subject.NoTrouble() {
		payloads = append(payloads, dated()...)
	} else {
		payloads = append(payloads, d.classified(a)...)
	}
	if about.unknown != "" {
		payloads = append(payloads, incident.Attention{Topic: "not-in-inventory", Why: about.unknown})
	}
	events := make([]incident.Event, 0, len(payloads)+1)
	for n, p := range payloads {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: p})
		if n == 0 {
			events = append(events, event(a, cut))
		}
	}
	for _, p := range about.silent {
		events = append(events, incident.Event{Actor: incident.Piket, Payload: p})
	}
	return events
}

// classified is what the runbook for an alert says of an incident that it opens,
// and what the person who reports it does.
func (d *Door) classified(a alerts.Alert) []incident.Payload {
	book, said := d.Runbooks().Select(a.Labels), unjudged("", "no runbook judges it")
	if book != nil {
		said = judged(book, "", "as the runbook "+book.Name+" says")
	}
	if p, ok := judgedByReporter(said[0].(incident.Classified), book != nil, a); ok {
		said = append(said, p)
	}
	return said
}

// judgedByReporter is the classification by the answers of a person who reports
// trouble [2.2]: where no runbook judges, or where it is more pressing than what
// the runbook says. Nobody else's alert can say how bad it is.
func judgedByReporter(before incident.Classified, byRunbook bool, a alerts.Alert) (incident.Classified, bool) {
	impact, urgency := incident.Level(a.Annotations["impact"]), incident.Level(a.Annotations["urgency"])
	if a.Source != "person" || !slices.Contains(incident.Levels, impact) || !slices.Contains(incident.Levels, urgency) {
		return incident.Classified{}, false
	}
	priority := incident.PriorityOf(impact, urgency)
	same := impact == before.Impact && urgency == before.Urgency
	return incident.Classified{
		Impact: impact, Urgency: urgency, Priority: priority, Reason: "as it was reported", By: a.Annotations["reporter"], Was: before.Words(),
	}, !same && (!byRunbook || priority < before.Priority)
}

func event(a alerts.Alert, cut uint64) incident.Event {
	return incident.Event{Actor: a.Source, Payload: incident.AlertReceived{Alert: a, Cut: cut}}
}
