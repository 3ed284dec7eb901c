package silences

import (
	"maps"
	"net"
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/inventory"
)

// nodeExporter is the registered port of Prometheus's node exporter, with which
// most instances are named.
const nodeExporter = "9100"

// labelsOf lists the labels under which alerts about the server may come: its
// instance differs with who says it, and most have a port that the inventory
// does not know.
func labelsOf(s inventory.Server, ports []string) []alerts.Labels {
	var all []alerts.Labels
	for _, instance := range instances(s, ports) {
		labels := alerts.Labels{"alertname": alerts.ServerUnreachable, "server": s.Name, "instance": instance}
		for name, value := range map[string]string{"site": s.Site, "rack": s.Rack} {
			if value != "" {
				labels[name] = value
			}
		}
		all = append(all, labels)
	}
	return all
}

func instances(s inventory.Server, ports []string) []string {
	var all []string
	for _, word := range append([]string{s.Name, s.Address}, s.Aliases...) {
		all = append(all, word)
		if _, _, err := net.SplitHostPort(word); err == nil {
			continue
		}
		for _, port := range ports {
			all = append(all, net.JoinHostPort(word, port))
		}
	}
	return all
}

// ports lists those by which the silences name instances, and the usual one.
func (p *Poller) ports() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[string]bool{nodeExporter: true}
	for _, last := range p.last {
		for _, r := range last.silences {
			for _, m := range r.matchers {
				if _, port, err := net.SplitHostPort(m.Value); err == nil && m.Name == "instance" && m.Type == labels.MatchEqual {
					found[port] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
