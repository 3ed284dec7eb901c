package remediation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// fellTogether: servers that fall within minutes of each other have a cause in
// common until somebody has shown otherwise, also when no look finds it. The
// narrowest circle that explains them is blamed.
func fellTogether(f Facts) (incident.Concluded, bool) {
	server, ok := f.Inventory.Server(f.Incident.Subject.Name)
	if !ok || len(f.Fallen) == 0 || !f.Runbook.Goal.Service() {
		return incident.Concluded{}, false
	}
	circles := []struct {
		verdict    incident.Verdict
		kind, name string
		in         func(inventory.Server) bool
	}{
		{incident.VerdictRack, "rack", server.Rack, func(o inventory.Server) bool { return server.Rack != "" && o.Rack == server.Rack }},
		{incident.VerdictFeed, "feed", strings.Join(server.Feeds, ""), func(o inventory.Server) bool { return len(server.Feeds) == 1 && slices.Equal(o.Feeds, server.Feeds) }},
		{incident.VerdictSite, "site", server.Site, func(o inventory.Server) bool { return o.Site == server.Site }},
	}
	fallen := make([]int, len(circles))
	for _, name := range f.Fallen {
		o, ok := f.Inventory.Server(name)
		if !ok || name == server.Name || o.Site != server.Site {
			continue
		}
		for n, c := range circles {
			if c.in(o) {
				fallen[n]++
			}
		}
	}
	for n, c := range circles {
		members := f.Inventory.CountBehind(c.kind, c.name)
		if fell := fallen[n] + 1; f.tooMany(fell, members) {
			return incident.Concluded{Verdict: c.verdict,
				Reason: fmt.Sprintf("%d of the %d servers of %s %s fell within %v of each other", fell, members, c.kind, c.name, f.Limits.TogetherWithin)}, true
		}
	}
	return incident.Concluded{}, false
}

// tooMany reports whether so many of a circle are more than a coincidence. One
// alone never is, however small the circle.
func (f Facts) tooMany(fallen, of int) bool {
	return fallen >= f.Limits.Together || fallen >= 2 && fallen*100 > of*f.Limits.TogetherPercent
}
