package remediation

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// fit are facts on which every guard agrees to a power cycle: a server that has
// been silent for an hour, with all around it well.
func fit(t *testing.T) Facts {
	t.Helper()
	f := about(t, "s0r0u0")
	inv := *f.Inventory
	inv.Servers = slices.Clone(inv.Servers)
	for n := range inv.Servers {
		if inv.Servers[n].Name == "s0r0u0" {
			inv.Servers[n].Serial, inv.Servers[n].UUID, inv.Servers[n].BMC = "SN1", "00000000-0000-4000-8000-000000000001", &inventory.BMC{}
		}
	}
	loaded, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	f.Inventory = loaded
	f.Runbook = &runbooks.Runbook{Goal: runbooks.Goal{Checks: []string{"reachable"}}}
	f.Incident.PinnedAt, f.Incident.DownSince = noon.Add(-time.Hour), noon.Add(-time.Hour)
	f.Goal = Look{At: noon, Ended: noon, Checks: []incident.Check{{ID: "reachable", Kind: "reachable", Target: "server", State: incident.Down}}}
	f.Diagnosis = Look{At: noon, Ended: noon, Checks: []incident.Check{
		{ID: "path", Kind: "reachable", Target: "site.gateway", State: incident.Up},
		{ID: "power", Kind: "bmc", Target: "server", State: incident.Up, Facts: map[string]any{"state": "on", "boot_override": "none"}},
		{ID: "shell", Kind: "ssh", Target: "server", State: incident.Down},
	}}
	return f
}

// tried has a try of the remedy on the incident's record, with its outcome.
func tried(f *Facts, outcome incident.Outcome) {
	for n, p := range []incident.Payload{
		incident.Intended{Intent: "INC-1/I2", Step: cycle.ID, Attempt: 1, Server: "s0r0u0", Action: "power", Verb: "cycle"},
		incident.Claimed{Intent: "INC-1/I2", Owner: "test"},
		incident.OutcomeRecorded{Intent: "INC-1/I2", Outcome: outcome},
		incident.StepFailed{Step: cycle.ID, Reason: "it did not help"},
	} {
		f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: n + 2, At: noon.Add(-time.Hour), Payload: p})
	}
}

// Each guard stands in the list that is asked, and what it guards against is
// enough for a no by itself.
func TestEveryGuardIsAsked(t *testing.T) {
	tests := map[string]struct {
		guard  string
		change func(*Facts)
	}{
		"all is well":                     {"", func(*Facts) {}},
		"nobody looked at the others":     {"surroundings", func(f *Facts) { f.Alone = true }},
		"it is frozen":                    {"freeze", func(f *Facts) { f.Frozen = "by hand" }},
		"nobody knows the time":           {"clock", func(f *Facts) { f.Clock = "it was set back" }},
		"it is about a site":              {"one-target", func(f *Facts) { f.Incident.Subject = incident.Subject{Kind: "site", Name: "s0"} }},
		"it is not in the inventory":      {"one-target", func(f *Facts) { f.Incident.Subject.Name = "gone" }},
		"the gateway is silent":           {"site-verdict", func(f *Facts) { f.Diagnosis.Checks[0].State = incident.Down }},
		"others of its rack fell as well": {"site-verdict", func(f *Facts) { f.Fallen = []string{"s0r0u1", "s0r0u2"} }},
		"its whole rack is in trouble":    {"around", func(f *Facts) { f.Around = "INC-3" }},
		"hands are in its rack":           {"interlock", func(f *Facts) { f.Others.Hands = "INC-3" }},
		"five others are acted on": {"few-at-once", func(f *Facts) {
			f.Touched = []*incident.Touch{touch("s1r0u1", 0, live), touch("s1r1u1", 0, live), touch("s1r2u1", 0, live), touch("s1r3u1", 0, live), touch("s1r3u3", 0, live)}
		}},
		"another of its rack is acted on": {"blast-radius", func(f *Facts) { f.Touched = []*incident.Touch{touch("s0r0u1", 0, live)} }},
		"it was acted on thrice today": {"rate", func(f *Facts) {
			f.Touched = []*incident.Touch{touch("s0r0u0", 5*time.Hour), touch("s0r0u0", 9*time.Hour), touch("s0r0u0", 23*time.Hour)}
		}},
		"its power was cut a while ago":             {"cooldown", func(f *Facts) { f.Touched = []*incident.Touch{touch("s0r0u0", 20*time.Minute)} }},
		"it was tried once":                         {"", func(f *Facts) { tried(f, incident.OutcomeDone) }},
		"one try ended in the dark":                 {"attempts", func(f *Facts) { tried(f, incident.OutcomeUnknown) }},
		"the step may be tried no more":             {"attempts", func(f *Facts) { f.Incident.Steps = map[string]*incident.Step{cycle.ID: {Attempts: 2}} }},
		"somebody set it to start from the network": {"boot-override", func(f *Facts) { f.says("pxe once") }},
		"customers' data may be on its disks": {"wipe", func(f *Facts) {
			f.Runbook = reinstallBook(t)
			f.armed()
		}},
		"another was reinstalled today": {"reinstalls", func(f *Facts) {
			other := touch("s1r1u1", 20*time.Hour)
			other.Incident, other.Action.Action = "INC-9", incident.ActionBoot
			f.Touched = []*incident.Touch{other}
		}},
		"its BMC does not say":           {"evidence", func(f *Facts) { f.Diagnosis.Checks[1].Facts = nil }},
		"it has been gone for a minute":  {"hold-down", func(f *Facts) { f.Incident.DownSince = noon.Add(-time.Minute) }},
		"the inventory lacks its number": {"identity", func(f *Facts) { f.Inventory = fleet(t) }},
	}
	twice, guarded := cycle, map[string]bool{}
	twice.Attempts = 2
	for name, test := range tests {
		guarded[test.guard] = true
		t.Run(name, func(t *testing.T) {
			f := fit(t)
			test.change(&f)
			var got refusal
			remedy := twice
			switch test.guard {
			case "wipe":
				remedy, _ = f.Runbook.Remedy("restart")
			case "reinstalls":
				remedy = runbooks.Remedy{ID: "from-network", Boot: &runbooks.Boot{Device: "pxe", Once: true}}
			}
			if no := refuse(f, remedy); no != nil {
				got = *no
			}
			if got.Guard != test.guard {
				t.Errorf("guard %q refuses (%s), want %q", got.Guard, got.Why, test.guard)
			}
		})
	}
	for _, g := range guards {
		if !guarded[g.name] {
			t.Errorf("nothing here wakes the guard %s", g.name)
		}
	}
}
