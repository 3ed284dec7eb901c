//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spinware/piket/internal/failpoint"
)

func (w *world) maildir() string { return filepath.Join(w.dir, "maildir") }

// letter is one mail as its recipient reads it.
type letter struct{ to, subject, body string }

// letters reads everything that the SMTP server has taken.
func (w *world) letters(t *testing.T) (list []letter) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.maildir(), "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		list = append(list, readLetter(t, path))
	}
	return list
}

func readLetter(t *testing.T, path string) letter {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	message, err := mail.ReadMessage(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		text = quotedprintable.NewReader(text)
	}
	body, err := io.ReadAll(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return letter{message.Header.Get("To"), subject, string(body)}
}

// getsOnce waits until somebody has a mail on an incident whose subject holds
// some words, and returns its text. It must not arrive twice.
func (w *world) getsOnce(t *testing.T, id, to, words string) (body string) {
	t.Helper()
	var found []letter
	until(t, to+" has mail: "+words, func() bool {
		found = slices.DeleteFunc(w.letters(t), func(l letter) bool {
			return !strings.Contains(l.to, to) || !strings.Contains(l.subject, id) || !strings.Contains(l.subject, words)
		})
		return len(found) > 0
	})
	if len(found) != 1 {
		t.Errorf("%s has %d mails %q on %s, not one", to, len(found), words, id)
	}
	return found[0].body
}

// What people mail to piket [2.1, 6.1], through a real mailbox and a real mail
// server. The server tells of new mail by itself: piket looks only every quarter of
// an hour. The stories follow each other.
func TestMailInThroughARealMailbox(t *testing.T) {
	w := newMailWorld(t)
	w.start(t)
	w.reading(t)
	for _, story := range []struct {
		promise string
		tell    func(*testing.T)
	}{
		{"a mail becomes an incident, and the answer has its number", w.mailOpens},
		{"a reply joins and calls who is on duty", w.replyJoins},
		{"a bounce is noticed", w.bounceIsNoticed},
		{"a loop and an automatic answer die", w.loopDies},
		{"piket killed between fetch and commit, and after it, loses and doubles nothing", w.killedWhileReading},
		{"a mailbox that was away is read when it is back", w.mailboxIsBack},
		{"no password shows", w.noMailPassword},
	} {
		if !t.Run(story.promise, story.tell) {
			return
		}
	}
}

const fromBakery = "From: Bakery <office@bakery.example.net>\n"

func (w *mailWorld) mailOpens(t *testing.T) {
	w.gets(t, fromBakery+"Subject: De website is traag\n", "Al sinds drie uur.")
	id := w.opened(t, "web-01") // their only one
	body := w.getsOnce(t, id, "office@bakery.example.net", "Wij hebben uw e-mail")
	h := w.headers(t, "office@bakery.example.net", "Wij hebben uw e-mail")
	if !strings.Contains(body, "Beste Bakkerij Voorbeeld") || h.Get("Auto-Submitted") != "auto-replied" || h.Get("X-Loop") != "piket@piket.example.net" ||
		h.Get("In-Reply-To") != "<1@customers.example.net>" {
		t.Errorf("%v\n%s", h, body)
	}
}

func (w *mailWorld) replyJoins(t *testing.T) {
	id := w.opened(t, "web-01")
	answers := w.headers(t, "office@bakery.example.net", "Wij hebben uw e-mail").Get("Message-ID")
	w.gets(t, fromBakery+"Subject: Re: iets anders\nIn-Reply-To: "+answers+"\n", "Nu is hij helemaal weg.\n\n> Uw e-mail is aangekomen\n")
	s := w.untilSeen(t, id, "the reply is on the timeline", func(s seen) bool { return s.count("mail_received") == 2 })
	if s.count("mail_received", "Nu is hij helemaal weg", "says it is from office@bakery.example.net (bakery)") != 1 || s.count("mail_received", "aangekomen") != 0 {
		t.Errorf("%+v", s.Events)
	}
	w.getsOnce(t, id, "noor@piket.example.net", "a mail that says it is from office@bakery.example.net")
}

func (w *mailWorld) bounceIsNoticed(t *testing.T) {
	id := w.opened(t, "web-01")
	sent := w.headers(t, "noor@piket.example.net", "a mail that says it is from").Get("Message-ID")
	w.gets(t, "From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n",
		"--b\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"+
			"Final-Recipient: rfc822; noor@piket.example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\n"+
			"--b\nContent-Type: message/rfc822\n\nMessage-ID: "+sent+"\nSubject: x\n\nx\n--b--\n")
	w.untilSeen(t, id, "the bounce is on the timeline", func(s seen) bool {
		return s.count("bounced", "noor@piket.example.net", "550 no such user") == 1
	})
}

func (w *mailWorld) loopDies(t *testing.T) {
	before := len(w.list(t))
	w.gets(t, "From: somebody@example.net\nX-Loop: piket@piket.example.net\nSubject: round and round\n", "x")
	w.gets(t, "From: somebody@example.net\nAuto-Submitted: auto-replied\nSubject: I am away\n", "x")
	w.counted(t, "loop", "nothing")
	w.counted(t, "automatic", "nothing")
	if after := len(w.list(t)); after != before {
		t.Errorf("%d incidents, %d before", after, before)
	}
}

// killedWhileReading kills piket at the moments around the commit of a mail that it
// has fetched: before it, right after it, and before the answer leaves.
func (w *mailWorld) killedWhileReading(t *testing.T) {
	for n, point := range []failpoint.Point{failpoint.IntakeBeforeCreate, failpoint.StoreWritten, failpoint.IntakeCreated, failpoint.MailBefore} {
		words := fmt.Sprintf("order %d is late", n)
		w.piket.stop(t, syscall.SIGTERM)
		t.Setenv(failpoint.EnvPoint, string(point))
		w.gets(t, "From: ops@bikes.example.net\nSubject: "+words+"\n", "Please look.")
		doomed := startProcess(t, w.dir, "piket", w.binary, "serve", "--config.file="+filepath.Join(w.dir, "piket.yml"),
			"--web.listen-address="+strings.TrimPrefix(w.url, "http://"))
		until(t, "piket is killed at "+string(point), func() bool {
			select {
			case <-doomed.end:
				return true
			default:
				return false
			}
		})
		t.Setenv(failpoint.EnvPoint, "")
		w.start(t)
		w.reading(t)
		var ids []string
		until(t, "the mail is taken: "+words, func() bool { ids = w.titled(t, words); return len(ids) > 0 })
		w.getsOnce(t, ids[0], "ops@bikes.example.net", "We have your mail")
		s := w.show(t, ids[0])
		if len(ids) != 1 || s.count("alert") != 1 || s.count("mail_received") != 1 || s.count("message", "receipt") != 1 {
			t.Errorf("killed at %s: %d incidents, %d alerts, %d mails, %d answers", point, len(ids), s.count("alert"), s.count("mail_received"), s.count("message", "receipt"))
		}
	}
}

func (w *mailWorld) mailboxIsBack(t *testing.T) {
	w.dovecot.stop(t, syscall.SIGTERM)
	w.gets(t, "From: ops@bikes.example.net\nSubject: while the mailbox was away\n", "x")
	w.startDovecot(t)
	until(t, "the mail is taken", func() bool { return len(w.titled(t, "while the mailbox was away")) == 1 })
}

func (w *mailWorld) noMailPassword(t *testing.T) {
	w.piket.stop(t, syscall.SIGTERM)
	if bytes.Contains(read(t, w.piket.log), []byte(imapPassword)) {
		t.Error("the log shows the password of the mailbox")
	}
}
