package vantage_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/internal/web"
	"github.com/spinware/piket/probes"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// pair is a hub behind the real web page with TLS, and what an agent needs to
// reach it. Time jumps, and passes only in wait.
type pair struct {
	t      *testing.T
	clock  *clock.Clock
	hub    *vantage.Hub
	server *httptest.Server
	config vantage.Config
	log    *logged

	inventory atomic.Pointer[inventory.Inventory]
	doubtful  atomic.Pointer[[]string]
	results   map[string]int // of reports, as the agent counts them; for when it has stopped
	broken    atomic.Bool    // the daemon answers 503

	waits  chan time.Duration
	waited chan struct{}
}

// logged is what an agent wrote.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newPair(t *testing.T, inv *inventory.Inventory, references ...inventory.Reference) *pair {
	t.Helper()
	dir := t.TempDir()
	token := secret.Ref{File: put(t, filepath.Join(dir, "token"), "a-token-0123456789")}
	p := &pair{
		t: t, clock: clock.Jumping(start), log: &logged{}, results: map[string]int{},
		waits: make(chan time.Duration), waited: make(chan struct{}),
	}
	p.hold()
	p.inventory.Store(inv)
	p.doubtful.Store(&[]string{})
	p.hub = vantage.NewHub(vantage.HubParts{
		Clock: p.clock, Inventory: p.inventory.Load, Log: slog.New(slog.DiscardHandler),
		Vantages: func() []vantage.Vantage { return []vantage.Vantage{{Name: "fra1", Token: token}} },
		Doubtful: func() []string { return *p.doubtful.Load() }, Weigh: func() {},
		Report: func(context.Context, []alerts.Alert) error { return nil },
	})
	site := (&web.Server{Clock: p.clock, Log: slog.New(slog.DiscardHandler), Inventory: p.inventory.Load, Vantages: p.hub}).Handler()
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		site.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	vouches := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	p.config = vantage.Config{
		Name: "fra1", Main: p.server.URL, Token: token, CAFile: put(t, filepath.Join(dir, "ca.pem"), string(vouches)), References: references,
	}
	return p
}

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs the agent; stop ends it.
func (p *pair) start() (stop func()) {
	p.t.Helper()
	agent, err := vantage.NewAgent(p.config, vantage.AgentParts{
		Clock: p.clock, Kinds: probes.Kinds, Log: slog.New(slog.NewTextHandler(p.log, nil)),
		Count: func(result string) { p.results[result]++ },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	running := p.clock.Go(func() { agent.Run(ctx) })
	return func() { cancel(); <-running }
}

// hold keeps time from passing until the test ends, except in wait.
func (p *pair) hold() {
	holding := p.clock.Go(func() {
		for d := range p.waits {
			p.clock.Wait(context.Background(), p.clock.Now().Add(d), nil)
			p.waited <- struct{}{}
		}
	})
	p.t.Cleanup(func() { close(p.waits); <-holding })
}

// wait lets time pass.
func (p *pair) wait(d time.Duration) {
	p.waits <- d
	<-p.waited
}

// during runs the agent for a while.
func (p *pair) during(d time.Duration) {
	p.t.Helper()
	stop := p.start()
	p.wait(d)
	stop()
}

// listen returns the address of a listener, and how to close it.
func listen(t *testing.T) (address string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return l.Addr().String(), func() { l.Close() }
}

func tcp(address string) inventory.Endpoint {
	return inventory.Endpoint{Check: "tcp", Address: address}
}

func near(address string) inventory.Reference {
	return inventory.Reference{Name: "gateway", Side: inventory.Near, Probe: tcp(address)}
}

// hall is a site with a server at each address, "web-0" and on.
func hall(t *testing.T, addresses ...string) *inventory.Inventory {
	t.Helper()
	content := inventory.Inventory{Sites: []inventory.Site{{Name: "ams1"}}}
	for i, address := range addresses {
		reachable := tcp(address)
		content.Servers = append(content.Servers, inventory.Server{Name: fmt.Sprintf("web-%d", i), Site: "ams1", Address: "127.0.0.1", Reachable: &reachable})
	}
	inv, err := inventory.New(content)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}
