package remediation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// Judge says where the trouble lies, on what was found last. When in doubt it
// is never the server: everything but VerdictServer means that no machine is
// touched.
func Judge(f Facts) incident.Concluded {
	if len(f.Goal.Checks) > 0 && wellAll(f.Goal.Checks) {
		return incident.Concluded{Verdict: incident.VerdictRecovered, Reason: "everything answers"}
	}
	if blind, ok := f.finding("references"); ok && blind.State == incident.Down {
		return incident.Concluded{Verdict: incident.VerdictMe, Reason: "piket itself cannot see: " + blind.Reason}
	}
	if status, ok := f.finding("statuspage"); ok && status.Facts["incident"] == true {
		return incident.Concluded{Verdict: incident.VerdictSite, Reason: "the provider announces it: " + status.Reason}
	}
	path, ok := f.pathFinding()
	switch {
	case !ok:
		return incident.Concluded{Verdict: incident.VerdictUnknown,
			Reason: "no gateway of the site is asked, so a broken path cannot be told from a broken server"}
	case path.State == incident.Down:
		return incident.Concluded{Verdict: incident.VerdictSite, Reason: "the site's gateway does not answer: " + path.Reason}
	case path.State == incident.Unknown:
		return incident.Concluded{Verdict: incident.VerdictMe, Reason: "the site's gateway could not be asked: " + path.Reason}
	}
	if c, ok := neighboursGone(f); ok {
		return c
	}
	if c, ok := fellTogether(f); ok {
		return c
	}
	switch kind := f.Incident.Subject.Kind; {
	case kind == "rack", kind == "feed":
		return incident.Concluded{Verdict: incident.Verdict(kind),
			Reason: "the site's gateway answers, and machines of this " + kind + " went together: " + badness(f.Goal.Checks)}
	case kind != "server":
		return incident.Concluded{Verdict: incident.VerdictUnknown,
			Reason: "the site's gateway answers, and no one server is to blame: " + badness(f.Goal.Checks)}
	}
	if c, ok := notForMost(f); ok {
		return c
	}
	if !f.Runbook.Goal.Service() {
		return incident.Concluded{Verdict: incident.VerdictServer, Reason: "the site's gateway answers, this does not: " + badness(f.Goal.Checks)}
	}
	return incident.Concluded{Verdict: incident.VerdictServer, Reason: "the site's gateway answers, the server does not"}
}

// notForMost: what comes and goes, or is heard by most of those who look, is
// not dead. Cutting its power would be the outage.
func notForMost(f Facts) (incident.Concluded, bool) {
	if flaps(f.Incident) {
		return incident.Concluded{Verdict: incident.VerdictUnknown, Reason: "it goes and comes back again and again"}, true
	}
	v, ok := f.finding("vantages")
	if !ok || number(v.Facts["voters"]) == 0 || answers(f.Goal.Checks) != incident.Down { // they were asked about the server, not about what runs on it
		return incident.Concluded{}, false
	}
	if down, voters := number(v.Facts["down"]), number(v.Facts["voters"]); down*2 <= voters {
		return incident.Concluded{Verdict: incident.VerdictUnknown,
			Reason: fmt.Sprintf("only %d of the %d vantages that can see find it silent", down, voters)}, true
	}
	return incident.Concluded{}, false
}

// flaps reports whether the scheduler says so of the incident's server.
func flaps(inc *incident.Incident) bool {
	return slices.ContainsFunc(inc.Firing(), func(a alerts.Alert) bool { return a.Name() == alerts.ServerFlapping })
}

// neighboursGone: when the machines beside it are gone as well, it is not this
// one that broke. One machine of the site alone proves nothing; the only other
// one of the rack does, when other racks are well.
func neighboursGone(f Facts) (incident.Concluded, bool) {
	n, ok := f.finding("neighbours")
	if !ok {
		return incident.Concluded{}, false
	}
	if asked, up := number(n.Facts["feed_asked"]), number(n.Facts["feed_up"]); asked >= 2 && up == 0 && asked > number(n.Facts["rack_asked"]) {
		return incident.Concluded{Verdict: incident.VerdictFeed,
			Reason: fmt.Sprintf("none of the %d machines on its power feed answers either", asked)}, true
	}
	if asked, up := number(n.Facts["rack_asked"]), number(n.Facts["rack_up"]); up == 0 && (asked >= 2 || asked == 1 && number(n.Facts["up"]) > 0) {
		return incident.Concluded{Verdict: incident.VerdictRack,
			Reason: fmt.Sprintf("of the other machines in its rack (%d) none answers either", asked)}, true
	}
	if asked, up := number(n.Facts["asked"]), number(n.Facts["up"]); asked >= 2 && up == 0 {
		return incident.Concluded{Verdict: incident.VerdictSite,
			Reason: fmt.Sprintf("none of %d other machines of the site answers either", asked)}, true
	}
	return incident.Concluded{}, false
}

func number(v any) int {
	n, _ := v.(int)
	return n
}

// finding returns what a kind of check found in the latest diagnosis.
func (f Facts) finding(kind string) (incident.Check, bool) { return finding(f.Diagnosis.Checks, kind) }

func finding(checks []incident.Check, kind string) (incident.Check, bool) {
	for _, c := range checks {
		if c.Kind == kind {
			return c, true
		}
	}
	return incident.Check{}, false
}

// pathFinding returns the look at the site's gateway.
func (f Facts) pathFinding() (incident.Check, bool) {
	for _, c := range f.Diagnosis.Checks {
		if c.Target == "site.gateway" {
			return c, true
		}
	}
	return incident.Check{}, false
}

func check(checks []incident.Check, id string) (incident.Check, bool) {
	for _, c := range checks {
		if c.ID == id {
			return c, true
		}
	}
	return incident.Check{}, false
}

// wellAll reports whether every check is up; unknown is not up.
func wellAll(checks []incident.Check) bool {
	for _, c := range checks {
		if c.State != incident.Up {
			return false
		}
	}
	return true
}

// anyDown reports whether a check is down; unknown is not down.
func anyDown(checks []incident.Check) bool {
	for _, c := range checks {
		if c.State == incident.Down {
			return true
		}
	}
	return false
}

// badness says what is not up.
func badness(checks []incident.Check) string {
	var bad []string
	for _, c := range checks {
		if c.State != incident.Up {
			bad = append(bad, c.ID+" "+c.Reason)
		}
	}
	return strings.Join(bad, "; ")
}

// conditionFacts are the findings as a runbook's conditions see them. What is
// unknown is left out, so that a condition which needs it cannot hold.
func (f Facts) conditionFacts() map[string]any {
	facts := map[string]any{}
	for _, checks := range [][]incident.Check{f.Diagnosis.Checks, f.Goal.Checks} {
		for _, c := range checks {
			if c.State != incident.Unknown {
				facts[c.ID+".ok"] = c.State == incident.Up
			}
			for name, value := range c.Facts {
				facts[c.ID+"."+name] = value
			}
		}
	}
	return facts
}
