package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/dispatch"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/store"
)

var start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// desk of a provider that takes orders over HTTP, and what it was sent.
type provider struct {
	mu     sync.Mutex
	orders []*http.Request
	bodies []string
	serve  func(n int, w http.ResponseWriter, r *http.Request) // n counts from 1
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.orders, p.bodies = append(p.orders, r), append(p.bodies, string(body))
	n := len(p.orders)
	p.mu.Unlock()
	p.serve(n, w, r)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.orders)
}

// office is a dispatcher on a real store, with one order that may go.
type office struct {
	t     *testing.T
	store *store.Store
	clk   *clock.Clock
	d     *dispatch.Dispatcher
	id    string
	log   strings.Builder
}

func newOffice(t *testing.T, hands inventory.RemoteHands) *office {
	t.Helper()
	t.Setenv("DOOR", "4711-door")
	t.Setenv("TOKEN", "token-of-piket")
	o := &office{t: t, clk: clock.Jumping(start)}
	var err error
	if o.store, err = store.Open(t.TempDir(), o.clk); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.store.Close() })
	hands.Name, hands.Email, hands.AccessCode = "hands", []string{"hands@example.net"}, secret.Ref{Env: "DOOR"}
	inv, err := inventory.New(inventory.Inventory{
		Sites:   []inventory.Site{{Name: "ams1", Racks: []inventory.Rack{{Name: "a12", Room: "Hall 2"}}, RemoteHands: &hands}},
		Servers: []inventory.Server{{Name: "web-07", Rack: "a12", Unit: 17, Address: "192.0.2.17", Serial: "SN-17", AssetTag: "A-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.d = &dispatch.Dispatcher{
		Store: o.store, Clock: o.clk, Log: slog.New(slog.NewTextHandler(&o.log, nil)), Inventory: func() *inventory.Inventory { return inv },
		External: func() string { return "https://piket.example.net" }, Sign: func(path string) string { return path + "/signed" },
	}
	inc, err := o.store.Create(t.Context(),
		incident.Event{At: start, Actor: incident.Piket, Payload: incident.Opened{Title: "web-07 \"hangs\"", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Site: "ams1"}})
	if err != nil {
		t.Fatal(err)
	}
	o.id = inc.ID
	o.happen(incident.WorkOrdered{
		Order: o.id + "/W2", Step: "escalate-1", To: "hands", State: incident.OrderApproved, Way: incident.Way(hands.Kind), Link: "/technician/x/W2/1",
		Subject: "go to \"web-07\"\nnow", Body: "Page: https://piket.example.net/technician/x/W2/1\nCode: " + incident.AccessCodeMark, Limit: 200, Currency: "EUR",
		AcknowledgeBy: start.Add(15 * time.Minute), ArriveBy: start.Add(2 * time.Hour),
	})
	return o
}

func (o *office) happen(payloads ...incident.Payload) {
	o.t.Helper()
	for _, p := range payloads {
		if _, err := o.store.Record(o.t.Context(), o.id, incident.Event{At: o.clk.Now(), Actor: incident.Piket, Payload: p}); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *office) order() *incident.Order {
	o.t.Helper()
	inc, err := o.store.Load(o.t.Context(), o.id)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc.Order
}

// run visits until nothing more is due within a time.
func (o *office) run(span time.Duration) {
	o.t.Helper()
	end := o.clk.Now().Add(span)
	for range 300 {
		before := o.version()
		next, err := o.d.Visit(o.t.Context(), o.id)
		switch {
		case err != nil:
			o.t.Fatal(err)
		case o.version() > before:
			continue
		case next.IsZero() || next.After(end):
			return
		}
		<-o.clk.Go(func() { o.clk.Wait(context.Background(), next, nil) })
	}
	o.t.Fatal("it never rests")
}

func (o *office) version() int {
	inc, err := o.store.Load(o.t.Context(), o.id)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc.Version
}

// secrets looks for what must stand on no timeline and in no log.
func (o *office) secrets() {
	o.t.Helper()
	events, err := o.store.Events(o.t.Context(), o.id, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	all, err := json.Marshal(events)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, secret := range []string{"4711-door", "token-of-piket", "/signed"} {
		if strings.Contains(string(all)+o.log.String(), secret) {
			o.t.Errorf("%q stands on the timeline or in the log", secret)
		}
	}
}

func answers(status int, body string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
}

// hangUp breaks the connection after the order was read.
func hangUp(_ int, w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

const body = `{"subject": {{json .Subject}}, "text": {{json .Text}}, "where": {"rack": {{json .Rack}}, "unit": {{json .Unit}}, "room": {{json .Room}}}, "code": {{json .AccessCode}}, "limit": {{.CostLimit}}}`

func overHTTP(url, key string) inventory.RemoteHands {
	return inventory.RemoteHands{Kind: "http", HTTP: &inventory.OrderHTTP{
		URL: url, Token: secret.Ref{Env: "TOKEN"}, Headers: map[string]string{"X-Account": "4711"}, Body: body, Reference: "data.tickets.0.id", Key: key,
	}}
}

func TestAnOrderGoesAsTheTemplateSays(t *testing.T) {
	p := &provider{serve: answers(201, `{"data":{"tickets":[{"id":991}]}}`)}
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, overHTTP(server.URL, "Idempotency-Key"))
	o.run(time.Hour)
	if got := o.order(); got.State != incident.OrderSent || got.Reference != "991" || p.count() != 1 {
		t.Fatalf("%s, %q, %d requests", got.State, got.Reference, p.count())
	}
	r := p.orders[0]
	if r.Header.Get("Authorization") != "Bearer token-of-piket" || r.Header.Get("X-Account") != "4711" || r.Header.Get("Idempotency-Key") != o.id+"/W2" {
		t.Errorf("headers %v", r.Header)
	}
	var said struct {
		Subject, Text, Code string
		Where               map[string]string
		Limit               int
	}
	if err := json.Unmarshal([]byte(p.bodies[0]), &said); err != nil || said.Code != "4711-door" || said.Where["rack"] != "a12" || said.Where["unit"] != "17" || said.Limit != 200 ||
		!strings.Contains(said.Text, "W2/1/signed") || !strings.Contains(said.Text, "Code: 4711-door") || !strings.Contains(said.Subject, `"web-07"`) {
		t.Errorf("%v: %s", err, p.bodies[0])
	}
	o.secrets()
}

// What nobody knows is not sent again, unless the receiver recognises it [6.4].
func TestAnOrderOfWhichNobodyKnowsIsNotSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		key      string
		serve    func(int, http.ResponseWriter, *http.Request)
		requests int
		state    string
		unknown  bool
	}{
		"a broken connection":              {"", hangUp, 1, incident.OrderApproved, true},
		"an error after who knows what":    {"", answers(500, ""), 1, incident.OrderApproved, true},
		"refused":                          {"", answers(400, ""), 1, incident.OrderApproved, false},
		"a redirect":                       {"", answers(307, ""), 1, incident.OrderApproved, false},
		"taken, and the answer is no JSON": {"", answers(200, "<html>"), 1, incident.OrderSent, false},
		"too many, for a while": {"", func(n int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(map[bool]int{true: 429, false: 200}[n < 3])
		}, 3, incident.OrderSent, false},
		"a broken connection, and it has key": {"Idempotency-Key", func(n int, w http.ResponseWriter, r *http.Request) {
			if n < 3 {
				hangUp(n, w, r)
			}
		}, 3, incident.OrderSent, false},
		"broken for good, and it has a key": {"Idempotency-Key", hangUp, 6, incident.OrderApproved, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &provider{serve: c.serve}
			server := httptest.NewServer(p)
			defer server.Close()
			o := newOffice(t, overHTTP(server.URL, c.key))
			o.run(24 * time.Hour)
			if got := o.order(); got.State != c.state || got.Unknown() != c.unknown || p.count() != c.requests {
				t.Errorf("%s, unknown %v, %d requests", got.State, got.Unknown(), p.count())
			}
			o.secrets()
		})
	}
}

func TestNobodyListeningProvesThatNothingWasSent(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	o := newOffice(t, overHTTP(server.URL, ""))
	o.run(24 * time.Hour)
	if got := o.order(); got.Unknown() || got.Send.Try != 6 || got.Send.Outcome != incident.OutcomeRefused {
		t.Errorf("%+v", got.Send)
	}
}

// A crash between the intent and the answer: the next process finds the intent.
func TestACrashInTheMiddleOfASendIsUnknown(t *testing.T) {
	for key, want := range map[string]int{"": 0, "Idempotency-Key": 1} {
		t.Run(fmt.Sprintf("key %q", key), func(t *testing.T) {
			p := &provider{serve: answers(200, "{}")}
			server := httptest.NewServer(p)
			defer server.Close()
			o := newOffice(t, overHTTP(server.URL, key))
			o.happen(incident.OrderSending{Order: o.id + "/W2", Try: 1})
			o.run(time.Minute)
			if p.count() != 0 {
				t.Error("another process may still be at it, and it was sent")
			}
			o.run(time.Hour)
			if p.count() != want || o.order().Unknown() != (want == 0) {
				t.Errorf("%d requests, unknown %v", p.count(), o.order().Unknown())
			}
			if want == 0 {
				o.happen(incident.OrderSettled{Order: o.id + "/W2", By: "noor"})
				o.run(time.Hour)
				if p.count() != 1 || o.order().State != incident.OrderSent {
					t.Errorf("after a person said that it had not arrived: %d requests, %s", p.count(), o.order().State)
				}
			}
		})
	}
}

// [5.1] A drill sends nobody, whatever its order says.
func TestAnOrderOfADrillGoesNowhere(t *testing.T) {
	p := &provider{serve: answers(200, "{}")}
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, overHTTP(server.URL, ""))
	o.happen(incident.OrderProgress{Order: o.id + "/W2", State: incident.OrderCancelled, By: "mila"})
	drill, err := o.store.Create(t.Context(),
		incident.Event{At: start, Actor: incident.Piket, Payload: incident.Opened{
			Title: "web-07 hangs", Subject: incident.Subject{Kind: incident.DrillKind, Name: "web-07"}, Site: "ams1", Drill: incident.Drill{Story: "hardware-dead", By: "hanne"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	o.id = drill.ID
	o.happen(incident.WorkOrdered{Order: o.id + "/W2", Step: "escalate-1", To: "hands", State: incident.OrderApproved, Way: "http", Limit: 200, AcknowledgeBy: start.Add(time.Hour)})
	o.run(time.Hour)
	if p.count() != 0 {
		t.Errorf("%d requests", p.count())
	}
}

func TestWhatWaitsForAYesGoesNowhere(t *testing.T) {
	p := &provider{serve: answers(200, "{}")}
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, overHTTP(server.URL, ""))
	o.happen(incident.OrderProgress{Order: o.id + "/W2", State: incident.OrderCancelled, By: "mila"},
		incident.WorkOrdered{Order: o.id + "/W9", Step: "escalate-2", To: "hands", State: incident.OrderDraft, Way: "http", Cost: 300})
	o.run(time.Hour)
	if p.count() != 0 {
		t.Errorf("%d requests", p.count())
	}
}

// equinix behaves as their description says.
func equinix(p *provider, status func() string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		body := p.bodies[n-1]
		p.mu.Unlock()
		switch {
		case r.Method == "POST" && r.URL.Path == "/oauth2/v1/token":
			if !strings.Contains(body, `"client_secret":"token-of-piket"`) || !strings.Contains(body, `"grant_type":"client_credentials"`) {
				w.WriteHeader(401)
				return
			}
			io.WriteString(w, `{"access_token":"short-lived","token_timeout":"3600"}`)
		case r.Header.Get("Authorization") != "Bearer short-lived":
			w.WriteHeader(401)
		case r.Method == "POST" && r.URL.Path == "/v1/orders/smarthands/other":
			w.WriteHeader(201)
			io.WriteString(w, `{"orderNumber":"1-128726682521"}`)
		case r.Method == "GET" && r.URL.Path == "/colocations/v2/orders/1-128726682521":
			fmt.Fprintf(w, `{"status":%q}`, status())
		default:
			w.WriteHeader(404)
		}
	}
}

func fromEquinix(url, clientSecret string) inventory.RemoteHands {
	return inventory.RemoteHands{Kind: "equinix", CallBack: "+31 20 000 0100", Equinix: &inventory.EquinixSite{
		URL: url, ClientID: "id", ClientSecret: secret.Ref{Env: clientSecret}, IBX: "AM1", Cage: "AM1:01:001MC3", Account: "12345", User: "a@example.net", Expedited: true,
	}}
}

func TestEquinixIsOrderedOnceAndAskedHowFarItIs(t *testing.T) {
	p, status := &provider{}, "RECEIVED"
	p.serve = equinix(p, func() string { return status })
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, fromEquinix(server.URL, "TOKEN"))
	o.run(time.Second)
	if got := o.order(); got.Reference != "1-128726682521" || got.State != incident.OrderAcknowledged {
		t.Fatalf("%q, %s, log %s", got.Reference, got.State, o.log.String())
	}
	var sent struct {
		Reference string               `json:"customerReferenceNumber"`
		Location  struct{ IBX string } `json:"ibxLocation"`
		Contacts  []map[string]string
		Schedule  map[string]string
		Service   map[string]string `json:"serviceDetails"`
	}
	orders := 0
	for n, r := range p.orders {
		if r.URL.Path == "/v1/orders/smarthands/other" {
			orders++
			if err := json.Unmarshal([]byte(p.bodies[n]), &sent); err != nil {
				t.Fatal(err)
			}
		}
	}
	if orders != 1 || sent.Reference != o.id+"/W2" || len(sent.Contacts) != 3 || sent.Schedule["requestedCompletionDate"] != "2026-11-23T05:00:00Z" || sent.Location.IBX != "AM1" || !strings.Contains(sent.Service["scopeOfWork"], "4711-door") {
		t.Errorf("%d orders: %+v", orders, sent)
	}
	for _, step := range []struct{ says, want string }{{"ON_HOLD", "acknowledged"}, {"IN_PROGRESS", "on_site"}, {"SOMETHING_NEW", "on_site"}, {"CLOSED", "on_site"}} {
		status = step.says
		o.run(5 * time.Minute)
		if got := o.order().State; got != step.want {
			t.Errorf("%s: %s", step.says, got)
		}
	}
	if inc, err := o.store.Load(t.Context(), o.id); err != nil || inc.Attentions[o.id+"/W2-closed"].IsZero() {
		t.Errorf("nobody is asked whether the hands are out of the rack: %+v, %v", inc.Attentions, err)
	}
	o.secrets()
}

func TestEquinixDoesNotSayThatHandsAreOut(t *testing.T) {
	p := &provider{}
	p.serve = equinix(p, func() string { return "CLOSED" })
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, fromEquinix(server.URL, "TOKEN"))
	o.happen(incident.OrderSending{Order: o.id + "/W2", Try: 1}, incident.OrderTried{Order: o.id + "/W2", Try: 1, Outcome: incident.OutcomeDone, Reference: "1-128726682521"},
		incident.HandsInRack{Order: o.id + "/W2", In: true, By: "hands"})
	o.run(10 * time.Minute)
	if got := o.order(); got.State != incident.OrderOnSite || got.HandsIn.IsZero() {
		t.Errorf("%s, hands in since %v", got.State, got.HandsIn)
	}
}

// After five wrong tries Equinix locks the account.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	p := &provider{}
	p.serve = equinix(p, func() string { return "RECEIVED" })
	server := httptest.NewServer(p)
	defer server.Close()
	o := newOffice(t, fromEquinix(server.URL, "DOOR"))
	o.run(24 * time.Hour)
	if p.count() != 1 || o.order().Unknown() {
		t.Errorf("%d requests, unknown %v", p.count(), o.order().Unknown())
	}
	o = newOffice(t, fromEquinix(server.URL, "DOOR"))
	o.happen(incident.OrderSending{Order: o.id + "/W2", Try: 1}, incident.OrderTried{Order: o.id + "/W2", Try: 1, Outcome: incident.OutcomeDone, Reference: "1-128726682521"})
	o.run(24 * time.Hour)
	if p.count() != 2 {
		t.Errorf("asked %d times how far it is", p.count()-1)
	}
}
