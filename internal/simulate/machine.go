package simulate

import "time"

// machine is one server as it really is.
type machine struct {
	number              int
	name, serial, uuid  string
	address, bmcAddress string
	rack                *rack

	on       bool
	hung     bool          // nothing on it answers until it is restarted
	shell    bool          // of a hung one: its shell still answers
	stopped  bool          // its service
	broken   bool          // a restart does not help; only hands do
	booting  time.Duration // until when
	since    time.Duration // of the last change of the above
	trouble  time.Duration // when it last ceased to be well; 0 when it is well
	lie      lie           // of its BMC
	cutAt    time.Duration // when piket left it off, 0 when it did not
	patience time.Duration // for how long that could have been put right
	hands    int           // technicians at work on it

	override string        // from what it starts next, "" for its disk; "pxe once"
	armedFor time.Duration // for how long what piket set could have been taken back
	foreign  bool          // somebody else has set that
	keeps    bool          // its BMC keeps what was set once
	wiped    int           // how often it was started from an installer
	data     bool          // customers have data on its disks
}

// lie is how a BMC misbehaves.
type lie string

// The ways in which BMCs have been seen to lie.
const (
	honest      lie = ""
	doesNothing lie = "says ok and does nothing"
	actsLate    lie = "says ok and acts minutes later"
	losesReply  lie = "acts, and its answer is lost"
	saysNothing lie = "neither acts nor answers"
	onlyOff     lie = "switches off and does not switch on again"
	wrongState  lie = "reports the power the wrong way around"
	refuses     lie = "refuses"
	hangs       lie = "hangs"
)

var lies = []lie{doesNothing, actsLate, losesReply, saysNothing, onlyOff, wrongState, refuses, hangs}

// powered reports whether the machine has electricity.
func (m *machine) powered() bool {
	for _, f := range m.rack.feeds {
		if !f.state.down {
			return true
		}
	}
	return false
}

// up reports whether its system runs, whoever can see that.
func (m *machine) up(now time.Duration) bool {
	return m.on && !m.hung && !m.broken && now >= m.booting && m.powered()
}

// well reports whether it does what it is there for.
func (m *machine) well(now time.Duration) bool { return m.up(now) && !m.stopped }

// wayDown returns since when the way from a replica to the machine is broken;
// ok is false when it is not.
func (m *machine) wayDown(r *replica) (since time.Duration, ok bool) {
	for _, s := range []*span{&m.rack.site.state, &m.rack.state, &r.uplink} {
		if s.down && (!ok || s.since < since) {
			since, ok = s.since, true
		}
	}
	return since, ok
}

// bmcDown is wayDown for its BMC, which may have a network of its own.
func (m *machine) bmcDown(r *replica) (since time.Duration, ok bool) {
	for _, s := range []*span{&m.rack.site.state, &m.rack.state, &r.uplink} {
		if s.down && !s.aside {
			return s.since, true
		}
	}
	return 0, false
}

// answers reports whether the machine answers to a replica.
func (m *machine) answers(r *replica, now time.Duration) bool {
	_, broken := m.wayDown(r)
	return !broken && r.deaf[m.number] <= now && m.up(now)
}

// answering returns for how long it has answered without a break, 0 when it
// does not.
func (m *machine) answering(r *replica, now time.Duration) time.Duration {
	if !m.answers(r, now) {
		return 0
	}
	from := max(m.since, m.booting, m.rack.site.state.since, m.rack.state.since, r.uplink.since, r.deaf[m.number])
	for _, f := range m.rack.feeds {
		from = max(from, f.state.since)
	}
	return now - from
}

// covered returns for how long something wider than the machine has been the
// trouble, as seen from a replica, and what; 0 when nothing has.
func (m *machine) covered(r *replica, now time.Duration) (time.Duration, string) {
	switch {
	case r.uplink.down:
		return now - r.uplink.since, "piket's own uplink"
	case m.rack.site.state.down:
		return now - m.rack.site.state.since, m.rack.site.name
	case m.rack.state.down:
		return now - m.rack.state.since, m.rack.name
	case !m.powered():
		var since time.Duration
		for _, f := range m.rack.feeds {
			since = max(since, f.state.since)
		}
		return now - since, m.rack.feeds[0].name
	}
	return 0, ""
}

// be changes the machine and notes when.
func (w *world) be(m *machine, change func()) {
	change()
	m.since = w.now
	w.settleTrouble(m)
	w.follow(m)
}

// settleTrouble keeps since when a machine is not well.
func (w *world) settleTrouble(m *machine) {
	switch well := m.well(w.now); {
	case well:
		m.trouble = 0
	case m.trouble == 0:
		m.trouble = max(w.now, 1)
	}
}

// follow plans the look at a machine when its boot ends.
func (w *world) follow(m *machine) {
	if m.booting > w.now {
		w.at(m.booting, func() { w.settleTrouble(m) })
	}
	if m.on {
		m.cutAt = 0
	}
}

// boot starts a machine that has power; what it hung on is gone.
func (w *world) boot(m *machine) {
	took := w.between(40*time.Second, 4*time.Minute)
	if m.override != "" {
		w.starts(m)
	}
	w.be(m, func() { m.on, m.hung, m.stopped, m.booting = true, false, false, w.now+took })
}

// repair is what hands do.
func (w *world) repair(m *machine) {
	w.be(m, func() { m.broken = false })
	if m.lie != honest {
		m.lie = honest
	}
	m.override, m.foreign = "", false // they look what is set before they press the button
	w.boot(m)
}
