package desk_test

import (
	"slices"
	"testing"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
)

// mailed is what a reply to the question makes of an incident whose customer acme
// has been asked.
func mailed(t *testing.T, change func(*desk.Letter)) []incident.Kind {
	t.Helper()
	h := over(t, "acme")
	h.settle()
	l := desk.Letter{MailReceived: incident.MailReceived{
		Mail: "1", From: "IT@acme.example.net", Customer: "acme", Subject: "Re", Words: "Yes", Sort: incident.MailReply,
	}}
	for _, m := range h.incident().Messages {
		if m.Purpose == "confirm" {
			l.Answers = m.Message
		}
	}
	change(&l)
	list, err := desk.ReceiveMail(desk.Facts{Incident: h.incident(), Inventory: h.inv, Policy: h.policy, Now: h.now}, l)
	if err != nil {
		t.Fatal(err)
	}
	return kinds(list)
}

func TestWhoseYesByMailCounts(t *testing.T) { // [6.6]
	for name, c := range map[string]struct {
		change func(*desk.Letter)
		want   []incident.Kind
	}{
		"the address that was asked":   {func(*desk.Letter) {}, []incident.Kind{"mail_received", "customer_answered"}},
		"their no":                     {func(l *desk.Letter) { l.Words = "No" }, []incident.Kind{"mail_received", "customer_answered", "relapsed", "attention"}},
		"another address of theirs":    {func(l *desk.Letter) { l.From = "new@acme.example.net" }, []incident.Kind{"mail_received", "attention"}},
		"without the question":         {func(l *desk.Letter) { l.Answers = "" }, []incident.Kind{"mail_received", "attention"}},
		"an answer to another message": {func(l *desk.Letter) { l.Answers = "INC-2026-0001/M99" }, []incident.Kind{"mail_received", "attention"}},
		"another customer":             {func(l *desk.Letter) { l.Customer = "bakker" }, []incident.Kind{"mail_received", "attention"}},
		"a colleague":                  {func(l *desk.Letter) { l.Customer, l.Person = "", "noor" }, []incident.Kind{"mail_received"}},
		"a machine":                    {func(l *desk.Letter) { l.Sort = incident.MailAutomatic }, []incident.Kind{"mail_received"}},
	} {
		if got := mailed(t, c.change); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A call about one customer's mail says nothing about another's, whatever they are
// called.
func TestAMailThatWaitsKeepsNoOtherCustomersWaiting(t *testing.T) { // [6.1]
	for topic, want := range map[string]int{"mail-acme-1": 1, "mail-acme-tools-1": 2, "mail-unknown-1": 2, "": 2} {
		h := over(t, "acme")
		if topic != "" {
			h.happens(incident.Attention{Topic: topic, Why: "x"})
		}
		list, err := desk.ReceiveMail(desk.Facts{Incident: h.incident(), Inventory: h.inv, Policy: h.policy, Now: h.now},
			desk.Letter{MailReceived: incident.MailReceived{Mail: "1", From: "it@acme.example.net", Customer: "acme", Words: "Hello?", Sort: incident.MailReply}})
		if err != nil || len(list) != want {
			t.Errorf("while %q waits: %v, %v", topic, kinds(list), err)
		}
	}
}

// The last yes that was missing makes closing possible, and a person does it.
func TestTheLastYesByMailClosesNothing(t *testing.T) { // [6.6], design rule: mail never closes
	h := over(t, "acme")
	h.settle()
	h.says("acme", true, "")
	h.settle()
	if inc := h.incident(); !inc.Confirmed() || inc.Status != incident.BackInService {
		t.Errorf("confirmed %v, %s", inc.Confirmed(), inc.Status)
	}
}
