package incident

import (
	"fmt"
	"strings"
	"time"
)

// Draft is an update that waits for the communications manager's nod.
type Draft struct {
	UpdateDrafted
	DraftedAt time.Time
	AgreedBy  string // "" while nobody has
	Words     string // what they add
}

// CallTaken says who is telephoning, so that nobody else does.
type CallTaken struct {
	Task  string    `json:"task"`
	By    string    `json:"by"`
	Until time.Time `json:"until"` // then anybody may take it again
}

func (CallTaken) Kind() Kind { return "call_taken" }
func (p CallTaken) Text() string {
	return sentence("%s telephones now (%s).", p.By, p.Task)
}

// Bounced says that a mail which a server had accepted came back.
type Bounced struct {
	Message string `json:"message"`
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

func (Bounced) Kind() Kind { return "bounced" }
func (p Bounced) Text() string {
	return sentence("Message %s came back from %s: %s.", p.Message, p.Address, p.Reason)
}

// UpdateDrafted puts an update before the communications manager.
type UpdateDrafted struct {
	Draft     string            `json:"draft"`
	Customers []string          `json:"customers"`
	Texts     map[string]string `json:"texts"` // language → the update as it would be now
	Due       time.Time         `json:"due"`
	Until     time.Time         `json:"until"` // then it goes by itself
}

func (UpdateDrafted) Kind() Kind { return "update_drafted" }
func (p UpdateDrafted) Text() string {
	return sentence("Update to %s drafted; it waits for a nod until %s.", strings.Join(p.Customers, ", "), clockTime(p.Until))
}

// UpdateAgreed is the communications manager's nod.
type UpdateAgreed struct {
	Draft string `json:"draft"`
	By    string `json:"by"`
	Words string `json:"words,omitempty"` // that customers read besides
}

func (UpdateAgreed) Kind() Kind { return "update_agreed" }
func (p UpdateAgreed) Text() string {
	text := fmt.Sprintf("%s lets the update go", p.By)
	if p.Words != "" {
		text += ", and adds: " + p.Words
	}
	return sentence("%s.", text)
}

// What calls for a person about customers. Each ends by itself when its reason
// does.
const (
	OverdueTopic     = "overdue-"    // and the message or call: a word is late
	ComplaintTopic   = "complaint-"  // and the customer: they say that not everything works
	UnconfirmedTopic = "unconfirmed" // customers do not say whether it does
)

// telling books how customers are being told.
func (i *Incident) telling(e Event) {
	switch p := e.Payload.(type) {
	case CallTaken:
		if c := i.Call(p.Task); c != nil {
			c.TakenBy, c.TakenAt, c.TakenUntil = p.By, e.At, p.Until
		}
	case Bounced:
		if m := i.Message(p.Message); m != nil {
			m.Bounced = p.Reason
		}
	case UpdateDrafted:
		i.Draft = &Draft{UpdateDrafted: p, DraftedAt: e.At}
	case UpdateAgreed:
		if d := i.Draft; d != nil && d.Draft == p.Draft {
			next := *d
			next.AgreedBy, next.Words = p.By, p.Words
			i.Draft = &next
		}
	}
}

// Call returns the telephone task with the given number, nil when there is none.
func (i *Incident) Call(task string) *Call {
	for _, c := range i.CallTasks {
		if c.Task == task {
			return c
		}
	}
	return nil
}

// called books what came of a call. After one that nobody answered there is
// another, if it says so.
func (c *Call) called(p Called) {
	c.Tries++
	c.TakenBy, c.TakenAt, c.TakenUntil = "", time.Time{}, time.Time{}
	if c.By = p.By; p.Again.IsZero() {
		c.Outcome = p.Outcome
		return
	}
	c.Due = p.Again
}

// HeldBy returns who is telephoning at this moment, "" when nobody is.
func (c *Call) HeldBy(now time.Time) string {
	if c.Outcome != "" || !now.Before(c.TakenUntil) {
		return ""
	}
	return c.TakenBy
}
