package desk

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Practice is what somebody wants to be practised [5.1].
type Practice struct {
	Server    string
	Story     string        // one of incident.Stories
	Customers bool          // whether customers hear of it as well
	Lasts     time.Duration // after which it ends by itself; incident.DrillLasts when 0
}

// maxDrill bounds how long a drill may last.
const maxDrill = 24 * time.Hour

// ErrDrill says what is wrong with a drill that somebody wants.
var ErrDrill = errors.New("this cannot be practised")

// Check says why a drill cannot be held, nil when it can. What the inventory does
// not have cannot be practised on.
func (p Practice) Check(inv *inventory.Inventory) error {
	s, ok := inv.Server(p.Server)
	switch {
	case !ok || s.Name != p.Server:
		return fmt.Errorf("drill: %w: the inventory has no server %q", ErrDrill, p.Server)
	case incident.Stories[p.Story].Alert == "":
		return fmt.Errorf("drill: %w: there is no story %q, but %s", ErrDrill, p.Story, strings.Join(slices.Sorted(maps.Keys(incident.Stories)), ", "))
	case p.Lasts < 0 || p.Lasts > maxDrill:
		return fmt.Errorf("drill: %w: it lasts %v, and a day at the most", ErrDrill, p.Lasts)
	}
	return nil
}

// Alert is the drill in the form in which everything enters; by is who begins it,
// at its moment. The same moment is the same drill, however often it is sent.
func (p Practice) Alert(by string, at time.Time) alerts.Alert {
	labels := alerts.Labels{"alertname": alerts.DrillDue, "server": p.Server, "story": p.Story}
	lasts := p.Lasts
	if lasts == 0 {
		lasts = incident.DrillLasts
	}
	a := alerts.Alert{
		Source: alerts.Calendar, Status: alerts.Firing, Labels: labels, StartsAt: at.UTC(), Fingerprint: labels.Fingerprint(),
		Annotations: alerts.Labels{
			"summary": fmt.Sprintf("%s: %s", p.Server, incident.Stories[p.Story].About), "by": by, "until": at.Add(lasts).UTC().Format(time.RFC3339),
		},
	}
	if p.Customers {
		a.Annotations["customers"] = "yes"
	}
	return a
}

// MayDrill reports whether a person may begin and end drills: who leads.
func MayDrill(p inventory.Person) bool { return leads(p) }

// StopDrill ends a drill.
func StopDrill(inc *incident.Incident, by inventory.Person) ([]incident.Payload, error) {
	switch {
	case !leads(by):
		return nil, ErrRole
	case !inc.IsDrill():
		return nil, fmt.Errorf("stop: %w: %s is no drill", ErrNotNow, inc.ID)
	case !inc.Ongoing():
		return nil, fmt.Errorf("stop: %w: it is %s", ErrNotNow, inc.Status)
	}
	return []incident.Payload{incident.Closed{By: by.Name}}, nil
}

// drill ends a drill that nobody ends, and tells those who were asked about one
// that is over that they are free.
func (b *batch) drill() {
	inc := b.facts.Incident
	switch {
	case inc.Ongoing() && b.facts.Now.Before(inc.Drill.Until):
		b.later(inc.Drill.Until)
	case inc.Ongoing():
		b.add(incident.Note{By: incident.Piket, Words: "The time of the drill is up."})
		b.add(incident.Closed{By: incident.Piket})
	default:
		b.release()
	}
}

// release mails everybody who was asked anything in a drill that it is over.
func (b *batch) release() {
	inc := b.facts.Incident
	var people []inventory.Person
	for _, m := range inc.Messages {
		for _, name := range m.People {
			if p, ok := b.facts.Inventory.Person(name); ok && !slices.ContainsFunc(people, func(q inventory.Person) bool { return q.Name == name }) {
				people = append(people, p)
			}
		}
	}
	if people = mailable(people); len(people) > 0 && b.paged("drill-over") == 0 {
		b.mail("drill-over", fmt.Sprintf("[%s] The drill is over", inc.ID), "Nothing more is asked of you for it.\n", people)
	}
}

// inDrill is who hears what a customer would: in a drill that customers know
// nothing of, whoever talks with them. A customer nobody can stand in for hears
// nothing.
func (b *batch) inDrill(c inventory.Customer) inventory.Customer {
	inc := b.facts.Incident
	if !inc.IsDrill() || inc.Drill.Customers {
		return c
	}
	mail, telephone := len(c.Email) > 0, c.Telephone != ""
	c.Email, c.Telephone = nil, ""
	for _, p := range b.spokesmen() {
		if mail && p.Email != "" {
			c.Email = append(c.Email, p.Email)
		}
		if telephone && c.Telephone == "" {
			c.Telephone = p.Telephone
		}
	}
	return c
}
