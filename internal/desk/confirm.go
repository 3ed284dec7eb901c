package desk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
)

// Confirmation says how customers are asked whether everything works again.
// What is zero is as in DefaultConfirmation.
type Confirmation struct {
	Remind time.Duration // from asking to asking again
	GiveUp time.Duration // from asking to having the incident manager close
	Needs  string        // how many must say yes: one of incident.ConfirmationNeeds
}

// DefaultConfirmation asks all of them, for three days.
var DefaultConfirmation = Confirmation{Remind: 24 * time.Hour, GiveUp: 72 * time.Hour, Needs: incident.ConfirmedByAll}

func (c Confirmation) withDefaults() Confirmation {
	d := DefaultConfirmation
	return Confirmation{cmp.Or(c.Remind, d.Remind), cmp.Or(c.GiveUp, d.GiveUp), cmp.Or(c.Needs, d.Needs)}
}

// What the links to customers are for; they are the first part of their paths.
const (
	ConfirmLink  = "confirm"
	FeedbackLink = "feedback"
)

const (
	linksOutlast = 7 * 24 * time.Hour  // how long a link holds after customers are no longer waited for
	feedbackFor  = 30 * 24 * time.Hour // how long feedback is taken
	maxHeard     = 20                  // how often one customer is written down on one incident
)

// ErrEnough says that a customer has said so much that no more is written down.
var ErrEnough = errors.New("enough has been said")

// confirmation asks the customers who were told whether everything works again
// [2.5, 6.6], once the closure check has passed; asks who does not answer once
// more; and then has the incident manager close with a reason.
func (b *batch) confirmation() {
	inc := b.facts.Incident
	if len(inc.Told) == 0 || len(inc.Complaints()) > 0 || !checkedOver(inc) {
		return
	}
	if inc.Confirmation == nil || inc.Confirmation.AskedAt.IsZero() {
		b.ask()
		return
	}
	if inc.Confirmed() {
		return
	}
	asked := inc.Confirmation.Asked
	if b.facts.Now.Before(asked.RemindAt) {
		b.later(asked.RemindAt)
	} else {
		b.inquire(inc.Unconfirmed(), "confirm-again", asked.Expires)
	}
	if b.facts.Now.Before(asked.GiveUpAt) {
		b.later(asked.GiveUpAt)
	} else {
		b.attention(incident.UnconfirmedTopic, fmt.Sprintf("%s has not said whether everything works; the incident manager closes it with a reason", strings.Join(inc.Unconfirmed(), ", ")))
	}
}

// checkedOver reports whether all that piket can check about the end has been.
func checkedOver(inc *incident.Incident) bool {
	return inc.Ongoing() && closable(inc) == nil && (inc.Status == incident.BackInService || seemsOver(inc))
}

func (b *batch) ask() {
	inc, policy := b.facts.Incident, b.facts.Policy.Confirmation.withDefaults()
	if len(inc.Unconfirmed()) == 0 {
		return
	}
	p := incident.ConfirmationAsked{
		Customers: inc.Unconfirmed(), Needs: policy.Needs, RemindAt: b.facts.Now.Add(policy.Remind), GiveUpAt: b.facts.Now.Add(policy.GiveUp),
	}
	p.Expires = p.GiveUpAt.Add(linksOutlast).Truncate(time.Second)
	b.add(p)
	b.inquire(p.Customers, "confirm", p.Expires)
	b.later(p.RemindAt)
}

// inquire asks customers, unless they have been for this purpose since service
// came back last.
func (b *batch) inquire(customers []string, purpose string, expires time.Time) {
	inc := b.facts.Incident
	for _, name := range customers {
		c, ok := b.facts.Inventory.Customer(name)
		since := cmp.Or(inc.RestoredAt, inc.FellAt)
		asked := slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool {
			return m.Customer == name && m.Purpose == purpose && !m.QueuedAt.Before(since)
		}) || slices.ContainsFunc(inc.CallTasks, func(t *incident.Call) bool {
			return t.Customer == name && t.Purpose == purpose && !t.CallTask.Due.Before(since)
		})
		if ok && !asked {
			b.tell(c, word{purpose: purpose, link: signed.Link{Purpose: ConfirmLink, Incident: inc.ID, Party: name, Expires: expires}})
		}
	}
}

// CustomerAnswered records a customer's word on whether everything works again,
// by whichever way it came. A yes is one of those that closing needs. A no opens
// the incident again and calls who is on duty; it touches no machine: the engine
// looks first, and while everything answers it does nothing. The same word twice
// is written down once.
func CustomerAnswered(inc *incident.Incident, customer string, yes bool, words, via string) ([]incident.Payload, error) {
	p := incident.CustomerAnswered{Customer: customer, Works: yes, Words: clip(words), Via: via}
	if err := mayAnswer(inc, customer, yes); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", customer, err)
	}
	if before, ok := answerOf(inc, customer); ok && before.Works == yes && before.Words == p.Words {
		return nil, nil
	}
	if yes {
		return []incident.Payload{p}, nil
	}
	payloads := []incident.Payload{p}
	if checkedOver(inc) || inc.Status == incident.BackInService {
		payloads = append(payloads, incident.Relapsed{Reason: strings.TrimSuffix(p.Text(), "."), Customer: customer})
	}
	return append(payloads, p.Calls()), nil
}

func answerOf(inc *incident.Incident, customer string) (incident.CustomerAnswered, bool) {
	if inc.Confirmation == nil {
		return incident.CustomerAnswered{}, false
	}
	answer, ok := inc.Confirmation.Answers[customer]
	return answer, ok
}

func mayAnswer(inc *incident.Incident, customer string, yes bool) error {
	_, told := inc.Told[customer]
	_, back := inc.ToldBack[customer]
	asked, complains := false, false
	if c := inc.Confirmation; c != nil {
		asked = !c.AskedAt.IsZero()
		_, complains = c.Complaints[customer]
		if c.Heard[customer] >= maxHeard {
			return fmt.Errorf("%w: telephone us instead", ErrEnough)
		}
	}
	switch {
	case !told:
		return fmt.Errorf("%w: they were never told of it", ErrNotNow)
	case !inc.Ongoing():
		return fmt.Errorf("%w: it is %s", ErrNotNow, inc.Status)
	case inc.Status == incident.BackInService, complains, asked:
		return nil
	case yes, !back:
		return fmt.Errorf("%w: service is not back yet", ErrNotNow)
	}
	return nil
}

// SettleComplaint records what an engineer or the incident manager found about a
// customer's no. From then on the incident ends as any other: when everything
// answers, the customer is asked again.
func SettleComplaint(inc *incident.Incident, by inventory.Person, customer, words string) ([]incident.Payload, error) {
	if !leads(by) {
		return nil, ErrRole
	}
	words, err := said(words, "what was found about it")
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(inc.Complaints(), func(c incident.CustomerAnswered) bool { return c.Customer == customer }) || !inc.Ongoing() {
		return nil, fmt.Errorf("settle: %w: %q has reported nothing that is open", ErrNotNow, customer)
	}
	return []incident.Payload{incident.ComplaintSettled{Customer: customer, Words: words, By: by.Name}}, nil
}

// GiveFeedback records how a customer found that they were served: 1 to 5, and
// words. A later one takes the place of the one before.
func GiveFeedback(inc *incident.Incident, customer string, score int, words, via string) ([]incident.Payload, error) {
	p := incident.Feedback{Customer: customer, Score: score, Words: clip(words), Via: via}
	_, told := inc.Told[customer]
	switch c := inc.Confirmation; {
	case !told || inc.Status != incident.Finished:
		return nil, fmt.Errorf("feedback: %w: it is %s", ErrNotNow, inc.Status)
	case score < 1 || score > 5:
		return nil, fmt.Errorf("feedback: %w: a number from 1 to 5", ErrIncomplete)
	case c != nil && c.Heard[customer] >= maxHeard:
		return nil, fmt.Errorf("feedback: %w", ErrEnough)
	case c != nil && c.Feedback[customer] == p:
		return nil, nil
	}
	return []incident.Payload{p}, nil
}
