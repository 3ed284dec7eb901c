package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// MailReceived is what came by mail [2.1, 6.1]. Whoever writes a sender's address
// can write any, so that it proves nothing: what is in here was said, and nobody
// knows by whom.
type MailReceived struct {
	Mail     string   `json:"mail"`               // the same whenever and wherever the same mail is read
	From     string   `json:"from"`               // the address it gives as its sender's
	Customer string   `json:"customer,omitempty"` // who has that address in the inventory
	Person   string   `json:"person,omitempty"`   // the same, of somebody of our own
	Subject  string   `json:"subject"`
	Words    string   `json:"words"`             // without what it quotes
	Sort     MailSort `json:"sort"`              // what it is to this incident
	Remarks  []string `json:"remarks,omitempty"` // what is not in Words, such as attachments
}

// MailSort is what a mail is to an incident.
type MailSort string

// The sorts.
const (
	MailReport    MailSort = "report"    // trouble that it reports
	MailReply     MailSort = "reply"     // somebody writes about an incident
	MailAutomatic MailSort = "automatic" // a machine answers for somebody who is away
)

func (MailReceived) Kind() Kind { return "mail_received" }
func (p MailReceived) Text() string {
	what := map[MailSort]string{MailAutomatic: "Automatic mail"}[p.Sort]
	if what == "" {
		what = "Mail"
	}
	text := fmt.Sprintf("%s that says it is from %s: %s", what, p.Sender(), p.Subject)
	if p.Words != "" {
		text += ": " + first(p.Words, maxTold)
	}
	if len(p.Remarks) > 0 {
		text = strings.TrimRight(text, ".") + ". (" + strings.Join(p.Remarks, "; ") + ")"
	}
	return sentence("%s.", text)
}

// maxTold is how much of a mail its sentence repeats; the whole of it stands in the
// event.
const maxTold = 400

// first is the beginning of a text.
func first(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// Sender names who a mail says it is from.
func (p MailReceived) Sender() string {
	name := strings.TrimPrefix(p.Customer+", "+p.Person, ", ")
	if name = strings.TrimSuffix(name, ", "); name == "" {
		return p.From
	}
	return fmt.Sprintf("%s (%s)", p.From, name)
}

const (
	// MailTopic begins the topics of the calls for a person that mail raises; behind
	// it stands whose mail it is. Each ends with a person's next note.
	MailTopic = "mail-"
	// MaxMails is how many mails are written down on one incident.
	MaxMails = 200
)

// mailed books what came by mail, and that a person has dealt with what came
// before.
func (i *Incident) mailed(e Event) {
	switch p := e.Payload.(type) {
	case MailReceived:
		i.Mails = append(i.Mails, p.Mail)
	case Note:
		maps.DeleteFunc(i.Attentions, func(topic string, _ time.Time) bool { return strings.HasPrefix(topic, MailTopic) })
	}
}

// MailWaits reports whether somebody has to read a mail and say so by a note.
func (i *Incident) MailWaits() bool {
	for topic := range i.Attentions {
		if strings.HasPrefix(topic, MailTopic) {
			return true
		}
	}
	return false
}

// HasMail reports whether a mail is on the timeline already.
func (i *Incident) HasMail(mail string) bool { return slices.Contains(i.Mails, mail) }
