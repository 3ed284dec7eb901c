package probes

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// Endpoint makes the target for e, which a person knows as name. An endpoint
// without an address is at fallback. In a command, ${name} is name.
func Endpoint(name string, e inventory.Endpoint, fallback string, timeout time.Duration) (kind string, t Target) {
	t = Target{
		Name: name, Address: cmp.Or(e.Address, fallback), URL: e.URL, CAFile: e.CAFile, Timeout: timeout,
		Status: e.Status, Expect: e.Expect, ExpectRegex: e.ExpectRegex, Redirects: e.Redirects,
		ServerName: e.ServerName, CertWarn: e.CertWarn, Query: e.Query, Type: e.Type, Every: e.Every,
	}
	t.Command = fillIn(e.Command, name, t.Address)
	if port, ok := defaultPorts[e.Check]; ok {
		t.Address = withPort(t.Address, port)
	}
	return e.Check, t
}

// defaultPorts are for kinds whose address may lack one.
var defaultPorts = map[string]int{"ssh": inventory.DefaultSSHPort, "dns": inventory.DefaultDNSPort}

// fillIn puts the inventory's values where a plug-in's command says so. It
// fills in one argument at a time: what is filled in is never split.
func fillIn(command []string, name, address string) []string {
	if len(command) == 0 {
		return nil
	}
	values := strings.NewReplacer("${name}", name, "${address}", address)
	filled := make([]string, len(command))
	for i, argument := range command {
		filled[i] = values.Replace(argument)
	}
	return filled
}

// Reachable makes the target that says whether s answers at all: what the
// inventory gives, otherwise a ping to the server's address.
func Reachable(s inventory.Server, timeout time.Duration) (kind string, t Target) {
	if s.Reachable == nil {
		return "icmp", Target{Name: s.Name, Address: s.Address, Timeout: timeout}
	}
	return Endpoint(s.Name, *s.Reachable, s.Address, timeout)
}

// Service makes the target for one service of s.
func Service(s inventory.Server, svc inventory.Service, timeout time.Duration) (kind string, t Target) {
	kind, t = Endpoint(svc.Name+" on "+s.Name, svc.Probe, s.Address, timeout)
	t.Command = fillIn(svc.Probe.Command, s.Name, cmp.Or(svc.Probe.Address, s.Address))
	if kind == "heartbeat" {
		t.Key = HeartbeatKey(s.Name, svc.Name)
	}
	return kind, t
}

// Gateway makes the target that says whether the path to site is there. It is
// not ok for a site without one.
func Gateway(site inventory.Site, timeout time.Duration) (kind string, t Target, ok bool) {
	if site.Gateway == nil {
		return "", Target{}, false
	}
	kind, t = Endpoint("gateway of "+site.Name, *site.Gateway, "", timeout)
	t.Command = fillIn(site.Gateway.Command, site.Name, site.Gateway.Address)
	return kind, t, true
}

// MinPageTimeout is what a status page gets at least: it is far away, may take
// several documents to find, and is not news within seconds.
const MinPageTimeout = 10 * time.Second

// StatusPageOf makes the target for what the provider of site announces, which
// gets MinPageTimeout or more. It is not ok for a site without a status page.
func StatusPageOf(site inventory.Site, timeout time.Duration) (kind string, t Target, ok bool) {
	page := site.StatusPage
	if page == nil {
		return "", Target{}, false
	}
	return "statuspage", Target{
		Name: "status page of " + site.Name, URL: page.URL, Format: page.Format, Component: page.Component,
		Components: page.Components, CAFile: page.CAFile, Timeout: max(timeout, MinPageTimeout),
	}, true
}

// StatusPageFor is [StatusPageOf] as seen from a rack: what is announced for it
// comes first, and what is announced for other racks only is left out. An
// empty rack is the whole site.
func StatusPageFor(site inventory.Site, rack string, timeout time.Duration) (kind string, t Target, ok bool) {
	kind, t, ok = StatusPageOf(site, timeout)
	t.Rack = rack
	return kind, t, ok
}

// MinBMCTimeout is what a BMC gets at least: it is a slow computer, and one
// answer takes several requests with a TLS handshake each.
const MinBMCTimeout = 10 * time.Second

// BMCOf makes the target for the management controller of s, which gets
// MinBMCTimeout or more. It is not ok for a server without one.
func BMCOf(s inventory.Server, timeout time.Duration) (kind string, t Target, ok bool) {
	if s.BMC == nil {
		return "", Target{}, false
	}
	return "bmc", Target{Name: "BMC of " + s.Name, Address: s.BMC.Address, BMC: s.BMC, Timeout: max(timeout, MinBMCTimeout)}, true
}

// SSHOf makes the target that says whether commands could be run on s: its SSH
// server greets, and with a key that is pinned. It is not ok for a server
// without SSH.
func SSHOf(s inventory.Server, timeout time.Duration) (kind string, t Target, ok bool) {
	if s.SSH == nil {
		return "", Target{}, false
	}
	port := cmp.Or(s.SSH.Port, inventory.DefaultSSHPort)
	return "ssh", Target{
		Name: "SSH of " + s.Name, Address: withPort(cmp.Or(s.SSH.Address, s.Address), port),
		HostKeys: s.SSH.HostKeys, Timeout: timeout,
	}, true
}

// MinBootTimeout is what the look at a server's boot gets at least: logging in
// takes a machine that just came up a few seconds.
const MinBootTimeout = 10 * time.Second

// BootOf makes the target that says which boot s runs in and who is logged in,
// which gets MinBootTimeout or more. It is not ok for a server without SSH.
func BootOf(s inventory.Server, timeout time.Duration) (kind string, t Target, ok bool) {
	if s.SSH == nil {
		return "", Target{}, false
	}
	return "boot", Target{Name: s.Name, Address: s.Address, SSH: s.SSH, Timeout: max(timeout, MinBootTimeout)}, true
}

// withPort adds port to an address that has none. An IPv6 address without
// brackets has none, however many colons it has.
func withPort(address string, port int) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(port))
}

// Reference is something that judges whether piket itself can see.
type Reference struct {
	name  string
	probe inventory.Endpoint
}

// Target makes the target that asks it.
func (r Reference) Target(timeout time.Duration) (kind string, t Target) {
	return Endpoint(r.name, r.probe, "", timeout)
}

// References returns what stands on the near side of piket's own uplink, and
// what on the far side. An inventory that names none lets the gateways of all
// sites stand in for the far ones, where there are two or more.
func References(inv *inventory.Inventory) (sides [2][]Reference) {
	for _, r := range inv.References {
		side := 1
		if r.Side == inventory.Near {
			side = 0
		}
		sides[side] = append(sides[side], Reference{r.Name, r.Probe})
	}
	for _, site := range standIns(inv) {
		sides[1] = append(sides[1], Reference{"gateway of " + site.Name, *site.Gateway})
	}
	return sides
}

// standIns are the sites whose gateways stand in for references: none where the
// inventory names references, or fewer than two sites have a gateway.
func standIns(inv *inventory.Inventory) []inventory.Site {
	sites := slices.DeleteFunc(slices.Clone(inv.Sites), func(s inventory.Site) bool { return s.Gateway == nil })
	if len(inv.References) > 0 || len(sites) < 2 {
		return nil
	}
	return sites
}
