package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// cast is a company with two managers and two who talk with customers; of each
// the second is on duty.
func cast(t *testing.T, without ...string) *inventory.Inventory {
	t.Helper()
	inv := *world(t)
	inv.Teams = []inventory.Team{
		{Name: "network-and-server", Members: []string{"noor", "mona"}, OnDuty: []string{"noor", "mona"}},
		{Name: "front-office", Members: []string{"cleo", "carl"}, OnDuty: []string{"carl"}},
	}
	inv.People = []inventory.Person{
		{Name: "noor", Email: "noor@example.net", Roles: []inventory.Role{inventory.Engineer}},
		{Name: "ravi", Email: "ravi@example.net", Roles: []inventory.Role{inventory.Engineer}},
		{Name: "sue", Email: "sue@example.net", Roles: []inventory.Role{inventory.Support}},
		{Name: "mila", Email: "mila@example.net", Roles: []inventory.Role{inventory.Manager}},
		{Name: "mona", Email: "mona@example.net", Roles: []inventory.Role{inventory.Manager}},
		{Name: "cleo", Email: "cleo@example.net", Roles: []inventory.Role{inventory.Communications}},
		{Name: "carl", Email: "carl@example.net", Roles: []inventory.Role{inventory.Communications}},
	}
	gone := func(name string) bool { return slices.Contains(without, name) }
	inv.People = slices.DeleteFunc(inv.People, func(p inventory.Person) bool { return gone(p.Name) })
	for i := range inv.Teams {
		inv.Teams[i].Members = slices.DeleteFunc(inv.Teams[i].Members, gone)
		inv.Teams[i].OnDuty = slices.DeleteFunc(inv.Teams[i].OnDuty, gone)
	}
	inv.Teams = slices.DeleteFunc(inv.Teams, func(t inventory.Team) bool { return len(t.Members) == 0 })
	made, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// said lists what piket wrote down about roles.
func said(list []incident.Payload) []string {
	var texts []string
	for _, p := range list {
		if k := p.Kind(); k == "role_assigned" || k == "role_released" {
			texts = append(texts, p.Text())
		}
	}
	return texts
}

func TestRolesOfAPressingIncidentAreGivenByRule(t *testing.T) { // [4.1, 4.3]
	for name, c := range map[string]struct {
		priority incident.Priority
		without  []string
		want     []string
	}{
		"who is on duty":          {incident.P1, nil, []string{"mona is incident manager: the manager on duty.", "carl is communications manager: the communications manager on duty."}},
		"also for a P2":           {incident.P2, nil, []string{"mona is incident manager: the manager on duty.", "carl is communications manager: the communications manager on duty."}},
		"nobody of them on duty":  {incident.P1, []string{"mona", "carl"}, []string{"mila is incident manager: the first manager in the inventory.", "cleo is communications manager: the first communications manager in the inventory."}},
		"nobody who communicates": {incident.P1, []string{"cleo", "carl"}, []string{"mona is incident manager: the manager on duty.", "mona is communications manager: there is no communications manager, and this is the incident manager."}},
		"no managers of any kind": {incident.P1, []string{"mila", "mona", "cleo", "carl"}, nil},
		"a small matter has none": {incident.P3, nil, nil},
		"nor has a smaller one":   {incident.P4, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, c.priority)
			h.inv = cast(t, c.without...)
			duties, _ := h.settle()
			if got := said(duties); !slices.Equal(got, c.want) {
				t.Errorf("got %q", got)
			}
			h.now = h.now.Add(24 * time.Hour)
			if duties, _ = h.settle(); len(said(duties)) > 0 {
				t.Errorf("said again: %q", said(duties))
			}
		})
	}
}

func TestARoleIsKeptThroughAChangeOfShiftAndGivenOnWhenItsPersonHasLeft(t *testing.T) { // [4.1–4.3]
	h := newHistory(t, incident.P1)
	h.inv = cast(t)
	h.settle()
	h.inv = cast(t)
	h.inv.Teams[0].OnDuty = []string{"noor"} // mona's shift is over
	if duties, _ := h.settle(); len(said(duties)) > 0 || h.incident().Cast.Manager != "mona" {
		t.Errorf("%q after the shift, and %q", h.incident().Cast.Manager, said(duties))
	}
	h.happens(incident.RoleAssigned{Role: incident.SpecialistRole, Person: "ravi", By: "noor"})
	h.inv = cast(t, "mona", "ravi")
	duties, _ := h.settle()
	want := []string{"mila is incident manager: mona is not there for it any more; the first manager in the inventory.", "ravi is technical specialist no more: not there for it any more."}
	if got := said(duties); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	h.inv = cast(t, "mona", "ravi", "mila", "cleo", "carl")
	duties, _ = h.settle()
	want = []string{"There is no incident manager any more: mila is not there for it any more.", "There is no communications manager any more: carl is not there for it any more."}
	if got := said(duties); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestALateWordGoesToTheManagerOfThisIncidentAndOnToAllOthers(t *testing.T) { // [3.2, 4.1]
	for name, c := range map[string]struct {
		without []string
		given   string
		want    []string
	}{
		"by rule":             {nil, "", []string{"10m0s mona", "15m0s mila"}},
		"whom somebody named": {nil, "mila", []string{"10m0s mila", "15m0s mona"}},
		"an engineer":         {nil, "ravi", []string{"10m0s ravi", "15m0s mila,mona"}},
		"one who has left":    {nil, "gone", []string{"10m0s mona", "15m0s mila"}},
		"no managers":         {[]string{"mila", "mona"}, "", []string{"10m0s noor"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1, "caller") // by telephone only: one word
			h.inv, h.slow = cast(t, c.without...), true
			h.happens(incident.Acknowledged{By: "noor"})
			if c.given != "" {
				h.happens(incident.RoleAssigned{Role: incident.ManagerRole, Person: c.given, By: "noor"})
			}
			h.settle()
			topic := "overdue-" + h.incident().CallTasks[0].Task
			if got := h.play(topic, 25*time.Minute); !slices.Equal(got, c.want) {
				t.Errorf("paged %q, want %q", got, c.want)
			}
		})
	}
}

func TestADraftGoesToTheCommunicationsManagerOfThisIncident(t *testing.T) { // [4.3]
	for given, want := range map[string][]string{
		"":     {"25m0s carl", "30m0s cleo"},
		"cleo": {"25m0s cleo", "30m0s carl"},
		"mila": {"25m0s mila", "30m0s cleo,carl"},
	} {
		h := newHistory(t, incident.P1, "acme")
		h.inv, h.policy.Nod = cast(t), true
		h.happens(incident.Acknowledged{By: "noor"})
		if given != "" {
			h.happens(incident.RoleAssigned{Role: incident.CommunicationsRole, Person: given, By: "noor"})
		}
		var asked []string
		for ; h.now.Before(start.Add(34 * time.Minute)); h.now = h.now.Add(time.Second) {
			duties, _ := h.settle()
			for _, p := range duties {
				if m, ok := p.(incident.MessageQueued); ok && strings.Contains(m.Subject, "May this update go") {
					asked = append(asked, fmt.Sprint(h.now.Sub(start), " ", strings.Join(m.People, ",")))
				}
			}
		}
		if !slices.Equal(asked, want) {
			t.Errorf("given to %q: asked %q, want %q", given, asked, want)
		}
	}
}

func TestWhatNobodyTakesReachesTheIncidentManagerBeforeTheOthers(t *testing.T) { // [2.3, 4.1]
	h := newHistory(t, incident.P1)
	h.inv = cast(t)
	h.happens(incident.RoleAssigned{Role: incident.ManagerRole, Person: "mila", By: "noor"})
	if got := h.play("open", time.Hour); !slices.Equal(got, []string{"0s noor", "5m0s mona", "10m0s mila"}) {
		t.Errorf("paged %q", got)
	}
}

func TestWhoMayGiveARole(t *testing.T) { // [4.1–4.3]
	for name, c := range map[string]struct {
		by, to string
		role   incident.Role
		err    error
		says   string
	}{
		"a manager gives one":             {"mila", "ravi", incident.SpecialistRole, nil, ""},
		"an engineer gives one":           {"noor", "mila", incident.ManagerRole, nil, ""},
		"an engineer becomes the manager": {"noor", "ravi", incident.ManagerRole, nil, ""},
		"who may have it takes it":        {"cleo", "cleo", incident.CommunicationsRole, nil, ""},
		"support gives none":              {"sue", "mila", incident.ManagerRole, desk.ErrRole, ""},
		"support cannot be it":            {"sue", "sue", incident.ManagerRole, desk.ErrIncomplete, "sue has none of the roles manager, engineer"},
		"an engineer lets no update go":   {"mila", "noor", incident.CommunicationsRole, desk.ErrIncomplete, "communications, manager"},
		"a stranger":                      {"mila", "zoe", incident.ManagerRole, desk.ErrIncomplete, `no person "zoe"`},
		"no such role":                    {"mila", "noor", "boss", desk.ErrIncomplete, "manager, specialist, communications"},
		"who has it already":              {"noor", "mona", incident.ManagerRole, desk.ErrNotNow, "mona is incident manager already"},
		"the owner is a specialist":       {"mila", "noor", incident.SpecialistRole, desk.ErrNotNow, "already"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1)
			h.inv = cast(t)
			h.happens(incident.Acknowledged{By: "noor"})
			h.settle()
			by, _ := h.inv.Person(c.by)
			list, err := desk.Assign(h.incident(), h.inv, by, c.role, c.to)
			if !errors.Is(err, c.err) || c.says != "" && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, %v", list, err)
			}
			if err != nil {
				return
			}
			h.happens(list...)
			if duties, _ := h.settle(); len(said(duties)) > 0 {
				t.Errorf("piket answers %q", said(duties))
			}
			inc := h.incident()
			all := append(inc.Specialists(), inc.Cast.Manager, inc.Cast.Communications)
			if !slices.Contains(all, c.to) {
				t.Errorf("the incident has %q", all)
			}
			h.happens(incident.Closed{By: "noor"})
			if _, err := desk.Assign(h.incident(), h.inv, by, incident.SpecialistRole, "ravi"); !errors.Is(err, desk.ErrNotNow) && !errors.Is(err, desk.ErrRole) {
				t.Errorf("a closed incident: %v", err)
			}
		})
	}
}

func TestOnlyASpecialistIsReleased(t *testing.T) { // [4.2]
	h := newHistory(t, incident.P1)
	h.inv = cast(t)
	h.settle()
	h.happens(incident.RoleAssigned{Role: incident.SpecialistRole, Person: "ravi", By: "noor"})
	noor, _ := h.inv.Person("noor")
	sue, _ := h.inv.Person("sue")
	if _, err := desk.Release(h.incident(), noor, incident.ManagerRole, "mona"); !errors.Is(err, desk.ErrIncomplete) {
		t.Errorf("the manager: %v", err)
	}
	if _, err := desk.Release(h.incident(), sue, incident.SpecialistRole, "ravi"); !errors.Is(err, desk.ErrRole) {
		t.Errorf("by support: %v", err)
	}
	list, err := desk.Release(h.incident(), noor, incident.SpecialistRole, "ravi")
	if err != nil {
		t.Fatal(err)
	}
	h.happens(list...)
	if got := h.incident().Specialists(); len(got) > 0 {
		t.Errorf("still %q", got)
	}
	if _, err := desk.Release(h.incident(), noor, incident.SpecialistRole, "ravi"); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("twice: %v", err)
	}
}
