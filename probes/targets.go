package probes

import (
	"cmp"
	"net"
	"strconv"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// Endpoint makes the target for e, which a person knows as name. An endpoint
// without an address is at fallback.
func Endpoint(name string, e inventory.Endpoint, fallback string, timeout time.Duration) (kind string, t Target) {
	t = Target{
		Name: name, Address: cmp.Or(e.Address, fallback), URL: e.URL,
		Expect: e.Expect, CAFile: e.CAFile, Timeout: timeout,
	}
	if e.Check == "ssh" {
		t.Address = withPort(t.Address, inventory.DefaultSSHPort)
	}
	return e.Check, t
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
	return Endpoint(svc.Name+" on "+s.Name, svc.Probe, s.Address, timeout)
}

// Gateway makes the target that says whether the path to site is there. It is
// not ok for a site without one.
func Gateway(site inventory.Site, timeout time.Duration) (kind string, t Target, ok bool) {
	if site.Gateway == nil {
		return "", Target{}, false
	}
	kind, t = Endpoint("gateway of "+site.Name, *site.Gateway, "", timeout)
	return kind, t, true
}

// StatusPageOf makes the target for what the provider of site announces. It is
// not ok for a site without a status page.
func StatusPageOf(site inventory.Site, timeout time.Duration) (kind string, t Target, ok bool) {
	page := site.StatusPage
	if page == nil {
		return "", Target{}, false
	}
	return "statuspage", Target{
		Name: "status page of " + site.Name, URL: page.URL,
		Component: page.Component, CAFile: page.CAFile, Timeout: timeout,
	}, true
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

// withPort adds port to an address that has none. An IPv6 address without
// brackets has none, however many colons it has.
func withPort(address string, port int) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(port))
}
