package web

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// finding is one check as people read it.
type finding struct {
	What   string // "way to the site"
	State  incident.State
	Reason string
	Then   string // how it was when a person was asked on it, "" when it is still so
}

// checkWords says what each kind of check asks, by its target where that makes
// a difference.
var checkWords = map[string]string{
	"reachable site.gateway": "Way to the site",
	"icmp site.gateway":      "Way to the site",
	"reachable server":       "Server",
	"reachable site":         "Site",
	"icmp server":            "Ping",
	"services server":        "Services",
	"services site":          "Services",
	"statuspage":             "Provider's status page",
	"neighbours":             "Machines beside it",
	"references":             "Piket's own view",
	"vantages":               "Seen from elsewhere",
	"bmc":                    "Power, by the BMC",
	"ssh":                    "SSH",
}

func findings(checks []incident.Check) []finding {
	list := make([]finding, 0, len(checks))
	for _, c := range checks {
		what := checkWords[c.Kind+" "+c.Target]
		if what == "" {
			what = checkWords[c.Kind]
		}
		if what == "" {
			what = c.ID
		}
		list = append(list, finding{What: what, State: c.State, Reason: c.Reason})
	}
	return list
}

// diagnosisView is what was found before anything was touched, and what is
// watched now.
type diagnosisView struct {
	At       time.Time
	Found    []finding
	Goal     []finding
	Holds    bool
	Since    time.Time
	Closure  []finding
	Passed   bool
	Verdict  string
	Alerts   int // firing
	Received int
}

func diagnosisOf(h history, _ setting) *diagnosisView {
	inc := h.inc
	v := &diagnosisView{
		At: inc.DiagnosedAt, Found: findings(inc.Diagnosis), Goal: findings(inc.Goal.Checks),
		Holds: inc.Goal.Holds, Since: inc.Goal.Since, Alerts: len(inc.Firing()), Received: len(inc.Alerts),
	}
	if inc.Verdict.Verdict != "" {
		v.Verdict = verdictWords(inc.Verdict.Verdict) + ": " + inc.Verdict.Reason + "."
	}
	if inc.Closure != nil {
		v.Closure, v.Passed = findings(inc.Closure.Checks), inc.Closure.Passed
	}
	return v
}
