package desk

import (
	"fmt"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

const (
	// keepOpen is how long the record of a report stays open. While it is, no
	// other replica can open one for the same period.
	keepOpen = 24 * time.Hour
	// evaluateAgain is how often managers hear that the policy waits for them.
	evaluateAgain = 30 * 24 * time.Hour
)

// calendar does what falls due by the calendar: a report goes out and its record
// closes [5.2]; the yearly evaluation of the policy is called to mind until a
// person closes it [5.3].
func (b *batch) calendar() {
	inc := b.facts.Incident
	if inc.IsDrill() {
		b.drill()
		return
	}
	if inc.Status != incident.Open || len(inc.Alerts) == 0 {
		return
	}
	figures := inc.Alerts[0].Annotations[alerts.Figures]
	switch inc.Subject.Kind {
	case "report":
		done := inc.OpenedAt.Add(keepOpen)
		b.nag(nag{
			topic: "report", first: inc.OpenedAt, every: 100 * keepOpen, people: b.managers(),
			subject: "Report: " + inc.Title, body: figures, path: "/reports/" + inc.Subject.Name,
		})
		switch {
		case b.facts.Now.Before(done):
			b.later(done)
		case !b.lastPaged("report").IsZero():
			b.add(incident.Closed{By: incident.Piket})
		}
	case "policy":
		b.nag(nag{
			topic: "policy", first: inc.OpenedAt, every: evaluateAgain, people: b.managers(), path: "/reports",
			subject: fmt.Sprintf("[%s] %s", inc.ID, inc.Title),
			body:    "Go through the incident policy with these figures, note what shall change, and close this record. You hear of it every month until then.\n\n" + figures,
		})
	}
}
