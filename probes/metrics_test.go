package probes

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsCountByKindAndPassTheLinter(t *testing.T) {
	metrics := NewMetrics()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(metrics); err != nil {
		t.Fatal(err)
	}
	w := newWorld(oneServer(), map[string]string{"web-07": "D", "shop on web-07": "?"})
	w.refuse = func(int) bool { return true }
	w.run(t, w.scheduler(metrics), 4, nil)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("linter: %v %v", problems, err)
	}
	want := `
# HELP piket_probe_alarms Targets whose alert stands.
# TYPE piket_probe_alarms gauge
piket_probe_alarms 1
# HELP piket_probe_alerts_pending Alerts of probes that could not be handed over yet.
# TYPE piket_probe_alerts_pending gauge
piket_probe_alerts_pending 1
# HELP piket_probe_targets Targets looked at on a schedule, by their last state.
# TYPE piket_probe_targets gauge
piket_probe_targets{state="down"} 1
piket_probe_targets{state="unknown"} 1
piket_probe_targets{state="up"} 1
# HELP piket_probes_total Probes answered, by kind of check and state.
# TYPE piket_probes_total counter
piket_probes_total{kind="http",state="down"} 0
piket_probes_total{kind="http",state="unknown"} 4
piket_probes_total{kind="http",state="up"} 0
piket_probes_total{kind="icmp",state="down"} 4
piket_probes_total{kind="icmp",state="unknown"} 0
piket_probes_total{kind="icmp",state="up"} 4
`
	err = testutil.GatherAndCompare(registry, strings.NewReader(want),
		"piket_probe_alarms", "piket_probe_alerts_pending", "piket_probe_targets", "piket_probes_total")
	if err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "piket_probe_duration_seconds"); n == 0 || err != nil {
		t.Errorf("%d series of durations, %v", n, err)
	}
}
