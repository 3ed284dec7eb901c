package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/web"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// benchWorld is the real store, door, engine and desk in front of servers that
// are pretended in memory.
type benchWorld struct {
	where     string // of the store
	dir       string
	store     *store.Store
	clk       *clock.Clock
	inventory *inventory.Inventory
	door      *intake.Door

	around    func(rounds.Visit) rounds.Visit // around the engine's visits; nil for nothing
	mended    sync.Map                        // servers that answer again
	sent      atomic.Int64
	forgotten func() // removes what was stored
}

// benchServersPerSite keeps the sites of a pretended fleet at the size of a room.
const benchServersPerSite, benchServersPerRack = 1000, 40

// newBenchWorld opens a store, in a directory of its own unless where names one,
// for a fleet of so many servers. book is one more runbook, "" for none.
func newBenchWorld(where string, servers int, book string) (*benchWorld, error) {
	dir, remove, err := stateDir()
	if err != nil {
		return nil, err
	}
	w := &benchWorld{where: cmp.Or(where, dir), dir: dir, clk: clock.Real(), forgotten: remove}
	if w.inventory, err = benchFleet(servers); err == nil {
		w.store, err = store.Open(w.where, w.clk)
	}
	var library *runbooks.Library
	if err == nil {
		library, err = benchLibrary(dir, book)
	}
	if err != nil {
		remove()
		return nil, err
	}
	w.door = &intake.Door{
		Store: w.store, Clock: w.clk, Inventory: func() *inventory.Inventory { return w.inventory },
		Runbooks: func() *runbooks.Library { return library },
		Labels:   func() []string { return intake.DefaultLabels }, Count: func(alerts.Alert, string) {},
	}
	return w, nil
}

func (w *benchWorld) close() {
	w.store.Close()
	w.forgotten()
}

func benchLibrary(dir, book string) (*runbooks.Library, error) {
	if book == "" {
		return runbooks.Load()
	}
	path := filepath.Join(dir, "bench.yml")
	if err := os.WriteFile(path, []byte(book), 0o600); err != nil {
		return nil, err
	}
	return runbooks.Load(path)
}

func benchFleet(servers int) (*inventory.Inventory, error) {
	fleet := inventory.Inventory{
		People: []inventory.Person{{Name: benchPerson, Email: "ops@example.net", Roles: []inventory.Role{inventory.Engineer}}},
		Teams:  []inventory.Team{{Name: "bench", Members: []string{benchPerson}, OnDuty: []string{benchPerson}}},
	}
	for n := range servers {
		site, rack := fmt.Sprintf("site-%d", n/benchServersPerSite), fmt.Sprintf("rack-%d", n/benchServersPerRack)
		if n%benchServersPerSite == 0 {
			fleet.Sites = append(fleet.Sites, inventory.Site{Name: site, Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"}})
		}
		if n%benchServersPerRack == 0 {
			last := &fleet.Sites[len(fleet.Sites)-1]
			last.Racks = append(last.Racks, inventory.Rack{Name: rack})
		}
		fleet.Servers = append(fleet.Servers, inventory.Server{
			Name: benchServer(n), Rack: rack, Address: fmt.Sprintf("2001:db8::%x:%x", 1+n>>16, n&0xffff), Model: "bench",
			SSH: &inventory.SSH{User: "root", Key: secret.Ref{File: "/nonexistent"}, HostKeys: []string{benchHostKey(n)}}, // nobody connects
		})
	}
	return inventory.New(fleet)
}

// benchHostKey is a key that nobody holds; the inventory wants each once.
func benchHostKey(n int) string {
	const kind = "ssh-ed25519"
	wire := append([]byte{0, 0, 0, byte(len(kind))}, kind...)
	wire = append(wire, 0, 0, 0, 32)
	wire = append(wire, fmt.Sprintf("%032d", n)...)
	return kind + " " + base64.StdEncoding.EncodeToString(wire)
}

// benchPerson is on duty, and answers.
const benchPerson = "noor"

func benchServer(n int) string { return fmt.Sprintf("server-%06d", n) }

// benchAlert is alert number n of a name about a server; its labels and
// annotations are about as long as those of a real fleet.
func benchAlert(name string, n int, server string, status alerts.Status, at time.Time) alerts.Alert {
	labels := alerts.Labels{
		"alertname": name, "server": server, "job": "node", "severity": "critical", "team": "dc-ops", "n": fmt.Sprint(n),
	}
	a := alerts.Alert{
		Source: "alertmanager", Status: status, Labels: labels, StartsAt: at, Fingerprint: labels.Fingerprint(),
		Annotations: alerts.Labels{"summary": "Node " + server + " down", "runbook_url": "https://runbooks.example.net/nodedown"},
	}
	if status == alerts.Resolved {
		a.EndsAt = at.Add(time.Second)
	}
	return a
}

// benchNotification writes alerts as Alertmanager sends them.
func benchNotification(batch []alerts.Alert) ([]byte, error) {
	type line struct {
		Status      alerts.Status `json:"status"`
		Labels      alerts.Labels `json:"labels"`
		Annotations alerts.Labels `json:"annotations"`
		StartsAt    time.Time     `json:"startsAt"`
		EndsAt      time.Time     `json:"endsAt"`
		Fingerprint string        `json:"fingerprint"`
	}
	lines := make([]line, len(batch))
	for n, a := range batch {
		lines[n] = line{a.Status, a.Labels, a.Annotations, a.StartsAt, a.EndsAt, a.Fingerprint}
	}
	return json.Marshal(map[string]any{
		"version": "4", "receiver": "piket", "status": "firing", "groupKey": "{}:{}", "truncatedAlerts": 0, "alerts": lines,
	})
}

// benchToken is what the pretended Alertmanager shows.
const benchToken = "a token for the length of a benchmark"

// serve opens the webhook on loopback and returns its address.
func (w *benchWorld) serve(ctx context.Context) (url string, stop func(), err error) {
	token := filepath.Join(w.dir, "token")
	if err := os.WriteFile(token, []byte(benchToken), 0o600); err != nil {
		return "", nil, err
	}
	site := &web.Server{
		Store: w.store, Clock: w.clk, Log: slog.New(slog.DiscardHandler), Inventory: w.door.Inventory, Receive: w.door.Receive,
		Config: func() web.Config { return web.Config{Token: secret.Ref{File: token}} }, Metrics: http.NotFoundHandler(),
		Reload: func() error { return nil }, Ready: func() error { return nil },
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := newHTTPServer(ctx, site.Handler())
	go server.Serve(l) // ends with Close
	return "http://" + l.Addr().String() + "/api/alertmanager", func() { server.Close() }, nil
}

// postAlerts sends one notification and returns the status of the answer.
func postAlerts(ctx context.Context, client *http.Client, url string, body []byte) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+benchToken)
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// probes answer from memory: every server that an alert was about is silent
// until it has been mended.
func (w *benchWorld) probes() probes.Registry {
	up := func(context.Context, probes.Target) probes.Result {
		return probes.Result{State: probes.Up, Reason: "answers"}
	}
	perhaps := func(ctx context.Context, t probes.Target) probes.Result {
		if _, silent := w.inventory.Server(t.Name); silent {
			if _, mended := w.mended.Load(t.Name); !mended {
				return probes.Result{State: probes.Down, Reason: "does not answer"}
			}
		}
		return up(ctx, t)
	}
	return probes.Registry{"icmp": perhaps, "tcp": perhaps, "ssh": up, "bmc": up, "statuspage": up, "http": up}
}

// mend is the one action: it works, and is counted.
func (w *benchWorld) mend(_ context.Context, o remediation.Order) remediation.Result {
	if err := o.Last(); err != nil {
		return remediation.Result{Outcome: incident.OutcomeRefused, Detail: err.Error()}
	}
	w.sent.Add(1)
	w.mended.Store(o.Intent.Server, true)
	return remediation.Result{Outcome: incident.OutcomeDone, Detail: "done"}
}

// start runs the engine and the desk until ctx ends; wait returns when they have.
func (w *benchWorld) start(ctx context.Context, limits remediation.Limits) (wait func()) {
	log := slog.New(slog.DiscardHandler)
	ward := rounds.NewWard("bench", w.store, w.clk, log)
	engine := &remediation.Engine{
		Store: w.store, Clock: w.clk, Log: log, Inventory: w.door.Inventory,
		Looker:  remediation.Looker{Probes: w.probes(), Timeout: time.Second, Clock: w.clk},
		Actions: map[string]remediation.Action{"ssh": w.mend},
		Limits:  func() remediation.Limits { return limits }, Frozen: func() string { return "" },
		Mine: ward.Mine, Untimely: func() string { return "" },
		Others:    func(inventory.Server, time.Time) remediation.Others { return remediation.Others{} },
		Report:    func(ctx context.Context, batch []alerts.Alert) error { return w.door.Receive(ctx, batch, 0) },
		WorkOrder: func(a remediation.Assignment) incident.WorkOrdered { return a.Order },
		Owner:     "bench",
	}
	visit := engine.Visit
	if w.around != nil {
		visit = w.around(visit)
	}
	office := &desk.Desk{Store: w.store, Clock: w.clk, Inventory: w.door.Inventory, Policy: func() desk.Policy { return desk.Policy{} }}
	running := []<-chan struct{}{w.clk.Go(func() { ward.Run(ctx) })}
	for _, r := range []*rounds.Rounds{
		rounds.New("engine", ward, visit).Ranked(engine.Rank), rounds.New("desk", ward, office.Visit),
	} {
		running = append(running, w.clk.Go(func() { r.Run(ctx) }))
	}
	return func() {
		for _, end := range running {
			<-end
		}
	}
}
