package probes

import (
	"cmp"
	"reflect"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

func TestTargetsComeFromTheInventoryWithItsFallbacks(t *testing.T) {
	bmc := &inventory.BMC{Protocol: "redfish", Address: "192.0.2.117"}
	server := inventory.Server{
		Name: "web-07", Address: "192.0.2.17", BMC: bmc,
		SSH: &inventory.SSH{HostKeys: []string{"ssh-ed25519 AAAA"}},
	}
	asked := server
	asked.Reachable = &inventory.Endpoint{Check: "tcp", Address: "192.0.2.17:443"}
	asked.SSH = &inventory.SSH{Address: "2001:db8::17", Port: 2222}
	shell := server
	shell.Reachable = &inventory.Endpoint{Check: "ssh"}
	shop := inventory.Service{Name: "shop", Probe: inventory.Endpoint{
		Check: "http", URL: "https://shop.example.net/", Expect: "Welkom", CAFile: "ca.pem",
	}}
	site := inventory.Site{
		Name: "ams1", Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"},
		StatusPage: &inventory.StatusPage{URL: "https://status.example.net", Component: "AMS1", CAFile: "ca.pem"},
	}
	zone := inventory.Service{Name: "zone", Probe: inventory.Endpoint{Check: "dns", Query: "example.net", Type: "MX", Expect: "mail.example.net"}}
	mail := inventory.Service{Name: "mail", Probe: inventory.Endpoint{
		Check: "tls", Address: "192.0.2.17:993", ServerName: "mail.example.net", CertWarn: 30, CAFile: "ca.pem"}}
	disk := inventory.Service{Name: "disk", Probe: inventory.Endpoint{
		Check: "exec", Command: []string{"/opt/check_x", "-H", "${address}", "--label=${name} ${name}", "$name"}}}
	backup := inventory.Service{Name: "backup", Probe: inventory.Endpoint{Check: "heartbeat", Every: time.Hour}}
	page := inventory.Service{Name: "page", Probe: inventory.Endpoint{
		Check: "http", URL: "https://www.example.net/", Status: []int{204}, ExpectRegex: "v[0-9]", Redirects: true, CertWarn: 7}}
	by := inventory.Site{Name: "ams1", Gateway: &inventory.Endpoint{Check: "exec", Address: "192.0.2.1", Command: []string{"/opt/check_x", "${name}", "${address}"}}}
	self := server
	self.Reachable = &inventory.Endpoint{Check: "exec", Command: []string{"/opt/check_x", "${name}", "${address}"}}
	cases := []struct {
		name string
		make func() (string, Target, bool)
		kind string
		want Target
	}{
		{"ping by default", always(Reachable(server, time.Second)), "icmp", Target{Name: "web-07", Address: "192.0.2.17"}},
		{"reachable as given", always(Reachable(asked, time.Second)), "tcp", Target{Name: "web-07", Address: "192.0.2.17:443"}},
		{"reachable by SSH", always(Reachable(shell, time.Second)), "ssh", Target{Name: "web-07", Address: "192.0.2.17:22"}},
		{"service", always(Service(server, shop, time.Second)), "http", Target{
			Name: "shop on web-07", Address: "192.0.2.17", URL: "https://shop.example.net/", Expect: "Welkom", CAFile: "ca.pem"}},
		{"name server", always(Service(server, zone, time.Second)), "dns", Target{
			Name: "zone on web-07", Address: "192.0.2.17:53", Query: "example.net", Type: "MX", Expect: "mail.example.net"}},
		{"certificate", always(Service(server, mail, time.Second)), "tls", Target{
			Name: "mail on web-07", Address: "192.0.2.17:993", ServerName: "mail.example.net", CertWarn: 30, CAFile: "ca.pem"}},
		{"plug-in", always(Service(server, disk, time.Second)), "exec", Target{
			Name: "disk on web-07", Address: "192.0.2.17", Command: []string{"/opt/check_x", "-H", "192.0.2.17", "--label=web-07 web-07", "$name"}}},
		{"plug-in for a server", always(Reachable(self, time.Second)), "exec", Target{
			Name: "web-07", Address: "192.0.2.17", Command: []string{"/opt/check_x", "web-07", "192.0.2.17"}}},
		{"plug-in for a gateway", perhaps(Gateway(by, time.Second)), "exec", Target{
			Name: "gateway of ams1", Address: "192.0.2.1", Command: []string{"/opt/check_x", "ams1", "192.0.2.1"}}},
		{"heartbeat", always(Service(server, backup, time.Second)), "heartbeat", Target{
			Name: "backup on web-07", Address: "192.0.2.17", Key: "web-07/backup", Every: time.Hour}},
		{"page in detail", always(Service(server, page, time.Second)), "http", Target{
			Name: "page on web-07", Address: "192.0.2.17", URL: "https://www.example.net/", Status: []int{204}, ExpectRegex: "v[0-9]", Redirects: true, CertWarn: 7}},
		{"gateway", perhaps(Gateway(site, time.Second)), "icmp", Target{Name: "gateway of ams1", Address: "192.0.2.1"}},
		{"status page", perhaps(StatusPageOf(site, time.Second)), "statuspage", Target{
			Name: "status page of ams1", URL: "https://status.example.net", Component: "AMS1", CAFile: "ca.pem", Timeout: MinPageTimeout}},
		{"status page with all the time in the world", perhaps(StatusPageFor(site, "r1", time.Minute)), "statuspage", Target{
			Name: "status page of ams1", URL: "https://status.example.net", Component: "AMS1", CAFile: "ca.pem", Rack: "r1", Timeout: time.Minute}},
		{"BMC", perhaps(BMCOf(server, time.Second)), "bmc", Target{Name: "BMC of web-07", Address: "192.0.2.117", BMC: bmc, Timeout: MinBMCTimeout}},
		{"BMC with all the time in the world", perhaps(BMCOf(server, time.Minute)), "bmc", Target{
			Name: "BMC of web-07", Address: "192.0.2.117", BMC: bmc, Timeout: time.Minute}},
		{"SSH at the server", perhaps(SSHOf(server, time.Second)), "ssh", Target{
			Name: "SSH of web-07", Address: "192.0.2.17:22", HostKeys: []string{"ssh-ed25519 AAAA"}}},
		{"SSH elsewhere", perhaps(SSHOf(asked, time.Second)), "ssh", Target{Name: "SSH of web-07", Address: "[2001:db8::17]:2222"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			kind, got, ok := c.make()
			c.want.Timeout = cmp.Or(c.want.Timeout, time.Second)
			if !ok || kind != c.kind || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q %+v %t, want %q %+v", kind, got, ok, c.kind, c.want)
			}
		})
	}
}

func TestWhatTheInventoryLacksIsNoTarget(t *testing.T) {
	_, _, gateway := Gateway(inventory.Site{}, 0)
	_, _, page := StatusPageOf(inventory.Site{}, 0)
	_, _, bmc := BMCOf(inventory.Server{}, 0)
	_, _, shell := SSHOf(inventory.Server{}, 0)
	if gateway || page || bmc || shell {
		t.Errorf("made targets of nothing: gateway %t, status page %t, bmc %t, ssh %t", gateway, page, bmc, shell)
	}
}

func always(kind string, t Target) func() (string, Target, bool) {
	return func() (string, Target, bool) { return kind, t, true }
}

func perhaps(kind string, t Target, ok bool) func() (string, Target, bool) {
	return func() (string, Target, bool) { return kind, t, ok }
}
