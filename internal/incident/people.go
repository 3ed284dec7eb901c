package incident

import (
	"fmt"
	"strings"
	"time"
)

// MessageQueued is a message that must reach somebody. The timeline is the
// outbox: what is queued and not delivered is sent, also after a crash.
type MessageQueued struct {
	Message  string   `json:"message"`
	Purpose  string   `json:"purpose"` // "first", "update", "restored", "summary", "page", "work-order", [Receipt]
	Customer string   `json:"customer,omitempty"`
	Way      Way      `json:"way,omitempty"`
	To       []string `json:"to"` // addresses of that way
	Subject  string   `json:"subject"`
	Body     string   `json:"body"`
	Link     string   `json:"link,omitempty"`    // path in the body that is signed when it leaves, see internal/signed
	Order    string   `json:"order,omitempty"`   // the work order that it carries
	Topic    string   `json:"topic,omitempty"`   // of a page: what it asks, such as an approval
	People   []string `json:"people,omitempty"`  // of a page: who is asked by it
	Notice   Notice   `json:"notice,omitzero"`   // what goes [ByReceiver]
	Answers  string   `json:"answers,omitempty"` // the Message-ID of the mail that it is the automatic answer to
}

// Receipt is the purpose of the automatic answer to a mail.
const Receipt = "receipt"

// Way is by which road a message leaves.
type Way string

// The ways. ByMail is that of every message that names none; ByTelephone is for
// what is said by a key, messages do not leave by it.
const (
	ByMail      Way = ""
	ByReceiver  Way = "receiver" // a chat, a pager, a ticket: To is one integration of a receiver
	ByPush      Way = "push"     // to the browsers of a person: To is that person
	ByTelephone Way = "telephone"
)

func (w Way) String() string {
	if w == ByMail {
		return "mail"
	}
	return string(w)
}

func (MessageQueued) Kind() Kind { return "message" }
func (p MessageQueued) Text() string {
	if len(p.People) > 0 {
		return sentence("Asked %s by %s (%s): %s.", strings.Join(p.People, ", "), p.Way, p.Purpose, p.Subject)
	}
	return sentence("Message by %s (%s) to %s: %s.", p.Way, p.Purpose, strings.Join(p.To, ", "), p.Subject)
}

// Delivered says that whoever carries a message accepted it: a mail server, a chat.
type Delivered struct {
	Message string `json:"message"`
	Detail  string `json:"detail"`
}

func (Delivered) Kind() Kind { return "delivered" }
func (p Delivered) Text() string {
	return sentence("Message %s delivered: %s.", p.Message, p.Detail)
}

// Undelivered says that a try failed, and when the next one is; a zero RetryAt
// means that piket has given up.
type Undelivered struct {
	Message string    `json:"message"`
	Try     int       `json:"try"`
	Reason  string    `json:"reason"`
	RetryAt time.Time `json:"retry_at,omitzero"`
}

func (Undelivered) Kind() Kind { return "undelivered" }
func (p Undelivered) Text() string {
	if p.RetryAt.IsZero() {
		return sentence("Message %s was not delivered and is given up: %s.", p.Message, p.Reason)
	}
	return sentence("Message %s was not delivered (try %d): %s. Next try at %s.", p.Message, p.Try, p.Reason, clockTime(p.RetryAt))
}

// CallTask asks a person to telephone a customer.
type CallTask struct {
	Task      string    `json:"task"`
	Purpose   string    `json:"purpose"`
	Customer  string    `json:"customer"`
	Telephone string    `json:"telephone"`
	Script    string    `json:"script"`
	Due       time.Time `json:"due"`
}

func (CallTask) Kind() Kind { return "call_task" }
func (p CallTask) Text() string {
	return sentence("To telephone: %s at %s (%s).", p.Customer, p.Telephone, p.Purpose)
}

// Called is the outcome of a call task: reached, voicemail, no_answer.
type Called struct {
	Task    string `json:"task"`
	Outcome string `json:"outcome"`
	By      string `json:"by"`

	Again time.Time `json:"again,omitzero"` // when they are to be called again, zero when not
}

// CallOutcomes lists what may come of a call.
var CallOutcomes = []string{"reached", "voicemail", "no_answer"}

func (Called) Kind() Kind { return "called" }
func (p Called) Text() string {
	text := fmt.Sprintf("%s telephoned (%s): %s", p.By, p.Task, strings.ReplaceAll(p.Outcome, "_", " "))
	if !p.Again.IsZero() {
		text += ", to be called again at " + clockTime(p.Again)
	}
	return sentence("%s.", text)
}

// Note is a person's remark.
type Note struct {
	By    string `json:"by"`
	Words string `json:"words"`
}

func (Note) Kind() Kind     { return "note" }
func (p Note) Text() string { return sentence("%s notes: %s", p.By, p.Words) }
