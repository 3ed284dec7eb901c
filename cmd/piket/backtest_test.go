package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// A record that the real program wrote is held against a limit and against a
// runbook that asks nobody: beside the running piket, by the command line.
func TestABacktestReadsWhatThisPiketRecorded(t *testing.T) {
	d := held(t, scenario{answer: "no"}, func(ctx context.Context, d *demo) error {
		d.until(ctx, time.Minute, func() bool { return false })
		if err := d.lab.Break("web-01", lab.Hung); err != nil {
			return err
		}
		d.until(ctx, 3*time.Hour, func() bool {
			done, err := settled(ctx, d.daemon.store, nil)
			return err == nil && done
		})
		return nil
	})
	if list, err := d.daemon.store.List(t.Context(), store.Filter{}); err != nil || len(list) != 1 || list[0].Status != incident.Finished {
		t.Fatalf("recorded is %+v, %v", list, err)
	}
	dir := filepath.Dir(d.daemon.path)
	shipped, err := os.ReadFile("../../runbooks/server-unreachable.yml")
	if err != nil {
		t.Fatal(err)
	}
	hasty := filepath.Join(t.TempDir(), "hasty.yml")
	if err := os.WriteFile(hasty, bytes.ReplaceAll(shipped, []byte("    approve: {by: on-duty, within: 10m, otherwise: escalate}\n"), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	curious := filepath.Join(t.TempDir(), "curious.yml")
	if err := os.WriteFile(curious, bytes.Replace(shipped, []byte("remedies:\n"), []byte("  - {id: since, check: boot, target: server}\nremedies:\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Incidents  int
		NotKnown   int `json:"not_known"`
		Asked      int
		Technician int                                `json:"technicians"`
		Held       map[string]int                     `json:"held_back"`
		Cuts       struct{ Count, Healthy, Down int } `json:"power_cuts"`
		Missing    map[string]int
	}
	for name, test := range map[string]struct {
		args []string
		fits func(answer) bool
	}{
		"its own runbook, and everybody agrees": {nil, func(a answer) bool { return a.Incidents == 1 && a.Asked == 1 && a.Cuts.Count == 1 && a.Cuts.Down == 1 }},
		"its own runbook, and nobody agrees":    {[]string{"--nobody-agrees"}, func(a answer) bool { return a.Asked == 1 && a.Cuts.Count == 0 && a.Technician == 1 }},
		"one that asks nobody":                  {[]string{"--runbook", hasty}, func(a answer) bool { return a.Asked == 0 && a.Cuts.Count == 1 && a.Held["hold-down"] == 1 }},
		"one that asks what nobody looked at": {[]string{"--runbook", curious}, func(a answer) bool {
			return a.NotKnown == 1 && a.Cuts.Count == 0 && a.Missing["boot of server was not looked at"] == 1
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := append([]string{"backtest", "--config.file", filepath.Join(dir, "piket.yml"), "--from", "2020-01-01", "--until", "2100-01-01", "--output", "json"}, test.args...)
			if status := run(args, &stdout, &stderr); status != 0 {
				t.Fatalf("exit %d: %s", status, stderr.String())
			}
			var got answer
			if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || !test.fits(got) {
				t.Errorf("%s (%v)", stdout.String(), err)
			}
		})
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"backtest", "--config.file", filepath.Join(dir, "piket.yml"), "--from", "2020-01-01", "--until", "2100-01-01"}, &stdout, &stderr); status != 0 ||
		!strings.Contains(stdout.String(), "It would have cut power once: 0 of them to healthy servers") {
		t.Errorf("exit %d, said\n%s%s", status, stdout.String(), stderr.String())
	}
	stderr.Reset()
	if status := run([]string{"backtest", "--config.file", filepath.Join(dir, "piket.yml"), "--from", "January"}, &stdout, &stderr); status != 1 ||
		stderr.String() != "error: --from=\"January\" is not a day\nhint: write 2026-01-01\n" {
		t.Errorf("exit %d, said %s", status, stderr.String())
	}
}
