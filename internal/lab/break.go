package lab

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Break puts a fault on a server. Faults of the controller and of SSH add up;
// a fault of the machine replaces the one before. An unknown server or fault
// is ErrUnknown.
func (d *Datacenter) Break(name string, f Fault) error {
	s, err := d.server(name)
	if err != nil {
		return err
	}
	if f, err = ParseFault(string(f)); err != nil {
		return fmt.Errorf("break %s: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if spoil := machineFaults[f]; spoil != nil {
		spoil(s.machine, d.clock.Now())
	}
	s.begins(f, d.clock.Now())
	s.machine.sticky = s.machine.sticky || f == BootStuck
	s.machine.keeps = s.machine.keeps || f == BMCKeepsBoot
	if _, own := machineFaults[f]; !own || f == BMCLies {
		s.faults[f] = true
	}
	s.changed()
	return nil
}

// Heal undoes every fault of a server at once; it runs as if nothing had been.
func (d *Datacenter) Heal(name string) error { return d.mend(name, (*machine).heal) }

// Repair is the technician's work: broken parts and a lying controller are
// replaced, and the button is pressed. The machine boots; no power command
// crosses the wire.
func (d *Datacenter) Repair(name string) error { return d.mend(name, (*machine).repair) }

// mend clears a server's faults and brings its machine back in the given way.
func (d *Datacenter) mend(name string, back func(*machine, time.Time)) error {
	s, err := d.server(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mended(d.clock.Now())
	clear(s.faults)
	s.machine.keeps = false
	s.changed()
	back(s.machine, d.clock.Now())
	return nil
}

// BreakSite puts a fault on a whole site. Faults add up.
func (d *Datacenter) BreakSite(name string, f SiteFault) error {
	s, err := d.site(name)
	if err != nil {
		return err
	}
	if f, err = ParseSiteFault(string(f)); err != nil {
		return fmt.Errorf("break %s: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == Announced && !s.faults[Announced] {
		s.announced = d.clock.Now()
		s.incidents++
	}
	s.faults[f] = true
	return nil
}

// HealSite undoes every fault of a site. Its servers keep their own.
func (d *Datacenter) HealSite(name string) error {
	s, err := d.site(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(s.faults)
	return nil
}

// changed tells an IPMI controller, which keeps its own list of accounts, which
// password holds now. The lock is held.
func (s *server) changed() {
	if s.account != nil {
		s.account.setPassword(s.bmcPassword())
	}
}

func (d *Datacenter) server(name string) (*server, error) {
	if s, ok := d.servers[name]; ok {
		return s, nil
	}
	return nil, unknown("server", name, slices.Collect(maps.Keys(d.servers)))
}

func (d *Datacenter) site(name string) (*site, error) {
	if s, ok := d.sites[name]; ok {
		return s, nil
	}
	return nil, unknown("site", name, slices.Collect(maps.Keys(d.sites)))
}
