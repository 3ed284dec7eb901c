package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/remediation"
)

// newHub makes the daemon's side of the vantages. Who they are is read from the
// settings each time, so that a reload takes effect at once.
func (d *Daemon) newHub(report func(context.Context, []alerts.Alert) error) *vantage.Hub {
	return vantage.NewHub(vantage.HubParts{
		Clock: d.clk, Inventory: d.inventory, Report: report, Log: d.log,
		Vantages: func() []vantage.Vantage { return d.settings.Load().config.Vantages },
		Doubtful: func() []string { return d.prober.Doubtful() },
		Weigh:    func() { d.prober.LookAt(nil) },
	})
}

// seenElsewhere is what the vantages see of a target, for a diagnosis.
func (d *Daemon) seenElsewhere(key string) remediation.Vantages {
	votes := d.hub.Votes(key)
	return remediation.Vantages{Down: votes.Down, Up: votes.Up, Lost: d.hub.Lost()}
}

// vantageCollector shows how each vantage is at the moment of the scrape.
type vantageCollector struct{ hub *vantage.Hub }

var (
	vantageUpDesc     = prometheus.NewDesc("piket_vantage_up", "Whether the vantage reports.", []string{"vantage"}, nil)
	vantageVotingDesc = prometheus.NewDesc("piket_vantage_voting", "Whether the vantage reports, can see, and so has a vote.", []string{"vantage"}, nil)
)

// Describe implements prometheus.Collector.
func (vantageCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- vantageUpDesc
	ch <- vantageVotingDesc
}

// Collect implements prometheus.Collector.
func (c vantageCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.hub.Standings() {
		for desc, yes := range map[*prometheus.Desc]bool{vantageUpDesc: s.Reports(), vantageVotingDesc: s.State == vantage.Sees} {
			value := 0.0
			if yes {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
	}
}
