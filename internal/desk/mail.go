package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Letter is a mail that belongs to an incident, as it was judged on the way in.
type Letter struct {
	incident.MailReceived

	// Answers is the message of ours that it answers, proved by what cannot be
	// guessed of that message's Message-ID; "" when it names none, or proves nothing.
	Answers string

	// Receipt is the Message-ID to which the automatic answer refers, "" when it gets
	// none.
	Receipt string
	Joined  bool // its report is part of an incident that was known before
}

// ReceiveMail says what a mail makes of its incident. It ends nothing, agrees to
// nothing and acts on nothing, whoever it says that it is from: a customer's yes
// or no counts where it answers the question that was mailed to that very
// address, and even their last yes closes nothing; everything else is written
// down, and calls for a person. The same mail twice is written down once. Append it
// at the version of f.Incident.
func ReceiveMail(f Facts, l Letter) ([]incident.Payload, error) {
	inc := f.Incident
	b := &batch{facts: f}
	switch {
	case inc.HasMail(l.Mail):
		return nil, nil
	case len(inc.Mails) >= incident.MaxMails && l.Answers == "": // a proved answer is heard in any flood
		b.attention(incident.MailTopic+"flood", fmt.Sprintf("more than %d mails came about it; those that follow are not written down: read them in the mailbox", incident.MaxMails))
		return b.duties, nil
	}
	b.add(l.MailReceived)
	switch l.Sort {
	case incident.MailReport:
		b.receipt(l)
	case incident.MailReply:
		return b.duties, b.reply(l)
	}
	return b.duties, nil
}

// reply takes what somebody writes about an incident: as a customer's word where
// it is proved to be one, and otherwise as a call for a person.
func (b *batch) reply(l Letter) error {
	yes, clear := yesOrNo(l.Words)
	if clear && b.wasAsked(l) {
		said, err := CustomerAnswered(b.facts.Incident, l.Customer, yes, l.Words, "mail")
		switch {
		case err == nil:
			b.duties = append(b.duties, said...)
			return nil
		case !errors.Is(err, ErrNotNow) && !errors.Is(err, ErrEnough):
			return err
		}
	}
	if l.Person == "" {
		b.unread(l)
	}
	return nil
}

// wasAsked reports whether a letter answers a question of ours: it names the
// message, and says that it is from an address to which that was mailed.
func (b *batch) wasAsked(l Letter) bool {
	m := b.facts.Incident.Message(l.Answers)
	return m != nil && l.Customer != "" && m.Customer == l.Customer && (m.Purpose == "confirm" || m.Purpose == "confirm-again") &&
		slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, l.From) })
}

// unread calls for somebody to read a mail. While one of the same customer's waits,
// or any of those whom nobody knows, those that follow it wait beside it: whoever
// writes under ever new names calls once.
func (b *batch) unread(l Letter) {
	who := incident.MailTopic + "unknown"
	if l.Customer != "" {
		who = incident.MailTopic + l.Customer
	}
	for topic := range b.facts.Incident.Attentions {
		if n := strings.LastIndexByte(topic, '-'); n > 0 && topic[:n] == who {
			return
		}
	}
	// With the number of the mail, so that whoever was mailed about an earlier one
	// hears of this one, too.
	b.attention(fmt.Sprintf("%s-%d", who, len(b.facts.Incident.Mails)+1),
		brief(fmt.Sprintf("a mail that says it is from %s has come (%s); write a note when it is dealt with", l.Sender(), l.Subject)))
}

// receipt queues the automatic answer: one for each mail.
func (b *batch) receipt(l Letter) {
	if l.Receipt == "" {
		return
	}
	c, _ := b.facts.Inventory.Customer(l.Customer)
	subject, body := receiptText(b.facts, c, l.Joined)
	b.add(incident.MessageQueued{Message: b.id("M"), Purpose: incident.Receipt, To: []string{l.From}, Subject: subject, Body: body, Answers: l.Receipt})
}

// receiptText words the automatic answer, in the customer's language; in both for
// who is none, and who is told nothing but the number.
func receiptText(f Facts, c inventory.Customer, joined bool) (subject, body string) {
	id := f.Incident.ID
	if c.Name == "" {
		nl, en := receipts["nl"], receipts["en"]
		return fmt.Sprintf("[%s] %s / %s", id, nl.subject, en.subject),
			fmt.Sprintf(nl.stranger, id) + "\n\n--\n\n" + fmt.Sprintf(en.stranger, id)
	}
	language := c.Language
	if language == "" {
		language = inventory.DefaultLanguage
	}
	r, told := receipts[language], ToCaller(f, c)
	name := c.Title
	if name == "" {
		name = c.Name
	}
	if joined {
		return fmt.Sprintf("[%s] %s", id, r.subject), fmt.Sprintf(r.known, name, id, f.clock(told.Since), told.Script)
	}
	return fmt.Sprintf("[%s] %s", id, r.subject), fmt.Sprintf(r.fresh, name, id)
}

// receiptWords are the texts of the automatic answer in one language.
type receiptWords struct{ subject, fresh, known, stranger string }

var receipts = map[string]receiptWords{
	"en": {
		subject: "We have your mail",
		fresh: `Dear %s,

Your mail has arrived and has been written down. Our number for it is %s.
Our engineers see it. Please answer this mail if you have more to say.

This is an automatic answer.
`,
		known: `Dear %s,

Your mail has arrived. It belongs to %s, which we have known of since %s.

%s

This is an automatic answer.
`,
		stranger: `Your mail has arrived and has been written down. Our number for it is %s.
Please answer this mail if you have more to say. This is an automatic answer.
`,
	},
	"nl": {
		subject: "Wij hebben uw e-mail",
		fresh: `Beste %s,

Uw e-mail is aangekomen en vastgelegd. Ons nummer hiervoor is %s.
Onze engineers zien het. Beantwoord deze e-mail als u meer wilt melden.

Dit is een automatisch antwoord.
`,
		known: `Beste %s,

Uw e-mail is aangekomen. Hij hoort bij %s, die bij ons bekend is sinds %s.

%s

Dit is een automatisch antwoord.
`,
		stranger: `Uw e-mail is aangekomen en vastgelegd. Ons nummer hiervoor is %s.
Beantwoord deze e-mail als u meer wilt melden. Dit is een automatisch antwoord.
`,
	},
}
