package remediation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// leave is how far piket may go with a step by itself, and why that is not
// what the runbook says.
type leave struct {
	Trust runbooks.Trust
	Why   string
}

// trust says how far piket may go with a remedy on this server: as far as the
// runbook says; further once it has earned that on this class of server; and
// never without asking when its budget of errors is spent.
func (f Facts) trust(r runbooks.Remedy) leave {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	said := r.Level(f.asked(r))
	record := f.Results[r.ID]
	switch {
	case said == runbooks.Observe || said == runbooks.Propose:
		return leave{said, ""}
	case f.wipes(r):
		return leave{runbooks.Asks, "it may wipe the disks"}
	case server.Protected:
		return leave{runbooks.Asks, "the server is protected"}
	case said == runbooks.Auto && f.Others.SilencesOff != "":
		return leave{runbooks.Asks, "nobody knows whether it is to be left alone: " + f.Others.SilencesOff}
	case said == runbooks.Auto && f.startUnknown(r) != "":
		return leave{runbooks.Asks, f.startUnknown(r)}
	case spent(record, f.Limits.ErrorBudget):
		return leave{runbooks.Asks, "its budget of errors is spent: " + scorecard(record, server)}
	case said == runbooks.Asks && f.Others.SilencesOff == "" && f.startUnknown(r) == "" && leaveOf(r).Persons < 2 && earned(record, r):
		return leave{runbooks.Auto, earnedLeave + scorecard(record, server)}
	}
	return leave{said, ""}
}

// asked reports whether the runbook has a person asked on these findings.
func (f Facts) asked(r runbooks.Remedy) bool { return f.Runbook.Asks(r, f.conditionFacts()) }

// ErrorBudget is how many of the last so many tries of a step, on one class of
// server, may have failed to help, or have helped for less than an hour, before a
// person is asked again.
type ErrorBudget struct{ Of, Failed int }

func spent(record []*incident.Touch, b ErrorBudget) bool {
	record = record[:min(len(record), b.Of)]
	return count(record, incident.Failed)+count(record, incident.ShortLived) > b.Failed
}

// earnedLeave begins the reason why nobody is asked any more.
const earnedLeave = "earned: "

// earned reports whether of the last tries, as many as were to be shown, nearly
// all helped. One in ten may not have.
func earned(record []*incident.Touch, r runbooks.Remedy) bool {
	record = slices.DeleteFunc(slices.Clone(record), func(t *incident.Touch) bool { return t.Result == incident.Helped && !shows(t, r) })
	needed := r.Earn
	if needed <= 0 || len(record) < needed {
		return false
	}
	record = record[:needed]
	return count(record, incident.Helped)*10 >= needed*9
}

// shows reports whether a try that helped speaks for doing the same without
// asking: somebody had agreed to it, or it was earned in its turn, and it was
// what the step does today. What a runbook did by itself, or did under the same
// name before it was changed, shows nothing. What failed counts in any case.
func shows(t *incident.Touch, r runbooks.Remedy) bool {
	agreed := t.Approval != "" || strings.HasPrefix(t.Unasked, earnedLeave)
	return agreed && t.Verb == r.Power && runbooks.Fits(r.SSH, t.Command)
}

// learnt is the record of an intent's step with what has been judged since it was
// read, newest first. touched holds everything of the last day, oldest first.
func learnt(intent incident.Intended, record, touched []*incident.Touch) []*incident.Touch {
	var latest []*incident.Touch
	for _, t := range slices.Backward(touched) {
		if t.Runbook == intent.Runbook && t.Step == intent.Step && t.Class == intent.Class && t.Duty == 0 && t.Result != "" {
			latest = append(latest, t)
		}
	}
	recent := len(latest)
	for _, t := range record {
		if !slices.ContainsFunc(latest[:recent], func(l *incident.Touch) bool { return l.Intent == t.Intent }) {
			latest = append(latest, t)
		}
	}
	return latest
}

func count(record []*incident.Touch, r incident.Result) (n int) {
	for _, t := range record {
		if t.Result == r {
			n++
		}
	}
	return n
}

// scorecard says what a step was good for, as a person is shown it who decides
// about it: "fixed 18 of 29 on this model, median 4m10s".
func scorecard(record []*incident.Touch, server inventory.Server) string {
	if len(record) == 0 {
		return "never tried before " + onClass(server)
	}
	var took []time.Duration
	for _, t := range record {
		if t.Result == incident.Helped {
			took = append(took, t.Took)
		}
	}
	text := fmt.Sprintf("fixed %d of %d %s", len(took), len(record), onClass(server))
	if n := count(record, incident.ShortLived); n > 0 {
		text += fmt.Sprintf(", %d more for less than an hour", n)
	}
	if len(took) > 0 {
		slices.Sort(took)
		text += fmt.Sprintf(", median %v", took[len(took)/2].Round(time.Second))
	}
	return text
}

func onClass(server inventory.Server) string {
	if server.Model == "" {
		return "on servers without a model"
	}
	return "on this model (" + server.Model + ")"
}

// leaveOf is how a remedy's question is put when its runbook has none: somebody
// on duty is asked, and silence means no.
func leaveOf(r runbooks.Remedy) runbooks.Approve {
	if r.Approve != nil {
		return *r.Approve
	}
	return runbooks.Approve{By: inventory.OnDutyPeople, Within: 10 * time.Minute, Otherwise: "escalate"}
}
