package bmc_test

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
)

// labOrder starts the pretend datacenter and asks for a power cycle of one of
// its servers, with the identity of the inventory.
func labOrder(t *testing.T, ipmi bool, name string, fault lab.Fault) (*lab.Datacenter, remediation.Order) {
	t.Helper()
	world, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: ipmi})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	if fault != "" {
		if err := world.Break(name, fault); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := inventory.Load(world.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	server, ok := inv.Server(name)
	if !ok {
		t.Fatalf("no server %s in the lab", name)
	}
	o := order(server.BMC, "cycle")
	o.Server, o.Intent.Server, o.Intent.Serial, o.Intent.UUID = server, name, server.Serial, server.UUID
	return world, o
}

func TestFaultsOfTheLab(t *testing.T) {
	for _, tt := range []struct {
		fault lab.Fault
		want  incident.Outcome
		sends int
		probe probes.State
	}{
		{"", incident.OutcomeDone, 1, probes.Up},
		{lab.Hung, incident.OutcomeDone, 1, probes.Up},
		{lab.Off, incident.OutcomeRefused, 0, probes.Up},
		{lab.BMCLies, incident.OutcomeDone, 1, probes.Up}, // it said yes: that it lied is for the verification to see
		{lab.BMCDropsReply, incident.OutcomeUnknown, 1, probes.Up},
		{lab.BMCWrongIdentity, incident.OutcomeRefused, 0, probes.Up},
		{lab.BMCBadPassword, incident.OutcomeRefused, 0, probes.Down},
		{lab.BMCUnreachable, incident.OutcomeRefused, 0, probes.Down},
		{lab.BMCBadCert, incident.OutcomeRefused, 0, probes.Unknown},
	} {
		t.Run(string("redfish "+tt.fault), func(t *testing.T) {
			t.Parallel()
			labStory(t, false, "web-01", tt.fault, tt.want, tt.sends, tt.probe)
		})
		if tt.fault == lab.BMCBadCert || !haveIPMITool(t) {
			continue // IPMI has no certificates; and the lab speaks it only where ipmitool is
		}
		t.Run(string("ipmi "+tt.fault), func(t *testing.T) {
			t.Parallel()
			labStory(t, true, "db-02", tt.fault, tt.want, tt.sends, tt.probe)
		})
	}
}

func labStory(t *testing.T, ipmi bool, name string, fault lab.Fault, want incident.Outcome, sends int, probe probes.State) {
	t.Helper()
	world, o := labOrder(t, ipmi, name, fault)
	if got := bmc.Probe(t.Context(), probes.Target{BMC: o.Server.BMC}); got.State != probe {
		t.Errorf("the probe says %s (%s), want %s", got.State, got.Reason, probe)
	}
	got := bmc.Power(t.Context(), o)
	if got.Outcome != want || world.PowerSends() != sends {
		t.Errorf("got %s (%s) with %d commands on the wire, want %s with %d", got.Outcome, got.Detail, world.PowerSends(), want, sends)
	}
}
