package telephone

import (
	"cmp"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Facts is everything that Next may look at.
type Facts struct {
	Incident  *incident.Incident
	Inventory *inventory.Inventory
	Policy    Policy
	Now       time.Time
}

// Policy says when people are rung, and how often. Config says what each means.
type Policy struct {
	After, Pause time.Duration
	Tries        int
	Priorities   []incident.Priority
	Customers    bool
}

// Due is one call that must be made.
type Due struct {
	Person   string
	Topics   []string // what they are called about
	Final    []string // those for which this is the last try
	Customer string
	Task     string
	Number   string
	Language string
}

// maxFailed is how often a call is tried that could not be made, or of which
// nobody knows what became of it.
const maxFailed = 20

// firstRetry and lastRetry are the waits after a call that could not be made.
const (
	firstRetry = 15 * time.Second
	lastRetry  = 5 * time.Minute
)

// stale is how late a customer may be telephoned with a text: what waited for
// longer may not be so any more, and is for a person.
const stale = 20 * time.Minute

// Next returns who must be telephoned now, and the next moment at which somebody
// may have to be (zero: not before the incident changes). It is a pure function.
//
// Who is rung was mailed before: desk decides who is asked, in which order, and
// the telephone only makes the mail audible.
func Next(f Facts) (due []Due, next time.Time) {
	l := &list{Facts: f}
	l.people()
	if f.Policy.Customers && f.Incident.Status != incident.Joined {
		l.customers()
	}
	return l.due, l.next
}

// list collects calls.
type list struct {
	Facts
	due  []Due
	next time.Time
}

func (l *list) later(t time.Time) {
	if l.next.IsZero() || t.Before(l.next) {
		l.next = t
	}
}

// people rings those who were mailed about what presses. Nobody has two calls at
// once, and one call is about all that waits for them.
func (l *list) people() {
	if !l.Incident.Ongoing() {
		return
	}
	for _, m := range l.Incident.Messages {
		for _, name := range m.People {
			if l.presses(m, name) {
				l.person(m, name)
			}
		}
	}
}

// presses reports whether a mail still asks for somebody's answer: that they take
// the incident, or answer a question. What else needs a person is said in the same
// call; a call of its own would ring who has just not answered once more.
func (l *list) presses(m *incident.Message, person string) bool {
	inc := l.Incident
	if a := inc.Approval; a != nil && m.Topic == a.Approval {
		return inc.Asking() && l.Now.Before(a.Expires) && !slices.Contains(a.Yes, person)
	}
	return m.Topic == "open" && inc.Status == incident.Open && inc.Owner == "" && !m.QueuedAt.Before(inc.FellAt) &&
		slices.Contains(l.Policy.Priorities, inc.Priority)
}

func (l *list) person(m *incident.Message, name string) {
	p, ok := l.Inventory.Person(name)
	if !ok || p.Telephone == "" || l.talking(name) {
		return
	}
	at, final, ok := l.when(l.Incident.RungAbout(name, m.Topic, m.QueuedAt), m.QueuedAt.Add(l.Policy.After))
	switch {
	case !ok:
		return
	case l.Now.Before(at):
		l.later(at)
		return
	}
	n := slices.IndexFunc(l.due, func(d Due) bool { return d.Person == name })
	if n < 0 {
		n = len(l.due)
		l.due = append(l.due, Due{Person: name, Number: p.Telephone, Language: "en"})
	}
	d := &l.due[n]
	if slices.Contains(d.Topics, m.Topic) {
		return
	}
	if d.Topics = append(d.Topics, m.Topic); final {
		d.Final = append(d.Final, m.Topic)
	}
}

// talking reports whether somebody is called at this moment.
func (l *list) talking(person string) bool {
	return slices.ContainsFunc(l.Incident.Rings, func(r *incident.Ring) bool { return r.Person == person && r.Live() })
}

// when says when somebody is rung about a matter, given how they were before,
// and whether that is the last time; not at all once they have said something or
// did not answer often enough. Being told fails open: a call that was not made,
// or of which nobody knows, does not count.
func (l *list) when(rings []*incident.Ring, first time.Time) (at time.Time, final, ok bool) {
	missed, failed, at := 0, 0, first
	for _, r := range rings {
		switch {
		case r.Key != "":
			return at, false, false
		case r.Unanswered():
			missed++
			at = r.EndedAt.Add(l.Policy.Pause)
		case r.Outcome == incident.RingUnknown:
			failed++
			at = r.EndedAt
		default:
			at = r.EndedAt.Add(min(firstRetry<<min(failed, 10), lastRetry))
			failed++
		}
	}
	return at, missed+1 >= l.Policy.Tries, missed < l.Policy.Tries && failed < maxFailed
}

// customers takes telephone tasks, each of them once: whatever comes of it but
// "reached", the next try is a person's.
func (l *list) customers() {
	for _, c := range l.Incident.CallTasks {
		if c.Outcome != "" || c.Telephone == "" || slices.ContainsFunc(l.Incident.Rings, func(r *incident.Ring) bool { return r.Task == c.Task }) {
			continue
		}
		switch held := c.HeldBy(l.Now) != ""; {
		case l.Now.Before(c.Due):
			l.later(c.Due)
		case held:
			l.later(c.TakenUntil)
		case l.Now.Sub(c.Due) < stale:
			customer, _ := l.Inventory.Customer(c.Customer)
			l.due = append(l.due, Due{
				Customer: c.Customer, Task: c.Task, Number: c.Telephone, Language: cmp.Or(customer.Language, inventory.DefaultLanguage),
			})
		}
	}
}
