package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

// world has a customer of each kind: by mail and telephone, in Dutch by both,
// by telephone only, and one that nobody can reach.
func world(t testing.TB) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1"}},
		Customers: []inventory.Customer{
			{Name: "acme", Title: "Acme Tools", Email: []string{"it@acme.example.net"}, Telephone: "555 0100"},
			{Name: "bakker", Title: "Bakkerij", Language: "nl", Email: []string{"info@bakker.example.net"}, Telephone: "555 0101"},
			{Name: "caller", Telephone: "555 0102"},
			{Name: "nobody"},
		},
		Servers: []inventory.Server{{
			Name: "web-07", Site: "ams1", Address: "192.0.2.7", Customers: []string{"acme", "bakker", "caller", "nobody"},
			Services: []inventory.Service{
				{Name: "shop", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.7:443"}},
				{Name: "mail", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.7:25"}},
			},
		}},
		People: []inventory.Person{
			{Name: "noor", Email: "noor@example.net", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "sam", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "mila", Email: "mila@example.net", Roles: []inventory.Role{inventory.Manager}},
			{Name: "cleo", Email: "cleo@example.net", Roles: []inventory.Role{inventory.Communications}},
		},
		Teams: []inventory.Team{
			{Name: "network-and-server", Members: []string{"noor"}, OnDuty: []string{"noor"}},
			{Name: "without-mail", Members: []string{"sam"}, OnDuty: []string{"sam"}},
			{Name: "empty", Members: []string{"sam"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// history is an incident that grows, and the desk that looks at it.
type history struct {
	t      testing.TB
	inv    *inventory.Inventory
	policy desk.Policy
	now    time.Time
	events []incident.Event
	slow   bool // mail does not arrive and nobody telephones
}

func newHistory(t testing.TB, priority incident.Priority, customers ...string) *history {
	h := &history{t: t, inv: world(t), policy: desk.Policy{Updates: desk.DefaultUpdates}, now: start}
	h.happens(
		incident.Opened{Title: "Server web-07 does not answer", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Site: "ams1", Customers: customers},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: priority}, incident.Assigned{Team: "network-and-server"},
	)
	return h
}

func (h *history) happens(list ...incident.Payload) {
	for _, p := range list {
		h.events = append(h.events, incident.Event{Incident: "INC-2026-0001", Seq: len(h.events) + 1, At: h.now, Actor: "piket", Payload: p})
	}
}

func (h *history) incident() *incident.Incident { return incident.Fold(h.events) }

func (h *history) due() ([]incident.Payload, time.Time) {
	return desk.Due(desk.Facts{Incident: h.incident(), Inventory: h.inv, Policy: h.policy, Now: h.now})
}

// settle writes down what is due until nothing is, and returns it with the
// next moment.
func (h *history) settle() (all []incident.Payload, next time.Time) {
	h.t.Helper()
	for range 10 {
		duties, moment := h.due()
		if len(duties) == 0 {
			return all, moment
		}
		h.happens(duties...)
		if all = append(all, duties...); !h.slow {
			h.reach(duties)
		}
	}
	h.t.Fatalf("there is always more due: %v", all[len(all)-1])
	return nil, time.Time{}
}

// reach has mail to customers arrive, and everybody at home when they are
// called.
func (h *history) reach(duties []incident.Payload) {
	for _, p := range duties {
		switch p := p.(type) {
		case incident.MessageQueued:
			if p.Customer != "" {
				h.happens(incident.Delivered{Message: p.Message, Detail: "accepted"})
			}
		case incident.CallTask:
			h.happens(incident.Called{Task: p.Task, Outcome: "reached", By: "sam"})
		}
	}
}

// words lists what customers are told: "mail first acme", "call first acme".
func words(list []incident.Payload) []string {
	var said []string
	for _, p := range list {
		switch p := p.(type) {
		case incident.MessageQueued:
			if p.Customer != "" {
				said = append(said, "mail "+p.Purpose+" "+p.Customer)
			}
		case incident.CallTask:
			said = append(said, "call "+p.Purpose+" "+p.Customer)
		}
	}
	return said
}

func want(t testing.TB, got []incident.Payload, want ...string) {
	t.Helper()
	if said := words(got); !slices.Equal(said, want) {
		t.Errorf("customers are told %q, want %q", said, want)
	}
}

// contains reports whether a customer is mailed words.
func contains(list []incident.Payload, customer, words string) bool {
	return slices.ContainsFunc(list, func(p incident.Payload) bool {
		m, ok := p.(incident.MessageQueued)
		return ok && m.Customer == customer && strings.Contains(m.Body, words)
	})
}
