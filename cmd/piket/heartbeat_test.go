package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/probes"
)

// A call that comes in over the web is what the probe of that service sees.
func TestHeartbeatReachesTheProbeOfItsService(t *testing.T) {
	d := newTestDaemon(t, least)
	page := httptest.NewServer(d.Handler())
	defer page.Close()
	inventory := `sites: [{name: ams1}]
servers:
  - name: web-01
    site: ams1
    address: 127.0.0.1
    reachable: {check: tcp, address: "` + strings.TrimPrefix(page.URL, "http://") + `"}
    services:
      - {name: backup, probe: {check: heartbeat, every: 1h, token_file: token}}
      - {name: report, probe: {check: heartbeat, every: 1h, token_file: token}}
people: [{name: noor, roles: [engineer]}]
teams: [{name: network-and-server, members: [noor], on_duty: [noor]}]
`
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.path), "inventory.yml"), []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if status := call(t, page.URL+"/api/v1/heartbeat/web-01/backup", "token-of-noor-0123456789"); status != http.StatusOK {
		t.Fatalf("the call was answered %d", status)
	}
	seen := d.lookFor(t, time.Minute)
	if backup := seen["service/web-01/backup"]; backup.State != probes.Up {
		t.Errorf("who called is %s (%s)", backup.State, backup.Reason)
	}
	if report := seen["service/web-01/report"]; report.State != probes.Unknown || !strings.HasPrefix(report.Reason, "no call in the ") {
		t.Errorf("who did not call is %s (%s)", report.State, report.Reason)
	}
}

// lookFor lets the scheduler run on the daemon's clock and returns what it saw.
func (d *Daemon) lookFor(t *testing.T, long time.Duration) map[string]probes.Sight {
	ctx, cancel := context.WithCancel(t.Context())
	var looking <-chan struct{}
	<-d.clk.Go(func() { // the clock stands until this one waits, so both start together
		looking = d.clk.Go(func() { d.prober.Run(ctx) })
		d.clk.Wait(ctx, d.clk.Now().Add(long), nil)
		cancel()
	})
	<-looking
	return d.prober.Snapshot()
}

// call posts a heartbeat and returns the status of the answer.
func call(t *testing.T, url, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
