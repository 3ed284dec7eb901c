package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/runbooks"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

// office is a taker with the real store, door and desk behind it.
type office struct {
	*Taker
	t     *testing.T
	db    *store.Store
	clock *clock.Clock
	key   signed.Key
	inv   *inventory.Inventory
	desk  *desk.Desk

	mu     sync.Mutex
	counts map[string]int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	clk := clock.Jumping(start)
	db, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{
			{Name: "web-01", Site: "ams1", Address: "192.0.2.1", Customers: []string{"bakery"}},
			{Name: "web-02", Site: "ams1", Address: "192.0.2.2", Customers: []string{"bikes"}},
			{Name: "web-03", Site: "ams1", Address: "192.0.2.3", Customers: []string{"bikes"}, Aliases: []string{"shop.bikes.example.net"}},
		},
		Customers: []inventory.Customer{
			{Name: "bakery", Title: "Bakkerij Voorbeeld", Language: "nl", Email: []string{"office@bakery.example.net"}, Telephone: "555 0100"},
			{Name: "bikes", Title: "Example Bikes", Language: "en", Email: []string{"ops@bikes.example.net", "shared@example.net"}},
			{Name: "birds", Email: []string{"shared@example.net"}},
		},
		People: []inventory.Person{{Name: "noor", Email: "noor@piket.example.net", Roles: []inventory.Role{inventory.Engineer}}},
		Teams:  []inventory.Team{{Name: "network-and-server", Members: []string{"noor"}, OnDuty: []string{"noor"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, db: db, clock: clk, key: signed.NewKey(), inv: inv, counts: map[string]int{}}
	current := func() *inventory.Inventory { return inv }
	policy := desk.Policy{Updates: desk.DefaultUpdates, ExternalURL: "https://piket.example.net"}
	door := &intake.Door{
		Store: db, Inventory: current, Runbooks: func() *runbooks.Library { return library }, Clock: clk,
		Labels: func() []string { return intake.DefaultLabels }, Count: func(alerts.Alert, string) {},
	}
	o.desk = &desk.Desk{Store: db, Clock: clk, Inventory: current, Policy: func() desk.Policy { return policy }}
	o.Taker = &Taker{
		Store: db, Receive: door.Receive, Inventory: current, Clock: clk, Log: slog.New(slog.DiscardHandler),
		Facts: func(inc *incident.Incident) desk.Facts {
			return desk.Facts{Incident: inc, Inventory: inv, Policy: policy, Now: clk.Now()}
		},
		Ours: func() Ours { return Ours{From: "piket@piket.example.net", Marked: o.key.Marked} },
		Count: func(kind, result string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.counts[kind+" "+result]++
		},
	}
	return o
}

// note is a mail with a Message-ID of its own.
type note struct{ from, subject, answers, fields, body string }

func (n note) letter() Letter {
	return Read(strings.NewReader(n.raw()), false)
}

func (n note) raw() string {
	fields := n.fields
	if n.answers != "" {
		fields += "In-Reply-To: <" + n.answers + ">\n"
	}
	return crlf(fmt.Sprintf("From: %s\nTo: piket@piket.example.net\nSubject: %s\nMessage-ID: <%x@example.net>\nDate: Mon, 05 Jan 2026 03:00:00 +0000\n%s\n%s\n",
		n.from, n.subject, n.subject+n.body, fields, n.body))
}

// gets takes a mail in.
func (o *office) gets(n note) {
	o.t.Helper()
	if err := o.Take(o.t.Context(), n.letter()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) all() []*incident.Incident {
	o.t.Helper()
	list, err := o.db.List(o.t.Context(), store.Filter{})
	if err != nil {
		o.t.Fatal(err)
	}
	var all []*incident.Incident
	for _, s := range list {
		all = append(all, o.load(s.ID))
	}
	slices.SortFunc(all, func(a, b *incident.Incident) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (o *office) load(id string) *incident.Incident {
	o.t.Helper()
	inc, err := o.db.Load(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc
}

// only is the one incident there is.
func (o *office) only() *incident.Incident {
	o.t.Helper()
	all := o.all()
	if len(all) != 1 {
		o.t.Fatalf("%d incidents", len(all))
	}
	return all[0]
}

func (o *office) record(id string, payloads ...incident.Payload) {
	o.t.Helper()
	for _, p := range payloads {
		if _, err := o.db.Record(o.t.Context(), id, incident.Event{Actor: incident.Piket, Payload: p}); err != nil {
			o.t.Fatal(err)
		}
	}
}

// settle has the desk do all that is due.
func (o *office) settle(id string) {
	o.t.Helper()
	for version := -1; version != o.load(id).Version; {
		version = o.load(id).Version
		if _, err := o.desk.Visit(o.t.Context(), id); err != nil {
			o.t.Fatal(err)
		}
	}
}

// down is an incident about web-01 that piket has seen itself.
func (o *office) down() (id string) {
	o.t.Helper()
	labels := alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"}
	a := alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: labels, StartsAt: o.clock.Now(), Fingerprint: labels.Fingerprint()}
	if err := o.Receive(o.t.Context(), []alerts.Alert{a}, 0); err != nil {
		o.t.Fatal(err)
	}
	id = o.only().ID
	o.settle(id)
	return id
}

// asked is an incident whose customer has been asked whether everything works; it
// returns the Message-ID of the question.
func (o *office) asked() (id, question string) {
	o.t.Helper()
	id = o.down()
	o.record(id, incident.GoalSeen{Holds: true}, incident.Restored{How: "it answers"}, incident.ClosureChecked{Passed: true})
	o.settle(id)
	for _, m := range o.load(id).Messages {
		if m.Purpose == "confirm" {
			return id, o.messageID(m.Message)
		}
	}
	o.t.Fatal("nobody was asked")
	return "", ""
}

// messageID is that of a message as it leaves.
func (o *office) messageID(message string) string {
	return strings.ReplaceAll(message, "/", ".") + "." + o.key.Mark(message) + "@piket.example.net"
}

// receipts are the automatic answers on an incident.
func receipts(inc *incident.Incident) (list []*incident.Message) {
	for _, m := range inc.Messages {
		if m.Purpose == incident.Receipt {
			list = append(list, m)
		}
	}
	return list
}

// mailTopics are the calls for a person that mail raised.
func mailTopics(inc *incident.Incident) (list []string) {
	for topic := range inc.Attentions {
		if strings.HasPrefix(topic, incident.MailTopic) {
			list = append(list, topic)
		}
	}
	slices.Sort(list)
	return list
}

// events lists what is on a timeline of one kind.
func (o *office) events(id string, kind incident.Kind) (list []incident.Event) {
	o.t.Helper()
	all, err := o.db.Events(o.t.Context(), id, 0)
	if err != nil {
		o.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e incident.Event) bool { return e.Payload.Kind() != kind })
}

// errDied stands for a process that ended in the middle.
var errDied = errors.New("died")

// mortal is a store of which the n-th call is the last, either before or after it
// was carried out.
type mortal struct {
	Timelines
	receive func(context.Context, []alerts.Alert, uint64) error
	left    int
	after   bool
}

func (m *mortal) call(f func() error) error {
	m.left--
	if m.left < 0 || m.left == 0 && !m.after {
		return errDied
	}
	err := f()
	if m.left == 0 {
		return errDied
	}
	return err
}

func (m *mortal) Load(ctx context.Context, id string) (inc *incident.Incident, err error) {
	err = m.call(func() error { inc, err = m.Timelines.Load(ctx, id); return err })
	return inc, err
}

func (m *mortal) Append(ctx context.Context, id string, version int, events ...incident.Event) (inc *incident.Incident, err error) {
	err = m.call(func() error { inc, err = m.Timelines.Append(ctx, id, version, events...); return err })
	return inc, err
}

func (m *mortal) Episode(ctx context.Context, name string) (e store.Episode, err error) {
	err = m.call(func() error { e, err = m.Timelines.Episode(ctx, name); return err })
	return e, err
}

func (m *mortal) Keep(ctx context.Context, name, value string) (kept string, err error) {
	err = m.call(func() error { kept, err = m.Timelines.Keep(ctx, name, value); return err })
	return kept, err
}

func (m *mortal) Receive(ctx context.Context, batch []alerts.Alert, cut uint64) error {
	return m.call(func() error { return m.receive(ctx, batch, cut) })
}
