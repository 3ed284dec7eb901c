package lab

import "fmt"

// Faults of what is more than one server.
const (
	// SwitchGone takes the switch of a rack: its servers are silent on the
	// network, and their controllers, which hang on a network of their own, are
	// not.
	SwitchGone = "switch-gone"
	// UplinkCut takes piket's own way out: nothing answers but what is beside it.
	UplinkCut = "uplink-cut"
)

// BreakRack takes the switch of a rack away. An unknown rack is ErrUnknown.
func (d *Datacenter) BreakRack(name string) error { return d.setRack(name, true) }

// HealRack gives the rack its switch back.
func (d *Datacenter) HealRack(name string) error { return d.setRack(name, false) }

func (d *Datacenter) setRack(name string, gone bool) error {
	var racks []string
	for _, s := range d.plan.sites {
		racks = append(racks, s.Racks...)
	}
	for _, rack := range racks {
		if rack == name {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.switchless[name] = gone
			return nil
		}
	}
	return unknown("rack", name, racks)
}

// BreakUplink cuts piket's own way out of its network.
func (d *Datacenter) BreakUplink() { d.setUplink(true) }

// HealUplink gives it back.
func (d *Datacenter) HealUplink() { d.setUplink(false) }

func (d *Datacenter) setUplink(cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blind = cut
}

// serveReferences starts what tells piket's own trouble from the world's: a
// router beside it, which always answers, and two resolvers of others beyond its
// uplink.
func (d *Datacenter) serveReferences() error {
	for _, r := range []struct {
		name, side string
	}{{"own-router", "near"}, {"resolver-1", "far"}, {"resolver-2", "far"}} {
		open := func() bool { return true }
		if r.side == "far" {
			open = d.sees
		}
		p, err := d.servePage(open, r.name)
		if err != nil {
			return fmt.Errorf("listen for the reference %s: %w", r.name, err)
		}
		d.references = append(d.references, reference{Name: r.name, Side: r.side, Port: p})
	}
	return nil
}

// reference is something by which piket judges whether it can see.
type reference struct {
	Name, Side string
	Port       int
}

// sees reports whether piket's own way out is there.
func (d *Datacenter) sees() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.blind
}

// silent reports whether nothing of s can be heard on the network, whatever the
// machine itself does. The lock is held.
func (d *Datacenter) silent(s *server) bool {
	loose := s.faults[LooseCable] && d.clock.Now().Unix()/looseSeconds%2 == 0
	return d.blind || s.site.faults[Cut] || d.switchless[s.Rack] || loose
}

// looseSeconds is how long a server with a loose cable answers, and then is
// silent.
const looseSeconds = 60
