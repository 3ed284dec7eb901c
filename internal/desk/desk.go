package desk

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Timelines is what the desk needs of a store; [store.Store] is one.
type Timelines interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
}

// Desk writes down what Due decides. Every field must be set.
type Desk struct {
	Store     Timelines
	Clock     *clock.Clock
	Inventory func() *inventory.Inventory
	Policy    func() Policy
}

// Visit writes down what is due on one incident. It is a rounds.Visit.
func (d *Desk) Visit(ctx context.Context, id string) (time.Time, error) {
	inc, err := d.Store.Load(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	duties, next := Due(Facts{Incident: inc, Inventory: d.Inventory(), Policy: d.Policy(), Now: d.Clock.Now()})
	if len(duties) == 0 {
		return next, nil
	}
	events := make([]incident.Event, len(duties))
	for n, duty := range duties {
		events[n] = incident.Event{Actor: incident.Piket, Payload: duty}
	}
	failpoint.Reach(failpoint.DutiesDue)
	_, err = d.Store.Append(ctx, id, inc.Version, events...)
	failpoint.Done(failpoint.DutiesQueued, err)
	return next, err
}
