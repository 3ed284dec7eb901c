package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// ahead is how long before a stage is due people are reminded of it.
var ahead = map[incident.DutyStage]time.Duration{
	incident.EarlyWarning: 6 * time.Hour,
	incident.Notification: 24 * time.Hour,
	incident.FinalReport:  7 * 24 * time.Hour,
}

// duty keeps the clocks of NIS2 for an incident that a person holds for
// significant: a reminder with a draft before each report to the authority is
// due, and an alarm, day after day, when it is overdue. Piket sends nothing to
// the authority.
func (b *batch) duty() {
	inc := b.facts.Incident
	for _, stage := range inc.Duty.Missing() {
		due := inc.Duty.Due(stage)
		if b.facts.Now.Before(due) {
			first := due.Add(-ahead[stage])
			if first.Before(inc.Duty.Aware) {
				first = inc.Duty.Aware
			}
			b.nag(nag{
				topic: "nis2-" + string(stage), first: first, every: due.Sub(first), people: b.managers(), path: "/incidents/" + inc.ID + "/review",
				subject: fmt.Sprintf("[%s] NIS2: the %s is due by %s", inc.ID, stage, due.In(b.zone()).Format(incident.Moment)),
				write:   b.dutyMail(stage),
			})
			b.later(due)
			continue
		}
		b.attention("nis2-"+string(stage)+"-overdue", fmt.Sprintf("the %s under NIS2 was due by %s and nobody says that it was sent", stage, due.UTC().Format(incident.Moment)))
		b.nag(nag{
			topic: "nis2-" + string(stage) + "-late", first: due, every: 24 * time.Hour, people: append(b.managers(), b.onDuty()...), path: "/incidents/" + inc.ID + "/review",
			subject: fmt.Sprintf("[%s] NIS2: the %s is OVERDUE since %s", inc.ID, stage, due.In(b.zone()).Format(incident.Moment)),
			write:   b.dutyMail(stage),
		})
	}
}

// dutyMail writes a reminder's text, which is long, when it leaves.
func (b *batch) dutyMail(stage incident.DutyStage) func() string {
	return func() string {
		return "Send it to the authority and say so on the page. A draft, from the timeline:\n\n" + DutyDraft(b.facts.Incident, stage, b.facts.Now, b.zone())
	}
}

// DutyDraft is what a report to the authority could say, as far as the timeline
// knows; what it does not know stands there as a question.
func DutyDraft(inc *incident.Incident, stage incident.DutyStage, now time.Time, zone *time.Location) string {
	var b strings.Builder
	at := func(t time.Time) string {
		if t.IsZero() {
			return "n/a"
		}
		return t.In(zone).Format(incident.Moment)
	}
	line := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	line("Report", fmt.Sprintf("%s under article 23 of directive (EU) 2022/2555", stage))
	line("Our number", inc.ID)
	line("State as of", at(now))
	line("Aware since", at(inc.Duty.Aware))
	line("What happened", inc.Title+", since "+at(inc.StartedAt))
	line("Why it is significant", inc.Duty.Why)
	line("Unlawful or malicious", "to be filled in: suspected, or not")
	line("Across borders", "to be filled in: could it have effects in other member states?")
	if stage == incident.EarlyWarning {
		return b.String()
	}
	line("Severity", fmt.Sprintf("priority %s %s, impact %s, urgency %s", inc.Priority, inc.Priority.Word(), inc.Impact, inc.Urgency))
	line("Customers touched", orNone(strings.Join(inc.Customers, ", ")))
	line("Where the trouble lies", orNone(inc.Verdict.Reason))
	line("Indicators of compromise", "to be filled in, where there are any")
	if inc.RestoredAt.IsZero() {
		line("Service", "not back yet")
	} else {
		line("Service", "back since "+at(inc.RestoredAt))
	}
	if stage == incident.Notification {
		return b.String()
	}
	if r := inc.Resolution; r != nil {
		line("Root cause", r.Cause)
		line("Mitigation", r.Solution)
		line("Prevention", orNone(r.Prevention))
	} else {
		line("Root cause and mitigation", "to be filled in: the incident is not closed")
	}
	if r := inc.Review; r != nil {
		line("Causes, by the review", orNone(r.Latest.Causes))
		for _, a := range r.Latest.Actions {
			line("Measure", fmt.Sprintf("%s (by %s)", a.What, a.Due))
		}
	}
	return b.String()
}

func orNone(words string) string {
	if words == "" {
		return "n/a"
	}
	return words
}
