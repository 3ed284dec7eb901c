package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// Every story of the headless demo, through the real command line: it ends as
// it says, with exactly the power commands on the wire that it says.
func TestEveryScenarioEndsAsItSays(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run([]string{"demo", "--headless", "--scenario", name, "--output", "json"}, &stdout, &stderr)
			var result struct {
				Scenario   string
				OK         bool
				Ended      string
				PowerSends *int    `json:"power_sends"`
				Seconds    float64 `json:"simulated_seconds"`
				Failures   []string
				Events     []struct {
					Seq             int
					Type            incident.Kind
					At, Actor, Text string
				}
			}
			if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
				t.Fatalf("standard output is not one JSON object: %v\n%s", err, stderr.String())
			}
			if status != 0 || !result.OK || result.Ended != "closed" || *result.PowerSends != scenarios[name].sends {
				t.Errorf("exit %d, %+v", status, result.Failures)
				for _, e := range result.Events {
					t.Log(e.At, e.Actor, e.Text)
				}
			}
			for _, e := range result.Events {
				if e.Seq == 0 || e.Type == "" || e.At == "" || e.Actor == "" || e.Text == "" {
					t.Errorf("an event lacks something: %+v", e)
				}
			}
			if result.Seconds < 60 {
				t.Errorf("only %v seconds went by in the story", result.Seconds)
			}
			if stderr.Len() > 0 {
				t.Errorf("standard error says %s", stderr.String())
			}
		})
	}
}

func TestAScenarioThatDoesNotExistNamesTheNearest(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"demo", "--headless", "--scenario", "server-hang"}, &stdout, &stderr); status != 1 {
		t.Errorf("exit %d", status)
	}
	if !strings.Contains(stderr.String(), `did you mean "server-hangs"?`) || stdout.Len() > 0 {
		t.Errorf("said %q and %q", stdout.String(), stderr.String())
	}
}
