package desk

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// DefaultReview is when the review of a P1 or P2 is due after closing.
const DefaultReview = 5 * 24 * time.Hour

const (
	// nagAgain is how long somebody is left in peace before they hear again of
	// what is overdue.
	nagAgain = 7 * 24 * time.Hour
	// actionAhead is how long before its date the owner of an action item hears
	// of it.
	actionAhead = 3 * 24 * time.Hour
)

// lookback has people look back on what was closed [2.6]: the review falls due,
// the managers hear when it is overdue, and each action item is called to mind
// until somebody says that it is done.
func (b *batch) lookback() {
	inc := b.facts.Incident
	if inc.Status == incident.Finished && !inc.Subject.NoTrouble() {
		b.review()
	}
	for _, a := range inc.Review.OpenActions() {
		b.action(a)
	}
}

func (b *batch) review() {
	inc, within := b.facts.Incident, b.facts.Policy.Review
	pressing := inc.Priority == incident.P1 || inc.Priority == incident.P2
	switch r := inc.Review; {
	case (r == nil || r.By.IsZero() && r.Shared == 0) && pressing && within > 0:
		b.add(incident.ReviewDue{By: inc.ClosedAt.Add(within)})
	case r.Owed() && b.facts.Now.Before(r.By):
		b.later(r.By)
	case r.Owed():
		b.attention("review-overdue", "the review was due by "+b.date(r.By)+" and has not been shared")
		b.nag(nag{
			topic: "review-overdue", first: r.By, every: nagAgain, people: b.managers(),
			subject: fmt.Sprintf("[%s] The review is overdue", inc.ID),
			body:    fmt.Sprintf("%s, %s, was closed on %s. Its review was due by %s and has not been shared.\n", inc.ID, inc.Title, b.date(inc.ClosedAt), b.date(r.By)),
			path:    "/incidents/" + inc.ID + "/review",
		})
	}
}

// action reminds the owner of an action item; without one who can be mailed, the
// managers.
func (b *batch) action(a incident.ActionItem) {
	inc := b.facts.Incident
	due, err := time.ParseInLocation(time.DateOnly, a.Due, b.zone())
	if err != nil {
		due = inc.Review.WrittenAt // no date that can be read: it presses
	}
	owner, _ := b.facts.Inventory.Person(a.Owner)
	people := mailable([]inventory.Person{owner})
	if len(people) == 0 {
		people = b.managers()
	}
	first := due.Add(-actionAhead)
	if first.Before(inc.Review.WrittenAt) {
		first = inc.Review.WrittenAt
	}
	n := nag{
		topic: "action " + a.ID, first: first, every: nagAgain, people: people,
		subject: fmt.Sprintf("[%s] Action item %s is due by %s", inc.ID, a.ID, a.Due),
		body:    fmt.Sprintf("%s\nOwner: %s. Due: %s. From the review of %s, %s.\nYou hear of it again until somebody says that it is done.\n", a.What, a.Owner, a.Due, inc.ID, inc.Title),
		path:    "/incidents/" + inc.ID + "/review",
	}
	if day := due.Add(24 * time.Hour); !b.facts.Now.Before(day) {
		n.subject, n.first = fmt.Sprintf("[%s] Action item %s was due by %s", inc.ID, a.ID, a.Due), day
	} else {
		b.later(day)
	}
	b.nag(n)
}

// nag is something that people are told again and again until it is done.
type nag struct {
	topic, subject, body, path string

	write  func() string // the body, where it costs something to write; nil for none but body
	people []inventory.Person
	first  time.Time
	every  time.Duration
}

// nag mails what is due and notes when it is due again. What fell due several
// times while nobody looked is one mail.
func (b *batch) nag(n nag) {
	now := b.facts.Now
	if now.Before(n.first) {
		b.later(n.first)
		return
	}
	latest := n.first.Add(now.Sub(n.first) / n.every * n.every)
	if last := b.lastPaged(n.topic); last.Before(latest) {
		if n.people = mailable(n.people); len(n.people) == 0 {
			b.attention("nobody-to-remind", "nobody who can be mailed is a manager or on duty, and there is something to remind them of")
		} else {
			if n.write != nil {
				n.body = n.write()
			}
			b.mailAt(n.path, n.topic, n.subject, n.body, n.people)
		}
	}
	b.later(latest.Add(n.every))
}

// lastPaged is when people were last mailed about a topic, zero for never.
func (b *batch) lastPaged(topic string) (last time.Time) {
	for _, m := range b.facts.Incident.Messages {
		if m.Way == incident.ByMail && m.Purpose == b.purpose(topic) && m.QueuedAt.After(last) {
			last = m.QueuedAt
		}
	}
	return last
}

func (b *batch) zone() *time.Location { return cmp.Or(b.facts.Policy.Zone, time.UTC) }

func (b *batch) date(t time.Time) string { return t.In(b.zone()).Format(time.DateOnly) }
