package vantage

import (
	"log/slog"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// As long as the scheduler has not taken a list up, what is missing among the
// unwell is not up but not asked.
func TestReportNamesTheListThatIsLookedAt(t *testing.T) {
	clk := clock.Jumping(start)
	a, err := NewAgent(Config{Name: "fra1", Main: "https://piket.example.net", References: []inventory.Reference{
		{Name: "gateway", Side: inventory.Near, Probe: inventory.Endpoint{Check: "tcp", Address: "127.0.0.1:1"}},
	}}, AgentParts{Clock: clk, Kinds: probes.Registry{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Prune(twoServers(t)).Inventory(a.references)
	if err != nil {
		t.Fatal(err)
	}
	run(t, clk, a.scheduler, time.Second)
	a.held.Store(&held{inv, "v1"})
	if r := a.look(); r.List != "" || len(r.Unwell) != 0 {
		t.Errorf("before the scheduler has it: %+v", r)
	}
	run(t, clk, a.scheduler, time.Second)
	if r := a.look(); r.List != "v1" || len(r.Unwell) != 3 {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestOldAnswerIsUnknown(t *testing.T) {
	sight := probes.Sight{State: probes.Up, At: start}
	for age, want := range map[time.Duration]probes.State{0: probes.Up, stale: probes.Up, stale + 1: probes.Unknown} {
		if got := entryOf("server/web-01", sight, start.Add(age)).State; got != want {
			t.Errorf("after %v it is %s, want %s", age, got, want)
		}
	}
}
