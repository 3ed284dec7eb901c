package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// mayHold lists which people can have each role of an incident [4.1–4.3].
var mayHold = map[incident.Role][]inventory.Role{
	incident.ManagerRole:        {inventory.Manager, inventory.Engineer},
	incident.SpecialistRole:     {inventory.Engineer},
	incident.CommunicationsRole: {inventory.Communications, inventory.Manager},
}

// MayHold reports whether a person can have a role of an incident.
func MayHold(p inventory.Person, role incident.Role) bool { return p.Has(mayHold[role]...) }

// Assign gives a person a role on the incident. Engineers and managers may give
// any; whoever can have a role may take it.
func Assign(inc *incident.Incident, inv *inventory.Inventory, by inventory.Person, role incident.Role, name string) ([]incident.Payload, error) {
	person, known := inv.Person(name)
	switch {
	case !slices.Contains(incident.Roles, role):
		return nil, fmt.Errorf("assign: %w: a role, one of %s", ErrIncomplete, roleList())
	case !known:
		return nil, fmt.Errorf("assign: %w: the inventory has no person %q", ErrIncomplete, name)
	case !leads(by) && by.Name != name:
		return nil, ErrRole
	case !MayHold(person, role):
		return nil, fmt.Errorf("assign: %w: %s has none of the roles %s, of which the %s needs one", ErrIncomplete, name, inventoryRoles(role), role.Words())
	case inc.Subject.NoTrouble():
		return nil, fmt.Errorf("assign: %w", errNoTrouble)
	case !inc.Ongoing():
		return nil, fmt.Errorf("assign: %w: it is %s", ErrNotNow, inc.Status)
	case slices.Contains(holders(inc, role), name):
		return nil, fmt.Errorf("assign: %w: %s is %s already", ErrNotNow, name, role.Words())
	}
	return []incident.Payload{incident.RoleAssigned{Role: role, Person: name, By: by.Name}}, nil
}

// Release says that a technical specialist is needed no more. The two managers'
// roles are given to somebody else instead.
func Release(inc *incident.Incident, by inventory.Person, role incident.Role, name string) ([]incident.Payload, error) {
	switch {
	case !leads(by):
		return nil, ErrRole
	case role != incident.SpecialistRole:
		return nil, fmt.Errorf("release: %w: only a specialist is released; assign the role to somebody else", ErrIncomplete)
	case !slices.Contains(inc.Cast.Specialists, name):
		return nil, fmt.Errorf("release: %w: %s was not made a specialist of it", ErrNotNow, name)
	}
	return []incident.Payload{incident.RoleReleased{Role: role, Person: name, By: by.Name}}, nil
}

func roleList() string {
	var words []string
	for _, r := range incident.Roles {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

func inventoryRoles(role incident.Role) string {
	var words []string
	for _, r := range mayHold[role] {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

// holders lists who has a role by the timeline.
func holders(inc *incident.Incident, role incident.Role) []string {
	name := ""
	switch role {
	case incident.ManagerRole:
		name = inc.Cast.Manager
	case incident.CommunicationsRole:
		name = inc.Cast.Communications
	case incident.SpecialistRole:
		return inc.Specialists()
	}
	if name == "" {
		return nil
	}
	return []string{name}
}

// Named reports whether the timeline names a person for a role; nobody else has
// it but by rule.
func Named(inc *incident.Incident, role incident.Role, name string) bool {
	return slices.Contains(holders(inc, role), name)
}

// Holders lists who has a role of an incident now: the specialists, or the one
// whom [Holder] finds.
func Holders(inc *incident.Incident, inv *inventory.Inventory, role incident.Role) []string {
	if role == incident.SpecialistRole {
		return inc.Specialists()
	}
	if p, ok := Holder(inc, inv, role); ok {
		return []string{p.Name}
	}
	return nil
}

// Holder is who has one of the two managers' roles of an incident now: whom the
// timeline names, if the inventory still knows them for it, or else whom the rule
// would name. There may be nobody.
func Holder(inc *incident.Incident, inv *inventory.Inventory, role incident.Role) (p inventory.Person, ok bool) {
	for _, name := range holders(inc, role) {
		if p, ok := inv.Person(name); ok && MayHold(p, role) {
			return p, true
		}
	}
	p, _ = byRule(inc, inv, role)
	return p, p.Name != ""
}

// byRule chooses who has a role that nobody was given, and says why: of those
// with that role in the inventory one who is on duty, in this team before any
// other; else the first; and who can be mailed before who cannot. Customers are
// talked to by a communications manager, and where there is none by the incident
// manager.
func byRule(inc *incident.Incident, inv *inventory.Inventory, role incident.Role) (p inventory.Person, why string) {
	want, title := inventory.Manager, "manager"
	if role == incident.CommunicationsRole {
		want, title = inventory.Communications, "communications manager"
	}
	teams := []string{inc.Team}
	for _, t := range inv.Teams {
		teams = append(teams, t.Name)
	}
	var onDuty []inventory.Person
	for _, team := range teams {
		onDuty = append(onDuty, slices.DeleteFunc(inv.OnDuty(team), func(p inventory.Person) bool { return !p.Has(want) })...)
	}
	all := inv.WithRole(want)
	for _, choice := range []struct {
		people []inventory.Person
		why    string
	}{
		{mailable(onDuty), "the " + title + " on duty"}, {mailable(all), "the first " + title + " in the inventory"}, {all, "the first " + title + " in the inventory"},
	} {
		if len(choice.people) > 0 {
			return choice.people[0], choice.why
		}
	}
	if role == incident.CommunicationsRole {
		if p, ok := Holder(inc, inv, incident.ManagerRole); ok && MayHold(p, role) {
			return p, "there is no communications manager, and this is the incident manager"
		}
		if managers := inv.WithRole(inventory.Manager); len(managers) > 0 {
			return managers[0], "there is no communications manager"
		}
	}
	return inventory.Person{}, ""
}

// roles gives an incident that presses its two managers, once, so that they stay
// the same through every change of shift; and takes a role from who has left.
func (b *batch) roles() {
	inc := b.facts.Incident
	if !inc.Ongoing() || inc.Subject.NoTrouble() {
		return
	}
	pressing := inc.Status == incident.Open && (inc.Priority == incident.P1 || inc.Priority == incident.P2)
	for _, role := range []incident.Role{incident.ManagerRole, incident.CommunicationsRole} {
		named := holders(inc, role)
		gone := len(named) > 0 && !b.holds(named[0], role)
		if !gone && (len(named) > 0 || !pressing) {
			continue
		}
		p, why := byRule(inc, b.facts.Inventory, role)
		if gone {
			why = strings.TrimSuffix(named[0]+" is not there for it any more; "+why, "; ")
		}
		if gone || p.Name != "" {
			b.add(incident.RoleAssigned{Role: role, Person: p.Name, By: incident.Piket, Why: why})
		}
	}
	for _, name := range inc.Cast.Specialists {
		if !b.holds(name, incident.SpecialistRole) {
			b.add(incident.RoleReleased{Role: incident.SpecialistRole, Person: name, By: incident.Piket, Why: "not there for it any more"})
		}
	}
}

func (b *batch) holds(name string, role incident.Role) bool {
	p, ok := b.facts.Inventory.Person(name)
	return ok && MayHold(p, role)
}

// upTo lists whom a matter for one of the incident's managers goes to: who has
// the role first, then everybody who could have it in their place.
func (b *batch) upTo(role incident.Role, others []inventory.Person) [][]inventory.Person {
	var first []inventory.Person
	if p, ok := Holder(b.facts.Incident, b.facts.Inventory, role); ok {
		first = []inventory.Person{p}
	}
	others = slices.DeleteFunc(slices.Clone(others), func(p inventory.Person) bool { return len(first) > 0 && p.Name == first[0].Name })
	return rungsOf(first, others)
}

// specialists are the people who work on it.
func (b *batch) specialists() []inventory.Person {
	var people []inventory.Person
	for _, name := range b.facts.Incident.Specialists() {
		if p, ok := b.facts.Inventory.Person(name); ok {
			people = append(people, p)
		}
	}
	return people
}
