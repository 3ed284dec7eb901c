package mailbox

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/secret"
)

// box is a mailbox on a loopback server.
type box struct {
	t       *testing.T
	user    *imapmemserver.User
	config  Config
	options imapserver.Options

	mu       sync.Mutex
	server   *imapserver.Server
	listener net.Listener
}

func newBox(t *testing.T, caps ...imap.Cap) *box {
	t.Helper()
	b := &box{t: t, user: imapmemserver.NewUser("piket", "canary-imap")}
	if err := b.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(b.user)
	set := imap.CapSet{imap.CapIMAP4rev1: {}}
	for _, c := range caps {
		set[c] = struct{}{}
	}
	b.options = imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: set, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("canary-imap\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.config = Default
	b.config.Username, b.config.Password, b.config.TLS, b.config.Poll = "piket", secret.Ref{File: password}, "none", 50*time.Millisecond
	b.start(nil)
	t.Cleanup(b.stop)
	return b
}

// start serves at an address that stays the same.
func (b *box) start(config *tls.Config) {
	b.t.Helper()
	address := b.config.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.config.Address = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	server := imapserver.New(&b.options)
	b.mu.Lock()
	b.server, b.listener = server, l
	b.mu.Unlock()
	go server.Serve(l)
}

func (b *box) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listener.Close()
	b.server.Close()
}

func (b *box) put(raw string, at time.Time) {
	b.t.Helper()
	if _, err := b.user.Append("INBOX", literal{strings.NewReader(raw)}, &imap.AppendOptions{Time: at}); err != nil {
		b.t.Fatal(err)
	}
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// in counts the mails in a folder.
func (b *box) in(folder string) uint32 {
	b.t.Helper()
	status, err := b.user.Status(folder, &imap.StatusOptions{NumMessages: true})
	if err != nil {
		return 0
	}
	return *status.NumMessages
}

// follower is a reader that runs.
type follower struct {
	*Reader
	stop func()
	log  *bytes.Buffer
	mu   *sync.Mutex
}

// locked makes a buffer fit for several goroutines.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (f *follower) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

// follow runs a reader on a clock of the machine's, a while faster: its waits are
// network's, and nothing here depends on how long they are.
func (o *office) follow(b *box, take func(context.Context, Letter) error) *follower {
	o.t.Helper()
	clk := clock.Scaled(start, 1000)
	mu, out := &sync.Mutex{}, &bytes.Buffer{}
	ctx, cancel := context.WithCancel(o.t.Context())
	r := NewReader(Parts{
		Config: func() Config { return b.config }, Take: take, Keep: o.db.Keep, Clock: clk, Log: slog.New(slog.NewTextHandler(locked{mu, out}, nil)),
		Alarm: Alarm{Receive: o.Receive, LoadFor: o.db.LoadFor},
	})
	done := clk.Go(func() { r.Run(ctx) })
	f := &follower{Reader: r, stop: func() { cancel(); <-done }, log: out, mu: mu}
	o.t.Cleanup(f.stop)
	return f
}

// patience bounds every wait for another goroutine; the machine may be busy.
const patience = time.Minute

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	over, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestAMailboxIsReadAndWhatIsTakenIsMarked(t *testing.T) { // [2.1]
	for name, c := range map[string]struct {
		caps []imap.Cap
		done string
	}{
		"a keyword, by polling": {nil, ""}, "a keyword, by IDLE": {[]imap.Cap{imap.CapIdle}, ""},
		"a folder": {[]imap.Cap{imap.CapIdle, imap.CapMove, imap.CapUIDPlus}, "Taken"}, "a folder, of a server without MOVE": {nil, "Taken"},
	} {
		t.Run(name, func(t *testing.T) {
			o, b := newOffice(t), newBox(t, c.caps...)
			b.config.Done = c.done
			if len(c.caps) > 0 {
				b.config.Poll = time.Hour // the server says it sooner
			}
			b.put(help.raw(), start.Add(-time.Hour)) // before piket was there
			f := o.follow(b, o.Take)
			until(t, "the mailbox is read", func() bool { return !f.LastRead().IsZero() })
			b.put(help.raw(), start.Add(100*24*time.Hour))
			until(t, "the mail is taken", func() bool { return len(o.all()) == 1 })
			if c.done != "" {
				until(t, "the mail is moved", func() bool { return b.in("Taken") == 1 && b.in("INBOX") == 1 })
			}
			before := f.LastRead()
			b.put(note{from: "ops@bikes.example.net", subject: "web-02"}.raw(), start.Add(100*24*time.Hour))
			until(t, "the second one is taken and marked", func() bool { return len(o.all()) == 2 && f.LastRead().After(before) })
			f.stop()
			f = o.follow(b, func(_ context.Context, l Letter) error { t.Errorf("taken again: %s", l.Subject); return nil })
			until(t, "the mailbox is read again", func() bool { return !f.LastRead().IsZero() })
			if strings.Contains(f.said(), "canary-imap") {
				t.Error("the log has the password")
			}
		})
	}
}

func TestAMailThatCouldNotBeWrittenDownStaysUnmarked(t *testing.T) { // [2.1]
	o, b := newOffice(t), newBox(t, imap.CapIdle)
	var mu sync.Mutex
	tries := map[string]int{}
	f := o.follow(b, func(ctx context.Context, l Letter) error {
		mu.Lock()
		defer mu.Unlock()
		if tries[l.Subject]++; tries[l.Subject] < 3 && l.Subject == "first" {
			return errors.New("the store is away")
		}
		return o.Take(ctx, l)
	})
	until(t, "the mailbox is read", func() bool { return !f.LastRead().IsZero() })
	b.put(note{from: "a@example.net", subject: "first"}.raw(), start.Add(100*24*time.Hour))
	b.put(note{from: "b@example.net", subject: "second"}.raw(), start.Add(100*24*time.Hour))
	until(t, "both are taken", func() bool { return len(o.all()) == 2 })
	mu.Lock()
	defer mu.Unlock()
	if tries["first"] != 3 || tries["second"] != 1 {
		t.Errorf("%v", tries)
	}
}

func TestReplicasThatReadOneMailboxMakeOneRecord(t *testing.T) { // [2.1]
	o, b := newOffice(t), newBox(t, imap.CapIdle)
	for range 3 {
		f := o.follow(b, o.Take)
		until(t, "the mailbox is read", func() bool { return !f.LastRead().IsZero() })
	}
	for n := range 10 {
		b.put(note{from: "office@bakery.example.net", subject: "web-01", body: strings.Repeat("x", n)}.raw(), start.Add(100*24*time.Hour))
	}
	until(t, "all are taken", func() bool { all := o.all(); return len(all) == 1 && len(all[0].Mails) == 10 })
}

func TestAMailboxThatCannotBeReadCallsForAPersonUntilItIs(t *testing.T) { // [2.1]
	o, b := newOffice(t), newBox(t)
	f := o.follow(b, o.Take)
	until(t, "the mailbox is read", func() bool { return !f.LastRead().IsZero() })
	b.stop()
	until(t, "an incident says so", func() bool { return len(o.all()) == 1 })
	inc := o.only()
	if len(inc.Firing()) != 1 || inc.Alerts[0].Name() != alerts.MailboxUnreadable || !strings.Contains(inc.Title, "piket") {
		t.Errorf("%s: %v", inc.Title, inc.Alerts)
	}
	o.settle(inc.ID)
	if len(o.events(inc.ID, "message")) == 0 {
		t.Error("nobody on duty was mailed")
	}
	f.stop() // and another process finds it again
	b.start(nil)
	f = o.follow(b, o.Take)
	until(t, "it is over", func() bool { return len(o.only().Firing()) == 0 })
	if inc := o.only(); inc.Status == incident.Finished {
		t.Error("it closed itself")
	}
}

func TestAMailboxIsReadOverTLSOnly(t *testing.T) {
	ca, config := certificate(t)
	for name, c := range map[string]struct {
		mode    string
		ca      bool
		works   bool
		serveBy string
	}{
		"TLS":                          {"tls", true, true, "tls"},
		"TLS of somebody else":         {"tls", false, false, "tls"},
		"STARTTLS":                     {"starttls", true, true, "starttls"},
		"STARTTLS of somebody else":    {"starttls", false, false, "starttls"},
		"STARTTLS that is not offered": {"starttls", true, false, "none"},
		"TLS that is not offered":      {"tls", true, false, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			o, b := newOffice(t), newBox(t)
			b.stop()
			b.options.InsecureAuth = false
			switch c.serveBy {
			case "tls":
				b.start(config)
			case "starttls":
				b.options.TLSConfig = config
				b.start(nil)
			default:
				b.start(nil)
			}
			if b.config.TLS = c.mode; c.ca {
				b.config.CAFile = ca
			}
			f := o.follow(b, o.Take)
			until(t, "it is read or refused", func() bool { return !f.LastRead().IsZero() || f.said() != "" })
			if f.LastRead().IsZero() == c.works {
				t.Errorf("read at %v: %s", f.LastRead(), f.said())
			}
			if strings.Contains(f.said(), "canary-imap") {
				t.Error("the log has the password")
			}
		})
	}
}

// certificate vouches for the loopback server.
func certificate(t *testing.T) (ca string, config *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "imap.example.net"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return ca, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
}
