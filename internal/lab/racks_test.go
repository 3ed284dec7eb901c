package lab_test

import (
	"testing"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
)

func TestMoreRacksAreServersLikeTheOthers(t *testing.T) {
	world, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), Racks: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	inv, err := inventory.Load(world.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Servers) != 8+6 || len(world.Servers()) != 8+6 {
		t.Fatalf("%d servers in the inventory, %d in the lab, want 14", len(inv.Servers), len(world.Servers()))
	}
	for _, s := range inv.Servers[8:] {
		if s.Serial == "" || s.UUID == "" || s.BMC == nil || s.SSH == nil || len(s.Customers) != 1 {
			t.Errorf("%s lacks what the others have: %+v", s.Name, s)
		}
	}
	if err := world.BreakRack("more-003"); err != nil {
		t.Errorf("a rack of the new ones is a rack: %v", err)
	}
}
