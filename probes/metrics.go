package probes

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/probes/sweep"
)

// Metrics counts and times probes. It is a collector to register once. No
// label names a target: a fleet of thousands must not become thousands of
// time series.
type Metrics struct {
	probes   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	targets  *prometheus.GaugeVec
	alarms   prometheus.Gauge
	pending  prometheus.Gauge
}

// durations suit a local connect (0.5 ms) up to a timeout (seconds).
var durations = []float64{0.0005, 0.002, 0.01, 0.05, 0.2, 0.5, 1, 2, 3, 5, 10}

// NewMetrics returns metrics that have counted nothing yet.
func NewMetrics() *Metrics {
	return &Metrics{
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_probes_total", Help: "Probes answered, by kind of check and state.",
		}, []string{"kind", "state"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "piket_probe_duration_seconds", Help: "How long one probe took.", Buckets: durations,
		}, []string{"kind"}),
		targets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "piket_probe_targets", Help: "Targets looked at on a schedule, by their last state.",
		}, []string{"state"}),
		alarms: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "piket_probe_alarms", Help: "Targets whose alert stands.",
		}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "piket_probe_alerts_pending", Help: "Alerts of probes that could not be handed over yet.",
		}),
	}
}

func (m *Metrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.probes, m.duration, m.targets, m.alarms, m.pending}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, part := range m.parts() {
		part.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, part := range m.parts() {
		part.Collect(ch)
	}
}

// Around returns a registry with the same kinds, each of which is measured. The
// series of every kind exist from the start, at zero.
func (m *Metrics) Around(r Registry) Registry {
	measured := make(Registry, len(r))
	for kind, ask := range r {
		for _, state := range []State{Up, Down, Unknown} {
			m.probes.WithLabelValues(kind, string(state))
		}
		took := m.duration.WithLabelValues(kind)
		measured[kind] = func(ctx context.Context, t Target) Result {
			began := time.Now()
			result := ask(ctx, t)
			took.Observe(time.Since(began).Seconds())
			m.probes.WithLabelValues(kind, string(result.State)).Inc()
			return result
		}
	}
	return measured
}

// swept counts the echoes of one batch.
func (m *Metrics) swept(echoes []sweep.Echo) {
	var answered, silent int
	took := m.duration.WithLabelValues("icmp")
	for _, e := range echoes {
		switch e.Outcome {
		case sweep.Answered:
			answered++
			took.Observe(e.RTT.Seconds())
		case sweep.Silent, sweep.Unreachable:
			silent++
		}
	}
	m.probes.WithLabelValues("icmp", string(Up)).Add(float64(answered))
	m.probes.WithLabelValues("icmp", string(Down)).Add(float64(silent))
	m.probes.WithLabelValues("icmp", string(Unknown)).Add(float64(len(echoes) - answered - silent))
}

// seen records what is known now.
func (m *Metrics) seen(totals map[State]int, alarms, pending int) {
	for _, state := range []State{Up, Down, Unknown} {
		m.targets.WithLabelValues(string(state)).Set(float64(totals[state]))
	}
	m.alarms.Set(float64(alarms))
	m.pending.Set(float64(pending))
}
