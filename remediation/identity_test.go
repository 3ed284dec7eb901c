package remediation

import (
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

func TestPowerIsRefusedWhileNobodyKnowsWhichMachineItIs(t *testing.T) { // P4
	was := incident.Machine{Serial: "SN1", UUID: "11111111-2222-4333-8444-555555555501"}
	now := incident.Machine{Serial: "SN2", UUID: "11111111-2222-4333-8444-555555555502"}
	proposal := &incident.IdentityProposed{Proposal: "P1", Was: was, Now: now, Seen: now, By: "noor"}
	confirmed := &incident.Identity{Proposal: proposal, Confirmed: true, By: "omar"}
	restated := []inventory.Restated{{Server: "web-07", Was: inventory.Machine(was), Now: inventory.Machine(now)}}
	other := *proposal
	other.Now.Serial = "SN3"
	for name, c := range map[string]struct {
		said     *incident.Identity
		restated []inventory.Restated
		refused  bool
	}{
		"nothing was said":                   {nil, nil, false},
		"a claim":                            {&incident.Identity{Claims: []incident.IdentityClaimed{{By: "hands"}}}, nil, true},
		"a proposal":                         {&incident.Identity{Proposal: proposal}, nil, true},
		"confirmed, and not yet read":        {confirmed, nil, false}, // the BMC must still say what the files do
		"confirmed":                          {confirmed, restated, false},
		"confirmed, and claimed anew":        {&incident.Identity{Proposal: proposal, Confirmed: true, Claims: []incident.IdentityClaimed{{By: "hands"}}}, restated, true},
		"dropped, and not yet read":          {&incident.Identity{}, restated, true},
		"no record of it at all":             {nil, restated, true},
		"something else was confirmed since": {&incident.Identity{Proposal: &other, Confirmed: true}, restated, true},
		"proposed, and the inventory has it": {&incident.Identity{Proposal: proposal}, restated, true},
	} {
		t.Run(name, func(t *testing.T) {
			inv, err := inventory.New(inventory.Inventory{
				Sites: []inventory.Site{{Name: "ams1"}}, Servers: []inventory.Server{{Name: "web-07", Site: "ams1", Address: "192.0.2.17", Serial: was.Serial, UUID: was.UUID}},
			})
			if err != nil {
				t.Fatal(err)
			}
			inv = inv.Restate(c.restated)
			f := Facts{Incident: incident.Fold(nil), Inventory: inv, Identity: c.said, Now: noon}
			f.Incident.Subject = incident.Subject{Kind: "server", Name: "web-07"}
			no := identityKnown(f, cycle)
			if refused := no != nil && strings.Contains(no.Why, "people"); refused != c.refused {
				t.Errorf("refused: %v, %+v", refused, no)
			}
			duty := f.forbids(incident.Intended{Duty: 1})
			if f.Goal.Ended = noon; c.refused != strings.Contains(f.forbids(incident.Intended{Duty: 1}), "identity") {
				t.Errorf("what is owed: %q", duty)
			}
		})
	}
}
