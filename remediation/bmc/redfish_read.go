package bmc

import (
	"context"
	"errors"
)

// resource is what a reading needs of a ComputerSystem, a Manager and a Chassis.
type resource struct {
	Status      condition
	LogServices link
	Thermal     link // the older form of sensors
	Power       link
	Sensors     link // the newer one
	Links       struct{ Chassis, ManagedBy []link }

	PowerSubsystem link
}

// maxChassis bounds how many enclosures of one system are asked.
const maxChassis = 2

// read asks for the log first, because it says most about a machine that died,
// then for health and sensors.
func (s *redfish) read(ctx context.Context) findings {
	var f findings
	known, err := s.chosen()
	if err != nil {
		f.gap("health, sensors and log", err)
		return f
	}
	var sys resource
	if err := decodeLoosely(known.body, &sys); err != nil {
		f.gap("health, sensors and log", err)
		return f
	}
	r := s.ask(ctx, maxReads)
	f.health = sys.Status.rolledUp()
	if f.log, err = r.log(sys, s.wire.root); err != nil {
		f.gap("log", err)
	}
	f.logRead, f.clock = err == nil, r.clock
	for _, at := range sys.Links.Chassis[:min(len(sys.Links.Chassis), maxChassis)] {
		r.chassis(at, &f)
	}
	return f
}

// log reads the log of the system, or of the manager where the system has none.
func (r *reader) log(sys resource, root []byte) ([]entry, error) {
	var service struct {
		ProtocolFeaturesSupported struct{ TopSkipQuery bool }
	}
	_ = decodeLoosely(root, &service) // without it, no pages are asked for
	at, err := r.logIn(sys.LogServices)
	if errors.Is(err, errNoLog) && len(sys.Links.ManagedBy) > 0 {
		var manager resource
		if err := r.get(sys.Links.ManagedBy[0].Path, &manager); err != nil {
			return nil, err
		}
		at, err = r.logIn(manager.LogServices)
	}
	if err != nil {
		return nil, err
	}
	return r.entries(at, service.ProtocolFeaturesSupported.TopSkipQuery)
}

// chassis reads the sensors and power supplies of one enclosure.
func (r *reader) chassis(at link, f *findings) {
	var c resource
	err := r.spent()
	if err == nil {
		err = r.get(at.Path, &c)
	}
	if err != nil {
		f.gap("chassis", err)
		return
	}
	f.health = worse(f.health, c.Status.rolledUp())
	for _, ask := range []struct {
		what string
		at   link
		into func(link, *findings) error
	}{
		{"power supplies", c.Power, r.power},
		{"temperatures and fans", c.Thermal, r.thermal},
		{"sensors", c.Sensors, r.sensors(c)},
		{"power supplies", c.PowerSubsystem, r.supplies(c)},
	} {
		if ask.at.Path == "" || ask.into == nil {
			continue
		}
		if err := r.spent(); err != nil {
			f.gap(ask.what, err)
			continue
		}
		if err := ask.into(ask.at, f); err != nil {
			f.gap(ask.what, err)
		}
	}
}

func (r *reader) power(at link, f *findings) error {
	var power struct{ PowerSupplies, Voltages []part }
	if err := r.get(at.Path, &power); err != nil {
		return err
	}
	f.supplies(power.PowerSupplies)
	f.check(power.Voltages)
	return nil
}

func (r *reader) thermal(at link, f *findings) error {
	var thermal struct{ Temperatures, Fans []part }
	if err := r.get(at.Path, &thermal); err != nil {
		return err
	}
	f.check(thermal.Fans)
	f.check(thermal.Temperatures)
	return nil
}

// sensors reads the newer form, where the older one is not there. Asking for
// each sensor would be a hundred questions: $expand gives them in one, and a BMC
// that cannot do so is left alone.
func (r *reader) sensors(c resource) func(link, *findings) error {
	if c.Thermal.Path != "" {
		return nil
	}
	return func(at link, f *findings) error {
		var list collection[part]
		if err := r.get(at.Path+"?$expand=.($levels=1)", &list); err != nil {
			return err
		}
		f.check(list.Members)
		return nil
	}
}

// supplies reads the newer form of power supplies, likewise.
func (r *reader) supplies(c resource) func(link, *findings) error {
	if c.Power.Path != "" {
		return nil
	}
	return func(at link, f *findings) error {
		var list collection[part]
		if err := r.get(at.Path+"/PowerSupplies?$expand=.($levels=1)", &list); err != nil {
			return err
		}
		f.supplies(list.Members)
		return nil
	}
}

// check keeps what is out of range.
func (f *findings) check(parts []part) {
	for _, p := range parts {
		if s, out := p.check(); out {
			f.outOfRange(s)
		}
	}
}

// supplies counts power supplies. One that is only linked to says nothing.
func (f *findings) supplies(parts []part) {
	for _, p := range parts {
		if !p.Status.there() || p.Status == (condition{}) {
			continue
		}
		f.psus++
		if p.lost() {
			f.psuLost = true
			f.outOfRange(sensor{name: p.name(), reading: p.loss(), health: healthCritical})
		} else if s, out := p.check(); out {
			f.outOfRange(s)
		}
	}
}
