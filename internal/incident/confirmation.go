package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Confirmation is what customers say once service is back [2.5, 6.6]: whether
// everything works, and afterwards how they were served. It is only ever replaced
// as a whole.
type Confirmation struct {
	Asked   ConfirmationAsked
	AskedAt time.Time // zero until they were asked, and again when service fails again

	Answers    map[string]CustomerAnswered // customer → their latest since they were asked
	Complaints map[string]CustomerAnswered // customer → what does not work, until it is settled
	Feedback   map[string]Feedback         // customer → their latest
	Heard      map[string]int              // customer → how often they have said anything
}

// How many customers must say yes before an incident may be closed on it.
const (
	ConfirmedByAll  = "all"
	ConfirmedByOne  = "one"
	ConfirmedByNone = "none"
)

// ConfirmationNeeds lists the words for it.
var ConfirmationNeeds = []string{ConfirmedByAll, ConfirmedByOne, ConfirmedByNone}

// ConfirmationAsked says that the customers who were told of the trouble are
// asked whether everything works again.
type ConfirmationAsked struct {
	Customers []string  `json:"customers"`
	Needs     string    `json:"needs"`     // one of [ConfirmationNeeds]
	RemindAt  time.Time `json:"remind_at"` // when who has not answered is asked again
	GiveUpAt  time.Time `json:"give_up_at"`
	Expires   time.Time `json:"expires"` // of their links
}

func (ConfirmationAsked) Kind() Kind { return "confirmation_asked" }
func (p ConfirmationAsked) Text() string {
	return sentence("Asked whether everything works again: %s.", strings.Join(p.Customers, ", "))
}

// CustomerAnswered is a customer's word on whether everything works again.
type CustomerAnswered struct {
	Customer string `json:"customer"`
	Works    bool   `json:"works"`
	Words    string `json:"words,omitempty"`
	Via      string `json:"via"` // "link", "mail", "telephone"
}

func (CustomerAnswered) Kind() Kind { return "customer_answered" }
func (p CustomerAnswered) Text() string {
	text := fmt.Sprintf("%s says that everything works (by %s)", p.Customer, p.Via)
	if !p.Works {
		text = fmt.Sprintf("%s says that not everything works (by %s)", p.Customer, p.Via)
	}
	if p.Words != "" {
		text += ": " + p.Words
	}
	return sentence("%s.", text)
}

// Calls is the call for a person that a no is.
func (p CustomerAnswered) Calls() Attention {
	return Attention{Topic: ComplaintTopic + p.Customer, Why: strings.TrimSuffix(p.Text(), ".")}
}

// ComplaintSettled says what was found about a customer's no that piket's own
// checks did not see.
type ComplaintSettled struct {
	Customer string `json:"customer"`
	Words    string `json:"words"`
	By       string `json:"by"`
}

func (ComplaintSettled) Kind() Kind { return "complaint_settled" }
func (p ComplaintSettled) Text() string {
	return sentence("%s has looked into what %s reported: %s.", p.By, p.Customer, p.Words)
}

// Feedback is how a customer found that they were served. A later one takes the
// place of the one before.
type Feedback struct {
	Customer string `json:"customer"`
	Score    int    `json:"score"` // 1 to 5
	Words    string `json:"words,omitempty"`
	Via      string `json:"via"`
}

func (Feedback) Kind() Kind { return "feedback" }
func (p Feedback) Text() string {
	text := fmt.Sprintf("%s gives %d of 5", p.Customer, p.Score)
	if p.Words != "" {
		text += ": " + p.Words
	}
	return sentence("%s.", text)
}

// confirmation books what customers say.
func (i *Incident) confirmation(e Event) {
	next := i.Confirmation.copied()
	switch p := e.Payload.(type) {
	case ConfirmationAsked:
		next.Asked, next.AskedAt = p, e.At
	case CustomerAnswered:
		next.Answers[p.Customer] = p
		next.Heard[p.Customer]++
		if next.Complaints[p.Customer] = p; p.Works {
			i.content(next, p.Customer)
		} else {
			i.retract(p.Customer)
		}
	case ComplaintSettled:
		i.content(next, p.Customer)
	case Feedback:
		next.Feedback[p.Customer] = p
		next.Heard[p.Customer]++
	}
	if i.Confirmation = next; i.Confirmed() {
		delete(i.Attentions, UnconfirmedTopic)
	}
}

// content ends a customer's complaint, and the call for a person about it.
func (i *Incident) content(c *Confirmation, customer string) {
	delete(c.Complaints, customer)
	delete(i.Attentions, ComplaintTopic+customer)
}

// copied returns a copy that can be changed; of nil, an empty one.
func (c *Confirmation) copied() *Confirmation {
	next := &Confirmation{}
	if c != nil {
		*next = *c
	}
	next.Answers, next.Complaints = copiedMap(next.Answers), copiedMap(next.Complaints)
	next.Feedback, next.Heard = copiedMap(next.Feedback), copiedMap(next.Heard)
	return next
}

func copiedMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// askAgain forgets what was asked before service failed again, and what was
// answered, but not what does not work. The yes of others holds when it was a
// customer who opened the incident again.
func (i *Incident) askAgain(othersHold bool) {
	if i.Confirmation == nil {
		return
	}
	next := i.Confirmation.copied()
	next.Asked, next.AskedAt = ConfirmationAsked{}, time.Time{}
	if !othersHold {
		clear(next.Answers)
	}
	i.Confirmation = next
}

// Complaints returns the customers who say that not everything works, and whose
// word nobody has settled.
func (i *Incident) Complaints() []CustomerAnswered {
	if i.Confirmation == nil {
		return nil
	}
	var list []CustomerAnswered
	for _, name := range slices.Sorted(maps.Keys(i.Confirmation.Complaints)) {
		list = append(list, i.Confirmation.Complaints[name])
	}
	return list
}

// Unconfirmed returns the customers who were told of the trouble and have not
// said since that everything works.
func (i *Incident) Unconfirmed() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(i.Told)) {
		if i.Confirmation == nil || !i.Confirmation.Answers[name].Works {
			names = append(names, name)
		}
	}
	return names
}

// Confirmed reports whether as many customers have said yes as closing needs.
// Who was never told of the trouble need not say that it is over.
func (i *Incident) Confirmed() bool {
	left := len(i.Unconfirmed())
	if left == 0 || i.Confirmation == nil {
		return left == 0
	}
	switch i.Confirmation.Asked.Needs {
	case ConfirmedByNone:
		return true
	case ConfirmedByOne:
		return left < len(i.Told)
	}
	return false
}

// AwaitedUntil returns until when customers are waited for, zero when they are
// not: then the incident is for its manager to close.
func (i *Incident) AwaitedUntil() time.Time {
	if i.Confirmation == nil || i.Confirmation.AskedAt.IsZero() || i.Confirmed() {
		return time.Time{}
	}
	return i.Confirmation.Asked.GiveUpAt
}
