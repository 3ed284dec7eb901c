package remediation_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// A clock that is set back makes every look seem to lie ahead. Counted by age
// alone, such a look would stay fresh for as long as the clock was set back by, and
// an action could rest on it.
func TestLookFromBeforeTheClockWasSetBackIsNoLook(t *testing.T) {
	inc := incident.Fold(nil)
	for n, p := range []incident.Payload{
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.RunbookPinned{Name: "server-unreachable"},
	} {
		inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: three.Add(-time.Hour), Payload: p})
	}
	look := func(age time.Duration) remediation.Look {
		at := three.Add(-age)
		return remediation.Look{At: at, Ended: at, Checks: []incident.Check{{ID: "reachable", Kind: "reachable", State: incident.Down}}}
	}
	for name, c := range map[string]struct {
		goal, diagnosis time.Duration // ages
		want            remediation.Move
	}{
		"the goal":      {-time.Hour, time.Second, remediation.Watch{}},
		"the diagnosis": {time.Second, -time.Hour, remediation.Diagnose{}},
		"both":          {-time.Second, -time.Second, remediation.Watch{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := remediation.Next(remediation.Facts{
				Incident: inc, Runbook: shipped(t, "server-unreachable"), Inventory: world(t), Limits: remediation.DefaultLimits,
				Goal: look(c.goal), Diagnosis: look(c.diagnosis), Now: three,
			})
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("the next move is %#v, want %#v", got, c.want)
			}
		})
	}
}
