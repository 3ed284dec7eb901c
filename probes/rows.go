package probes

import (
	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/inventory"
)

// rowsOf lists everything in inv that is looked at: gateways, then servers,
// then the rest, so that who explains a failure is judged before who suffers
// it. A server and its services share a slot: they are asked in the same round.
func rowsOf(inv *inventory.Inventory, cfg Config) []*row {
	var rows, below []*row
	gateways := map[string]*row{}
	for _, site := range inv.Sites {
		if r := gatewayRow(site, cfg); r != nil {
			gateways[site.Name] = r
			rows = append(rows, r)
		}
		if r := statusPageRow(site, cfg); r != nil {
			below = append(below, r)
		}
	}
	for _, s := range inv.Servers {
		server := serverRow(s, cfg)
		rows = append(rows, server)
		for _, svc := range s.Services {
			below = append(below, serviceRow(s, svc, server, cfg))
		}
		if r := bmcRow(s, gateways[s.Site], cfg); r != nil {
			below = append(below, r)
		}
	}
	return append(rows, below...)
}

func gatewayRow(site inventory.Site, cfg Config) *row {
	kind, target, ok := Gateway(site, cfg.Timeout)
	if !ok {
		return nil
	}
	return &row{
		key: "site/" + site.Name, kind: kind, target: target, words: answering,
		labels: alerts.Labels{"alertname": alerts.SiteUnreachable, "site": site.Name},
		slot:   slotOf(site.Name), interval: cfg.Interval,
	}
}

func statusPageRow(site inventory.Site, cfg Config) *row {
	kind, target, ok := StatusPageOf(site, cfg.Timeout)
	if !ok {
		return nil
	}
	return &row{
		key: "statuspage/" + site.Name, kind: kind, target: target, words: announcing, judges: Announced,
		labels: alerts.Labels{"alertname": alerts.ProviderIncident, "site": site.Name},
		slot:   slotOf(target.Name), interval: cfg.StatusPageInterval, lane: slow,
	}
}

func serverRow(s inventory.Server, cfg Config) *row {
	kind, target := Reachable(s, cfg.Timeout)
	return &row{
		key: "server/" + s.Name, kind: kind, target: target, words: answering,
		labels: labelsOf(alerts.ServerUnreachable, s),
		slot:   slotOf(s.Name), interval: cfg.Interval,
	}
}

func serviceRow(s inventory.Server, svc inventory.Service, server *row, cfg Config) *row {
	kind, target := Service(s, svc, cfg.Timeout)
	labels := labelsOf(alerts.ServiceDown, s)
	labels["service"] = svc.Name
	return &row{
		key: "service/" + s.Name + "/" + svc.Name, kind: kind, target: target, words: answering,
		labels: labels, above: server, slot: server.slot, interval: cfg.Interval,
	}
}

// bmcRow stands below the way to its site and not below its server: that a
// server is gone does not explain why its BMC is.
func bmcRow(s inventory.Server, gateway *row, cfg Config) *row {
	kind, target, ok := BMCOf(s, cfg.Timeout)
	if !ok {
		return nil
	}
	return &row{
		key: "bmc/" + s.Name, kind: kind, target: target, words: answering,
		labels: labelsOf(alerts.BMCUnreachable, s), above: gateway,
		slot: slotOf(target.Name), interval: cfg.BMCInterval, lane: slow,
	}
}

func labelsOf(alertname string, s inventory.Server) alerts.Labels {
	labels := alerts.Labels{"alertname": alertname, "server": s.Name}
	if s.Site != "" {
		labels["site"] = s.Site
	}
	return labels
}
