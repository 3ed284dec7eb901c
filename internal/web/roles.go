package web

import (
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// rolesView is who has which role on an incident [4.1–4.3].
type rolesView struct {
	ID   string
	Rows []roleRow
}

type roleRow struct {
	Role    incident.Role
	Title   string
	Holders []roleHolder
	Nobody  string             // who is asked instead, when nobody has it
	Choices []inventory.Person // whom the one who looks may give it to
}

type roleHolder struct {
	Name, Title string
	Owner       bool // who acknowledged the incident
	ByRule      bool // nobody gave it to them
	MayRelease  bool
}

// insteadOf says who is asked when nobody has a role.
var insteadOf = map[incident.Role]string{
	incident.ManagerRole:        "nobody: who is on duty is asked instead",
	incident.SpecialistRole:     "nobody yet",
	incident.CommunicationsRole: "nobody: updates go by themselves",
}

func rolesOf(h history, s setting) *rolesView {
	if h.inc.Subject.NoTrouble() {
		return nil
	}
	v := &rolesView{ID: h.inc.ID}
	for _, role := range incident.Roles {
		row := roleRow{Role: role, Title: role.Words(), Nobody: insteadOf[role]}
		for _, name := range desk.Holders(h.inc, s.inv, role) {
			holder := roleHolder{Name: name, Title: personName(name, s.inv)}
			if role == incident.SpecialistRole {
				holder.Owner = name == h.inc.Owner
				_, err := desk.Release(h.inc, s.me, role, name)
				holder.MayRelease = err == nil && h.inc.Ongoing()
			} else {
				holder.ByRule = !desk.Named(h.inc, role, name)
			}
			row.Holders = append(row.Holders, holder)
		}
		for _, p := range s.inv.People {
			if _, err := desk.Assign(h.inc, s.inv, s.me, role, p.Name); err == nil {
				row.Choices = append(row.Choices, p)
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// apiRoles is who has which role, as programs read it.
type apiRoles struct {
	Manager        string   `json:"manager,omitempty"`
	Specialists    []string `json:"specialists,omitempty"`
	Communications string   `json:"communications,omitempty"`
}

// recordRoles adds who has which role by the timeline. Where it names nobody,
// rules of the moment decide, which the page shows.
func recordRoles(out *apiIncident, inc *incident.Incident) {
	roles := apiRoles{inc.Cast.Manager, inc.Specialists(), inc.Cast.Communications}
	if roles.Manager != "" || roles.Communications != "" || len(roles.Specialists) > 0 {
		out.Roles = &roles
	}
}
