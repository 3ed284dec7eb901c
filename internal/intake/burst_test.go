package intake_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

func TestBurstOnOneServerIsOneIncidentWithEveryAlert(t *testing.T) {
	p := newPlace(t)
	var burst sync.WaitGroup
	errs, gate := make([]error, 100), make(chan struct{})
	for n := range errs {
		burst.Go(func() {
			<-gate
			a := firing("Symptom", "server", "web-07", "n", fmt.Sprint(n%50)) // each twice, as two peers send it
			errs[n] = p.Receive(context.Background(), []alerts.Alert{a}, 0)
		})
	}
	close(gate)
	burst.Wait()
	for n, err := range errs {
		if err != nil {
			t.Errorf("alert %d: %v", n, err)
		}
	}
	inc := p.only()
	if len(inc.Alerts) != 50 {
		t.Errorf("%d alerts of 50", len(inc.Alerts))
	}
	seen := map[string]int{}
	events, err := p.db.Events(t.Context(), inc.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if a, ok := e.Payload.(incident.AlertReceived); ok {
			seen[a.Alert.Episode()]++
		}
	}
	if most := slices.Max(slices.Collect(maps.Values(seen))); most != 1 {
		t.Errorf("an alert is on the timeline %d times", most)
	}
	counts := map[string]int{}
	for _, r := range p.results {
		counts[r]++
	}
	if !maps.Equal(counts, map[string]int{"opened": 1, "joined": 49, "duplicate": 50}) {
		t.Errorf("counted %v", counts)
	}
}

func TestStoreFailureIsToldAndTheBatchMayBeSentAgain(t *testing.T) {
	p := newPlace(t)
	batch := []alerts.Alert{
		firing(alerts.ServerUnreachable, "server", "web-07"), firing(alerts.ServerUnreachable, "server", "web-08"), firing("X", "server", "db-9"),
	}
	p.take(batch[0]) // as if the first time had broken off here
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := p.Receive(stopped, batch, 0); err == nil || !strings.HasPrefix(err.Error(), "take in alert {") {
		t.Errorf("got %v", err)
	}
	if len(p.all()) != 1 {
		t.Error("something was taken in after all")
	}
	if got := p.take(batch...); !slices.Equal(got, []string{"duplicate", "opened", "opened"}) {
		t.Errorf("sent again: %v", got)
	}
	p.db.Close()
	if err := p.Receive(t.Context(), batch, 0); err == nil {
		t.Error("a closed store accepted a batch")
	}
}

// Two peers of an Alertmanager report the same thing at the same moment.
func TestSameWordFromManyPeersIsBelievedOnce(t *testing.T) {
	p := newPlace(t)
	first := firing("First", "server", "web-07")
	p.take(first)
	for round := range 20 {
		a := firing("Symptom", "server", "web-07", "n", fmt.Sprint(round))
		for _, word := range []alerts.Alert{a, resolved(a)} {
			before := p.only().Version
			var peers sync.WaitGroup
			gate := make(chan struct{})
			for range 8 {
				peers.Go(func() {
					<-gate
					if err := p.Receive(context.Background(), []alerts.Alert{word}, 0); err != nil {
						t.Error(err)
					}
				})
			}
			close(gate)
			peers.Wait()
			if after := p.only().Version; after != before+1 {
				t.Fatalf("round %d: %d events for one %s", round, after-before, word.Status)
			}
		}
	}
}
