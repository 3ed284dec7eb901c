package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// ErrTaken says that somebody else is telephoning. It says who, and until when.
var ErrTaken = errors.New("somebody else has this call")

const (
	holdCall = 10 * time.Minute // how long a call is one person's
	callBack = 5 * time.Minute  // from one that nobody answered to the next
	maxCalls = 3                // of one task
)

// TakeCall makes a telephone task one person's for a while, so that a customer
// is not called twice.
func TakeCall(inc *incident.Incident, by inventory.Person, task string, now time.Time) ([]incident.Payload, error) {
	if _, err := openCall(inc, by, task, now); err != nil {
		return nil, err
	}
	return []incident.Payload{incident.CallTaken{Task: task, By: by.Name, Until: now.Add(holdCall)}}, nil
}

// ReportCall records what came of a telephone task. Whoever has a role may: the
// one who has the customer on the line writes it down. Who does not answer is
// called again a little later, three times in all.
func ReportCall(inc *incident.Incident, by inventory.Person, task, outcome string, now time.Time) ([]incident.Payload, error) {
	if len(by.Roles) == 0 {
		return nil, ErrRole
	}
	if !slices.Contains(incident.CallOutcomes, outcome) {
		return nil, fmt.Errorf("call: %w: %q is not one of %s", ErrIncomplete, outcome, strings.Join(incident.CallOutcomes, ", "))
	}
	c, err := openCall(inc, by, task, now)
	if err != nil {
		return nil, err
	}
	p := incident.Called{Task: task, Outcome: outcome, By: by.Name}
	if outcome == "no_answer" && c.Tries+1 < maxCalls && inc.Ongoing() {
		p.Again = now.Add(callBack)
	}
	return []incident.Payload{p}, nil
}

// openCall finds a task that is still to be done and that nobody else is doing.
func openCall(inc *incident.Incident, by inventory.Person, task string, now time.Time) (*incident.Call, error) {
	if len(by.Roles) == 0 {
		return nil, ErrRole
	}
	c := inc.Call(task)
	switch {
	case c == nil:
		return nil, fmt.Errorf("call %q: %w: no such task", task, ErrNotNow)
	case c.Outcome == "replaced":
		return nil, fmt.Errorf("call %s: %w: a newer call to %s has taken its place", task, ErrNotNow, c.Customer)
	case c.Outcome != "":
		return nil, fmt.Errorf("call %s: %w: %s has recorded %s", task, ErrNotNow, c.By, c.Outcome)
	case c.HeldBy(now) != "" && c.HeldBy(now) != by.Name:
		return nil, fmt.Errorf("call %s: %w: %s has had it since %s, and keeps it until %s unless they are done before", task, ErrTaken,
			c.TakenBy, clockTime(c.TakenAt), clockTime(c.TakenUntil))
	}
	return c, nil
}

// overdueAfter is how long a word may take from when it is due.
const overdueAfter = 10 * time.Minute

// overdue calls the incident manager when a word to a customer is late, once for
// each word.
func (b *batch) overdue() {
	inc := b.facts.Incident
	if !inc.Ongoing() {
		return
	}
	for _, m := range inc.Messages {
		if m.Customer == "" || m.Delivered || m.GivenUp || m.QueuedAt.Before(inc.FellAt) {
			continue
		}
		b.late(m.Message, m.QueuedAt, fmt.Sprintf("the mail (%s) to %s is not delivered %d minutes after it was due", m.Purpose, m.Customer, int(overdueAfter.Minutes())))
	}
	for _, c := range inc.CallTasks {
		if c.Outcome == "" {
			b.late(c.Task, c.Due, fmt.Sprintf("nobody has telephoned %s (%s) %d minutes after it was due", c.Customer, c.Purpose, int(overdueAfter.Minutes())))
		}
	}
}

func (b *batch) late(word string, due time.Time, why string) {
	at := due.Add(overdueAfter)
	if b.facts.Now.Before(at) {
		b.later(at)
		return
	}
	b.attention(incident.OverdueTopic+word, why)
}

// Bounced records that a mail which was accepted came back, and has the customer
// telephoned instead. Append it at the version of f.Incident.
func Bounced(f Facts, message, address, reason string) ([]incident.Payload, error) {
	inc := f.Incident
	m := inc.Message(message)
	switch {
	case m == nil:
		return nil, fmt.Errorf("bounced mail %q: %w: no such message", message, ErrNotNow)
	case m.Bounced != "":
		return nil, nil // every server on the way may say so
	}
	b := &batch{facts: f}
	b.add(incident.Bounced{Message: message, Address: clip(address), Reason: clip(reason)})
	if m.Purpose == incident.Receipt {
		return b.duties, nil // where a mail said that it came from is nobody's trouble
	}
	b.attention("bounced-"+message, fmt.Sprintf("the mail (%s) to %s came back from %s; tell them in another way", m.Purpose, strings.Join(m.To, ", "), clip(address)))
	c, ok := f.Inventory.Customer(m.Customer)
	called := slices.ContainsFunc(inc.CallTasks, func(t *incident.Call) bool { return t.Customer == m.Customer && t.Outcome == "" })
	if ok && c.Telephone != "" && !called {
		b.add(incident.CallTask{
			Task: b.id("T"), Purpose: m.Purpose, Customer: c.Name, Telephone: c.Telephone, Due: f.Now,
			Script: compose(f, c, word{purpose: textOf(m.Purpose)}).spoken,
		})
	}
	return b.duties, nil
}
