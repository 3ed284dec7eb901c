package inventory_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

func load(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Load("testdata/good/places.yml", "testdata/good/servers.yml")
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestAnAlertFindsExactlyOneServer(t *testing.T) {
	inv := load(t)
	for _, test := range []struct{ value, want string }{
		{"web-01", "web-01"},
		{"web-01:9100", "web-01"},
		{"192.0.2.11", "web-01"},
		{"192.0.2.11:9100", "web-01"}, // an alias
		{"192.0.2.11:9999", "web-01"}, // the host part
		{"www.example.net:443", "web-01"},
		{"2001:db8::12", "web-02"}, // written in another way
		{"2001:0db8:0::12", "web-02"},
		{"[2001:db8::12]:9100", "web-02"},
		{"198.51.100.7:2201", "nat-01"},
		{"198.51.100.7:2202", "nat-02"},
		{"198.51.100.7", ""},      // two servers share it
		{"198.51.100.7:2203", ""}, // and nothing tells which
		{"shared", "web-01"},
		{"shared:80", "nat-02"}, // the whole value comes before its host part
		{"shared:81", "web-01"},
		{"", ""},
		{":9100", ""},
		{"all", ""},
		{"*", ""},
		{"web-*", ""},
		{"web", ""},
		{"WEB-01", ""},
		{"web-01 ", ""},
		{"web-01:9100:1", ""},
		{"http://web-01:9100", ""},
		{"web-01\nweb-02", ""},
		{"{{ .server }}", ""},
	} {
		got, ok := inv.Find(test.value)
		if got.Name != test.want || ok != (test.want != "") {
			t.Errorf("Find(%q) = %q, %t, want %q", test.value, got.Name, ok, test.want)
		}
	}
}

func TestARackStandsOnItsSite(t *testing.T) {
	inv := load(t)
	for rack, want := range map[string]string{"r1": "ams1", "r2": "ams1", "r9": "rtm1", "r3": "", "ams1": "", "": "", "r*": ""} {
		if site, ok := inv.SiteOfRack(rack); site.Name != want || ok != (want != "") {
			t.Errorf("rack %q is on %q, %t, want %q", rack, site.Name, ok, want)
		}
	}
}

func FuzzFindNeverPicksAnUnrelatedServer(f *testing.F) {
	inv, err := inventory.Load("testdata/good/places.yml", "testdata/good/servers.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("web-01:9100")
	f.Add("[2001:db8::12]:9100")
	f.Add("*")
	f.Fuzz(func(t *testing.T, value string) {
		server, ok := inv.Find(value)
		if !ok {
			return
		}
		for _, word := range append([]string{server.Name, "192.0.2.11", "2001:", "2001:0"}, server.Aliases...) {
			if strings.Contains(strings.ToLower(value), strings.ToLower(word)) {
				return
			}
		}
		t.Errorf("Find(%q) = %q", value, server.Name)
	})
}

func TestEverythingIsFoundByItsName(t *testing.T) {
	inv := load(t)
	server, found := inv.Server("web-01")
	if !found || inv.SiteOf(server).Name != "ams1" {
		t.Errorf("web-01 stands on %q", inv.SiteOf(server).Name)
	}
	if _, found := inv.Server("www.example.net"); found {
		t.Error("an alias is not a name")
	}
	if site, found := inv.Site("rtm1"); !found || len(site.Racks) != 1 {
		t.Errorf("site rtm1: %+v", site)
	}
	if c, found := inv.Customer("clinic"); !found || c.Language != "en" {
		t.Errorf("customer clinic: %+v", c)
	}
	if p, found := inv.Person("noor"); !found || !slices.Equal(p.Roles, []inventory.Role{inventory.Engineer}) {
		t.Errorf("person noor: %+v", p)
	}
	if team, found := inv.Team("desk"); !found || len(team.Members) != 1 {
		t.Errorf("team desk: %+v", team)
	}
	if _, found := inv.Site(""); found {
		t.Error("the empty name was found")
	}
}

func TestListsKeepTheOrderOfTheFiles(t *testing.T) {
	inv := load(t)
	var on []string
	for s := range inv.ServersOn("rtm1") {
		on = append(on, s.Name)
	}
	var duty []string
	for _, p := range inv.OnDuty("network") {
		duty = append(duty, p.Name)
	}
	server, _ := inv.Server("web-01")
	var customers []string
	for _, c := range inv.CustomersOf(server) {
		customers = append(customers, c.Name)
	}
	got := strings.Join(on, " ") + "; " + strings.Join(duty, " ") + "; " + strings.Join(customers, " ")
	if got != "web-02 nat-01 nat-02; daan noor; bakery clinic" {
		t.Errorf("got %s", got)
	}
	if len(inv.OnDuty("desk")) != 0 || len(inv.OnDuty("nobody")) != 0 || inv.CountBehind("site", "nowhere") != 0 {
		t.Error("something was found where there is nothing")
	}
}

func TestEmptyFieldsAreFilledIn(t *testing.T) {
	inv := load(t)
	first, _ := inv.Server("web-01")
	second, _ := inv.Server("web-02")
	if first.Site != "ams1" || first.UUID != "4c4c4544-0048-4b10-8058-b7c04f325033" {
		t.Errorf("site %q, uuid %q", first.Site, first.UUID)
	}
	if first.BMC.HostPort() != "192.0.2.111:443" || first.BMC.CipherSuite != 0 {
		t.Errorf("redfish: %+v", *first.BMC)
	}
	if second.BMC.HostPort() != "192.0.2.112:6230" || second.BMC.CipherSuite != 17 {
		t.Errorf("ipmi: %+v", *second.BMC)
	}
	if first.SSH.Address != "192.0.2.11" || first.SSH.Port != 22 {
		t.Errorf("ssh: %+v", *first.SSH)
	}
	if first.BMC.Password != (secret.Ref{File: "testdata/good/secrets/bmc"}) || first.BMC.CAFile != "testdata/good/ca.pem" {
		t.Errorf("paths do not start at the file: %+v", *first.BMC)
	}
}

func TestAServerIsReachableByPingUnlessItSaysOtherwise(t *testing.T) {
	inv := load(t)
	first, _ := inv.Server("web-01")
	second, _ := inv.Server("web-02")
	if got := first.ReachableEndpoint(); !reflect.DeepEqual(got, inventory.Endpoint{Check: "icmp", Address: "192.0.2.11"}) {
		t.Errorf("web-01: %+v", got)
	}
	if got := second.ReachableEndpoint(); !reflect.DeepEqual(got, inventory.Endpoint{Check: "ssh", Address: "2001:DB8::12"}) {
		t.Errorf("web-02: %+v", got)
	}
	if got := first.ServiceEndpoint(first.Services[0]); got.Address != "" || got.URL != "https://www.example.net/" {
		t.Errorf("website: %+v", got)
	}
	if got := first.ServiceEndpoint(first.Services[1]); got.Address != "192.0.2.11" {
		t.Errorf("shell: %+v", got)
	}
}

func TestEveryKeyOfAnEndpointIsRead(t *testing.T) {
	server, _ := load(t).Server("web-02")
	want := []inventory.Endpoint{
		{Check: "tls", Address: "mail.example.net:993", ServerName: "mail.example.net", CertWarn: 30, CAFile: "testdata/good/ca.pem"},
		{Check: "dns", Query: "example.net", Type: "MX", Expect: "mail.example.net"},
		{Check: "exec", Command: []string{"/usr/lib/nagios/plugins/check_x", "-H", "${address}", "--name=${name}", "$5"}},
		{Check: "heartbeat", Every: 24 * time.Hour, Token: secret.Ref{File: "testdata/good/secrets/backup"}},
		{Check: "http", URL: "https://shop.example.net/", Status: []int{200, 204}, Expect: "shop", ExpectRegex: "v[0-9]+", Redirects: true},
	}
	for i, service := range server.Services {
		if !reflect.DeepEqual(service.Probe, want[i]) {
			t.Errorf("%s: got %+v, want %+v", service.Name, service.Probe, want[i])
		}
	}
}

func TestLookupsReturnCopies(t *testing.T) {
	inv := load(t)
	server, _ := inv.Server("web-01")
	server.Name = "changed"
	inv.Behind("site", "ams1")[0].Name = "changed"
	if again, ok := inv.Server("web-01"); !ok || again.Name != "web-01" || inv.Behind("site", "ams1")[0].Name != "web-01" {
		t.Error("the inventory was changed through a lookup")
	}
}
