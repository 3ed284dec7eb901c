package lab

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Bounds of the mail sink.
const (
	maxMails      = 2000
	maxMailBytes  = 1 << 20
	maxRecipients = 100
)

// Mail is one message that somebody would have received.
type Mail struct {
	ID      int                  `json:"id"` // counts from 1, never used again
	At      time.Time            `json:"at"` // when it arrived, by the lab's clock
	From    string               `json:"from"`
	To      []string             `json:"to"` // the envelope's recipients
	Subject string               `json:"subject"`
	Date    time.Time            `json:"date"` // what the message itself says
	Header  textproto.MIMEHeader `json:"header"`
	Text    string               `json:"text"` // the plain text part, decoded
}

// mailbox keeps the newest mails.
type mailbox struct {
	mu      sync.Mutex
	address string
	mails   []Mail
	count   int
}

// SMTPAddress is the host:port where the mail sink listens, without TLS and
// without a password.
func (d *Datacenter) SMTPAddress() string { return d.mail.address }

// Mails returns what arrived, oldest first, the newest 2,000 at most.
func (d *Datacenter) Mails() []Mail {
	d.mail.mu.Lock()
	defer d.mail.mu.Unlock()
	return slices.Clone(d.mail.mails)
}

func (d *Datacenter) serveMail() error {
	l, err := d.listen(func() bool { return true })
	if err != nil {
		return fmt.Errorf("listen for mail: %w", err)
	}
	d.mail.address = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{lab: d}, nil }))
	s.Domain, s.MaxMessageBytes, s.MaxRecipients = "mail.example.net", maxMailBytes, maxRecipients
	s.EnableSMTPUTF8 = true
	s.ReadTimeout, s.WriteTimeout = headerTimeout, headerTimeout
	s.ErrorLog = log.New(io.Discard, "", 0)
	d.start(func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			panic("lab: the mail sink's listener broke: " + err.Error())
		}
	}, func() {
		_ = s.Close() // nothing left to flush
		_ = l.Close() // Close before Serve has begun does not know the listener yet
	})
	return nil
}

// delivery is one SMTP session.
type delivery struct {
	lab  *Datacenter
	from string
	to   []string
}

func (m *delivery) Mail(from string, _ *smtp.MailOptions) error {
	m.from, m.to = from, nil
	return nil
}

func (m *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = append(m.to, to)
	return nil
}

// Data takes the message. What is not a message is refused for good.
func (m *delivery) Data(r io.Reader) error {
	got, err := readMail(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	got.From, got.To = m.from, m.to
	m.lab.keep(got)
	return nil
}

func (m *delivery) Reset()        { m.from, m.to = "", nil }
func (m *delivery) Logout() error { return nil }

func (d *Datacenter) keep(got Mail) {
	d.mail.mu.Lock()
	defer d.mail.mu.Unlock()
	d.mail.count++
	got.ID, got.At = d.mail.count, d.clock.Now()
	if len(d.mail.mails) >= maxMails {
		d.mail.mails = slices.Delete(d.mail.mails, 0, 1)
	}
	d.mail.mails = append(d.mail.mails, got)
}

func readMail(r io.Reader) (Mail, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return Mail{}, fmt.Errorf("read message: %w", err)
	}
	header := textproto.MIMEHeader(message.Header)
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil {
		return Mail{}, fmt.Errorf("read subject: %w", err)
	}
	text, _, err := plainText(header, message.Body)
	if err != nil {
		return Mail{}, err
	}
	date, err := message.Header.Date()
	if err != nil && !errors.Is(err, mail.ErrHeaderNotPresent) {
		return Mail{}, fmt.Errorf("read date: %w", err)
	}
	return Mail{Subject: subject, Date: date.UTC(), Header: header, Text: text}, nil
}

// plainText finds the first plain text part, in whatever it is nested.
func plainText(header textproto.MIMEHeader, body io.Reader) (text string, found bool, err error) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain" // RFC 2045, 5.2: what a message without a usable type is
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		return firstPlainText(multipart.NewReader(body, params["boundary"]))
	case kind != "text/plain":
		return "", false, nil
	}
	raw, err := io.ReadAll(decoded(header.Get("Content-Transfer-Encoding"), body))
	if err != nil {
		return "", false, fmt.Errorf("read text: %w", err)
	}
	return strings.ReplaceAll(string(raw), "\r\n", "\n"), true, nil
}

func firstPlainText(parts *multipart.Reader) (text string, found bool, err error) {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return "", false, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("read part: %w", err)
		}
		if text, found, err = plainText(part.Header, part); found || err != nil {
			return text, found, err
		}
	}
}

func decoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}
