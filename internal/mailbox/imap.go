package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/trusted"
)

// taken is the keyword of a mail that is written down. The flag of one that was
// seen is no help: people look into the mailbox, too.
const taken imap.Flag = "PiketTaken"

const (
	dialTimeout    = 30 * time.Second
	commandTimeout = 10 * time.Minute // for everything between two waits: a large mail over a slow line
	maxMailBytes   = 128 << 20        // of one mail are read; the rest of it stays where it is
	atOnce         = 50               // mails between two looks at what is there
	busyWait       = 10 * time.Minute // until a mail is tried again that had to wait for others
	maxInARow      = 3                // mails that cannot be written down, before the store itself is at fault
)

// session is one connection to the mailbox.
type session struct {
	*Reader
	config Config
	conn   net.Conn
	client *imapclient.Client
	news   *clock.Bell // something has happened in the mailbox
	since  time.Time   // mail that came before is none of ours
	old    map[imap.UID]bool
	later  map[imap.UID]time.Time // when a mail that has to wait is tried again
}

// session reads until the connection fails, the configuration changes or ctx ends.
func (r *Reader) session(ctx context.Context, config Config) error {
	s := &session{Reader: r, config: config, news: r.parts.Clock.NewBell(), old: map[imap.UID]bool{}, later: map[imap.UID]time.Time{}}
	since, err := r.parts.Keep(ctx, "mailbox "+config.Username+" "+config.Address+" "+config.Folder, r.parts.Clock.Now().UTC().Format(time.RFC3339))
	if err == nil {
		s.since, err = time.Parse(time.RFC3339, since)
	}
	if err != nil {
		return err
	}
	if s.conn, err = s.dial(ctx); err != nil {
		return err
	}
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	if err := s.within(s.open); err != nil {
		return err
	}
	return s.follow(ctx)
}

// follow reads the mailbox to its end, again and again.
func (s *session) follow(ctx context.Context) error {
	for ctx.Err() == nil && s.parts.Config().same(s.config) {
		switch err := s.readAll(ctx); {
		case errors.Is(err, errConnection):
			return err
		case err != nil: // the mailbox is there, and what is in it cannot be written down
			s.parts.Log.Warn("mail has to wait", "err", err)
			s.warn(ctx, s.config, err)
		default:
			s.read(ctx, s.config)
		}
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// within gives the server so much time for what f asks of it.
func (s *session) within(f func() error) error {
	defer time.AfterFunc(commandTimeout, func() { s.conn.Close() }).Stop()
	return f()
}

func (s *session) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.config.Address)
	if err != nil || s.config.TLS != "tls" {
		return conn, err
	}
	config, err := s.tls()
	if err != nil {
		conn.Close()
		return nil, err
	}
	config.NextProtos = []string{"imap"}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", s.config.Address, err)
	}
	return secure, nil
}

func (s *session) tls() (*tls.Config, error) {
	host, _, err := net.SplitHostPort(s.config.Address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.config.CAFile != "" {
		if config.RootCAs, err = trusted.CAs(s.config.CAFile); err != nil {
			return nil, fmt.Errorf("ca_file of the mailbox: %w", err)
		}
	}
	return config, nil
}

// open signs in and chooses the folder.
func (s *session) open() (err error) {
	options := &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(*imapclient.UnilateralDataMailbox) { s.news.Ring() },
	}}
	if s.config.TLS == "starttls" {
		if options.TLSConfig, err = s.tls(); err != nil {
			return err
		}
		s.client, err = imapclient.NewStartTLS(s.conn, options)
	} else {
		s.client = imapclient.New(s.conn, options)
		err = s.client.WaitGreeting()
	}
	if err != nil {
		return fmt.Errorf("begin with %s: %w", s.config.Address, err)
	}
	go func() { // ends with the connection, which ends with the session
		<-s.client.Closed()
		s.news.Ring()
	}()
	password, err := s.config.Password.Read()
	if err != nil {
		return fmt.Errorf("password of the mailbox: %w", err)
	}
	if err := s.client.Login(s.config.Username, password.Reveal()).Wait(); err != nil {
		return fmt.Errorf("sign in to %s as %s: %w", s.config.Address, s.config.Username, err)
	}
	return s.choose()
}

// choose selects the folder, and sees to it that mails can be marked in it: one
// that cannot be would be read for ever.
func (s *session) choose() error {
	selected, err := s.client.Select(s.config.Folder, nil).Wait()
	if err != nil {
		return fmt.Errorf("open the folder %s: %w", s.config.Folder, err)
	}
	if s.config.Done != "" {
		err := s.client.Create(s.config.Done, nil).Wait()
		if refused := new(imap.Error); err != nil && !errors.As(err, &refused) { // refused: it is there
			return fmt.Errorf("make the folder %s: %w", s.config.Done, err)
		}
		return nil
	}
	if !slices.Contains(selected.PermanentFlags, imap.FlagWildcard) && !slices.Contains(selected.PermanentFlags, taken) {
		return fmt.Errorf("the folder %s keeps no keywords of ours: name a folder for mail that is taken (mailbox: done)", s.config.Folder)
	}
	return nil
}

// wait returns when there may be mail: when the server says so, or when the time
// between two looks is over.
func (s *session) wait(ctx context.Context) error {
	until := s.parts.Clock.Now().Add(s.config.Poll)
	if !s.client.Caps().Has(imap.CapIdle) {
		s.parts.Clock.Wait(ctx, until, s.again)
		return nil
	}
	idle, err := s.client.Idle()
	if err != nil {
		return fmt.Errorf("wait for mail: %w", err)
	}
	s.parts.Clock.Wait(ctx, until, s.news)
	return s.within(func() error {
		if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
			return fmt.Errorf("wait for mail: %w", err)
		}
		return nil
	})
}
