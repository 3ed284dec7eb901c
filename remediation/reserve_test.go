package remediation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// crowded is a store in which other incidents have planned a crowd of actions
// by the moment at which an event of a kind is to be appended, and not before.
type crowded struct {
	remediation.Timelines
	at   incident.Kind
	with func(n int) incident.Action
}

func (s crowded) AppendIf(ctx context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	if events[0].Payload.Kind() != s.at {
		return s.Timelines.AppendIf(ctx, id, version, check, since, events...)
	}
	return s.Timelines.AppendIf(ctx, id, version, func(touched []*incident.Touch) error {
		for n := range 5 {
			touched = append(touched, &incident.Touch{Incident: "INC-9", Action: s.with(n)})
		}
		return check(touched)
	}, since, events...)
}

// What others have planned since the guards were asked counts: in the
// transaction that writes the intent, and in the one that claims its send.
func TestWhatOthersPlannedMeanwhileStopsThePlanAndTheClaim(t *testing.T) {
	for _, at := range []incident.Payload{incident.Intended{}, incident.Claimed{}} {
		t.Run(string(at.Kind()), func(t *testing.T) {
			h := newHouse(t)
			h.engine.Store = crowded{h.store, at.Kind(), func(n int) incident.Action {
				return incident.Action{
					Intended:  incident.Intended{Intent: fmt.Sprint("INC-9/I", n), Server: fmt.Sprint("other-", n), Action: "power", Verb: "cycle"},
					PlannedAt: three,
				}
			}}
			for range 60 {
				h.visit()
			}
			if h.sends != 0 {
				t.Errorf("%d sends beside a crowd", h.sends)
			}
			h.engine.Store = h.store
			if h.finish(); h.sends != 1 {
				t.Errorf("%d sends once nobody else acts", h.sends)
			}
		})
	}
}

// What the same step was good for elsewhere since its record was read counts, too:
// a budget of errors that is spent meanwhile has a person asked.
func TestABudgetOfErrorsThatIsSpentMeanwhileStopsThePlanAndTheClaim(t *testing.T) {
	book, err := runbooks.Parse("free.yml", []byte(`runbook: free
title: Cut the power unasked
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: path, check: reachable, target: site.gateway}
  - {id: power, check: bmc, target: server}
  - {id: shell, check: ssh, target: server}
remedies:
  - {id: cut, power: cycle, verify: 5m}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []incident.Payload{incident.Intended{}, incident.Claimed{}} {
		t.Run(string(at.Kind()), func(t *testing.T) {
			h := newHouseOn(t, book)
			server, _ := h.inv.Server("web-01")
			h.engine.Store = crowded{h.store, at.Kind(), func(n int) incident.Action {
				return incident.Action{
					Intended: incident.Intended{
						Intent: fmt.Sprint("INC-9/I", n), Server: fmt.Sprint("other-", n), Action: "power", Verb: "cycle", Runbook: "free", Step: "cut", Class: server.Model,
					},
					PlannedAt: three.Add(-12 * time.Hour), Ended: true, Outcome: incident.OutcomeDone, Result: incident.Failed,
				}
			}}
			for range 60 {
				h.visit()
			}
			if h.sends != 0 {
				t.Errorf("%d sends unasked, of a step that does not help", h.sends)
			}
			h.engine.Store = h.store
			if h.finish(); h.sends != 1 {
				t.Errorf("%d sends where it helped", h.sends)
			}
		})
	}
}
