package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/spinware/piket/internal/clock"
)

// Listener takes mail by SMTP, from the mail server of the firm: for the addresses
// that it is told of, and for nobody else. It answers 250 once a mail is committed,
// 4xx when it is to be sent again, and 5xx for what it will never take.
type Listener struct {
	config   Listen
	take     func(ctx context.Context, l Letter) error
	clock    *clock.Clock
	listener net.Listener
	server   *smtp.Server
	ctx      context.Context // ends when the listener does
	cancel   context.CancelFunc
}

// Bounds of the listener.
const (
	maxSMTPBytes   = 128 << 20
	maxRecipients  = 100
	maxLineBytes   = 64 << 10 // RFC 5321 allows 1,000, and programs send more
	smtpTimeout    = 5 * time.Minute
	maxConnections = 20
)

// ListenSMTP opens the port. The caller runs the listener, or closes it.
func ListenSMTP(config Listen, take func(context.Context, Letter) error, clk *clock.Clock, log *slog.Logger) (*Listener, error) {
	l := &Listener{config: config, take: take, clock: clk}
	var err error
	if l.listener, err = net.Listen("tcp", config.Address); err != nil {
		return nil, fmt.Errorf("listen for mail: %w", err)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	s := smtp.NewServer(smtp.BackendFunc(l.session))
	s.Domain, s.MaxMessageBytes, s.MaxRecipients, s.MaxLineLength = "piket", maxSMTPBytes, maxRecipients, maxLineBytes
	s.ReadTimeout, s.WriteTimeout = smtpTimeout, smtpTimeout
	s.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	s.EnableSMTPUTF8 = true
	l.server = s
	return l, nil
}

// Addr is where the listener listens.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Run takes mail until ctx ends. It runs in a goroutine of its clock.
func (l *Listener) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.server.Serve(&bounded{Listener: l.listener, room: make(chan struct{}, maxConnections)}) // it ends by Close
	}()
	l.clock.Wait(ctx, time.Time{}, nil)
	l.Close()
	<-done
}

// Close gives the port back. A listener that runs does so by itself. What is not
// committed by then is answered with 4xx, or not at all, and is sent again.
func (l *Listener) Close() {
	l.cancel()
	_ = l.server.Close()
	_ = l.listener.Close()
}

// session begins a connection, for those who may connect.
func (l *Listener) session(c *smtp.Conn) (smtp.Session, error) {
	peer, err := netip.ParseAddrPort(c.Conn().RemoteAddr().String())
	allowed := err == nil && slices.ContainsFunc(l.config.Networks, func(n netip.Prefix) bool { return n.Contains(peer.Addr().Unmap().WithZone("")) })
	if !allowed {
		return nil, &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "You may not send mail here"}
	}
	return &envelope{listener: l}, nil
}

// envelope is one mail on its way in.
type envelope struct {
	listener   *Listener
	nullSender bool
}

func (e *envelope) Mail(from string, _ *smtp.MailOptions) error {
	e.nullSender = from == ""
	return nil
}

func (e *envelope) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !slices.ContainsFunc(e.listener.config.Recipients, func(known string) bool { return strings.EqualFold(known, to) }) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
	}
	return nil
}

// Data takes the mail. One for several of our addresses is one mail.
func (e *envelope) Data(r io.Reader) error {
	stream := &failing{r: r}
	letter := Read(stream, e.nullSender)
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return err // too large, or broken off: the mail server's own word
	}
	err := e.listener.take(e.listener.ctx, letter)
	switch {
	case errors.Is(err, ErrBusy):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Too much has come; send it again later"}
	case err != nil:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "It cannot be written down now; send it again later"}
	}
	return nil
}

func (e *envelope) Reset()        { e.nullSender = false }
func (e *envelope) Logout() error { return nil }

// failing remembers how a stream has failed, since who reads a mail takes a broken
// one for its end.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.r.Read(b)
	f.err = err
	return n, err
}

// bounded accepts so many connections at a time.
type bounded struct {
	net.Listener
	room chan struct{}
}

func (b *bounded) Accept() (net.Conn, error) {
	b.room <- struct{}{}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.room
		return nil, err
	}
	return &counted{Conn: conn, leave: func() { <-b.room }}, nil
}

// counted gives its place back when it is closed, once.
type counted struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *counted) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}
