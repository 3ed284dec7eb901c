package report_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// line is an event some time after the incident was opened.
type line struct {
	after   time.Duration
	payload incident.Payload
	actor   string // piket when empty
}

// timeline makes events of lines, one incident's.
func timeline(id string, at time.Time, lines ...line) []incident.Event {
	events := make([]incident.Event, len(lines))
	for n, l := range lines {
		actor := l.actor
		if actor == "" {
			actor = incident.Piket
		}
		events[n] = incident.Event{Incident: id, Seq: n + 1, At: at.Add(l.after), Recorded: at.Add(l.after), Actor: actor, Payload: l.payload}
	}
	return events
}

func alert(status alerts.Status, startsAt time.Time) incident.AlertReceived {
	return incident.AlertReceived{Alert: alerts.Alert{
		Source: "probe", Status: status, Fingerprint: "f00d", StartsAt: startsAt, Labels: alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-07"},
		Annotations: alerts.Labels{"summary": "web-07 does not answer: 5 echoes in a row were lost"},
	}}
}

func mail(id, purpose, customer string) incident.MessageQueued {
	return incident.MessageQueued{Message: id, Purpose: purpose, Customer: customer, To: []string{"it@bakery.example.net"},
		Subject: "[INC-2026-0001] Outage: shop", Body: strings.Repeat("You will hear from us again at the latest then. ", 12)}
}

func delivered(id string) incident.Delivered {
	return incident.Delivered{Message: id, Detail: "250 2.0.0 Ok: queued"}
}

// wholeIncident is the policy's worked example [6]: a server hangs, the customer
// hears, an engineer agrees to a power cycle, service returns, and it is closed.
func wholeIncident() []incident.Event {
	at, noor := opened, incident.Person("noor")
	checks := []incident.Check{{ID: "reachable", Kind: "icmp", Target: "web-07", State: incident.Down, Reason: "3 echoes were lost"},
		{ID: "power", Kind: "bmc", Target: "web-07", State: incident.Up, Reason: "on", Facts: map[string]any{"state": "on"}}}
	intent := incident.Intended{Intent: "I1", Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle", Runbook: "server-unreachable",
		Class: "R640", Serial: "CZ29340X7K", UUID: "b3f1c6a2", PlanHash: strings.Repeat("4f1c9a7d", 8), Approval: "A1", NotAfter: at.Add(time.Hour), VerifyBy: at.Add(time.Hour)}
	return timeline("INC-2026-0001", at,
		line{0, incident.Opened{Title: "Server web-07 does not answer", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Site: "ams1", Customers: []string{"bakery"}}, ""},
		line{0, alert(alerts.Firing, at.Add(-5*time.Second)), "probe"},
		line{0, incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1, Reason: "as the runbook says"}, ""},
		line{0, incident.Assigned{Team: "network-and-server"}, ""},
		line{0, incident.RunbookPinned{Name: "server-unreachable", Hash: strings.Repeat("ab", 32), Source: strings.Repeat("# what the runbook says\n", 80)}, ""},
		line{time.Second, mail("M1", "first", "bakery"), ""},
		line{time.Second, incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery", Telephone: "555 0142", Script: "Since 03:00, shop does not answer."}, ""},
		line{time.Second, incident.MessageQueued{Message: "M2", Purpose: "page open", Topic: "open", People: []string{"noor"}, To: []string{"noor@example.net"}, Subject: "P1", Body: "Server web-07 does not answer."}, ""},
		line{2 * time.Second, delivered("M1"), ""}, line{2 * time.Second, delivered("M2"), ""},
		line{3 * time.Second, incident.GoalSeen{Checks: checks}, ""}, line{3 * time.Second, incident.Diagnosed{Checks: checks}, ""},
		line{3 * time.Second, incident.Concluded{Verdict: incident.VerdictServer, Reason: "its neighbours answer"}, ""},
		line{4 * time.Second, incident.Skipped{Step: "power-on", Reason: "power.state is on"}, ""},
		line{5 * time.Second, incident.ApprovalRequested{Approval: "A1", Step: "power-cycle", Attempt: 1, Action: "power cycle web-07", PlanHash: strings.Repeat("4f1c9a7d", 8), By: "on-duty", Expires: at.Add(10 * time.Minute), Else: "escalate"}, ""},
		line{60 * time.Second, incident.Acknowledged{By: "noor"}, noor},
		line{90 * time.Second, incident.Approved{Approval: "A1", PlanHash: strings.Repeat("4f1c9a7d", 8), By: "noor"}, noor},
		line{5 * time.Minute, incident.Blocked{Step: "power-cycle", Guard: "hold-down", Why: "gone for 1m30s", Until: at.Add(5 * time.Minute)}, ""},
		line{5 * time.Minute, intent, ""}, line{5 * time.Minute, incident.Claimed{Intent: "I1", Owner: "host, process 1"}, ""},
		line{5*time.Minute + time.Second, incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeDone, Detail: "the BMC accepted it"}, ""},
		line{7 * time.Minute, incident.Graded{Intent: "I1", Grade: incident.Booting, Detail: "boot progress"}, ""},
		line{9 * time.Minute, incident.GoalSeen{Holds: true, Checks: checks}, ""},
		line{11 * time.Minute, incident.Restored{How: "everything answered for 2m", Step: "power-cycle"}, ""},
		line{11 * time.Minute, mail("M3", "restored", "bakery"), ""}, line{11*time.Minute + time.Second, delivered("M3"), ""},
		line{12 * time.Minute, alert(alerts.Resolved, at.Add(-5*time.Second)), "probe"},
		line{20 * time.Minute, incident.ClosureChecked{Passed: true, Checks: checks}, ""},
		line{30 * time.Minute, incident.Resolution{Cause: "The kernel hung", Solution: "Restarted by power cycle", Prevention: "Newer kernel", By: "noor"}, noor},
		line{30 * time.Minute, incident.Closed{By: "noor"}, noor},
		line{30 * time.Minute, mail("M4", "summary", "bakery"), ""},
	)
}

func id(n int) string { return fmt.Sprintf("INC-2026-%04d", n) }
