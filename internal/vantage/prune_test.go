package vantage

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/probes"
)

// canary stands wherever something stands that must not leave.
const canary = "canary-7f3a"

// whole is an inventory with something of everything.
func whole(t *testing.T) *inventory.Inventory {
	t.Helper()
	hidden := secret.Ref{File: canary}
	hands := &inventory.RemoteHands{Name: canary, Email: []string{canary + "@example.net"}, Reference: canary}
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{
			{Name: "ams1", Title: canary, Gateway: &inventory.Endpoint{Check: "tcp", Address: "192.0.2.1:179"}, RemoteHands: hands,
				StatusPage: &inventory.StatusPage{URL: "https://" + canary + ".example.net/", CAFile: canary},
				Feeds:      []inventory.Feed{{Name: "ams1-a", Title: canary}, {Name: "ams1-b"}},
				Racks:      []inventory.Rack{{Name: "ams1-r1", Room: canary, Feeds: []string{"ams1-a", "ams1-b"}}}},
			{Name: "rtm1", Gateway: &inventory.Endpoint{Check: "http", URL: "https://gw.example.net/", CAFile: canary}},
		},
		Servers: []inventory.Server{
			{Name: "web-01", Title: canary, Rack: "ams1-r1", Address: "192.0.2.11", Aliases: []string{canary}, Serial: canary, Model: canary,
				BMC:      &inventory.BMC{Protocol: "redfish", Address: canary + ".example.net", Username: canary, Password: hidden, CAFile: canary},
				SSH:      &inventory.SSH{User: canary, Key: hidden},
				Services: services(hidden), Customers: []string{"customer-" + canary}},
			{Name: "web-02", Site: "ams1", Address: "2001:db8::12", Feeds: []string{"ams1-b"}, Reachable: &inventory.Endpoint{Check: "ssh"}},
			{Name: "plug-01", Site: "rtm1", Address: canary + ".example.net", Reachable: &inventory.Endpoint{Check: "exec", Command: []string{"/" + canary}},
				Services: []inventory.Service{{Name: "page", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.13:80"}}}},
		},
		Customers:  []inventory.Customer{{Name: "customer-" + canary, Email: []string{canary + "@example.net"}}},
		People:     []inventory.Person{{Name: canary, Roles: []inventory.Role{inventory.Engineer}, Token: hidden, Password: hidden}},
		Teams:      []inventory.Team{{Name: "team-" + canary, Members: []string{canary}}},
		References: []inventory.Reference{{Name: canary, Side: inventory.Near, Probe: inventory.Endpoint{Check: "icmp", Address: canary + ".example.net"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func services(hidden secret.Ref) []inventory.Service {
	return []inventory.Service{
		{Name: "shop", Unit: canary + ".service", Probe: inventory.Endpoint{Check: "http", URL: "https://www.example.net/", Status: []int{200}, Expect: "shop", ExpectRegex: "v[0-9]", Redirects: true, CertWarn: 9}},
		{Name: "mail", Probe: inventory.Endpoint{Check: "tls", Address: "mail.example.net:993", ServerName: "mail.example.net"}},
		{Name: "zone", Probe: inventory.Endpoint{Check: "dns", Query: "example.net", Type: "MX", Expect: "mail.example.net"}},
		{Name: "intern", Probe: inventory.Endpoint{Check: "http", URL: "https://intern.example.net/", CAFile: canary}},
		{Name: "disk", Probe: inventory.Endpoint{Check: "exec", Command: []string{"/usr/bin/check", canary}}},
		{Name: "backup", Probe: inventory.Endpoint{Check: "heartbeat", Every: time.Hour, Token: hidden}},
	}
}

func TestListHoldsWhatIsNeededToLookAndNothingElse(t *testing.T) {
	text, err := json.Marshal(Prune(whole(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"sites":[` +
		`{"name":"ams1","feeds":["ams1-a","ams1-b"],"racks":[{"name":"ams1-r1","feeds":["ams1-a","ams1-b"]}],"gateway":{"check":"tcp","address":"192.0.2.1:179"}},` +
		`{"name":"rtm1"}],"servers":[` +
		`{"name":"web-01","site":"ams1","rack":"ams1-r1","feeds":["ams1-a","ams1-b"],"address":"192.0.2.11","services":[` +
		`{"name":"shop","probe":{"check":"http","url":"https://www.example.net/","status":[200],"expect":"shop","expect_regex":"v[0-9]","redirects":true,"cert_warn":9}},` +
		`{"name":"mail","probe":{"check":"tls","address":"mail.example.net:993","server_name":"mail.example.net"}},` +
		`{"name":"zone","probe":{"check":"dns","expect":"mail.example.net","query":"example.net","type":"MX"}}]},` +
		`{"name":"web-02","site":"ams1","feeds":["ams1-b"],"address":"2001:db8::12","reachable":{"check":"ssh"}}]}`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if strings.Contains(string(text), canary) {
		t.Error("something has left that must not")
	}
}

func TestListSurvivesTheWayToAVantage(t *testing.T) {
	sent := Prune(whole(t))
	l := listOf(whole(t))
	unpacked, err := unpack(strings.NewReader(string(l.Gzip)), "gzip")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := readAtMost(unpacked, maxListBytes)
	if err != nil {
		t.Fatal(err)
	}
	got, version, err := readTargets(plain)
	if err != nil || version != l.Version || !reflect.DeepEqual(got, sent) {
		t.Fatalf("version %s, not %s (%v):\n%+v", version, l.Version, err, got)
	}
	references := []inventory.Reference{{Name: "gateway", Side: inventory.Near, Probe: inventory.Endpoint{Check: "icmp", Address: "198.51.100.1"}}}
	inv, err := got.Inventory(references)
	if err != nil {
		t.Fatal(err)
	}
	if again := Prune(inv); !reflect.DeepEqual(again, sent) {
		t.Errorf("an agent makes of it\n%+v\nnot\n%+v", again, sent)
	}
	if want := append([]string{"reference/gateway"}, sent.Keys()...); !slices.Equal(schedulerKeys(t, inv), slices.Sorted(slices.Values(want))) {
		t.Errorf("its scheduler knows %q, not %q", schedulerKeys(t, inv), want)
	}
}

// schedulerKeys lists what a scheduler looks at.
func schedulerKeys(t *testing.T, inv *inventory.Inventory) []string {
	clk := clock.Jumping(start)
	s := probes.NewScheduler(probes.Config{}, probes.Parts{Clock: clk, Kinds: probes.Registry{}, Inventory: func() *inventory.Inventory { return inv },
		Report: func(context.Context, []alerts.Alert) error { return nil }})
	run(t, clk, s, time.Millisecond)
	return slices.Sorted(maps.Keys(s.Snapshot()))
}

func TestListOfSomebodyElseIsCheckedLikeAFile(t *testing.T) {
	for _, c := range []struct{ name, list, want string }{
		{"no JSON", `{`, "read the list of targets: unexpected end of JSON input"},
		{"a plug-in", `{"servers":[{"name":"a","site":"s","address":"192.0.2.1","reachable":{"check":"exec","command":["/bin/sh"]}}],"sites":[{"name":"s"}]}`, "an exec check needs a command"},
		{"an option for an address", `{"servers":[{"name":"a","site":"s","address":"-oX"}],"sites":[{"name":"s"}]}`, `address "-oX": want a host name or an IP address`},
		{"a file for a page", `{"servers":[{"name":"a","site":"s","address":"192.0.2.1","reachable":{"check":"http","url":"file:///etc/passwd"}}],"sites":[{"name":"s"}]}`, "url: want an address such as"},
		{"a name that is a path", `{"servers":[{"name":"../a","site":"s","address":"192.0.2.1"}],"sites":[{"name":"s"}]}`, `server name "../a" is not allowed`},
		{"one server twice", `{"servers":[{"name":"a","site":"s","address":"192.0.2.1"},{"name":"a","site":"s","address":"192.0.2.2"}],"sites":[{"name":"s"}]}`, `server "a" is given twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			targets, _, err := readTargets([]byte(c.list))
			if err == nil {
				_, err = targets.Inventory(nil)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
