package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
	"github.com/spinware/piket/remediation"
)

// metrics is everything that /metrics shows. It measures at the edges, so that
// the parts stay bare.
type metrics struct {
	registry *prometheus.Registry
	probes   *probes.Metrics
	alerts   *prometheus.CounterVec
	actions  *prometheus.CounterVec
	actionS  *prometheus.HistogramVec
	messages *prometheus.CounterVec
	mails    *prometheus.CounterVec
	notices  *prometheus.CounterVec
	noticeS  *prometheus.HistogramVec
	pushes   *prometheus.CounterVec
	calls    *prometheus.CounterVec
	reloadOK prometheus.Gauge
	reloadAt prometheus.Gauge
}

func newMetrics(s *store.Store) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		probes:   probes.NewMetrics(),
		alerts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_alerts_received_total", Help: "Alerts taken in, by source, status and what became of them.",
		}, []string{"source", "status", "result"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_actions_total", Help: "Actions carried out on servers, by kind, verb and outcome.",
		}, []string{"action", "verb", "outcome"}),
		actionS: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "piket_action_duration_seconds", Help: "Time from opening the session to the answer.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25},
		}, []string{"action"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_messages_total", Help: "Tries to deliver a message, by purpose and result.",
		}, []string{"purpose", "result"}),
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_mails_received_total", Help: "Mails that came in, by what they are and what became of them.",
		}, []string{"kind", "result"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_receiver_messages_total", Help: "Tries to tell a receiver, by integration and result.",
		}, []string{"integration", "result"}),
		noticeS: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "piket_receiver_duration_seconds", Help: "Time until a receiver answered, by integration.",
			Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}, []string{"integration"}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_push_messages_total", Help: "Tries to push a page to a browser, by result.",
		}, []string{"result"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "piket_calls_total", Help: "Telephone calls made, by who was called and what became of them.",
		}, []string{"party", "outcome"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "piket_config_last_reload_successful", Help: "Whether the last reload of the configuration succeeded.",
		}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "piket_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last taken over.",
		}),
	}
	m.reloaded(true, time.Now())
	m.registry.MustRegister(m.probes, m.alerts, m.actions, m.actionS, m.messages, m.mails, m.notices, m.noticeS, m.pushes, m.calls, m.reloadOK, m.reloadAt,
		incidentsCollector{s}, newBlockedCollector(s), version.NewCollector("piket"),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) alert(a alerts.Alert, result string) {
	m.alerts.WithLabelValues(a.Source, string(a.Status), result).Inc()
}

func (m *metrics) message(purpose, result string) {
	m.messages.WithLabelValues(purpose, result).Inc()
}

func (m *metrics) mailIn(kind, result string) {
	m.mails.WithLabelValues(kind, result).Inc()
}

// told counts what came of a try to tell an integration of a receiver.
func (m *metrics) told(integration, result string, took time.Duration) {
	m.notices.WithLabelValues(integration, result).Inc()
	m.noticeS.WithLabelValues(integration).Observe(took.Seconds())
}

func (m *metrics) call(party string, outcome incident.RingOutcome) {
	m.calls.WithLabelValues(party, string(outcome)).Inc()
}

func (m *metrics) reloaded(ok bool, now time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadAt.Set(float64(now.Unix()))
}

// around measures every action.
func (m *metrics) around(actions map[string]remediation.Action) map[string]remediation.Action {
	measured := map[string]remediation.Action{}
	for name, act := range actions {
		measured[name] = func(ctx context.Context, o remediation.Order) remediation.Result {
			began := time.Now()
			result := act(ctx, o)
			m.actionS.WithLabelValues(name).Observe(time.Since(began).Seconds())
			m.actions.WithLabelValues(name, o.Intent.Verb, string(result.Outcome)).Inc()
			return result
		}
	}
	return measured
}

// watch adds what the sweep counts, if there is one, and whether the scheduler
// can see at all.
func (m *metrics) watch(s *probes.Scheduler, sweeper *sweep.Sweeper) {
	m.registry.MustRegister(sightCollector{s.Sees})
	if sweeper != nil {
		m.registry.MustRegister(sweepCollector{sweeper.Stats})
	}
}

// incidentsCollector counts what is open at the moment of the scrape.
type incidentsCollector struct{ store *store.Store }

var incidentsDesc = prometheus.NewDesc("piket_incidents", "Incidents that are not closed, by priority and status.",
	[]string{"priority", "status"}, nil)

func (c incidentsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- incidentsDesc }

func (c incidentsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	counts, err := c.store.Count(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(incidentsDesc, err)
		return
	}
	for _, p := range incident.Priorities {
		for _, s := range []incident.Status{incident.Open, incident.BackInService} {
			by := store.Standing{Priority: p, Status: s}
			counts[by] += 0 // what there is none of is shown as well
		}
	}
	for by, n := range counts {
		ch <- prometheus.MustNewConstMetric(incidentsDesc, prometheus.GaugeValue, float64(n), string(by.Priority), string(by.Status))
	}
}
