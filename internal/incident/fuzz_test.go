package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// draw makes one payload of a byte: the questions and answers of three
// requests with three plans, and everything that moves the ladder.
func draw(b byte) incident.Payload {
	n := int(b>>4) % 3
	approval, plan, intent, step := fmt.Sprint("A", n), fmt.Sprint("p", int(b>>6)%3), fmt.Sprint("I", n), fmt.Sprint("step-", n)
	switch b % 16 {
	case 0, 1:
		return incident.ApprovalRequested{Approval: approval, PlanHash: plan, Step: step, Expires: start.Add(time.Duration(b) * time.Second), Persons: int(b % 16 * 2)}
	case 2, 3, 4:
		return incident.Approved{Approval: approval, PlanHash: plan, By: []string{"noor", "eva", "ravi"}[b%16-2]}
	case 5:
		return incident.Denied{Approval: approval, By: "noor"}
	case 6:
		return incident.ApprovalLapsed{Approval: approval, Expired: b > 99}
	case 7:
		return incident.Intended{Intent: intent, Step: step, Attempt: n + 1, Server: "web-07"}
	case 8:
		return incident.Claimed{Intent: intent}
	case 9:
		return incident.Voided{Intent: intent}
	case 10:
		return incident.OutcomeRecorded{Intent: intent, Outcome: incident.OutcomeUnknown}
	case 11:
		return incident.StepFailed{Step: step, Final: b > 127}
	case 12:
		return incident.Skipped{Step: step}
	case 13:
		return []incident.Payload{incident.Restored{}, incident.Relapsed{}, incident.Closed{By: "noor"}}[n]
	case 14:
		if b > 127 { // no key of a telephone approves anything
			return incident.KeyPressed{Ring: "R", By: "noor", Key: fmt.Sprint(n + 1)}
		}
		return []incident.Payload{incident.Delivered{Message: "M"}, incident.Called{Task: "T"}, incident.OrderProgress{Order: "W"}}[n]
	}
	if n == 2 {
		return incident.AlertReceived{Alert: alerts.Alert{Source: "person", Labels: alerts.Labels{"server": "web-07"}, Annotations: alerts.Labels{"reporter": "noor"}}}
	}
	return incident.Blocked{Step: step, Guard: "hold-down"}
}

// allowed says in its own words whether the last of events leaves a yes
// standing for the request: asked once, said yes to with the same plan before
// it ran out by as many people as it takes, and nothing since that uses it up.
func allowed(events []incident.Event, id string) bool {
	last := -1
	for n, e := range events {
		if r, ok := e.Payload.(incident.ApprovalRequested); ok && r.Approval == id {
			last = n
		}
	}
	if last < 0 {
		return false
	}
	asked := events[last].Payload.(incident.ApprovalRequested)
	people := map[string]bool{}
	for _, e := range events[last+1:] {
		if a, ok := e.Payload.(incident.Approved); ok && a.Approval == id && a.PlanHash == asked.PlanHash && e.At.Before(asked.Expires) {
			people[a.By] = true
		}
	}
	reported := slices.ContainsFunc(events, func(e incident.Event) bool { return e.Payload.Kind() == "alert" })
	if asked.Persons > 1 && reported {
		delete(people, "noor")
	}
	return len(people) >= max(1, asked.Persons) && !slices.ContainsFunc(events[last+1:], func(e incident.Event) bool {
		_, used := e.Payload.(incident.Intended)
		return used
	})
}

func FuzzFoldGrantsNothingThatWasNotApproved(f *testing.F) {
	f.Add([]byte{0, 2, 7, 9, 0, 2})
	f.Add([]byte{0x10, 0x12, 0x52, 0x17, 0x18, 0x1a, 0x1b})
	f.Add([]byte{0, 0x8e, 0x9e, 0xae, 2, 0x8e, 7})
	f.Add([]byte{0x40, 0x42, 0x46, 0xb0, 0xb2, 0x0d, 0x1d, 0x2d})
	f.Fuzz(func(t *testing.T, bytes []byte) {
		var events []incident.Event
		inc := incident.Fold(nil)
		for n, b := range bytes[:min(len(bytes), 200)] {
			e := incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: start.Add(time.Duration(n) * 10 * time.Second), Payload: draw(b)}
			events = append(events, e)
			inc.Apply(e)
			if a := inc.Approval; a != nil && a.GrantedBy != "" && !allowed(events, a.Approval) {
				t.Fatalf("event %d (%T) leaves %+v granted", n+1, e.Payload, a)
			}
			if inc.Held() != "" && inc.Action.Ended {
				t.Fatalf("event %d: an ended intent holds %s", n+1, inc.Held())
			}
			for id, s := range inc.Steps {
				if s.Attempts < 0 {
					t.Fatalf("event %d: step %s has %d attempts", n+1, id, s.Attempts)
				}
			}
		}
		if inc.Version != len(events) {
			t.Fatalf("version %d after %d events", inc.Version, len(events))
		}
	})
}
