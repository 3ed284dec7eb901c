package intake_test

import (
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// Every replica looks for itself, and says so at a slightly different moment,
// through a door of its own.
func TestThreeReportersOfOneTroubleMakeOneIncidentThatEndsForEach(t *testing.T) {
	p := newPlace(t)
	url := storetest.Shared(t).Database(t)
	var doors []*intake.Door
	var first *store.Store
	for range 3 {
		s, err := store.Open(url, clock.Real())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		first = s
		doors = append(doors, &intake.Door{Store: s, Clock: clock.Real(), Labels: p.Labels, Inventory: p.Inventory, Runbooks: p.Runbooks, Count: p.Count})
	}
	word := func(n int) alerts.Alert {
		a := firing("ServerUnreachable", "server", "web-07")
		a.Source = "probe"
		return later(a, time.Duration(n)*10*time.Millisecond)
	}
	var crowd sync.WaitGroup
	for n, door := range doors {
		crowd.Go(func() {
			if err := door.Receive(t.Context(), []alerts.Alert{word(n)}, 0); err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	list, err := first.List(t.Context(), store.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d incidents: %+v (%v)", len(list), list, err)
	}
	for ended := range doors {
		inc, err := first.Load(t.Context(), list[0].ID)
		if err != nil || len(inc.Firing()) != len(doors)-ended {
			t.Errorf("after %d said that it is over, %d still see it (%v)", ended, len(inc.Firing()), err)
		}
		if err := doors[ended].Receive(t.Context(), []alerts.Alert{resolved(word(ended))}, 0); err != nil {
			t.Error(err)
		}
	}
}
