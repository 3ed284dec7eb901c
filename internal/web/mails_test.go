package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

func TestMailIsShownAsWhatSomebodySays(t *testing.T) { // [6.1]
	h := lived(t,
		incident.MailReceived{Mail: "1", From: "office@bakery.example.net", Customer: "bakery", Subject: "Re: outage", Words: "Still down.\nSince 3.", Sort: incident.MailReply},
		incident.MailReceived{Mail: "2", From: `"<script>"@example.net`, Subject: "<script>alert(1)</script>", Words: "<img src=x onerror=alert(1)>", Sort: incident.MailAutomatic, Remarks: []string{"<b>one attachment</b>"}},
		incident.Attention{Topic: incident.MailTopic + "bakery-1", Why: "a mail has come"},
	)
	page := fragment("mails", mailsOf(h, setting{}))
	for _, want := range []string{"office@bakery.example.net (bakery)", "Still down.\nSince 3.", "proves nothing", "Write a note", "automatic"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not on the page:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, "<b>one") {
		t.Errorf("a mail writes on the page:\n%s", page)
	}
	if mailsOf(lived(t), setting{}) != nil {
		t.Error("an incident without mail shows some")
	}
}

func TestThePageShowsTheLatestMailsOnly(t *testing.T) {
	var many []incident.Payload
	for n := range 3 * maxMailsShown {
		many = append(many, incident.MailReceived{Mail: fmt.Sprint(n), Subject: fmt.Sprint("mail ", n)})
	}
	v := mailsOf(lived(t, many...), setting{})
	if len(v.Mails) != maxMailsShown || v.Mails[0].Subject != fmt.Sprint("mail ", len(many)-1) || v.Waits {
		t.Errorf("%d mails, the first is %q", len(v.Mails), v.Mails[0].Subject)
	}
}
