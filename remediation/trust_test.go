package remediation

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// tries is a record of power cycles, newest first: H helped after its number of
// minutes, F failed, U unclear, S helped for less than an hour. Somebody had
// agreed to all of these. E helped where that had been earned before, A where
// nobody was asked, and O was another command in those days.
func tries(record string) []*incident.Touch {
	var list []*incident.Touch
	for n, letter := range record {
		t := &incident.Touch{}
		t.Verb, t.Approval = "cycle", "INC-2026-0001/A9"
		switch letter {
		case 'H', 'E', 'A', 'O':
			t.Result, t.Took = incident.Helped, time.Duration(n%5+1)*time.Minute
		case 'S':
			t.Result = incident.ShortLived
		case 'F':
			t.Result = incident.Failed
		case 'U':
			t.Result = incident.Unclear
		}
		switch letter {
		case 'E':
			t.Approval, t.Unasked = "", earnedLeave+"fixed 20 of 20"
		case 'A':
			t.Approval = ""
		case 'O':
			t.Verb = "off"
		}
		list = append(list, t)
	}
	return list
}

const trusting = `runbook: trusting
title: t
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: ops
goal: {checks: [reachable], for: 2m}
diagnose:
  - {id: power, check: bmc, target: server}
remedies:
  - {id: watched, power: cycle, trust: observe, verify: 5m}
  - {id: proposed, power: cycle, trust: propose, verify: 5m}
  - {id: asked, power: cycle, approve: {by: on-duty, within: 10m, otherwise: escalate}, verify: 5m}
  - {id: earning, power: cycle, earn: 20, approve: {by: on-duty, within: 10m, otherwise: escalate}, verify: 5m}
  - {id: free, power: cycle, verify: 5m}
`

// starting has the BMC say that the machine starts from its own disk.
func starting(f Facts) Facts {
	f.Diagnosis.Checks = []incident.Check{{ID: "power", Kind: "bmc", Target: "server", State: incident.Up, Facts: map[string]any{"state": "on", "boot_override": "none"}}}
	return f
}

func TestTrustIsEarnedAndSpent(t *testing.T) {
	many := strings.Repeat("H", 20)
	tests := map[string]struct {
		step, record string
		protected    bool
		want         runbooks.Trust
	}{
		"to watch only":                         {"watched", many, false, runbooks.Observe},
		"to propose only":                       {"proposed", many, false, runbooks.Propose},
		"asked, and nothing can be earned":      {"asked", many, false, runbooks.Asks},
		"nothing known yet":                     {"earning", "", false, runbooks.Asks},
		"one too few":                           {"earning", many[1:], false, runbooks.Asks},
		"earned":                                {"earning", many, false, runbooks.Auto},
		"earned, with two of twenty":            {"earning", "FHHHHHHHHHFHHHHHHHHH", false, runbooks.Auto},
		"not with three of twenty":              {"earning", "FHHHHHHHHHFHHHHHHHFH", false, runbooks.Asks},
		"nobody can say for three of twenty":    {"earning", "UHHHHHHHHHUHHHHHHHUH", false, runbooks.Asks},
		"old failures are forgotten":            {"earning", many + "FFFFFFFF", false, runbooks.Auto},
		"earned, on a protected server":         {"earning", many, true, runbooks.Asks},
		"what was earned helps on":              {"earning", strings.Repeat("E", 20), false, runbooks.Auto},
		"nobody had agreed to one of twenty":    {"earning", "A" + many[1:], false, runbooks.Asks},
		"nor to any":                            {"earning", strings.Repeat("A", 40), false, runbooks.Asks},
		"twenty with leave among others":        {"earning", "AAAA" + many, false, runbooks.Auto},
		"it was another command":                {"earning", strings.Repeat("O", 40), false, runbooks.Asks},
		"three of twenty did not last":          {"earning", "SHHHHHHHHHSHHHHHHHSH", false, runbooks.Asks},
		"free, and four did not last":           {"free", "SHSHSHSHHH", false, runbooks.Asks},
		"free, some failed and some were short": {"free", "SHFHSHFHHH", false, runbooks.Asks},
		"free, three did not last":              {"free", "SHSHSHHHHH", false, runbooks.Auto},
		"free":                                  {"free", "", false, runbooks.Auto},
		"free, within its budget":               {"free", "FFFHHHHHHH", false, runbooks.Auto},
		"free, the budget is spent":             {"free", "FFFFHHHHHH", false, runbooks.Asks},
		"free, spent in few tries":              {"free", "FFFF", false, runbooks.Asks},
		"free, spent long ago and helped since": {"free", "HHHHHHHHHHFFFFFFFF", false, runbooks.Auto},
		"free, on a protected server":           {"free", many, true, runbooks.Asks},
	}
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := starting(about(t, map[bool]string{false: "s0r0u0", true: protected}[test.protected]))
			f.Runbook, f.Results = book, map[string][]*incident.Touch{test.step: tries(test.record)}
			r, _ := book.Remedy(test.step)
			if got := f.trust(r); got.Trust != test.want {
				t.Errorf("%q (%s), want %q", got.Trust, got.Why, test.want)
			}
		})
	}
}

func TestWhoDecidesSeesWhatItWasGoodFor(t *testing.T) {
	r1 := inventory.Server{Model: "R1"}
	for record, want := range map[string]string{
		"":         "never tried before on this model (R1)",
		"FF":       "fixed 0 of 2 on this model (R1)",
		"HFHUH":    "fixed 3 of 5 on this model (R1), median 3m0s",
		"HHHHHHHH": "fixed 8 of 8 on this model (R1), median 3m0s",
		"HSSF":     "fixed 1 of 4 on this model (R1), 2 more for less than an hour, median 1m0s",
	} {
		if got := scorecard(tries(record), r1); got != want {
			t.Errorf("%s: %q, want %q", record, got, want)
		}
	}
}

func TestNobodyKnowsOfSilencesSoAPersonIsAsked(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	f := about(t, "s0r0u0")
	f.Runbook = book
	r, _ := book.Remedy("free")
	f.Others.SilencesOff = "no Alertmanager has answered for 6m0s"
	if got := f.trust(r); got.Trust != runbooks.Asks || !strings.Contains(got.Why, "no Alertmanager") {
		t.Errorf("%+v", got)
	}
}

// What is earned frees piket from asking about its own work, and of nothing else.
func TestWhatIsEarnedDoesNotAnswerForOthers(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	f := starting(about(t, "s0r0u0"))
	f.Runbook, f.Results = book, map[string][]*incident.Touch{"earning": tries(strings.Repeat("H", 20))}
	r, _ := book.Remedy("earning")
	if got := f.trust(r); got.Trust != runbooks.Auto {
		t.Fatalf("it has earned %+v", got)
	}
	two, leave := r, *r.Approve
	leave.Persons, two.Approve = 2, &leave
	if got := f.trust(two); got.Trust != runbooks.Asks {
		t.Errorf("where two must agree: %+v", got)
	}
	f.Others.SilencesOff = "no Alertmanager has answered"
	if got := f.trust(r); got.Trust != runbooks.Asks {
		t.Errorf("where nobody knows of silences: %+v", got)
	}
}
