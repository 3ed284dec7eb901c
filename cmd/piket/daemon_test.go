package main

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
)

const inventoryOfOne = `sites: [{name: ams1, gateway: {check: icmp, address: 192.0.2.1}}]
servers: [{name: web-01, site: ams1, address: 192.0.2.11}]
people: [{name: noor, roles: [engineer], token_file: token}]
teams: [{name: network-and-server, members: [noor], on_duty: [noor]}]
`

// newTestDaemon makes a daemon that is not started: it looks at nothing by
// itself.
func newTestDaemon(t *testing.T, config string) *Daemon {
	t.Helper()
	path := write(t, config, inventoryOfOne)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "token"), []byte("token-of-noor-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := NewDaemon(path, clock.Jumping(time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// receive lets an alert in and returns the incident that it is part of.
func (d *Daemon) receive(t *testing.T, labels alerts.Labels) *incident.Incident {
	t.Helper()
	a := alerts.Alert{Source: "alertmanager", Status: alerts.Firing, Labels: labels, Fingerprint: labels.Fingerprint(), StartsAt: d.clk.Now()}
	if err := d.door.Receive(t.Context(), []alerts.Alert{a}, 0); err != nil {
		t.Fatal(err)
	}
	known, err := d.store.Episode(t.Context(), a.Episode())
	if err != nil {
		t.Fatal(err)
	}
	inc, err := d.store.Load(t.Context(), known.Incident)
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

func TestReloadTakesOverLabelsAndTimeZone(t *testing.T) {
	d := newTestDaemon(t, least)
	if inc := d.receive(t, alerts.Labels{"alertname": "DiskFull", "node": "web-01"}); inc.Subject.Kind != "alert" {
		t.Errorf("by a label that is not configured it found %v", inc.Subject)
	}
	if zone := d.policy().Zone.String(); zone != "UTC" {
		t.Errorf("times are in %s", zone)
	}
	if err := os.WriteFile(d.path, []byte(least+"intake: {labels: [node]}\ntimezone: Europe/Amsterdam\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if inc := d.receive(t, alerts.Labels{"alertname": "DiskFull", "node": "web-01", "disk": "sda"}); inc.Subject.String() != "server:web-01" {
		t.Errorf("after the reload it found %v", inc.Subject)
	}
	if zone := d.policy().Zone.String(); zone != "Europe/Amsterdam" {
		t.Errorf("after the reload times are in %s", zone)
	}
}

func TestCommandLineClosesWithoutACheckWhenItSaysWhy(t *testing.T) {
	d := newTestDaemon(t, least)
	inc := d.receive(t, alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"})
	page := httptest.NewServer(d.Handler())
	defer page.Close()
	piket := func(more ...string) (status int, out, errs string) {
		var stdout, stderr strings.Builder
		args := []string{"incident", "close", inc.ID, "--piket.url", page.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token"),
			"--cause", "it was sold", "--solution", "none"}
		status = run(append(args, more...), &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	if status, _, errs := piket(); status != 1 || !strings.Contains(errs, "service is not back") {
		t.Errorf("without a reason: status %d, %s", status, errs)
	}
	if status, out, errs := piket("--unchecked", "the server is gone"); status != 0 || out != inc.ID+": closed\n" {
		t.Errorf("with a reason: status %d, %s%s", status, out, errs)
	}
	closed, err := d.store.Load(t.Context(), inc.ID)
	if err != nil || closed.Status != incident.Finished || closed.Resolution.Unchecked != "the server is gone" {
		t.Errorf("it is %+v (%v)", closed, err)
	}
}
