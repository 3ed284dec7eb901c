package main

import (
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/probes"
)

// watched is a running daemon with two vantages, all on one clock that jumps.
// Of its two servers, one answers; whether the other does depends on who asks.
type watched struct {
	t      *testing.T
	daemon *Daemon
	heard  atomic.Bool       // the vantages reach web-01; the daemon never does
	stop   map[string]func() // ends a vantage

	waits  chan time.Duration
	waited chan struct{}
}

const twoVantages = least + "vantages: [{name: fra1, token_file: fra1.token}, {name: lon1, token_file: lon1.token}]\n"

func newWatched(t *testing.T) *watched {
	t.Helper()
	d := newTestDaemon(t, twoVantages)
	w := &watched{t: t, daemon: d, stop: map[string]func(){}, waits: make(chan time.Duration), waited: make(chan struct{})}
	w.heard.Store(true)
	gateway, silent := answering(t), closedPort(t)
	page := httptest.NewTLSServer(d.Handler())
	t.Cleanup(page.Close)
	dir := filepath.Dir(d.path)
	for name, text := range map[string]string{
		"ca.pem":     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: page.Certificate().Raw})),
		"fra1.token": "token-of-fra1-0123456789", "lon1.token": "token-of-lon1-0123456789",
		"inventory.yml": `sites: [{name: ams1, gateway: {check: tcp, address: "` + gateway + `"}}]
servers:
  - {name: web-01, site: ams1, address: 127.0.0.1, reachable: {check: tcp, address: "` + silent + `"}}
  - {name: web-02, site: ams1, address: 127.0.0.2, reachable: {check: tcp, address: "` + gateway + `"}}
people: [{name: noor, roles: [engineer]}]
teams: [{name: network-and-server, members: [noor], on_duty: [noor]}]
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	holding := w.hold()
	ctx, cancel := context.WithCancel(t.Context())
	wait := d.Start(ctx)
	for _, name := range []string{"fra1", "lon1"} {
		w.vantage(name, page.URL, gateway, silent)
	}
	t.Cleanup(func() {
		for _, stop := range w.stop {
			stop()
		}
		cancel()
		close(w.waits)
		<-holding
		wait()
	})
	return w
}

// answering returns the address of something that answers.
func answering(t *testing.T) string {
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
	return l.Addr().String()
}

// vantage starts one. It has a way of its own to what is silent, which leads to
// where something answers.
func (w *watched) vantage(name, url, gateway, silent string) {
	w.t.Helper()
	kinds := vantageKinds()
	kinds["tcp"] = func(ctx context.Context, t probes.Target) probes.Result {
		if t.Address == silent && w.heard.Load() {
			t.Address = gateway
		}
		return probes.TCP(ctx, t)
	}
	dir := filepath.Dir(w.daemon.path)
	agent, err := vantage.NewAgent(vantage.Config{
		Name: name, Main: url, Token: secret.Ref{File: filepath.Join(dir, name+".token")}, CAFile: filepath.Join(dir, "ca.pem"),
		References: []inventory.Reference{{Name: "gateway", Side: inventory.Near, Probe: inventory.Endpoint{Check: "tcp", Address: gateway}}},
	}, vantage.AgentParts{Clock: w.daemon.clk, Kinds: kinds, Log: slog.New(slog.DiscardHandler), Count: func(string) {}})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	running := w.daemon.clk.Go(func() { agent.Run(ctx) })
	w.stop[name] = func() { cancel(); <-running }
}

// hold keeps time from passing, except in wait.
func (w *watched) hold() <-chan struct{} {
	clk := w.daemon.clk
	return clk.Go(func() {
		for d := range w.waits {
			clk.Wait(context.Background(), clk.Now().Add(d), nil)
			w.waited <- struct{}{}
		}
	})
}

// wait lets time pass.
func (w *watched) wait(d time.Duration) {
	w.waits <- d
	<-w.waited
}

// within lets time pass until an alert of that name fires on an incident, and
// returns that; nil when it never does.
func (w *watched) within(d time.Duration, alertname string) (found *incident.Incident) {
	for end := w.daemon.clk.Now().Add(d); found == nil && w.daemon.clk.Now().Before(end); {
		w.wait(time.Second)
		found = w.firing(alertname)
	}
	return found
}

func (w *watched) firing(alertname string) *incident.Incident {
	list, err := w.daemon.store.List(context.Background(), store.Filter{Ongoing: true})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range list {
		inc, err := w.daemon.store.Load(context.Background(), m.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if slices.ContainsFunc(inc.Firing(), func(a alerts.Alert) bool { return a.Name() == alertname }) {
			return inc
		}
	}
	return nil
}

func TestServerIsGoneOnlyWhenTheVantagesSaySoToo(t *testing.T) {
	w := newWatched(t)
	if inc := w.within(50*time.Second, alerts.ServerUnreachable); inc != nil {
		t.Fatalf("%s is open, and both vantages hear the server", inc.ID)
	}
	path := w.within(time.Minute, alerts.PathTrouble)
	if path == nil || path.Runbook.Name != "path-trouble" {
		t.Fatalf("after a minute of it: %+v", path)
	}
	if inc := w.within(5*time.Minute, alerts.ServerUnreachable); inc != nil {
		t.Fatalf("%s is open, and both vantages still hear the server", inc.ID)
	}
	w.heard.Store(false)
	gone := w.within(30*time.Second, alerts.ServerUnreachable)
	if gone == nil || gone.Subject.Name != "web-01" || gone.Priority != incident.P1 {
		t.Fatalf("silent for everybody: %+v", gone)
	}
	w.wait(10 * time.Second) // the second of the two may have been a moment later
	if seen := w.daemon.seenElsewhere("server/web-01"); seen.Down != 2 || seen.Up != 0 || len(seen.Lost) > 0 {
		t.Errorf("a diagnosis says %+v", seen)
	}
}

func TestLostVantageIsAnIncidentAndLosesItsVote(t *testing.T) {
	w := newWatched(t)
	if inc := w.within(2*time.Minute, alerts.VantageLost); inc != nil {
		t.Fatalf("%s is open, and both report", inc.ID)
	}
	w.stop["lon1"]()
	lost := w.within(2*time.Minute, alerts.VantageLost)
	if lost == nil || lost.Runbook.Name != "vantage-lost" || !strings.Contains(lost.Title, "lon1") {
		t.Fatalf("after one of them stopped: %+v", lost)
	}
	if seen := w.daemon.seenElsewhere("server/web-01"); seen.Up != 1 || !slices.Equal(seen.Lost, []string{"lon1"}) {
		t.Errorf("a diagnosis says %+v", seen)
	}
	metrics := httptest.NewRecorder()
	w.daemon.Handler().ServeHTTP(metrics, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`piket_vantage_up{vantage="fra1"} 1`, `piket_vantage_voting{vantage="fra1"} 1`,
		`piket_vantage_up{vantage="lon1"} 0`, `piket_vantage_voting{vantage="lon1"} 0`,
	} {
		if !strings.Contains(metrics.Body.String(), line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestVantageThatReloadsBringCanReport(t *testing.T) {
	d := newTestDaemon(t, least)
	if _, known := d.hub.Token("fra1"); known {
		t.Fatal("somebody may report, and nobody is configured")
	}
	if err := os.WriteFile(d.path, []byte(twoVantages), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if ref, known := d.hub.Token("fra1"); !known || ref.File != filepath.Join(filepath.Dir(d.path), "fra1.token") {
		t.Errorf("after the reload its token lies in %q", ref.File)
	}
}

// The command itself, on the machine's own clock, to its first report.
func TestVantageCommandReports(t *testing.T) {
	d := newTestDaemon(t, twoVantages)
	reported := make(chan struct{}, 16)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.Handler().ServeHTTP(w, r)
		if r.URL.Path == vantage.ReportPath {
			reported <- struct{}{}
		}
	}))
	defer page.Close()
	dir := filepath.Dir(d.path)
	for name, text := range map[string]string{
		"fra1.token": "token-of-fra1-0123456789",
		"vantage.yml": "name: fra1\nmain: " + page.URL + "\ntoken_file: fra1.token\nreferences:\n" +
			"  - {name: gateway, side: near, probe: {check: tcp, address: \"" + answering(t) + "\"}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := vantageFlags{config: filepath.Join(dir, "vantage.yml"), address: "127.0.0.1:0"}
	f.log = promslog.Config{Level: promslog.NewLevel(), Format: promslog.NewFormat()}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx, console{out: io.Discard, err: io.Discard}) }()
	select {
	case <-reported:
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("told to stop, it ended with %v", err)
	}
	if standing := d.hub.Standings(); len(standing) != 2 || !standing[0].Reports() {
		t.Errorf("the daemon heard %+v", standing)
	}
}

func TestVantageSaysWhetherItReports(t *testing.T) {
	config := vantage.Config{Name: "fra1", Main: "http://" + closedPort(t), Token: secret.Ref{Env: "PATH"}, References: []inventory.Reference{
		{Name: "gateway", Side: inventory.Near, Probe: inventory.Endpoint{Check: "tcp", Address: answering(t)}},
	}}
	d := newTestDaemon(t, least) // for its clock
	o, err := newOutpost(config, d.clk, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running <-chan struct{}
	<-d.clk.Go(func() { // the clock stands until this one waits, so both start together
		running = d.clk.Go(func() { o.agent.Run(ctx) })
		d.clk.Wait(ctx, d.clk.Now().Add(time.Minute), nil)
		cancel()
	})
	<-running
	for path, want := range map[string]string{
		"/-/healthy": "piket is healthy, and cannot report.\n",
		"/metrics":   "\npiket_vantage_reports_total{result=\"taken\"} 0\n",
	} {
		answer := httptest.NewRecorder()
		o.handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %d\n%s", path, answer.Code, answer.Body)
		}
	}
}
