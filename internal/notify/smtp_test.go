package notify_test

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/secret"
)

var example = notify.Mail{
	ID: "INC-2026-0001/M7", Incident: "INC-2026-0001", To: []string{"it@acme.example.net", "noc@acme.example.net"},
	Subject: "[INC-2026-0001] Storing: café – naïef €", Body: "Beste klant,\n\nCafé is weer open: één regel met = en €.\n.\nlaatste\n",
	At: time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC),
}

// header reads one header line as a mail program shows it.
func header(t *testing.T, get func(string) string, name string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(get(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMailArrivesAsItWasWritten(t *testing.T) {
	server := newMailServer(t, options{})
	accepted, err := notify.SMTP{From: "piket@example.net", Server: server.address, TLS: "none"}.Send(t.Context(), example)
	if err != nil || accepted != "accepted by "+server.address {
		t.Fatalf("%q, %v", accepted, err)
	}
	got := server.mails(t)
	if len(got) != 1 || !slices.Equal(server.to[0], example.To) {
		t.Fatalf("%d mails to %v", len(got), server.to)
	}
	for name, want := range map[string]string{
		"From": "<piket@example.net>", "Subject": example.Subject, "Date": "Mon, 05 Jan 2026 03:00:00 +0000",
		"Message-ID": "<INC-2026-0001.M7@example.net>", "References": "<INC-2026-0001@example.net>",
		"In-Reply-To": "<INC-2026-0001@example.net>", "Auto-Submitted": "auto-generated", "X-Loop": "piket@example.net",
		"To": "<it@acme.example.net>, <noc@acme.example.net>",
	} {
		if text := header(t, got[0].Header.Get, name); text != want {
			t.Errorf("%s is %q, want %q", name, text, want)
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got[0].Body))
	if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != example.Body {
		t.Errorf("the body is %q (%v)", body, err)
	}
}

func TestAnAutomaticAnswerSaysThatItIsOneAndToWhat(t *testing.T) { // [2.1]
	server := newMailServer(t, options{})
	answer := example
	answer.Answers = "<1@bakery.example.net>"
	smtp := notify.SMTP{From: "piket@example.net", Server: server.address, TLS: "none", Mark: func(message string) string { return "mark-of-" + strings.ReplaceAll(message, "/", "-") }}
	if _, err := smtp.Send(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Auto-Submitted": "auto-replied", "In-Reply-To": "<1@bakery.example.net>", "References": "<INC-2026-0001@example.net> <1@bakery.example.net>",
		"X-Loop": "piket@example.net", "Message-ID": "<INC-2026-0001.M7.mark-of-INC-2026-0001-M7@example.net>",
	} {
		if text := header(t, server.mails(t)[0].Header.Get, name); text != want {
			t.Errorf("%s is %q, want %q", name, text, want)
		}
	}
}

func TestSubjectCannotAddHeaders(t *testing.T) {
	server := newMailServer(t, options{})
	for _, end := range []string{"\r\n", "\n", "\r", "\r\n\r\n", "\u2028", "\x00"} {
		m := example
		m.Subject = "Outage" + end + "Bcc: thief@example.net" + end + end + "Dear all"
		m.Incident = "INC" + end + "X-Added: yes"
		m.ID = "INC/M1" + end + "X-Added: yes"
		if _, err := (notify.SMTP{From: "piket@example.net", Server: server.address, TLS: "none"}).Send(t.Context(), m); err != nil {
			t.Logf("%q: refused: %v", end, err)
		}
	}
	for n, m := range server.mails(t) {
		if m.Header.Get("Bcc") != "" || m.Header.Get("X-Added") != "" || slices.Contains(server.to[n], "thief@example.net") {
			t.Errorf("mail %d has an added header:\n%s", n, server.raw[n])
		}
		if !strings.Contains(server.raw[n], "Content-Type") || strings.Contains(header(t, m.Header.Get, "Subject"), "\n") {
			t.Errorf("mail %d is torn apart:\n%s", n, server.raw[n])
		}
	}
}

func TestMailIsEncryptedUnlessSaidOtherwise(t *testing.T) {
	cert, ca := certificate(t)
	_, stranger := certificate(t)
	for name, c := range map[string]struct {
		server options
		tls    string
		ca     string
		want   string // part of the error, "" when it arrives
	}{
		"starttls":                       {options{cert: cert}, "starttls", ca, ""},
		"starttls is the default":        {options{cert: cert}, "", ca, ""},
		"tls":                            {options{cert: cert, implicit: true}, "tls", ca, ""},
		"none":                           {options{}, "none", "", ""},
		"starttls on a plain server":     {options{}, "starttls", ca, "STARTTLS"},
		"the default on a plain server":  {options{}, "", "", "STARTTLS"},
		"tls on a plain server":          {options{}, "tls", ca, "first record does not look like a TLS handshake"},
		"a certificate nobody vouches":   {options{cert: cert}, "starttls", "", "certificate"},
		"a certificate by somebody else": {options{cert: cert}, "starttls", stranger, "certificate"},
		"tls by somebody else":           {options{cert: cert, implicit: true}, "tls", stranger, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			server := newMailServer(t, c.server)
			_, err := notify.SMTP{From: "piket@example.net", Server: server.address, TLS: c.tls, CAFile: c.ca}.Send(t.Context(), example)
			if arrived := len(server.mails(t)); arrived == 1 != (c.want == "") {
				t.Errorf("%d mails arrived", arrived)
			}
			if c.want == "" && err != nil {
				t.Errorf("got %v", err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.HasPrefix(err.Error(), "send mail through "+server.address+": ")) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestPasswordIsSentEncryptedAndNeverShown(t *testing.T) {
	cert, ca := certificate(t)
	const password = "canary-1f7"
	file := func(text string) secret.Ref {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return secret.Ref{File: path}
	}
	server := newMailServer(t, options{cert: cert, password: password})
	s := notify.SMTP{From: "piket@example.net", Server: server.address, CAFile: ca, Username: "piket", Password: file(password + "\n")}
	if _, err := s.Send(t.Context(), example); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]secret.Ref{"wrong": file("canary-wrong"), "missing": {File: "testdata/no-such-file"}, "none": {}} {
		s.Password = wrong
		_, err := s.Send(t.Context(), example)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, "canary") {
		t.Errorf("the sender prints its password: %s", text)
	}
	if len(server.mails(t)) != 1 {
		t.Errorf("%d mails arrived", len(server.mails(t)))
	}
}

func TestMistakesInTheSettingsSayWhichOne(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := notify.SMTP{From: "piket@example.net", Server: "127.0.0.1:1", TLS: "none"}
	for want, change := range map[string]func(*notify.SMTP, *notify.Mail){
		`sender "piket"`:                  func(s *notify.SMTP, _ *notify.Mail) { s.From = "piket" },
		`recipients: `:                    func(_ *notify.SMTP, m *notify.Mail) { m.To = []string{"not an address"} },
		`mail server "127.0.0.1"`:         func(s *notify.SMTP, _ *notify.Mail) { s.Server = "127.0.0.1" },
		`mail server "127.0.0.1:smtp": `:  func(s *notify.SMTP, _ *notify.Mail) { s.Server = "127.0.0.1:smtp" },
		`ca_file of the mail server: `:    func(s *notify.SMTP, _ *notify.Mail) { s.CAFile = "testdata/no-such-file" },
		notPEM + ` holds no certificate`:  func(s *notify.SMTP, _ *notify.Mail) { s.CAFile = notPEM },
		`send mail through 127.0.0.1:1: `: func(*notify.SMTP, *notify.Mail) {},
	} {
		s, m := good, example
		change(&s, &m)
		if _, err := s.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	server := newMailServer(t, options{})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := (notify.SMTP{From: "piket@example.net", Server: server.address, TLS: "none"}).Send(ctx, example); err == nil {
		t.Error("it was sent although its context had ended")
	}
}
