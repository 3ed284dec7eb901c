package intake_test

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/runbooks"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

// place is a door with a store and a small inventory behind it.
type place struct {
	*intake.Door
	t      *testing.T
	db     *store.Store // the door's
	clock  *clock.Clock
	labels []string

	mu      sync.Mutex
	results []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	library, err := runbooks.Load("testdata/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, db: s, clock: clk, labels: intake.DefaultLabels}
	inv := world(t)
	p.Door = &intake.Door{
		Store: s, Clock: clk, Labels: func() []string { return p.labels },
		Inventory: func() *inventory.Inventory { return inv },
		Runbooks:  func() *runbooks.Library { return library },
		Count: func(_ alerts.Alert, result string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.results = append(p.results, result)
		},
	}
	return p
}

func world(t *testing.T) *inventory.Inventory {
	t.Helper()
	service := inventory.Service{Name: "shop", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.7:443"}}
	inv, err := inventory.New(inventory.Inventory{
		Sites:     []inventory.Site{{Name: "ams1", Racks: []inventory.Rack{{Name: "a12"}, {Name: "a13"}}}},
		Customers: []inventory.Customer{{Name: "acme", Email: []string{"it@acme.example.net"}}},
		Servers: []inventory.Server{
			{Name: "web-07", Rack: "a12", Address: "192.0.2.7", Customers: []string{"acme"}, Services: []inventory.Service{service}},
			{Name: "web-08", Rack: "a13", Address: "192.0.2.8"},
			{Name: "node-a", Site: "ams1", Address: "192.0.2.9", Aliases: []string{"127.0.0.1:9198"}},
			{Name: "node-b", Site: "ams1", Address: "192.0.2.10", Aliases: []string{"127.0.0.1:9199"}},
			{Name: "node-c", Site: "ams1", Address: "192.0.2.11", Aliases: []string{"127.0.0.1:9200"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// forward lets time pass.
func (p *place) forward(d time.Duration) {
	<-p.clock.Go(func() { p.clock.Wait(p.t.Context(), p.clock.Now().Add(d), nil) })
}

// take sends a batch through the door and returns how each alert ended.
func (p *place) take(batch ...alerts.Alert) []string {
	p.t.Helper()
	return p.takeCut(0, batch...)
}

func (p *place) takeCut(cut uint64, batch ...alerts.Alert) []string {
	p.t.Helper()
	p.results = nil
	if err := p.Receive(p.t.Context(), batch, cut); err != nil {
		p.t.Fatal(err)
	}
	return p.results
}

// all loads every incident, oldest first.
func (p *place) all() []*incident.Incident {
	p.t.Helper()
	list, err := p.db.List(p.t.Context(), store.Filter{})
	if err != nil {
		p.t.Fatal(err)
	}
	var all []*incident.Incident
	for _, m := range slices.Backward(list) {
		inc, err := p.Store.Load(p.t.Context(), m.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, inc)
	}
	return all
}

// only is the one incident there is.
func (p *place) only() *incident.Incident {
	p.t.Helper()
	all := p.all()
	if len(all) != 1 {
		p.t.Fatalf("%d incidents, want one", len(all))
	}
	return all[0]
}

func (p *place) record(id string, payload incident.Payload) {
	p.t.Helper()
	if _, err := p.db.Record(p.t.Context(), id, incident.Event{Actor: "piket", Payload: payload}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) kinds(id string) []string {
	p.t.Helper()
	events, err := p.db.Events(p.t.Context(), id, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, string(e.Payload.Kind()))
	}
	return kinds
}

// firing is an alert of the given name about the given label values, in pairs.
func firing(name string, pairs ...string) alerts.Alert {
	labels := alerts.Labels{"alertname": name}
	for n := 0; n < len(pairs); n += 2 {
		labels[pairs[n]] = pairs[n+1]
	}
	return alerts.Alert{Source: "alertmanager", Status: alerts.Firing, Labels: labels, StartsAt: start, Fingerprint: labels.Fingerprint()}
}

func resolved(a alerts.Alert) alerts.Alert {
	a.Status, a.EndsAt = alerts.Resolved, a.StartsAt.Add(time.Minute)
	return a
}

func later(a alerts.Alert, d time.Duration) alerts.Alert {
	a.StartsAt = a.StartsAt.Add(d)
	return a
}

// body decodes a notification as a real Alertmanager sent it.
func body(t *testing.T, name string) alerts.Webhook {
	t.Helper()
	f, err := os.Open("../../alerts/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hook, err := alerts.DecodeWebhook(f)
	if err != nil {
		t.Fatal(err)
	}
	return hook
}
