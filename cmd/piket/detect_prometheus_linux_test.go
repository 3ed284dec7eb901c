//go:build e2e && detect

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
)

// scraped is one way of setting up Prometheus, blackbox_exporter and
// Alertmanager for the same task.
type scraped struct {
	name      string
	every     string        // between two scrapes, and two looks at the rule
	pending   string        // how long a rule must hold: "for"
	groupWait string        // how long Alertmanager gathers
	bound     time.Duration // within which somebody must be told
}

// settings are what is detected: as many guides have it; without the wait for
// a second look; and as fast as is sensible, where one lost packet is an alarm.
var scrapedSettings = []scraped{
	{"15s-1m-30s", "15s", "1m", "30s", 4 * time.Minute},
	{"15s-0s-30s", "15s", "0s", "30s", 3 * time.Minute},
	{"5s-0s-0s", "5s", "0s", "0s", time.Minute},
}

// fewTargets is how many of the fleet they watch: one socket and one time
// series for each is not what a large fleet is asked with.
const fewTargets = 50

// TestDetectionByPrometheus measures the time from the first packet that a
// dying server misses until Alertmanager's webhook arrives.
func TestDetectionByPrometheus(t *testing.T) {
	for _, s := range scrapedSettings {
		t.Run(s.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) { s.measure(t) })
		})
	}
}

func (s scraped) measure(t *testing.T) {
	f := newPingFleet(t, *fleetSize)
	watched := f.sample(fewTargets)
	told := s.start(f, watched)
	dying := doom(watched, *deaths/3, 4*time.Second)
	f.play(dying, told.of, s.bound)
	m := sumUp("prometheus", fmt.Sprintf("scrape %s, for %s, group_wait %s", s.every, s.pending, s.groupWait), dying)
	m.Targets, m.False = len(watched), told.falseOnes(dying)
	record(t, m)
}

// sample takes n of the hosts, from as many racks as there are.
func (f *pingFleet) sample(n int) (some []host) {
	for i := range n {
		some = append(some, f.hosts[i*len(f.hosts)/n])
	}
	return some
}

const (
	blackboxAddress     = "127.0.0.1:9115"
	prometheusAddress   = "127.0.0.1:9090"
	alertmanagerAddress = "127.0.0.1:9093"
	receiverAddress     = "127.0.0.1:9099"
)

const blackboxConf = `modules: {icmp: {prober: icmp, timeout: 3s, icmp: {preferred_ip_protocol: ip4}}}
`

const scrapeConf = `global: {scrape_interval: %[1]s, scrape_timeout: 4s, evaluation_interval: %[1]s}
rule_files: [down.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['%[2]s']}]}]}
scrape_configs:
- job_name: icmp
  metrics_path: /probe
  params: {module: [icmp]}
  static_configs: [{targets: [%[3]s]}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__address__], target_label: instance}
  - {target_label: __address__, replacement: '%[4]s'}
`

const downRule = `groups: [{name: fleet, rules: [{alert: ServerUnreachable, expr: probe_success == 0, for: %s}]}]
`

const gatherConf = `route: {receiver: test, group_by: [instance], group_wait: %s}
receivers: [{name: test, webhook_configs: [{url: 'http://%s/', send_resolved: false}]}]
`

// start starts all three and waits until every host has been scraped and found
// well once.
func (s scraped) start(f *pingFleet, watched []host) *receiver {
	f.t.Helper()
	told := receive(f.t, watched)
	var targets []string
	for _, h := range watched {
		targets = append(targets, h.address.String())
	}
	blackbox := put(f.t, filepath.Join(f.dir, "blackbox.yml"), blackboxConf)
	put(f.t, filepath.Join(f.dir, "down.yml"), fmt.Sprintf(downRule, s.pending))
	prometheus := put(f.t, filepath.Join(f.dir, "prometheus.yml"),
		fmt.Sprintf(scrapeConf, s.every, alertmanagerAddress, strings.Join(targets, ","), blackboxAddress))
	alertmanager := put(f.t, filepath.Join(f.dir, "alertmanager.yml"), fmt.Sprintf(gatherConf, s.groupWait, receiverAddress))
	startProcess(f.t, f.dir, "blackbox_exporter", "prometheus-blackbox-exporter", "--config.file="+blackbox, "--web.listen-address="+blackboxAddress)
	startProcess(f.t, f.dir, "alertmanager", "prometheus-alertmanager", "--config.file="+alertmanager,
		"--storage.path="+filepath.Join(f.dir, "alertmanager"), "--web.listen-address="+alertmanagerAddress, "--cluster.listen-address=")
	startProcess(f.t, f.dir, "prometheus", "prometheus", "--config.file="+prometheus,
		"--storage.tsdb.path="+filepath.Join(f.dir, "prometheus"), "--web.listen-address="+prometheusAddress)
	until(f.t, "Prometheus has asked everybody", func() bool { return scrapedAll(prometheusAddress, len(watched)) })
	return told
}

// scrapedAll reports whether there is a sample of every target.
func scrapedAll(prometheus string, targets int) bool {
	answer, err := http.Get("http://" + prometheus + "/api/v1/query?query=count(probe_success)")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var found struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	return json.NewDecoder(answer.Body).Decode(&found) == nil &&
		len(found.Data.Result) == 1 && found.Data.Result[0].Value[1] == fmt.Sprint(targets)
}

// receiver is where Alertmanager's webhook arrives.
type receiver struct {
	names map[string]string // of hosts, by address

	mu    sync.Mutex
	first map[stretch]time.Time // when the first message of it arrived
}

// stretch is one stretch of trouble with a host, as Prometheus sees it.
type stretch struct {
	host  string
	began time.Time
}

// receive listens for the webhook.
func receive(t *testing.T, watched []host) *receiver {
	t.Helper()
	r := &receiver{names: map[string]string{}, first: map[stretch]time.Time{}}
	for _, h := range watched {
		r.names[h.address.String()] = h.name
	}
	l, err := net.Listen("tcp", receiverAddress)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return r
}

// ServeHTTP takes one message in.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	message, err := alerts.DecodeWebhook(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range message.Alerts {
		about := stretch{r.names[a.Labels["instance"]], a.StartsAt}
		if _, known := r.first[about]; !known {
			r.first[about] = at
		}
	}
}

// of returns when the first word of a death arrived.
func (r *receiver) of(d *death) (at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, arrived := range r.first {
		if d.explains(a.host, arrived) && (at.IsZero() || arrived.Before(at)) {
			at = arrived
		}
	}
	return at
}

// falseOnes counts the alarms about hosts that were not dead when word of them
// arrived.
func (r *receiver) falseOnes(deaths []*death) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, arrived := range r.first {
		if !slices.ContainsFunc(deaths, func(d *death) bool { return d.explains(a.host, arrived) }) {
			n++
		}
	}
	return n
}

// explains reports whether d is why there was an alarm about a host. That of one
// that has been revived since may be late.
func (d *death) explains(host string, arrived time.Time) bool {
	return d.name == host && !d.missed.IsZero() && arrived.After(d.missed)
}
