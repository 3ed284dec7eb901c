package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/probes/sweep"
)

// sweepCollector shows what a sweeper has counted.
type sweepCollector struct{ stats func() sweep.Stats }

// sweepCounters lists them.
var sweepCounters = []struct {
	desc *prometheus.Desc
	of   func(sweep.Stats) uint64
}{
	{sweepDesc("sent", "Echoes that the kernel took."), func(s sweep.Stats) uint64 { return s.Sent }},
	{sweepDesc("received", "Replies that answered an echo in time."), func(s sweep.Stats) uint64 { return s.Received }},
	{sweepDesc("late", "Replies to echoes that were given up before."), func(s sweep.Stats) uint64 { return s.Late }},
	{sweepDesc("strangers", "Packets that are no reply to an echo of ours."), func(s sweep.Stats) uint64 { return s.Strangers }},
	{sweepDesc("dropped", "Packets that the sockets had no room for."), func(s sweep.Stats) uint64 { return s.Dropped }},
	{sweepDesc("gaps", "Times that the process stood still too long to trust what it did not hear."), func(s sweep.Stats) uint64 { return s.Gaps }},
	{sweepDesc("send_errors", "Echoes that the kernel did not take."), func(s sweep.Stats) uint64 { return s.SendErrors }},
}

func sweepDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("piket_sweep_"+name+"_total", help, nil, nil)
}

// Describe implements prometheus.Collector.
func (c sweepCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, counter := range sweepCounters {
		ch <- counter.desc
	}
}

// Collect implements prometheus.Collector.
func (c sweepCollector) Collect(ch chan<- prometheus.Metric) {
	stats := c.stats()
	for _, counter := range sweepCounters {
		ch <- prometheus.MustNewConstMetric(counter.desc, prometheus.CounterValue, float64(counter.of(stats)))
	}
}

// sightCollector shows whether piket itself can see. An inventory without
// references knows nothing of that, and there is no series.
type sightCollector struct{ sees func() (sees, known bool) }

var sightDesc = prometheus.NewDesc("piket_sees", "Whether piket's own references answer, so that it can tell what else does not.", nil, nil)

// Describe implements prometheus.Collector.
func (c sightCollector) Describe(ch chan<- *prometheus.Desc) { ch <- sightDesc }

// Collect implements prometheus.Collector.
func (c sightCollector) Collect(ch chan<- prometheus.Metric) {
	sees, known := c.sees()
	if !known {
		return
	}
	value := 0.0
	if sees {
		value = 1
	}
	ch <- prometheus.MustNewConstMetric(sightDesc, prometheus.GaugeValue, value)
}
