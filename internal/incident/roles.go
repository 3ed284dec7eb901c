package incident

import "slices"

// Role is a part that a person plays on one incident. Who acknowledges it is its
// owner and the first of its specialists.
type Role string

// The roles of the policy.
const (
	ManagerRole        Role = "manager"        // the incident manager [4.1]: coordinates the whole
	SpecialistRole     Role = "specialist"     // a technical specialist [4.2]: analyses and solves; there may be several
	CommunicationsRole Role = "communications" // the communications manager [4.3]: talks with customers
)

// Roles lists the roles in the order of the policy.
var Roles = []Role{ManagerRole, SpecialistRole, CommunicationsRole}

// Words is what a role is called.
func (r Role) Words() string {
	switch r {
	case ManagerRole:
		return "incident manager"
	case SpecialistRole:
		return "technical specialist"
	case CommunicationsRole:
		return "communications manager"
	}
	return string(r)
}

// RoleAssigned says who has a role from now on; nobody in particular when Person
// is "".
type RoleAssigned struct {
	Role   Role   `json:"role"`
	Person string `json:"person,omitempty"`
	By     string `json:"by"`
	Why    string `json:"why,omitempty"` // by which rule, when no person said so
}

func (RoleAssigned) Kind() Kind { return "role_assigned" }
func (p RoleAssigned) Text() string {
	switch {
	case p.Person == "":
		return sentence("There is no %s any more: %s.", p.Role.Words(), p.Why)
	case p.Why == "":
		return sentence("%s is %s, says %s.", p.Person, p.Role.Words(), p.By)
	}
	return sentence("%s is %s: %s.", p.Person, p.Role.Words(), p.Why)
}

// RoleReleased says that one of the specialists is needed no more, or gone.
type RoleReleased struct {
	Role   Role   `json:"role"`
	Person string `json:"person"`
	By     string `json:"by"`
	Why    string `json:"why,omitempty"`
}

func (RoleReleased) Kind() Kind { return "role_released" }
func (p RoleReleased) Text() string {
	if p.Why == "" {
		return sentence("%s is %s no more, says %s.", p.Person, p.Role.Words(), p.By)
	}
	return sentence("%s is %s no more: %s.", p.Person, p.Role.Words(), p.Why)
}

// Cast is who has which role on an incident, as it was said last. Whether they
// are still there, only the inventory knows.
type Cast struct {
	Manager, Communications string   // "" while nobody was named
	Specialists             []string // beside the owner, in the order in which they came
}

// Specialists lists who analyses and solves, the owner first.
func (i *Incident) Specialists() []string {
	if i.Owner == "" {
		return i.Cast.Specialists
	}
	others := slices.DeleteFunc(slices.Clone(i.Cast.Specialists), func(name string) bool { return name == i.Owner })
	return append([]string{i.Owner}, others...)
}

// assigned books who has which role.
func (i *Incident) assigned(e Event) {
	switch p := e.Payload.(type) {
	case RoleAssigned:
		switch p.Role {
		case ManagerRole:
			i.Cast.Manager = p.Person
		case CommunicationsRole:
			i.Cast.Communications = p.Person
		case SpecialistRole:
			if p.Person != "" && !slices.Contains(i.Cast.Specialists, p.Person) {
				i.Cast.Specialists = append(slices.Clone(i.Cast.Specialists), p.Person)
			}
		}
	case RoleReleased:
		if p.Role == SpecialistRole {
			i.Cast.Specialists = slices.DeleteFunc(slices.Clone(i.Cast.Specialists), func(name string) bool { return name == p.Person })
		}
	}
}
