package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// address is where a request comes from: who has opened the connection, unless
// that is one of our own proxies; then whom it says that it speaks for. What
// anybody else says of themselves is not believed.
func (a *app) address(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	proxies := a.Config().Proxies
	ours := func(at netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(at) })
	}
	at := from.Addr().Unmap().WithZone("")
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	// Each proxy adds whom it heard at the end, so that the last one that is none
	// of ours is the first that can be believed.
	for _, hop := range slices.Backward(said) {
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if !ours(at) || err != nil {
			break
		}
		at = before.Unmap().WithZone("")
	}
	return at.String()
}

// network is whose door an address is: one for IPv4, for IPv6 the /64 that one
// customer has 2^64 addresses of.
func network(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil || at.Is4() {
		return address
	}
	prefix, err := at.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
