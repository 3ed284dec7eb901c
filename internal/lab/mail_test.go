package lab_test

import (
	"net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
)

func TestMailIsDecoded(t *testing.T) {
	const german = "Datum: Mon, 23 Nov 2026 04:00:00 +0100\r\n"
	for name, c := range map[string]struct{ raw, subject, text string }{
		"plain": {"Subject: Storing\r\nDate: Mon, 23 Nov 2026 04:00:00 +0100\r\n\r\nDe server is terug.\r\n",
			"Storing", "De server is terug.\n"},
		"quoted printable": {"Subject: =?utf-8?q?Storing_caf=C3=A9?=\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nlang=\r\n caf=C3=A9\r\n",
			"Storing café", "lang café\n"},
		"base64": {"Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8K\r\n", "x", "hello\n"},
		"text within alternative within mixed": {"Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" +
			"--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>no\r\n--b\r\nContent-Type: text/plain\r\n\r\nyes\r\n--b--\r\n--a--\r\n",
			"x", "yes"},
		"no text at all":  {"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>x\r\n", "x", ""},
		"strange headers": {german + "Subject: x\r\nContent-Type: ;;\r\n\r\nstill read\r\n", "x", "still read\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			if err := smtp.SendMail(w.SMTPAddress(), nil, "piket@example.net", []string{"a@example.net", "b@example.net"}, []byte(c.raw)); err != nil {
				t.Fatal(err)
			}
			mails := w.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails", len(mails))
			}
			m := mails[0]
			if m.Subject != c.subject || m.Text != c.text {
				t.Errorf("got %q %q, want %q %q", m.Subject, m.Text, c.subject, c.text)
			}
			if m.ID != 1 || !m.At.Equal(night) || m.From != "piket@example.net" || strings.Join(m.To, " ") != "a@example.net b@example.net" {
				t.Errorf("got %+v", m)
			}
		})
	}
}

func TestMailOfARealSenderArrives(t *testing.T) {
	w := start(t)
	message := mail.NewMsg()
	sent := time.Date(2026, 11, 23, 3, 30, 0, 0, time.UTC)
	message.Subject("web-01 is terug – alles draait")
	message.SetDateWithValue(sent)
	message.SetBodyString(mail.TypeTextPlain, "Één regel.\n")
	if err := message.From("piket@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := message.To("beheer@zonneweide.example.net"); err != nil {
		t.Fatal(err)
	}
	host, port := splitHostPort(t, w.SMTPAddress())
	client, err := mail.NewClient(host, mail.WithPort(port), mail.WithTLSPolicy(mail.NoTLS))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.DialAndSendWithContext(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	m := w.Mails()[0]
	if m.Subject != "web-01 is terug – alles draait" || strings.TrimSpace(m.Text) != "Één regel." || !m.Date.Equal(sent) {
		t.Errorf("got %+v", m)
	}
}

func TestNonsenseIsRefusedForGood(t *testing.T) {
	w := start(t)
	err := smtp.SendMail(w.SMTPAddress(), nil, "piket@example.net", []string{"a@example.net"}, []byte("no header at all\r\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "554") {
		t.Fatalf("got %v", err)
	}
	if n := len(w.Mails()); n != 0 {
		t.Fatalf("%d mails kept", n)
	}
}

func TestMailSinkKeepsTheNewest(t *testing.T) {
	const bound = 2000
	w := start(t)
	client, err := smtp.Dial(w.SMTPAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range bound + 1 {
		if err := sendOver(client); err != nil {
			t.Fatal(err)
		}
	}
	mails := w.Mails()
	if len(mails) != bound || mails[0].ID != 2 || mails[bound-1].ID != bound+1 {
		t.Fatalf("%d mails, from %d to %d", len(mails), mails[0].ID, mails[len(mails)-1].ID)
	}
}

func sendOver(client *smtp.Client) error {
	if err := client.Mail("piket@example.net"); err != nil {
		return err
	}
	if err := client.Rcpt("a@example.net"); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write([]byte("Subject: x\r\n\r\nx\r\n")); err != nil {
		return err
	}
	return body.Close()
}
