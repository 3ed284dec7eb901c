package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/spinware/piket/probes"
)

// maxProbeSeries is how many targets /metrics/probes tells of unless it is told
// to. One scrape of more is megabytes, and a Prometheus keeps every series.
const maxProbeSeries = 10_000

// probeMetrics tells the last answer of one target, in the form in which
// blackbox_exporter answers. Nothing is asked for it: only what the inventory
// lists is known, and that is looked at anyway.
func (a *app) probeMetrics(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("target")
	sight, ok := a.sightOf(name)
	if !ok {
		refuseScrape(w, http.StatusNotFound, fmt.Sprintf("there is no target %q in the inventory", name),
			"targets are SERVER, SERVER/SERVICE, SITE and REFERENCE of the inventory, or bmc/SERVER and statuspage/SITE")
		return
	}
	serveSights(w, r, sightsCollector{sights: []probes.Sight{sight}})
}

// sightOf finds a target by the scheduler's key or by the name that people use.
// A server comes before a site of the same name.
func (a *app) sightOf(name string) (probes.Sight, bool) {
	if a.Probes == nil || name == "" {
		return probes.Sight{}, false
	}
	for _, kind := range []string{"", "server/", "service/", "site/", "reference/"} {
		if sight, ok := a.Probes.Look(kind + name); ok {
			return sight, true
		}
	}
	return probes.Sight{}, false
}

// probesMetrics tells the last answers of all targets.
func (a *app) probesMetrics(w http.ResponseWriter, r *http.Request) {
	if a.Probes == nil {
		refuseScrape(w, http.StatusNotFound, "nothing is looked at here", "scrape a piket that runs")
		return
	}
	if all := a.Probes.Overview(0, 0).All; all > maxProbeSeries && r.URL.Query().Get("all") != "1" {
		refuseScrape(w, http.StatusUnprocessableEntity, fmt.Sprintf("%d targets are more than the %d that are told of at once", all, maxProbeSeries),
			"scrape /metrics, which counts them, or /probe?target=NAME for those that matter; ?all=1 tells of all")
		return
	}
	c := sightsCollector{labelled: true}
	for _, sight := range a.Probes.Snapshot() {
		c.sights = append(c.sights, sight)
	}
	serveSights(w, r, c)
}

// refuseScrape answers in plain text, which Prometheus shows on its page of
// targets.
func refuseScrape(w http.ResponseWriter, status int, what, hint string) {
	http.Error(w, "error: "+what+"\nhint: "+hint, status)
}

func serveSights(w http.ResponseWriter, r *http.Request, c sightsCollector) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// sightsCollector writes sights as metrics. With labels they say which target
// they are of; without, the scraper knows.
type sightsCollector struct {
	sights   []probes.Sight
	labelled bool
}

// Describe implements prometheus.Collector. It describes nothing: which series
// there are depends on what was measured.
func (c sightsCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c sightsCollector) Collect(ch chan<- prometheus.Metric) {
	descs := c.descs()
	for _, sight := range c.sights {
		var labels []string
		if c.labelled {
			labels = []string{targetLabel(sight.Key), sight.Kind, sight.Site, sight.Server}
		}
		for i, m := range sightMetrics {
			for _, value := range m.values(sight) {
				all := append(append([]string{}, labels...), value.label...)
				ch <- prometheus.MustNewConstMetric(descs[i], prometheus.GaugeValue, value.number, all...)
			}
		}
	}
}

func (c sightsCollector) descs() []*prometheus.Desc {
	var labels []string
	if c.labelled {
		labels = []string{"target", "kind", "site", "server"}
	}
	descs := make([]*prometheus.Desc, len(sightMetrics))
	for i, m := range sightMetrics {
		descs[i] = prometheus.NewDesc(m.name, m.help, append(append([]string{}, labels...), m.label...), nil)
	}
	return descs
}

// targetLabel writes a key as /probe takes it: without the kind where people
// leave it out.
func targetLabel(key string) string {
	for _, kind := range []string{"server/", "service/"} {
		if name, ok := strings.CutPrefix(key, kind); ok {
			return name
		}
	}
	return key
}

// gauge is one value, and the value of the metric's own label if it has one.
type gauge struct {
	number float64
	label  []string
}

func one(v float64, when bool) []gauge {
	if !when {
		return nil
	}
	return []gauge{{number: v}}
}

// sightMetrics lists every metric of a target. Names are those of
// blackbox_exporter where the meaning is the same; what was not measured has no
// series, and what is not known is no failure.
var sightMetrics = []struct {
	name, help string
	label      []string
	values     func(probes.Sight) []gauge
}{
	{"probe_success", "Whether the target answered as it should; absent while that is not known.", nil, func(s probes.Sight) []gauge {
		announced := s.Kind == "statuspage" // that page is well: it says that the site is not
		return one(number(s.State == probes.Up), s.State != probes.Unknown && !announced)
	}},
	{"probe_duration_seconds", "How long the last answer took.", nil, func(s probes.Sight) []gauge {
		return one(s.Latency.Seconds(), s.Latency > 0)
	}},
	{"probe_icmp_duration_seconds", "How long the last echo took; only its round trip is measured.", []string{"phase"}, func(s probes.Sight) []gauge {
		if s.Kind != "icmp" || s.State != probes.Up {
			return nil
		}
		return []gauge{{s.Latency.Seconds(), []string{"rtt"}}}
	}},
	{"probe_http_status_code", "Status of the last HTTP answer.", nil, func(s probes.Sight) []gauge {
		return one(float64(s.Detail.Status), s.Detail.Status != 0)
	}},
	{"probe_ssl_earliest_cert_expiry", "When the first of the certificates shown runs out, in Unix time.", nil, func(s probes.Sight) []gauge {
		return one(float64(s.Detail.Expiry.Earliest.Unix()), !s.Detail.Expiry.Earliest.IsZero())
	}},
	{"probe_ssl_last_chain_expiry_timestamp_seconds", "Until when the chain of certificates is believed, in Unix time.", nil, func(s probes.Sight) []gauge {
		return one(float64(s.Detail.Expiry.Chain.Unix()), !s.Detail.Expiry.Chain.IsZero())
	}},
	{"piket_target_state", "What the last answer said: 1 for one of up, down and unknown.", []string{"state"}, func(s probes.Sight) []gauge {
		var states []gauge
		for _, state := range []probes.State{probes.Up, probes.Down, probes.Unknown} {
			states = append(states, gauge{number(s.State == state), []string{string(state)}})
		}
		return states
	}},
	{"piket_target_alarm", "Whether an alert stands about the target.", nil, func(s probes.Sight) []gauge {
		return one(number(s.Alarm), true)
	}},
	{"piket_target_asked_timestamp_seconds", "When it was asked for the last answer, in Unix time.", nil, func(s probes.Sight) []gauge {
		return one(float64(s.At.UnixMilli())/1000, !s.At.IsZero())
	}},
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
