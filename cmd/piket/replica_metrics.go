package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

// replicaCollector shows how this process stands among those that share its
// store, and how many they are.
type replicaCollector struct {
	store *store.Store
	ward  *rounds.Ward
}

var (
	replicaIncidents = prometheus.NewDesc("piket_replica_incidents", "Incidents that this replica has.", nil, nil)
	replicaSilent    = prometheus.NewDesc("piket_replica_last_beat_age_seconds", "Time since the store last heard this replica; past its term it acts no more.", nil, nil)
	replicaLapses    = prometheus.NewDesc("piket_replica_lapses_total", "How often this replica was not heard for its term and had to begin anew.", nil, nil)
	replicaAll       = prometheus.NewDesc("piket_replicas", "Replicas that were heard within their term.", nil, nil)
	replicaFree      = prometheus.NewDesc("piket_replica_free_incidents", "Incidents that no replica has.", nil, nil)
)

func (c replicaCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{replicaIncidents, replicaSilent, replicaLapses, replicaAll, replicaFree} {
		ch <- d
	}
}

// scrapeTime bounds what a scrape asks of the store.
const scrapeTime = 2 * time.Second

func (c replicaCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.ward.Standing()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	gauge(replicaIncidents, float64(s.Incidents))
	if c.store.Shared() { // who is alone with a store need not say that it is alive
		gauge(replicaSilent, s.Silent.Seconds())
	}
	ch <- prometheus.MustNewConstMetric(replicaLapses, prometheus.CounterValue, float64(s.Lapses))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	work, err := c.store.Work(ctx)
	if err != nil {
		return // the figures above are what is left when the store does not answer
	}
	gauge(replicaAll, float64(len(work.Replicas)))
	gauge(replicaFree, float64(work.Free))
}
