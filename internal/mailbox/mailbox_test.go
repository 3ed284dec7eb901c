package mailbox

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var help = note{from: "Bakery <office@bakery.example.net>", subject: "The website of web-01 is slow", body: "Since three o'clock."}

func TestAMailBecomesARecordAndIsAnsweredWithItsNumber(t *testing.T) { // [2.1]
	o := newOffice(t)
	o.gets(help)
	inc := o.only()
	if inc.Subject != (incident.Subject{Kind: "server", Name: "web-01"}) || inc.Priority != incident.P3 || inc.Runbook.Hash != "" {
		t.Errorf("%v, %s, runbook %q", inc.Subject, inc.Priority, inc.Runbook.Name)
	}
	list := receipts(inc)
	if len(list) != 1 || list[0].To[0] != "office@bakery.example.net" || list[0].Answers != help.letter().MessageID ||
		!strings.Contains(list[0].Body, inc.ID) || !strings.Contains(list[0].Body, "Beste Bakkerij") {
		t.Fatalf("answered with %+v", list)
	}
	mails := o.events(inc.ID, "mail_received")
	if len(mails) != 1 || !strings.Contains(mails[0].Payload.Text(), "says it is from office@bakery.example.net (bakery)") || mails[0].Actor != alerts.Mail {
		t.Errorf("%v", mails)
	}
	if len(inc.Requesters) > 0 {
		t.Errorf("a mail made %v one who asked", inc.Requesters)
	}
}

func TestWhoMailsAndWhatAbout(t *testing.T) { // [2.1, 2.2]
	for name, c := range map[string]struct {
		note
		subject   string // of the incident: a server, or "" for a record that support looks at
		customers string
		answer    string
	}{
		"a customer names their server":     {help, "web-01", "[bakery]", "Beste Bakkerij Voorbeeld"},
		"a customer with one server only":   {note{from: "office@bakery.example.net", subject: "Nothing works"}, "web-01", "[bakery]", "Beste"},
		"a customer with several":           {note{from: "ops@bikes.example.net", subject: "Nothing works"}, "", "[bikes]", "Dear Example Bikes"},
		"who names one of several":          {note{from: "OPS@bikes.example.net", subject: "Nothing works", body: "(shop.bikes.example.net)."}, "web-03", "[bikes]", "Dear"},
		"who names two":                     {note{from: "ops@bikes.example.net", subject: "web-02 and web-03"}, "", "[bikes]", "Dear"},
		"who names another's":               {note{from: "ops@bikes.example.net", subject: "web-01 is down"}, "", "[bikes]", "Dear"},
		"an address of two customers":       {note{from: "shared@example.net", subject: "web-03 is down"}, "", "[]", "Uw e-mail"},
		"a stranger":                        {note{from: "x@elsewhere.example.net", subject: "web-01 is down"}, "", "[]", "This is an automatic answer"},
		"a stranger with a customer's name": {note{from: "\"office@bakery.example.net\" <x@elsewhere.example.net>", subject: "web-01 is down"}, "", "[]", "Uw e-mail"},
		"a colleague":                       {note{from: "noor@piket.example.net", subject: "web-02 is loud"}, "web-02", "[bikes]", "Uw e-mail"},
		"nobody":                            {note{from: "", subject: "web-01 is down"}, "", "[]", ""},
		"no subject and no text":            {note{from: "office@bakery.example.net"}, "web-01", "[bakery]", "Beste"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.gets(c.note)
			inc := o.only()
			if kind := inc.Subject.Kind; (kind == "server") != (c.subject != "") || c.subject != "" && inc.Subject.Name != c.subject {
				t.Errorf("it is about %v", inc.Subject)
			}
			if got := fmt.Sprint(inc.Customers); got != c.customers {
				t.Errorf("customers %s, want %s", got, c.customers)
			}
			list := receipts(inc)
			if (len(list) == 1) != (c.answer != "") || len(list) == 1 && !strings.Contains(list[0].Body, c.answer) {
				t.Errorf("answered with %+v", list)
			}
		})
	}
}

func TestAReportAboutAServerThatIsKnownToBeDownJoinsAndTheAnswerSaysSo(t *testing.T) { // [2.1]
	o := newOffice(t)
	id := o.down()
	o.gets(help)
	inc := o.only()
	list := receipts(inc)
	if inc.ID != id || len(inc.Alerts) != 2 || len(list) != 1 || !strings.Contains(list[0].Body, "bekend is sinds 03:00 UTC") || !strings.Contains(list[0].Body, id) {
		t.Errorf("%s has %d alerts, answered with %+v", inc.ID, len(inc.Alerts), list)
	}
	if inc.Priority != incident.P1 || inc.Runbook.Name != "server-unreachable" {
		t.Errorf("the mail changed it: %s, %s", inc.Priority, inc.Runbook.Name)
	}
}

// Customers must not hear of trouble that nothing but a mail speaks of: its sender
// may be anybody.
func TestWhatOnlyAMailSaysIsNotAnnouncedBeforeAPersonHasSeenIt(t *testing.T) { // [3.1]
	o := newOffice(t)
	o.gets(help)
	id := o.only().ID
	o.record(id, incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1}) // as a runbook would
	o.settle(id)
	if told := o.load(id).Told; len(told) > 0 {
		t.Fatalf("told %v", told)
	}
	o.record(id, incident.Acknowledged{By: "noor"})
	o.settle(id)
	if told := o.load(id).Told; len(told) != 1 {
		t.Errorf("told %v after somebody has taken it", told)
	}
}

func TestTheSameMailTwiceIsOneRecordAndOneAnswer(t *testing.T) { // [2.1]
	o := newOffice(t)
	var replicas sync.WaitGroup
	for range 8 {
		replicas.Go(func() {
			if err := o.Take(t.Context(), help.letter()); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	inc := o.only()
	if len(inc.Alerts) != 1 || len(inc.Mails) != 1 || len(receipts(inc)) != 1 {
		t.Fatalf("%d alerts, %d mails, %d answers", len(inc.Alerts), len(inc.Mails), len(receipts(inc)))
	}
	o.record(inc.ID, incident.Closed{By: "noor"})
	o.gets(help) // it was never marked, and is read again long afterwards
	if inc := o.only(); len(inc.Mails) != 1 || inc.Ongoing() {
		t.Errorf("%d mails, %s", len(inc.Mails), inc.Status)
	}
}

// Whatever piket is doing when it dies, the mail is not marked, and is taken again
// by whoever comes next: one record, one answer, nothing lost.
func TestADeathAtAnyPointLosesAndDoublesNothing(t *testing.T) { // [2.1]
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			o := newOffice(t)
			m := &mortal{Timelines: o.db, receive: o.Taker.Receive, left: n, after: after}
			store, receive := o.Taker.Store, o.Taker.Receive
			o.Taker.Store, o.Taker.Receive = m, m.Receive
			err := o.Take(t.Context(), help.letter())
			if m.left > 0 && err == nil {
				if n < 6 {
					t.Fatalf("a mail takes only %d calls", n)
				}
				break // it came to its end before
			}
			if !errors.Is(err, errDied) {
				t.Fatalf("call %d: %v", n, err)
			}
			o.Taker.Store, o.Taker.Receive = store, receive
			o.Taker.limits = limits{} // another process
			<-o.clock.Go(func() { o.clock.Wait(t.Context(), o.clock.Now().Add(time.Hour), nil) })
			o.gets(help)
			if inc := o.only(); len(inc.Alerts) != 1 || len(inc.Mails) != 1 || len(receipts(inc)) != 1 {
				t.Errorf("dead at call %d (after: %v): %d alerts, %d mails, %d answers", n, after, len(inc.Alerts), len(inc.Mails), len(receipts(inc)))
			}
		}
	}
}

func TestAReplyJoinsAndCallsForAPersonOnce(t *testing.T) { // [6.1]
	o := newOffice(t)
	id := o.down()
	reply := func(from, body string) { o.gets(note{from: from, subject: "Re: [" + id + "] Storing", body: body}) }
	reply("office@bakery.example.net", "When is it back?")
	if got := mailTopics(o.load(id)); len(got) != 1 || got[0] != "mail-bakery-1" {
		t.Fatalf("called for a person: %q", got)
	}
	reply("office@bakery.example.net", "Hello?") // while the first one waits
	reply("x@elsewhere.example.net", "I am their accountant")
	reply("noor@piket.example.net", "I am on my way") // a colleague calls for nobody
	inc := o.load(id)
	if got := mailTopics(inc); len(inc.Mails) != 4 || len(got) != 2 {
		t.Errorf("%d mails, called for a person: %q", len(inc.Mails), got)
	}
	if len(receipts(inc)) != 0 {
		t.Error("a reply was answered: two programs could go on for ever")
	}
	o.settle(id)
	o.record(id, incident.Note{By: "noor", Words: "I have called them"})
	if got := mailTopics(o.load(id)); len(got) != 0 {
		t.Errorf("still called for: %q", got)
	}
	reply("office@bakery.example.net", "Thank you")
	o.settle(id)
	pages := 0
	for _, m := range o.load(id).Messages {
		if strings.HasPrefix(m.Topic, "mail-bakery") {
			pages++
		}
	}
	if pages != 2 {
		t.Errorf("who is on duty heard %d times of the bakery's mails, not twice", pages)
	}
	if len(o.all()) != 1 {
		t.Error("a reply opened a record")
	}
}

// A yes or no by mail counts where it is proved to answer the question that was
// mailed to that very address. Everything else is for a person to read.
func TestACustomersYesOrNoByMail(t *testing.T) { // [2.5, 6.6]
	const bakery = "office@bakery.example.net"
	for name, c := range map[string]struct {
		from, answers, body string // answers: "question", "guess", "other", "number"
		want                string // "yes", "no", or "person"
	}{
		"ja":                           {bakery, "question", "Ja", "yes"},
		"yes, in a sentence":           {bakery, "question", "YES! All is well.\n\nOn Monday Piket wrote:\n> NO\n", "yes"},
		"nee, with words":              {bakery, "question", "Nee, de kassa niet.\nDe rest wel.", "no"},
		"yes, but":                     {bakery, "question", "Yes, but the till does not", "person"},
		"ja, alleen":                   {bakery, "question", "Ja, alleen de kassa niet", "person"},
		"no problem":                   {bakery, "question", "No problem, all works", "person"},
		"something else":               {bakery, "question", "We will see tomorrow", "person"},
		"only a quoted yes":            {bakery, "question", "> Yes", "person"},
		"a forged sender who guesses":  {bakery, "guess", "Yes", "person"},
		"a forged sender by number":    {bakery, "number", "Yes", "person"},
		"a forged no by number":        {bakery, "number", "No", "person"},
		"the answer to another mail":   {bakery, "other", "Yes", "person"},
		"who was never asked":          {"ops@bikes.example.net", "question", "Yes", "person"},
		"a stranger with the question": {"x@elsewhere.example.net", "question", "Yes", "person"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			id, question := o.asked()
			guess := guessed(question)
			answers := map[string]string{"question": question, "guess": guess, "other": o.messageID(o.load(id).Messages[0].Message)}[c.answers]
			o.gets(note{from: c.from, subject: "Re: [" + id + "] Werkt alles weer?", answers: answers, body: c.body})
			inc := o.load(id)
			got := "person"
			if answer, ok := inc.Confirmation.Answers["bakery"]; ok {
				got = map[bool]string{true: "yes", false: "no"}[answer.Works]
			}
			if got != c.want {
				t.Errorf("it was taken for %s, want %s", got, c.want)
			}
			if (len(mailTopics(inc)) > 0) != (c.want == "person") {
				t.Errorf("called for a person: %q", mailTopics(inc))
			}
			if (inc.Status == incident.Open) != (c.want == "no") || c.want == "no" && inc.Relapses != 1 {
				t.Errorf("it is %s after %d relapses", inc.Status, inc.Relapses)
			}
			o.settle(id)
			if inc := o.load(id); !inc.Ongoing() {
				t.Errorf("a mail has closed it: %s", inc.Status)
			}
		})
	}
}

func TestAnAutomaticAnswerIsWrittenDownAndIsNoYes(t *testing.T) { // [6.6]
	o := newOffice(t)
	id, question := o.asked()
	o.gets(note{from: "office@bakery.example.net", subject: "Ja", answers: question, fields: "Auto-Submitted: auto-replied\n", body: "Ja, ik ben er niet."})
	inc := o.load(id)
	if len(inc.Mails) != 1 || len(inc.Confirmation.Answers) != 0 || len(mailTopics(inc)) != 0 || len(receipts(inc)) != 0 {
		t.Errorf("%d mails, %v, %q", len(inc.Mails), inc.Confirmation.Answers, mailTopics(inc))
	}
	o.gets(note{from: "x@example.net", subject: "Out of office", body: "I am away"}) // about nothing
	if len(o.all()) != 1 || o.counts["automatic nothing"] != 1 {
		t.Errorf("%d incidents, %v", len(o.all()), o.counts)
	}
}

func TestALoopDies(t *testing.T) { // [2.1]
	o := newOffice(t)
	o.gets(note{from: "x@example.net", subject: "Your mail", fields: "X-Loop: piket@piket.example.net\n", body: "back to you"})
	o.gets(note{from: "piket@piket.example.net", subject: "Your mail", body: "back to you"})
	if len(o.all()) != 0 || o.counts["loop nothing"] != 2 {
		t.Fatalf("%d incidents, %v", len(o.all()), o.counts)
	}
	// A program that answers every answer, and says nowhere that it is one: each of
	// its answers begins a new thread.
	for n := range 100 {
		o.gets(note{from: "robot@elsewhere.example.net", subject: fmt.Sprintf("Thank you for mail %d", n), body: "We have your mail."})
	}
	answered, mails := 0, 0
	for _, inc := range o.all() {
		answered, mails = answered+len(receipts(inc)), mails+len(inc.Mails)
	}
	if len(o.all()) > perSender || answered > answers || mails != 100 {
		t.Errorf("%d records, %d answers, %d mails written down", len(o.all()), answered, mails)
	}
}

func TestAFloodOfStrangersWaitsAndKeepsNoCustomerWaiting(t *testing.T) { // [2.1]
	o := newOffice(t)
	flood := func(n int) error {
		return o.Take(t.Context(), note{from: fmt.Sprintf("x%d@elsewhere.example.net", n), subject: "Hello"}.letter())
	}
	for n := range strangersAll {
		if err := flood(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := flood(999); !errors.Is(err, ErrBusy) {
		t.Errorf("the next one: %v", err)
	}
	o.gets(help)
	<-o.clock.Go(func() { o.clock.Wait(t.Context(), o.clock.Now().Add(window), nil) })
	if err := flood(999); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	if got := len(o.all()); got != strangersAll+2 {
		t.Errorf("%d records", got)
	}
}

// guessed is a Message-ID of somebody who knows everything of it that can be known.
func guessed(messageID string) string {
	name, domain, _ := strings.Cut(messageID, "@")
	return name[:len(name)-24] + strings.Repeat("0", 24) + "@" + domain
}

func TestABounceIsNoticedAndTheCustomerIsTelephoned(t *testing.T) { // [6.5]
	o := newOffice(t)
	id := o.down()
	first := o.load(id).Messages[0]
	for _, m := range o.load(id).Messages {
		if m.Customer == "bakery" {
			first = m
		}
	}
	bounce := func(messageID string) note {
		return note{from: "MAILER-DAEMON@mx.example.net", subject: "Undelivered", body: "office@bakery.example.net: 550 5.1.1 no such user\n\nMessage-ID: <" + messageID + ">\n"}
	}
	o.gets(bounce(guessed(o.messageID(first.Message))))
	if m := o.load(id).Message(first.Message); m.Bounced != "" {
		t.Error("anybody can say that a customer does not hear")
	}
	o.gets(bounce(o.messageID(first.Message)))
	o.gets(bounce(o.messageID(first.Message)))
	inc := o.load(id)
	if m := inc.Message(first.Message); !strings.Contains(m.Bounced, "550 5.1.1") || o.counts["bounce noticed"] != 2 {
		t.Errorf("%+v, %v", m, o.counts)
	}
	if n := len(o.events(id, "bounced")); n != 1 || inc.Attentions["bounced-"+first.Message].IsZero() {
		t.Errorf("%d events, %v", n, inc.Attentions)
	}
}

func TestAnAnswerThatComesBackIsNobodysTrouble(t *testing.T) { // a forged sender
	o := newOffice(t)
	o.gets(note{from: "forged@elsewhere.example.net", subject: "Hello"})
	inc := o.only()
	m := receipts(inc)[0]
	o.gets(note{from: "mailer-daemon@mx.example.net", subject: "Undelivered", body: "550 no such user\n" + o.messageID(m.Message)})
	after := o.load(inc.ID)
	if after.Message(m.Message).Bounced == "" || len(after.Attentions) != len(inc.Attentions) {
		t.Errorf("%+v, attentions %v", after.Message(m.Message), after.Attentions)
	}
}

func TestAMailAboutAClosedIncidentIsOneNewRecord(t *testing.T) { // [2.5]
	o := newOffice(t)
	id, question := o.asked()
	o.record(id, incident.Closed{By: "noor"})
	o.gets(note{from: "office@bakery.example.net", subject: "Re: [" + id + "]", answers: question, body: "Nee, het is weer stuk"})
	all := o.all()
	if len(all) != 2 || !strings.Contains(all[1].Title, id) || all[1].Subject.Name != "web-01" {
		t.Fatalf("%d incidents: %+v", len(all), all[len(all)-1].Subject)
	}
	o.gets(note{from: "office@bakery.example.net", subject: "Re: [" + id + "]", answers: question, body: "Hallo?"})
	if all := o.all(); len(all) != 2 || len(all[1].Mails) != 2 || all[0].Status != incident.Finished {
		t.Errorf("%d incidents, the first is %s", len(all), all[0].Status)
	}
}

// A stranger needs nothing but a number to write about an incident, and any name
// will do.
func TestStrangersWithANumberFloodNobody(t *testing.T) {
	o := newOffice(t)
	id := o.down()
	for n := range 50 {
		o.gets(note{from: fmt.Sprintf("x%d@elsewhere.example.net", n), subject: "Re: " + id, body: "?"})
	}
	if got := mailTopics(o.load(id)); len(got) != 1 {
		t.Errorf("called for a person by %d names", len(got))
	}
	o.record(id, incident.Closed{By: "noor"})
	waiting := 0
	for n := range 2 * strangersAll {
		if err := o.Take(t.Context(), note{from: fmt.Sprintf("x%d@elsewhere.example.net", n), subject: "Re: " + id, body: "!"}.letter()); errors.Is(err, ErrBusy) {
			waiting++
		}
	}
	if waiting != strangersAll || len(o.all()) != 1+strangersAll {
		t.Errorf("%d wait, %d records", waiting, len(o.all()))
	}
}

func TestOneIncidentTakesSoManyMailsAndNoMore(t *testing.T) {
	o := newOffice(t)
	id := o.down()
	for n := range incident.MaxMails + 5 {
		o.gets(note{from: "office@bakery.example.net", subject: id, body: fmt.Sprint("mail ", n)})
	}
	inc := o.load(id)
	if len(inc.Mails) != incident.MaxMails || inc.Attentions["mail-flood"].IsZero() {
		t.Errorf("%d mails, %v", len(inc.Mails), inc.Attentions)
	}
}

// Every sentence of a mail that could be an order is none.
func TestAMailNeverActsApprovesOrCloses(t *testing.T) { // design of the answer to P7
	o := newOffice(t)
	id := o.down()
	o.record(id, incident.ApprovalRequested{Approval: id + "/A9", Step: "power-cycle", Action: "power-cycle web-01", By: inventory.OnDutyPeople, Expires: o.clock.Now().Add(time.Hour)})
	before := o.load(id)
	for _, from := range []string{"noor@piket.example.net", "office@bakery.example.net", "x@elsewhere.example.net"} {
		for _, body := range []string{"yes", "ja", "approve " + id + "/A9", "close", "Yes\n" + before.Approval.PlanHash} {
			o.gets(note{from: from, subject: "Re: [" + id + "] May piket power-cycle web-01?", body: body, answers: o.messageID(before.Messages[0].Message)})
		}
	}
	inc := o.load(id)
	if inc.Approval == nil || len(inc.Approval.Yes) > 0 || inc.Approval.GrantedBy != "" || inc.Status != incident.Open || inc.Owner != "" || inc.Action != nil {
		t.Errorf("%+v, %s, owner %q", inc.Approval, inc.Status, inc.Owner)
	}
}
