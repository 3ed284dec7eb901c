package probes

import (
	"context"
	"fmt"
	"testing"

	"github.com/spinware/piket/internal/inventory"
)

// manyServers has n servers, and a gateway that answers.
func manyServers(n int) *inventory.Inventory {
	inv := oneServer()
	inv.Servers = nil
	for i := range n {
		inv.Servers = append(inv.Servers, inventory.Server{Name: fmt.Sprintf("web-%02d", i), Site: "ams1", Address: "192.0.2.17"})
	}
	return inv
}

func TestOverviewShowsTheWorstFirstAndNoMoreThanAskedFor(t *testing.T) {
	w := newWorld(manyServers(20), map[string]string{"web-03": "?", "web-05": "U?", "web-11": "UUUD", "web-19": "D"})
	s := w.scheduler(nil)
	w.run(t, s, 4, nil)
	for _, c := range []struct {
		trouble, well int
		want          string
	}{
		{10, 3, "up 17 of 21: web-19 web-11 web-03 web-05 | gateway of ams1 web-00 web-01"},
		{2, 0, "up 17 of 21: web-19 web-11 |"},
	} {
		o := s.Overview(c.trouble, c.well)
		got := fmt.Sprintf("up %d of %d:", o.Up, o.All)
		for _, sight := range o.Trouble {
			got += " " + sight.Name
		}
		got += " |"
		for _, sight := range o.Well {
			got += " " + sight.Name
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSightKeepsWhatOnlySomeKindsMeasure(t *testing.T) {
	expiry := Expiry{Earliest: start, Chain: start.AddDate(0, 1, 0)}
	w := newWorld(oneServer(), nil)
	kinds := Registry{"icmp": w.probe, "http": func(context.Context, Target) Result {
		return Result{State: Up, Reason: "status 200", Facts: map[string]any{"status": 200}, Expiry: expiry}
	}}
	s := NewScheduler(Config{Interval: interval}, Parts{Clock: w.clk, Kinds: kinds, Inventory: w.inventory, Report: w.report})
	w.run(t, s, 2, nil)
	if sight, _ := s.Look("service/web-07/shop"); sight.Detail != (Detail{Status: 200, Expiry: expiry}) || sight.Key != "service/web-07/shop" {
		t.Errorf("of a page it keeps %+v", sight)
	}
	if sight, _ := s.Look("server/web-07"); sight.Detail != (Detail{}) {
		t.Errorf("of an echo it keeps %+v", sight.Detail)
	}
}

// BenchmarkOverview100000 is what one look at the board costs.
func BenchmarkOverview100000(b *testing.B) {
	w := newWorld(manyServers(100_000), nil)
	s := w.scheduler(nil)
	s.refresh()
	for b.Loop() {
		s.Overview(50, 50)
	}
}
