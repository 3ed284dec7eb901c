package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// shopPage is what a look at an https page finds.
func shopPage() probes.Result {
	return probes.Result{
		State: probes.Up, Reason: "status 200", Latency: 12 * time.Millisecond, Facts: map[string]any{"status": 200},
		Expiry: probes.Expiry{Earliest: time.Unix(1_800_000_000, 0), Chain: time.Unix(1_800_000_001, 0)},
	}
}

func answersOfAll(name string) probes.Result {
	if name == "shop on web-07" {
		return shopPage()
	}
	return up(2 * time.Millisecond)
}

func TestProbeTellsTheLastAnswerInTheNamesOfBlackboxExporter(t *testing.T) {
	s := watched(t, answersOfAll)
	s.look(time.Minute)
	for target, want := range map[string][]string{
		"web-07": {"probe_success 1", "probe_duration_seconds 0.002", `probe_icmp_duration_seconds{phase="rtt"} 0.002`, `piket_target_state{state="up"} 1`},
		"web-07/shop": {"probe_success 1", "probe_http_status_code 200", "probe_ssl_earliest_cert_expiry 1.8e+09",
			"probe_ssl_last_chain_expiry_timestamp_seconds 1.800000001e+09", "piket_target_alarm 0"},
		"server/web-07": {"probe_success 1"},
	} {
		answer := s.ask("GET", "/probe?target="+target, "")
		for _, line := range want {
			if answer.status != http.StatusOK || !strings.Contains(answer.body, "\n"+line+"\n") {
				t.Errorf("%s: %q is not in %d %s", target, line, answer.status, answer.body)
			}
		}
	}
	if answer := s.ask("GET", "/probe?target=web-07", ""); strings.Contains(answer.body, "probe_http_status_code") {
		t.Error("an echo has a status of HTTP")
	}
}

func TestWhatIsNotKnownIsNoFailure(t *testing.T) {
	s := watched(t, func(name string) probes.Result {
		if name == "web-07" {
			return probes.Result{State: probes.Down, Reason: "no reply"}
		}
		return probes.Result{State: probes.Unknown, Reason: "the resolver is gone"}
	})
	s.look(time.Minute)
	if body := s.ask("GET", "/probe?target=web-07", "").body; !strings.Contains(body, "\nprobe_success 0\n") {
		t.Errorf("down is %s", body)
	}
	if body := s.ask("GET", "/probe?target=web-07/shop", "").body; strings.Contains(body, "probe_success") || !strings.Contains(body, `piket_target_state{state="unknown"} 1`) {
		t.Errorf("unknown is %s", body)
	}
}

// That a provider announces an outage is no failure of the look at its page.
func TestAnOutageThatIsAnnouncedIsNoFailedProbe(t *testing.T) {
	s := watched(t, func(string) probes.Result {
		return probes.Result{State: probes.Up, Reason: "announces an outage", Facts: map[string]any{"incident": true}}
	})
	inv := *s.server.Inventory()
	inv.Sites = []inventory.Site{{Name: "ams1", StatusPage: &inventory.StatusPage{URL: "https://status.example.net/"}}}
	inv.Servers = nil
	announced, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Inventory = func() *inventory.Inventory { return announced }
	s.look(3 * time.Minute)
	body := s.ask("GET", "/probe?target=statuspage/ams1", "").body
	if strings.Contains(body, "probe_success") || !strings.Contains(body, `piket_target_state{state="down"} 1`) {
		t.Errorf("it tells %s", body)
	}
}

func TestNothingButTheInventoryIsTold(t *testing.T) {
	s := watched(t, answersOfAll)
	s.look(time.Minute)
	for _, target := range []string{"", "192.0.2.17", "https://shop.example.net/", "web-99", "web-07/", "web-07%00"} {
		answer := s.ask("GET", "/probe?target="+target, "")
		if answer.status != http.StatusNotFound || !strings.Contains(answer.body, "\nhint: targets are SERVER, SERVER/SERVICE") {
			t.Errorf("%q: answered %d %s", target, answer.status, answer.body)
		}
	}
	if answer := newSite(t).ask("GET", "/metrics/probes", ""); answer.status != http.StatusNotFound {
		t.Errorf("without probes: answered %d", answer.status)
	}
}

func TestMetricsOfAllTargetsPassTheLinter(t *testing.T) {
	s := watched(t, answersOfAll)
	s.look(time.Minute)
	answer := s.ask("GET", "/metrics/probes", "")
	problems, err := promlint.New(strings.NewReader(answer.body)).Lint()
	if err != nil {
		t.Fatalf("%v: %s", err, answer.body)
	}
	for _, p := range problems {
		// blackbox_exporter's own name lacks the unit; dashboards know it like that.
		if p.Metric != "probe_ssl_earliest_cert_expiry" {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if line := `probe_success{kind="icmp",server="web-07",site="ams1",target="web-07"} 1`; !strings.Contains(answer.body, line) {
		t.Errorf("%q is not in %s", line, answer.body)
	}
}

func TestMetricsOfAVeryLargeFleetAreOnlyToldWhenAskedFor(t *testing.T) {
	s := watched(t, answersOfAll)
	s.grow(10_001)
	s.look(time.Second) // long enough to know them
	answer := s.ask("GET", "/metrics/probes", "")
	if answer.status != http.StatusUnprocessableEntity || !strings.Contains(answer.body, "10001 targets") || !strings.Contains(answer.body, "\nhint: ") {
		t.Errorf("answered %d %.200s", answer.status, answer.body)
	}
	if all := s.ask("GET", "/metrics/probes?all=1", ""); all.status != http.StatusOK || strings.Count(all.body, "piket_target_alarm{") != 10_001 {
		t.Errorf("all: answered %d with %d targets", all.status, strings.Count(all.body, "piket_target_alarm{"))
	}
}
