package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// SMTP sends mail through one server.
type SMTP struct {
	From     string
	Server   string // host:port
	Username string
	Password secret.Ref
	TLS      string // "starttls", "tls" or "none"
	CAFile   string // who vouches for the server, instead of the system's list

	// Mark returns what nobody can guess of a message; it becomes part of the
	// Message-ID. Nil leaves it out.
	Mark func(message string) string
}

// Send delivers m. Trying again makes sense after every error but a wrong
// configuration, and does no harm then.
func (s SMTP) Send(ctx context.Context, m Mail) (string, error) {
	message, err := s.message(m)
	if err != nil {
		return "", err
	}
	client, err := s.client()
	if err != nil {
		return "", err
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return "", fmt.Errorf("send mail through %s: %w", s.Server, err)
	}
	return "accepted by " + s.Server, nil
}

func (s SMTP) message(m Mail) (*mail.Msg, error) {
	message := mail.NewMsg()
	if err := message.From(s.From); err != nil {
		return nil, fmt.Errorf("sender %q: %w", s.From, err)
	}
	if err := message.To(m.To...); err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	domain := s.From[strings.LastIndexByte(s.From, '@')+1:]
	thread := "<" + m.Incident + "@" + domain + ">"
	message.SetMessageIDWithValue(s.name(m.ID) + "@" + domain)
	message.SetGenHeader(mail.HeaderReferences, strings.TrimSpace(thread+" "+m.Answers))
	message.SetGenHeader(mail.HeaderInReplyTo, cmp.Or(m.Answers, thread))
	// Keeps out-of-office answers away (RFC 3834), and from answering one of our own.
	submitted := "auto-generated"
	if m.Answers != "" {
		submitted = "auto-replied"
	}
	message.SetGenHeader("Auto-Submitted", submitted)
	message.SetGenHeader(LoopHeader, s.From)
	message.SetDateWithValue(m.At)
	// A subject is one line. The library encodes a line break instead of
	// refusing it, and some readers decode before they look for headers.
	message.Subject(strings.Join(strings.Fields(m.Subject), " "))
	message.SetBodyString(mail.TypeTextPlain, m.Body)
	return message, nil
}

// LoopHeader is in all mail that piket sends, with the address it is from. One
// that comes in with it has gone round in a circle.
const LoopHeader = "X-Loop"

// name is the part of a Message-ID before the @: INC-2026-0001.M12, and what
// nobody can guess.
func (s SMTP) name(id string) string {
	name := strings.ReplaceAll(id, "/", ".")
	if s.Mark != nil {
		name += "." + s.Mark(id)
	}
	return name
}

func (s SMTP) client() (*mail.Client, error) {
	host, portText, err := net.SplitHostPort(s.Server)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: %w", s.Server, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: %w", s.Server, err)
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendTimeout)}
	switch s.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "tls":
		options = append(options, mail.WithSSL())
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.CAFile != "" {
		roots, err := trusted.CAs(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file of the mail server: %w", err)
		}
		options = append(options, mail.WithTLSConfig(&tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}))
	}
	if s.Username != "" {
		password, err := s.Password.Read()
		if err != nil {
			return nil, fmt.Errorf("password of the mail server: %w", err)
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(s.Username), mail.WithPassword(password.Reveal()))
	}
	return mail.NewClient(host, options...)
}
