package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/web"
	"github.com/spinware/piket/runbooks"
)

var start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// senderToken is what Alertmanager of the tests sends.
const senderToken = "sender-token-0123456789"

// site is a whole piket page on a real store and a loopback listener.
type site struct {
	t      *testing.T
	server *web.Server
	config web.Config
	clock  *clock.Clock
	store  *store.Store
	url    string
	client *http.Client // follows no redirect and keeps no cookie
}

// doorCode opens the door of the tests' site.
const doorCode = "4711-door"

// newSite starts one. change may alter the server before it starts.
func newSite(t *testing.T, change ...func(*web.Server)) *site {
	t.Helper()
	dir := t.TempDir()
	clk := clock.Jumping(start)
	db, err := store.Open(dir, clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	inv := newInventory(t, dir)
	s := &site{t: t, clock: clk, store: db, config: web.Config{Token: secretFile(t, dir, "sender", senderToken)}}
	s.server = &web.Server{
		Store: db, Clock: clk, Log: slog.New(slog.DiscardHandler), Inventory: func() *inventory.Inventory { return inv },
		Receive: newDoor(t, db, clk, inv).Receive, Freeze: freeze.In(dir), Config: func() web.Config { return s.config },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "piket_up 1\n") }),
		Reload:  func() error { return nil }, Ready: func() error { return nil },
	}
	s.server.Duty = &duty.Roster{Store: db, Clock: clk, Source: s.server.Inventory, Log: s.server.Log}
	s.server.Inventory = s.server.Duty.Inventory
	for _, f := range change {
		f(s.server)
	}
	listener := httptest.NewServer(s.server.Handler())
	t.Cleanup(listener.Close)
	s.url = listener.URL
	s.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 30 * time.Second,
	}
	return s
}

func newDoor(t *testing.T, db *store.Store, clk *clock.Clock, inv *inventory.Inventory) *intake.Door {
	t.Helper()
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &intake.Door{
		Store: db, Clock: clk, Labels: func() []string { return intake.DefaultLabels }, Count: func(alerts.Alert, string) {},
		Inventory: func() *inventory.Inventory { return inv }, Runbooks: func() *runbooks.Library { return library },
	}
}

func secretFile(t *testing.T, dir, name, text string) secret.Ref {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return secret.Ref{File: path}
}

// passwordOf and tokenOf are the test persons' own.
func passwordOf(name string) string { return "password of " + name }
func tokenOf(name string) string    { return "token-of-" + name }

func newInventory(t *testing.T, dir string) *inventory.Inventory {
	t.Helper()
	person := func(name string, roles ...inventory.Role) inventory.Person {
		hash, err := bcrypt.GenerateFromPassword([]byte(passwordOf(name)), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return inventory.Person{
			Name: name, Roles: roles,
			Password: secretFile(t, dir, name+".hash", string(hash)), Token: secretFile(t, dir, name+".token", tokenOf(name)),
		}
	}
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1", Title: "Amsterdam 1", Racks: []inventory.Rack{{Name: "a12", Room: "Hall 2"}}, RemoteHands: &inventory.RemoteHands{
			Name: "remote hands", Email: []string{"hands@example.net"}, CallBack: "+31 20 000 0100", AccessCode: secretFile(t, dir, "door", doorCode),
		}}},
		Vendors: []inventory.Vendor{{Name: "maker", Email: []string{"parts@maker.example.net"}, Contract: "C-1"}},
		Servers: []inventory.Server{{
			Name: "web-07", Rack: "a12", Unit: 17, Address: "192.0.2.17", Serial: "CZ29340X7K", Customers: []string{"bakery"},
			Services: []inventory.Service{{Name: "shop", Unit: "shop.service", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.17:80"}}},
		}},
		Customers: []inventory.Customer{{Name: "bakery", Title: "The Bakery", Email: []string{"it@bakery.example.net"}, Telephone: "555 0142"}},
		People: []inventory.Person{
			person("noor", inventory.Engineer), person("omar", inventory.Engineer), person("sam", inventory.Support),
			person("mila", inventory.Manager), person("guest"),
		},
		Teams: []inventory.Team{{Name: "network-and-server", Members: []string{"noor", "omar"}, OnDuty: []string{"noor"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends one request. Headers come in pairs.
func (s *site) ask(method, path, body string, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

// as sends a request with a person's token.
func (s *site) as(name, method, path, body string) reply {
	s.t.Helper()
	return s.ask(method, path, body, "Authorization", "Bearer "+tokenOf(name))
}

// form sends a form with a session's cookie, as a browser on the page does.
func (s *site) form(cookie, path, fields string) reply {
	s.t.Helper()
	return s.ask("POST", path, fields, "Cookie", cookie, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// signIn returns the cookie of a new session.
func (s *site) signIn(name string) string {
	s.t.Helper()
	answer := s.form("", "/sign-in", "name="+name+"&password="+strings.ReplaceAll(passwordOf(name), " ", "+"))
	cookie, _, _ := strings.Cut(answer.header.Get("Set-Cookie"), ";")
	if answer.status != http.StatusSeeOther || cookie == "" {
		s.t.Fatalf("sign-in of %s: %d %s", name, answer.status, answer.body)
	}
	return cookie
}

// forward lets time pass.
func (s *site) forward(d time.Duration) {
	<-s.clock.Go(func() { s.clock.Wait(context.Background(), s.clock.Now().Add(d), nil) })
}

// unreachable opens the incident that the policy's worked example is about.
func (s *site) unreachable() string {
	s.t.Helper()
	answer := s.as("sam", "POST", "/api/incidents", `{"server":"web-07","summary":"all gone","contact":"the baker","unreachable":true}`)
	var opened struct{ Incident string }
	if err := json.Unmarshal([]byte(answer.body), &opened); err != nil || answer.status != http.StatusCreated || opened.Incident == "" {
		s.t.Fatalf("report: %d %s", answer.status, answer.body)
	}
	return opened.Incident
}

// happen writes events down, as the engine and the desk would.
func (s *site) happen(id string, payloads ...incident.Payload) *incident.Incident {
	s.t.Helper()
	var inc *incident.Incident
	for _, p := range payloads {
		var err error
		if inc, err = s.store.Record(s.t.Context(), id, incident.Event{Actor: incident.Piket, Payload: p}); err != nil {
			s.t.Fatal(err)
		}
	}
	return inc
}

// question has the engine ask for a power cycle.
func (s *site) question(id string) incident.ApprovalRequested {
	s.t.Helper()
	asked := incident.ApprovalRequested{
		Approval: id + "/A1", Step: "power-cycle", Attempt: 1, Action: "power cycle web-07", Why: "it does not answer",
		PlanHash: "4f1c9a7d2be0", By: "on-duty", Expires: s.clock.Now().Add(10 * time.Minute), Else: "escalate",
	}
	s.happen(id, asked)
	return asked
}

// load returns the incident as it is.
func (s *site) load(id string) *incident.Incident {
	s.t.Helper()
	inc, err := s.store.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return inc
}

// count returns how many events of a kind an incident has.
func (s *site) count(id string, kind incident.Kind) int {
	s.t.Helper()
	events, err := s.store.Events(s.t.Context(), id, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range events {
		if e.Payload.Kind() == kind {
			n++
		}
	}
	return n
}
