package remediation

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

func TestLooksGrowRareWhileNothingChanges(t *testing.T) {
	opened := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return opened.Add(d) }
	down := incident.Goal{Known: true, Since: opened}
	for name, c := range map[string]struct {
		inc  incident.Incident
		now  time.Duration
		want time.Duration
	}{
		"just broken":                  {incident.Incident{Goal: down}, time.Minute, 30 * time.Second},
		"quiet for ten minutes":        {incident.Incident{Goal: down}, 10 * time.Minute, time.Minute},
		"quiet for a day":              {incident.Incident{Goal: down}, 24 * time.Hour, 5 * time.Minute},
		"an alert after the last look": {incident.Incident{Goal: down, AlertedAt: at(24 * time.Hour)}, 24 * time.Hour, 10 * time.Second},
		"coming back":                  {incident.Incident{Goal: incident.Goal{Known: true, Holds: true}}, 24 * time.Hour, 10 * time.Second},
		"something of ours under way":  {incident.Incident{Goal: down, Action: &incident.Action{}}, 24 * time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c.inc.Status, c.inc.OpenedAt = incident.Open, opened
			f := Facts{Incident: &c.inc, Limits: DefaultLimits, Now: at(c.now), Goal: Look{At: at(c.now - time.Second)}}
			if got := f.poll(); got != c.want {
				t.Errorf("looks every %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatWasNotLookedUpAllowsNothing(t *testing.T) {
	no := knowsTheRest(Facts{Alone: true}, runbooks.Remedy{})
	if no == nil || knowsTheRest(Facts{}, runbooks.Remedy{}) != nil {
		t.Errorf("got %v", no)
	}
}
