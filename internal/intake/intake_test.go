package intake_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
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
	t *testing.T

	mu      sync.Mutex
	results []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	clk := clock.Scaled(start, 1)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t}
	inv := world(t)
	p.Door = &intake.Door{
		Store: s, Clock: clk, Labels: intake.DefaultLabels,
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
		Sites:     []inventory.Site{{Name: "ams1"}},
		Customers: []inventory.Customer{{Name: "acme", Email: []string{"it@acme.example.net"}}},
		Servers: []inventory.Server{
			{Name: "web-07", Site: "ams1", Address: "192.0.2.7", Customers: []string{"acme"}, Services: []inventory.Service{service}},
			{Name: "web-08", Site: "ams1", Address: "192.0.2.8"},
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
	list, err := p.Store.List(p.t.Context(), store.Filter{})
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
	if _, err := p.Store.Record(p.t.Context(), id, incident.Event{Actor: "piket", Payload: payload}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) kinds(id string) []string {
	p.t.Helper()
	events, err := p.Store.Events(p.t.Context(), id, 0)
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

// Every way in which a sender repeats, reorders or omits, one sequence each:
// what each message ended as, and how many incidents there are afterwards.
func TestWhatSendersDoIsTakenAsItIsMeant(t *testing.T) {
	down, disk := firing(alerts.ServerUnreachable, "server", "web-07"), firing("DiskFull", "instance", "192.0.2.7:9100")
	other, site := firing(alerts.ServerUnreachable, "server", "web-08"), firing(alerts.SiteUnreachable, "site", "ams1")
	probe := down
	probe.Source = "probe"
	for name, c := range map[string]struct {
		send      []alerts.Alert
		want      []string
		incidents int
	}{
		"delivered twice":                     {[]alerts.Alert{down, down}, []string{"opened", "duplicate"}, 1},
		"repeated after repeat_interval":      {[]alerts.Alert{down, down, down}, []string{"opened", "duplicate", "duplicate"}, 1},
		"resolved":                            {[]alerts.Alert{down, resolved(down)}, []string{"opened", "joined"}, 1},
		"resolved twice":                      {[]alerts.Alert{down, resolved(down), resolved(down)}, []string{"opened", "joined", "duplicate"}, 1},
		"resolved without firing":             {[]alerts.Alert{resolved(down)}, []string{"unmatched"}, 0},
		"firing that comes after resolved":    {[]alerts.Alert{down, resolved(down), down}, []string{"opened", "joined", "late"}, 1},
		"a new episode while open":            {[]alerts.Alert{down, resolved(down), later(down, time.Hour)}, []string{"opened", "joined", "joined"}, 1},
		"a peer saw it begin later":           {[]alerts.Alert{down, later(down, 15*time.Second)}, []string{"opened", "joined"}, 1},
		"resolved by the other peer only":     {[]alerts.Alert{down, resolved(later(down, time.Second))}, []string{"opened", "unmatched"}, 1},
		"two alerts on one server":            {[]alerts.Alert{down, disk}, []string{"opened", "joined"}, 1},
		"our probe and theirs on one server":  {[]alerts.Alert{probe, down}, []string{"opened", "joined"}, 1},
		"two servers":                         {[]alerts.Alert{down, other}, []string{"opened", "opened"}, 2},
		"a server of a site in trouble":       {[]alerts.Alert{site, down, other}, []string{"opened", "joined", "joined"}, 1},
		"a site after one of its servers":     {[]alerts.Alert{down, site}, []string{"opened", "opened"}, 2},
		"an unknown server, twice":            {[]alerts.Alert{firing("X", "server", "db-9"), firing("X", "server", "db-9")}, []string{"opened", "duplicate"}, 1},
		"two alerts that name nothing we own": {[]alerts.Alert{firing("X"), firing("Y")}, []string{"opened", "opened"}, 2},
		"an empty message":                    {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if got := p.take(c.send...); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := len(p.all()); got != c.incidents {
				t.Errorf("%d incidents, want %d", got, c.incidents)
			}
		})
	}
}

func TestDuplicateLeavesNoTrace(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	before := p.only().Version
	p.take(down, down)
	if after := p.only().Version; after != before {
		t.Errorf("version %d, was %d", after, before)
	}
	p.take(resolved(down), down)
	if inc := p.only(); len(inc.Firing()) != 0 || inc.Version != before+1 {
		t.Errorf("late firing was believed: %v, version %d", inc.Firing(), inc.Version)
	}
}

func TestTimelineBeginsWithWhatIsKnown(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.ServerUnreachable, "server", "web-07"))
	inc := p.only()
	if want := []string{"opened", "alert", "classified", "assigned", "runbook_pinned"}; !slices.Equal(p.kinds(inc.ID), want) {
		t.Errorf("events %v, want %v", p.kinds(inc.ID), want)
	}
	if inc.Priority != incident.P1 || inc.Team != "network-and-server" || inc.Runbook.Name != "server-unreachable" ||
		inc.Site != "ams1" || !slices.Equal(inc.Customers, []string{"acme"}) || inc.Title != "Server web-07 does not answer" {
		t.Errorf("got %+v", inc)
	}
	if !strings.Contains(inc.Runbook.Source, "runbook: server-unreachable") {
		t.Error("the runbook's text did not travel with the timeline")
	}
}

func TestTroubleThatOutlivesItsIncidentOpensANewOne(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	p.record(p.only().ID, incident.Closed{By: "noor"})
	if got := p.take(down, down); !slices.Equal(got, []string{"opened", "duplicate"}) {
		t.Errorf("got %v", got)
	}
	if all := p.all(); len(all) != 2 || !all[1].Ongoing() || len(all[1].Firing()) != 1 {
		t.Errorf("got %d incidents", len(all))
	}
}

func TestResolvedAfterClosingIsWrittenDownAndOpensNothing(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	p.record(p.only().ID, incident.Closed{By: "noor"})
	p.take(resolved(down), down)
	if inc := p.only(); len(inc.Firing()) != 0 || inc.Status != incident.Finished {
		t.Errorf("got %+v", inc)
	}
}

func TestWordAboutAPartGoesToTheWhole(t *testing.T) {
	p := newPlace(t)
	down, site := firing(alerts.ServerUnreachable, "server", "web-07"), firing(alerts.SiteUnreachable, "site", "ams1")
	p.take(down, site)
	all := p.all()
	part, whole := all[0], all[1]
	p.record(whole.ID, incident.Absorbed{From: part.ID, Subject: part.Subject, Customers: part.Customers})
	p.record(part.ID, incident.Merged{Into: whole.ID, Reason: "its site is in trouble"})
	if got := p.take(down, resolved(down), later(down, time.Hour)); !slices.Equal(got, []string{"duplicate", "joined", "joined"}) {
		t.Errorf("got %v", got)
	}
	all = p.all()
	if len(all) != 2 || all[0].Version != part.Version+1 || len(all[1].Alerts) != 3 || len(all[1].Parts) != 1 {
		t.Errorf("the part has version %d, the whole has alerts %v and parts %v", all[0].Version, all[1].Alerts, all[1].Parts)
	}
}

func TestServerOfASiteInTroubleIsPartOfThat(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.SiteUnreachable, "site", "ams1"), firing(alerts.ServerUnreachable, "server", "web-07"), firing("DiskFull", "server", "web-07"))
	inc := p.only()
	if inc.Subject.Kind != "site" || !slices.Equal(inc.Parts, []incident.Subject{{Kind: "server", Name: "web-07"}}) {
		t.Errorf("subject %v, parts %v", inc.Subject, inc.Parts)
	}
	if !slices.Equal(inc.Customers, []string{"acme"}) || inc.Runbook.Name != "site-unreachable" {
		t.Errorf("customers %v, runbook %s", inc.Customers, inc.Runbook.Name)
	}
}

func TestPriorityIsRaisedByAWorseAlertAndNeverLowered(t *testing.T) {
	service, down := firing(alerts.ServiceDown, "server", "web-07"), firing(alerts.ServerUnreachable, "server", "web-07")
	unknown := firing("DiskFull", "server", "web-07")
	for name, c := range map[string]struct {
		send    []alerts.Alert
		want    incident.Priority
		runbook string
	}{
		"service, then server":      {[]alerts.Alert{service, down}, incident.P1, "server-unreachable"},
		"server, then service":      {[]alerts.Alert{down, service}, incident.P1, "server-unreachable"},
		"nobody's, then service":    {[]alerts.Alert{unknown, service}, incident.P2, "service-down"},
		"service, then nobody's":    {[]alerts.Alert{service, unknown}, incident.P2, "service-down"},
		"nobody's":                  {[]alerts.Alert{unknown}, incident.P3, ""},
		"all, the worst in between": {[]alerts.Alert{unknown, down, service}, incident.P1, "server-unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(c.send...)
			inc := p.only()
			if inc.Priority != c.want || inc.Runbook.Name != c.runbook {
				t.Errorf("got %s with runbook %q, want %s with %q", inc.Priority, inc.Runbook.Name, c.want, c.runbook)
			}
			_, called := inc.Attentions["no-runbook"]
			if called != (c.send[0].Name() == "DiskFull") {
				t.Errorf("a person was called for the missing runbook: %v", called)
			}
		})
	}
}

func TestUnknownServerIsOpenedAboutTheAlertWithTheReason(t *testing.T) {
	for want, a := range map[string]alerts.Alert{
		`the inventory has no server for server="db-9", instance="10.9.9.9:9100"; add it, or an alias`: firing("X", "instance", "10.9.9.9:9100", "server", "db-9"),
		`the alert has none of the labels that name a server (server, instance, host)`:                 firing("X", "job", "node"),
	} {
		p := newPlace(t)
		p.take(a)
		inc := p.only()
		if inc.Subject != (incident.Subject{Kind: "alert", Name: a.Fingerprint}) || inc.Site != "" || len(inc.Customers) != 0 {
			t.Errorf("got %+v", inc)
		}
		events, err := p.Store.Events(t.Context(), inc.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(events, func(e incident.Event) bool {
			return e.Payload == incident.Payload(incident.Attention{Topic: "not-in-inventory", Why: want})
		}) {
			t.Errorf("%q is not on the timeline", want)
		}
	}
}

func TestWhatTheSenderCutOffIsWrittenDown(t *testing.T) {
	p := newPlace(t)
	hook := body(t, "am0.25-truncated-max_alerts2-of5")
	p.takeCut(hook.Truncated, hook.Alerts...)
	hidden := body(t, "am0.25-truncated-hides-resolved")
	p.takeCut(hidden.Truncated, hidden.Alerts...)
	for _, inc := range p.all() {
		events, err := p.Store.Events(t.Context(), inc.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if received, ok := events[1].Payload.(incident.AlertReceived); !ok || received.Cut != 3 {
			t.Errorf("%s: %+v", inc.ID, events[1].Payload)
		}
		if len(inc.Firing()) != 1 {
			t.Errorf("%s: absence was read as resolved", inc.ID)
		}
	}
}

// Bodies that a real Alertmanager sent, in the order in which it sent them.
func TestRealNotificationsAreTakenIn(t *testing.T) {
	for name, c := range map[string]struct {
		bodies []string
		want   []string
	}{
		"fires and resolves":        {[]string{"am0.25-firing-single", "am0.25-resolved-single"}, []string{"opened", "joined"}},
		"a group":                   {[]string{"am0.25-firing-group2", "am0.25-resolved-group2"}, []string{"opened", "opened", "joined", "joined"}},
		"the same group twice":      {[]string{"am0.25-firing-group2", "am0.25-firing-group2"}, []string{"opened", "opened", "duplicate", "duplicate"}},
		"one still fires":           {[]string{"am0.25-mixed-2firing-1resolved"}, []string{"opened", "unmatched", "opened"}},
		"after a restart, the peer": {[]string{"am0.25-firing-group2", "am0.25-after-restart-group-resolved-but-peer-still-firing", "am0.25-after-restart-next-firing"}, []string{"opened", "opened", "joined", "joined"}},
		"flapping":                  {[]string{"am0.25-flap", "am0.25-flap"}, []string{"opened", "duplicate"}},
		"version 0.34":              {[]string{"am0.34-firing-first", "am0.34-resolved"}, []string{"opened", "opened", "unmatched"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var got []string
			for _, b := range c.bodies {
				hook := body(t, b)
				got = append(got, p.takeCut(hook.Truncated, hook.Alerts...)...)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestHostileValuesAreLookupKeysAndNothingElse(t *testing.T) {
	hostile := []string{
		"web-07; reboot", "web-07 && id", "$(reboot)", "`reboot`", "web-07|sh", "../../web-07", "-oProxyCommand=reboot",
		"{{.Customer}}", "${service.unit}", "${server.name}", "%s%n", "web-07\n", "web-07\x00", "web-0[7]", "web-*", "*", "WEB-07",
		"' OR name = 'web-07", "<script>", "web-07\u202e", "\x1b[2J", "\u2028line\u0085", strings.Repeat("w", 10_000), "\xff\xfe",
		"http://web-07/", "web-07@example.net", "web-07:", " web-07", "all", "server:web-07",
	}
	for _, value := range hostile {
		t.Run(fmt.Sprintf("%.20q", value), func(t *testing.T) {
			p := newPlace(t)
			a := firing(value, "server", value, "instance", value, "site", value, "service", value)
			a.Annotations = alerts.Labels{"summary": value, "runbook": "server-unreachable", "command": value}
			p.take(a)
			inc := p.only()
			if server, ok := p.Inventory().Find(value); ok {
				// net.SplitHostPort takes an empty port; it names web-07 exactly.
				if value != "web-07:" || inc.Subject != (incident.Subject{Kind: "server", Name: server.Name}) {
					t.Fatalf("it found %s: %v", server.Name, inc.Subject)
				}
			} else if inc.Subject != (incident.Subject{Kind: "alert", Name: a.Fingerprint}) || len(inc.Customers) > 0 || inc.Runbook.Name != "" {
				t.Errorf("it became %v with runbook %q", inc.Subject, inc.Runbook.Name)
			}
			clean(t, "title", inc.Title)
			for topic, why := range reasons(t, p, inc.ID) {
				clean(t, topic, strings.ReplaceAll(why, "; add it, or an alias", ""))
			}
		})
	}
}

func reasons(t *testing.T, p *place, id string) map[string]string {
	t.Helper()
	events, err := p.Store.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, e := range events {
		if a, ok := e.Payload.(incident.Attention); ok {
			why[a.Topic] = a.Why
		}
	}
	return why
}

// clean fails unless text is one line of reasonable length that shows all it
// holds.
func clean(t *testing.T, what, text string) {
	t.Helper()
	if len([]rune(text)) > 400 {
		t.Errorf("%s has %d characters", what, len([]rune(text)))
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) || strings.ContainsRune("\u2028\u2029\u202e\u200b", r) }); i >= 0 {
		t.Errorf("%s has a character at %d that does not show: %q", what, i, text)
	}
}

func TestBurstOnOneServerIsOneIncidentWithEveryAlert(t *testing.T) {
	p := newPlace(t)
	var burst sync.WaitGroup
	errs := make([]error, 100)
	for n := range errs {
		burst.Go(func() {
			a := firing("Symptom", "server", "web-07", "n", fmt.Sprint(n/2)) // each twice, as two peers send it
			errs[n] = p.Receive(context.Background(), []alerts.Alert{a}, 0)
		})
	}
	burst.Wait()
	for n, err := range errs {
		if err != nil {
			t.Errorf("alert %d: %v", n, err)
		}
	}
	inc := p.only()
	if len(inc.Alerts) != 50 {
		t.Errorf("%d alerts of 50", len(inc.Alerts))
	}
	seen := map[string]int{}
	events, err := p.Store.Events(t.Context(), inc.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if a, ok := e.Payload.(incident.AlertReceived); ok {
			seen[a.Alert.Episode()]++
		}
	}
	if most := slices.Max(slices.Collect(maps.Values(seen))); most != 1 {
		t.Errorf("an alert is on the timeline %d times", most)
	}
	counts := map[string]int{}
	for _, r := range p.results {
		counts[r]++
	}
	if !maps.Equal(counts, map[string]int{"opened": 1, "joined": 49, "duplicate": 50}) {
		t.Errorf("counted %v", counts)
	}
}

func TestStoreFailureIsToldAndTheBatchMayBeSentAgain(t *testing.T) {
	p := newPlace(t)
	batch := []alerts.Alert{
		firing(alerts.ServerUnreachable, "server", "web-07"), firing(alerts.ServerUnreachable, "server", "web-08"), firing("X", "server", "db-9"),
	}
	p.take(batch[0]) // as if the first time had broken off here
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := p.Receive(stopped, batch, 0); err == nil || !strings.HasPrefix(err.Error(), "take in alert {") {
		t.Errorf("got %v", err)
	}
	if len(p.all()) != 1 {
		t.Error("something was taken in after all")
	}
	if got := p.take(batch...); !slices.Equal(got, []string{"duplicate", "opened", "opened"}) {
		t.Errorf("sent again: %v", got)
	}
	p.Store.Close()
	if err := p.Receive(t.Context(), batch, 0); err == nil {
		t.Error("a closed store accepted a batch")
	}
}
