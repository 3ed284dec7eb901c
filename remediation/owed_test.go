package remediation

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// What is part of another incident does nothing any more, and so would the duty.
func TestIncidentThatOwesPowerIsNotMerged(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	for _, owes := range []bool{false, true} {
		for _, part := range []string{"", "INC-parent"} {
			f := about(t, "s0r0u0")
			inc := f.Incident
			f.Runbook, f.PartOf = book, part
			if owes {
				inc.Owes = &incident.Intended{Server: "s0r0u0", Action: "power", Verb: "cycle", Step: "free"}
			}
			inc.Power, inc.PowerAt = "unknown", noon.Add(-time.Hour)
			inc.Verdict, inc.VerdictAt = incident.Concluded{Verdict: incident.VerdictRack, Reason: "r"}, noon.Add(-time.Minute)
			f.Goal, f.Diagnosis = Look{At: noon, Ended: noon, Power: "unknown"}, Look{At: noon, Ended: noon}
			f.Diagnosis.Checks = []incident.Check{
				{ID: "path", Kind: "reachable", Target: "site.gateway", State: incident.Up},
				{ID: "n", Kind: "neighbours", Target: "site", State: incident.Down, Facts: map[string]any{"rack_asked": 3, "rack_up": 0, "asked": 3, "up": 0}},
			}
			if _, merged := Next(f).(Merge); merged == owes {
				t.Errorf("owing %v, part of %q: %#v", owes, part, Next(f))
			}
		}
	}
}

// Hands in the rack are asked after by the incident that sent them: merged, they
// would be forgotten, and power cut under them.
func TestIncidentWithHandsAtWorkIsNotMerged(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	for _, verdict := range []incident.Verdict{incident.VerdictRack, incident.VerdictServer} {
		for _, hands := range []bool{false, true} {
			f := about(t, "s0r0u0")
			f.Runbook, f.PartOf = book, "INC-parent"
			if hands {
				f.Incident.Vendors = []*incident.Order{{State: incident.OrderSent, HandsIn: noon}}
			}
			f.Incident.Verdict, f.Incident.VerdictAt = incident.Concluded{Verdict: verdict, Reason: "r"}, noon.Add(-time.Minute)
			f.Goal, f.Diagnosis = Look{At: noon, Ended: noon}, Look{At: noon, Ended: noon}
			if _, merged := hold(f).(Merge); merged == hands {
				t.Errorf("%s, hands in the rack %v: %#v", verdict, hands, hold(f))
			}
		}
	}
}

// The step that left the machine off ends before the duty takes its place: else
// it would count as under way for ever, and nobody would learn from it.
func TestStepThatLeftTheMachineOffEndsBeforeTheDuty(t *testing.T) {
	f := acted(t, "cycle", incident.OutcomeDone)
	f.Runbook = &runbooks.Runbook{Remedies: []runbooks.Remedy{{ID: "power-cycle", Power: "cycle"}}}
	f.Incident.Power, f.Incident.PowerAt = "off", noon
	f.Goal = Look{At: f.Now, Ended: f.Now, Power: "off"}
	m, ok := powerDuty(f).(Decide)
	if !ok {
		t.Fatalf("%#v", powerDuty(f))
	}
	f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: 9, At: f.Now, Payload: m.Payloads[0]})
	if a := f.Incident.Action; a.Live() || a.Result != incident.Failed {
		t.Errorf("the step is %+v", a)
	}
	if i, ok := powerDuty(f).(Intend); !ok || i.Intent.Verb != "on" || i.Intent.Duty != 1 {
		t.Errorf("then comes %#v", powerDuty(f))
	}
}
