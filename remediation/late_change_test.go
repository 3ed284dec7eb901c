package remediation_test

import (
	"slices"
	"testing"

	"github.com/spinware/piket/internal/inventory"
)

// Between the plan and its send a reload may make another machine of the same
// name. The plan was for the one before.
func TestAnEntryThatChangedAfterThePlanIsNotSent(t *testing.T) {
	for name, change := range map[string]func(*inventory.Server){
		"serial": func(s *inventory.Server) { s.Serial = "SN9999" },
		"UUID":   func(s *inventory.Server) { s.UUID = "6f1c1c6e-2f0a-4c55-9d3c-5a1f0d3b7eff" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for h.load().Action == nil {
				h.visit()
			}
			servers := slices.Clone(h.inv.Servers)
			change(&servers[0])
			inv, err := inventory.New(inventory.Inventory{Sites: h.inv.Sites, Servers: servers, People: h.inv.People, Teams: h.inv.Teams})
			if err != nil {
				t.Fatal(err)
			}
			h.inv = inv
			h.visit()
			if a := h.load().Action; h.sends != 0 || !a.Voided {
				t.Errorf("%d sends, %+v", h.sends, a)
			}
		})
	}
}
