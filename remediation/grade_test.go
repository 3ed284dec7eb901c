package remediation

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// acted are the facts after an action that was claimed at noon and accepted a
// second later; the machine was silent before.
func acted(t *testing.T, verb string, outcome incident.Outcome) Facts {
	f := about(t, "s0r0u0")
	silent := []incident.Check{{ID: "reachable", State: incident.Down}}
	for n, p := range []incident.Payload{
		incident.GoalSeen{Checks: silent},
		incident.Intended{Intent: "INC-1/I3", Step: "power-cycle", Server: "s0r0u0", Action: "power", Verb: verb},
		incident.Claimed{Intent: "INC-1/I3"},
		incident.OutcomeRecorded{Intent: "INC-1/I3", Outcome: outcome},
	} {
		f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: n + 2, At: noon, Payload: p})
	}
	f.Now = noon.Add(time.Minute)
	return f
}

func TestProofOfARestartIsGraded(t *testing.T) {
	bmc := func(event string) incident.Check {
		return incident.Check{Kind: "bmc", State: incident.Up, Facts: map[string]any{"boot_event": event}}
	}
	boot := func(uptime float64) incident.Check {
		return incident.Check{Kind: "boot", State: incident.Up, Facts: map[string]any{"id": "6f1c", "uptime": uptime}}
	}
	late, early := noon.Add(20*time.Second).Format(time.RFC3339), noon.Add(-time.Hour).Format(time.RFC3339)
	silent, hears := incident.Check{ID: "reachable", State: incident.Down}, incident.Check{ID: "reachable", State: incident.Up}
	tests := map[string]struct {
		was   string // the power as seen before this look
		look  Look
		grade incident.Grade
	}{
		"nothing new":                     {"on", Look{Checks: []incident.Check{silent}, Power: "on"}, ""},
		"on, and never seen off":          {"", Look{Checks: []incident.Check{silent}, Power: "on"}, ""},
		"off, and then on":                {"off", Look{Checks: []incident.Check{silent}, Power: "on"}, incident.Powered},
		"the log tells of a start":        {"on", Look{Checks: []incident.Check{silent}, Power: "on", Evidence: []incident.Check{bmc(late)}}, incident.Booting},
		"the log tells of an older start": {"on", Look{Checks: []incident.Check{silent}, Power: "on", Evidence: []incident.Check{bmc(early)}}, ""},
		"the log tells nonsense":          {"on", Look{Checks: []incident.Check{silent}, Power: "on", Evidence: []incident.Check{bmc("yesterday")}}, ""},
		"it answers":                      {"on", Look{Checks: []incident.Check{hears}, Power: "on"}, incident.OnTheNet},
		"it says that it has started":     {"on", Look{Checks: []incident.Check{hears}, Evidence: []incident.Check{bmc(late), boot(40)}}, incident.NewBoot},
		"it never stopped":                {"on", Look{Checks: []incident.Check{silent}, Evidence: []incident.Check{boot(86_400)}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := acted(t, "cycle", incident.OutcomeDone)
			f.Incident.Power = test.was
			test.look.At = f.Now
			proof, better := f.grade(test.look)
			if better != (test.grade != "") || better && proof.Grade != test.grade {
				t.Errorf("%+v (%v), want %q", proof, better, test.grade)
			}
		})
	}
}

func TestGradeNeverFalls(t *testing.T) {
	f := acted(t, "cycle", incident.OutcomeDone)
	if f.Incident.Action.Grade != incident.Accepted {
		t.Fatalf("an accepted command has grade %q", f.Incident.Action.Grade)
	}
	for n, g := range []incident.Grade{incident.NewBoot, incident.Powered} {
		f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: 10 + n, At: noon, Payload: incident.Graded{Intent: "INC-1/I3", Grade: g}})
	}
	if f.Incident.Action.Grade != incident.NewBoot {
		t.Errorf("the grade fell to %q", f.Incident.Action.Grade)
	}
}

func TestStepHasTheCreditOnlyWithTheProofItsRunbookWants(t *testing.T) {
	for reached, credit := range map[incident.Grade]bool{incident.Accepted: false, incident.Powered: false, incident.Booting: true, incident.NewBoot: true} {
		f := acted(t, "cycle", incident.OutcomeDone)
		f.Runbook = &runbooks.Runbook{Remedies: []runbooks.Remedy{{ID: "power-cycle", Power: "cycle", Evidence: "boot"}}}
		f.Incident.Action.Grade = reached
		if r := f.restored(); (r.Step != "") != credit {
			t.Errorf("with grade %q: %+v, want the credit %v", reached, r, credit)
		}
	}
}
