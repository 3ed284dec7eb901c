package lab

import (
	"maps"
	"slices"
	"time"
)

// Status is how one server is, as only the lab knows.
type Status struct {
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	Site      string    `json:"site"`
	Rack      string    `json:"rack"`
	Service   string    `json:"service"`
	Protocol  string    `json:"protocol"` // of its controller: "redfish" or "ipmi"
	Power     string    `json:"power"`    // in Redfish's words: "On", "Off", "PoweringOn", "PoweringOff"
	Condition Condition `json:"condition"`
	Installs  int       `json:"installs"` // how often an installer has wiped its disk
	Next      string    `json:"next"`     // what its controller holds ready for the next start, "" for nothing
	Faults    []Fault   `json:"faults"`   // what is wrong with machine, controller and SSH
	BootID    string    `json:"boot_id"`
	Ready     time.Time `json:"ready"` // when the last boot was or will be finished
}

// SiteStatus is how one site is.
type SiteStatus struct {
	Name       string      `json:"name"`
	Title      string      `json:"title"`
	Provider   string      `json:"provider"`
	StatusPage string      `json:"status_page"`
	Faults     []SiteFault `json:"faults"`

	Racks []RackStatus `json:"racks"`
}

// RackStatus is how one rack is.
type RackStatus struct {
	Name       string `json:"name"`
	Switchless bool   `json:"switchless"` // its switch is gone
}

// conditionFaults names the fault that a machine in a bad condition has.
var conditionFaults = map[Condition]Fault{IsHung: Hung, IsOff: Off, IsDead: Dead, IsCrashed: Crashed}

// Servers returns how every server is now, in the order of the plan.
func (d *Datacenter) Servers() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	all := make([]Status, 0, len(d.order))
	for _, name := range d.order {
		all = append(all, d.servers[name].status(now))
	}
	return all
}

// Sites returns how every site is now, in the order of the plan.
func (d *Datacenter) Sites() []SiteStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]SiteStatus, 0, len(d.sites))
	for _, p := range d.plan.sites {
		s := d.sites[p.Name]
		faults := append([]SiteFault{}, slices.Sorted(maps.Keys(s.faults))...)
		site := SiteStatus{Name: p.Name, Title: p.Title, Provider: p.Provider, StatusPage: s.pageAddress, Faults: faults}
		for _, rack := range p.Racks {
			site.Racks = append(site.Racks, RackStatus{rack, d.switchless[rack]})
		}
		all = append(all, site)
	}
	return all
}

func (s *server) status(now time.Time) Status {
	out := Status{
		Name: s.Name, Title: s.Title, Site: s.Site, Rack: s.Rack, Service: s.Service, Protocol: s.protocol(),
		Power: string(s.machine.power(now)), Condition: s.machine.condition(now), Installs: s.machine.installs, Next: s.machine.next(), Faults: []Fault{},
		BootID: s.machine.bootID(), Ready: s.machine.ready,
	}
	if f, ok := conditionFaults[out.Condition]; ok {
		out.Faults = append(out.Faults, f)
	}
	if s.machine.blank {
		out.Faults = append(out.Faults, NoSystem)
	}
	out.Faults = append(out.Faults, slices.Sorted(maps.Keys(s.faults))...)
	return out
}
