package desk_test

import (
	"errors"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// [4] Who is on duty may be asked for leave to cut power: only the team's own
// engineers, and managers, say who takes that over.
func TestATeamSaysItselfWhoTakesOver(t *testing.T) {
	record := incident.Fold([]incident.Event{{Incident: "INC-2026-0001", Seq: 1, At: start, Payload: incident.Opened{Title: "Duty roster", Subject: incident.Subject{Kind: "roster", Name: "network"}}}})
	team := inventory.Team{Name: "network", Members: []string{"noor", "daan", "femke"}}
	cover := incident.Covered{Person: "daan", Until: start.Add(time.Hour)}
	for name, c := range map[string]struct {
		by   inventory.Person
		want error
	}{
		"an engineer of the team":    {inventory.Person{Name: "noor", Roles: []inventory.Role{inventory.Engineer}}, nil},
		"a manager":                  {inventory.Person{Name: "mila", Roles: []inventory.Role{inventory.Manager}}, nil},
		"an engineer of another":     {inventory.Person{Name: "omar", Roles: []inventory.Role{inventory.Engineer}}, desk.ErrRole},
		"support, also of the team":  {inventory.Person{Name: "femke", Roles: []inventory.Role{inventory.Support}}, desk.ErrRole},
		"somebody who may only read": {inventory.Person{Name: "guest"}, desk.ErrRole},
	} {
		if _, err := desk.Cover(record, team, c.by, cover, start); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, r := range []incident.Resolution{{Cause: "x", Solution: "y", Prevention: "z"}, {Cause: "x", Solution: "y", Unchecked: "z"}} {
		noor := inventory.Person{Name: "noor", Roles: []inventory.Role{inventory.Engineer}}
		if _, err := desk.Close(record, noor, r); !errors.Is(err, desk.ErrNotNow) {
			t.Errorf("a roster was closed: %v", err)
		}
	}
}
