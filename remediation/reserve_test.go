package remediation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// crowded is a store in which other incidents have planned a crowd of actions
// by the moment at which an event of a kind is to be appended, and not before.
type crowded struct {
	remediation.Timelines
	at incident.Kind
}

func (s crowded) AppendIf(ctx context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error) {
	if events[0].Payload.Kind() != s.at {
		return s.Timelines.AppendIf(ctx, id, version, check, since, events...)
	}
	return s.Timelines.AppendIf(ctx, id, version, func(touched []*incident.Touch) error {
		for n := range 5 {
			touched = append(touched, &incident.Touch{Incident: "INC-9", Action: incident.Action{
				Intended:  incident.Intended{Intent: fmt.Sprint("INC-9/I", n), Server: fmt.Sprint("other-", n), Action: "power", Verb: "cycle"},
				PlannedAt: three,
			}})
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
			h.engine.Store = crowded{h.store, at.Kind()}
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
