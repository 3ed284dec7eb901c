package mailbox

import (
	"strings"
	"testing"
)

// mark is the one that testOurs believes.
const mark = "0123456789abcdef01234567"

var testOurs = Ours{From: "piket@piket.example.net", Marked: func(_, m string) bool { return m == mark }}

// crlf writes a mail as it travels.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// plain is a mail somebody wrote, with some more header fields.
func plain(fields, body string) string {
	return crlf("From: Office <office@bakery.example.net>\nTo: piket@piket.example.net\nSubject: Website down\n" +
		"Message-ID: <1@bakery.example.net>\nDate: Mon, 05 Jan 2026 03:00:00 +0000\n" + fields + "\n" + body)
}

// What a mail is decides whether it is answered: only a person's is [2.1].
func TestWhatAMailIs(t *testing.T) {
	const dsn = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"
	status := func(action string) string {
		return "--b\nContent-Type: text/plain\n\nIt did not work.\n--b\nContent-Type: message/delivery-status\n\n" +
			"Reporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; office@bakery.example.net\nAction: " + action + "\nStatus: 5.1.1\n--b--\n"
	}
	ourID := "INC-2026-0001.M12." + mark + "@piket.example.net"
	for name, c := range map[string]struct {
		mail string
		null bool
		want Kind
	}{
		"somebody writes":                        {plain("", "Help"), false, Personal},
		"somebody writes and the header says so": {plain("Auto-Submitted: no\n", "Help"), false, Personal},
		"RFC 3834":                               {plain("Auto-Submitted: auto-replied\n", "I am away"), false, Automatic},
		"RFC 3834 with a parameter":              {plain("Auto-Submitted: auto-generated; owner=x\n", "x"), false, Automatic},
		"precedence bulk":                        {plain("Precedence: bulk\n", "x"), false, Automatic},
		"precedence list":                        {plain("Precedence: LIST\n", "x"), false, Automatic},
		"X-Autoreply":                            {plain("X-Autoreply: yes\n", "x"), false, Automatic},
		"X-Autorespond":                          {plain("X-Autorespond: x\n", "x"), false, Automatic},
		"a mailing list":                         {plain("List-Id: <x.example.net>\n", "x"), false, Automatic},
		"a newsletter":                           {plain("List-Unsubscribe: <mailto:x@example.net>\n", "x"), false, Automatic},
		"out of office by its subject":           {strings.Replace(plain("", "x"), "Website down", "Automatic reply: Website down", 1), false, Automatic},
		"the same in Dutch":                      {strings.Replace(plain("", "x"), "Website down", "Afwezig: Website down", 1), false, Automatic},
		"a read receipt":                         {plain("Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n", "--b--\n"), false, Automatic},
		"nobody wants to hear":                   {plain("Return-Path: <>\n", "x"), false, Automatic},
		"the same in the envelope":               {plain("", "x"), true, Automatic},
		"a bounce":                               {plain(dsn, status("failed")), true, Bounce},
		"a delay is no bounce":                   {plain(dsn, status("delayed")), true, Automatic},
		"a success is no bounce":                 {plain(dsn, status("delivered")), true, Automatic},
		"a bounce without a status":              {plain(dsn, "--b--\n"), true, Bounce},
		"a crude bounce by its sender":           {strings.Replace(plain("", "550 no such user"), "office@bakery.example.net", "MAILER-DAEMON@mx.example.net", 1), false, Bounce},
		"a crude bounce by what it brings":       {plain("", "Message-ID: <"+ourID+">"), true, Bounce},
		"an answer of a program that quotes us":  {plain("Auto-Submitted: auto-replied\n", "> Message-ID: <"+ourID+">"), true, Automatic},
		"our own mail by its mark":               {plain("X-Loop: Piket@piket.example.net\n", "x"), false, Loop},
		"the mark beside another's":              {plain("X-Loop: other@example.net\nX-Loop: piket@piket.example.net\n", "x"), false, Loop},
		"another's mark":                         {plain("X-Loop: other@example.net\n", "x"), false, Personal},
		"our own mail by its sender":             {strings.Replace(plain("", "x"), "office@bakery.example.net", "piket@piket.example.net", 1), false, Loop},
		"not a mail at all":                      {"\x00\xff", false, Personal},
		"nothing":                                {"", false, Personal},
	} {
		if got := testOurs.kindOf(Read(strings.NewReader(c.mail), c.null)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhoIsNotAnswered(t *testing.T) {
	for name, mail := range map[string]string{
		"a no-reply address":  strings.Replace(plain("", "x"), "office@", "No-Reply@", 1),
		"no sender":           strings.Replace(plain("", "x"), "From: Office <office@bakery.example.net>\r\n", "", 1),
		"two senders":         strings.Replace(plain("", "x"), "Office <office@bakery.example.net>", "a@example.net, b@example.net", 1),
		"no Message-ID":       strings.Replace(plain("", "x"), "Message-ID: <1@bakery.example.net>\r\n", "", 1),
		"it asks for silence": plain("X-Auto-Response-Suppress: All\n", "x"),
	} {
		if l := Read(strings.NewReader(mail), false); !l.unanswerable() {
			t.Errorf("%s would be answered", name)
		}
	}
	if l := Read(strings.NewReader(plain("", "x")), false); l.unanswerable() {
		t.Error("a customer would not be answered")
	}
}

func TestWhichIncidentAMailIsAbout(t *testing.T) { // [6.1]
	for name, c := range map[string]struct {
		fields, subject string
		want            named
	}{
		"a mail of ours, proved":             {"In-Reply-To: <INC-2026-0001.M12." + mark + "@piket.example.net>\n", "x", named{"INC-2026-0001", "INC-2026-0001/M12", true}},
		"one in a long chain":                {"References: <a@b> <INC-2026-0001@piket.example.net> <INC-2026-0001.M12." + mark + "@PIKET.example.net> <c@d>\n", "x", named{"INC-2026-0001", "INC-2026-0001/M12", true}},
		"a mail of ours with a guessed mark": {"In-Reply-To: <INC-2026-0001.M12." + strings.Repeat("0", 24) + "@piket.example.net>\n", "x", named{"INC-2026-0001", "INC-2026-0001/M12", false}},
		"the thread only":                    {"References: <INC-2026-0001@piket.example.net>\n", "x", named{"INC-2026-0001", "", false}},
		"the number in the subject":          {"", "Re: [inc-2026-0042] Outage", named{"INC-2026-0042", "", false}},
		"the mail wins from the subject":     {"In-Reply-To: <INC-2026-0001@piket.example.net>\n", "INC-2026-0042", named{"INC-2026-0001", "", false}},
		"somebody else's mail":               {"In-Reply-To: <INC-2026-0001.M12." + mark + "@elsewhere.example.net>\n", "x", named{}},
		"another company's number":           {"", "Ticket INC0042 and XINC-2026-0001x", named{}},
		"nothing":                            {"", "Help", named{}},
	} {
		l := Read(strings.NewReader(strings.Replace(plain(c.fields, "x"), "Website down", c.subject, 1)), false)
		if got, _ := testOurs.about(l); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWhyAMailCameBack(t *testing.T) { // [6.5]
	to := []string{"office@bakery.example.net"}
	full := plain("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
		"--b\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"+
			"Original-Recipient: rfc822;office@bakery.example.net\nFinal-Recipient: rfc822;baker@home.example.net\nAction: failed\nStatus: 5.2.2\n"+
			"Diagnostic-Code: smtp; 552 5.2.2 the mailbox\n is full\n"+
			"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <INC-2026-0001.M12."+mark+"@piket.example.net>\n--b--\n")
	for name, c := range map[string]struct{ mail, address, why string }{
		"as RFC 3464 has it":        {full, "baker@home.example.net", "552 5.2.2 the mailbox is full"},
		"in words, with an address": {plain("", "Your mail to <OFFICE@bakery.example.net> failed:\n550 5.1.1 no such user\n"), "office@bakery.example.net", "550 5.1.1 no such user"},
		"in words, without":         {plain("", "It failed.\n"), "office@bakery.example.net", "Website down"},
		"nothing at all":            {"", "office@bakery.example.net", "the mail server does not say why"},
	} {
		l := Read(strings.NewReader(c.mail), true)
		if got := l.failures(to)[0]; got.address != c.address || got.why != c.why {
			t.Errorf("%s: %+v", name, got)
		}
	}
	l := Read(strings.NewReader(full), true)
	if list := testOurs.in(l.returned); len(list) != 1 || list[0].message != "INC-2026-0001/M12" || !list[0].proved {
		t.Errorf("the returned mail is %+v", list)
	}
}
