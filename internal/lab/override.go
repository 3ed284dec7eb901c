package lab

import (
	"errors"
	"strings"
	"time"
)

// start from something else than the disk: what a controller holds ready, in
// Redfish's words.
type override struct {
	enabled, target string // "Disabled", "Once", "Continuous"; "None", "Pxe", "Cd", "Hdd" …
}

var noOverride = override{"Disabled", "None"}

// installs reports whether a start under it ends in the installer.
func (o override) installs(image string) bool {
	return o.enabled != "Disabled" && (o.target == "Pxe" || o.target == "Cd" && image != "")
}

// use starts the machine as the override says, and is used up by it, unless the
// controller keeps what was set. An installer wipes the disk and puts a system on
// it.
func (m *machine) use() {
	if m.override.installs(m.image) {
		m.installs++
		m.blank = false
	}
	if m.override.enabled == "Once" && !m.keeps {
		m.override = noOverride
	}
}

// next is what is held ready for the next start, in words.
func (m *machine) next() string {
	var words []string
	if m.override != noOverride {
		words = append(words, m.override.target, m.override.enabled)
	}
	if m.image != "" {
		words = append(words, m.image)
	}
	return strings.Join(words, " ")
}

var errNoImage = errors.New("the image could not be mounted")

// setOverride lets the controller of s set from what its machine starts next, and
// books it. It reports whether the controller answers.
func (d *Datacenter) setOverride(s *server, door string, o override) (answered bool) {
	what := "boot " + strings.ToLower(o.target+" "+o.enabled)
	return d.hold(s, door, what, func(m *machine) error { m.override = o; return nil }) == nil
}

// errUnanswered says that the controller broke the connection.
var errUnanswered = errors.New("no answer")

// setImage lets the controller of s put an image into its machine's virtual drive,
// or with "" take it out.
func (d *Datacenter) setImage(s *server, image string) error {
	what := "media insert " + image
	if image == "" {
		what = "media eject"
	}
	return d.hold(s, "redfish", what, func(m *machine) error {
		if image != "" && d.imagesGone {
			return errNoImage
		}
		m.image = image
		return nil
	})
}

// hold carries out what changes no power, and books it.
func (d *Datacenter) hold(s *server, door, what string, change func(*machine) error) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	target := d.wired(s)
	entry := WireEntry{At: d.clock.Now(), Server: s.Name, Machine: target.Name, Door: door, What: what, Result: "done"}
	if s.faults[BMCForgetsBoot] {
		entry.Machine, entry.Result = "", "said yes, did nothing"
	} else if err = change(target.machine); err != nil {
		entry.Machine, entry.Result = "", "refused: "+err.Error()
	}
	if s.faults[BMCDropsReply] {
		entry.Result += "; the reply was dropped"
		err = errUnanswered
	}
	d.wire.add(entry)
	return err
}

// held returns what the controller of s holds ready for the next start.
func (d *Datacenter) held(s *server) (override, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.wired(s).machine
	return m.override, m.image
}

// SetBoot has somebody at the console of a server set from what it starts next, in
// Redfish's words, such as "Pxe" and "Continuous".
func (d *Datacenter) SetBoot(name, target, enabled string) error {
	s, err := d.server(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.machine.override = override{enabled, target}
	return nil
}

// noSystem leaves the disk of the machine without anything that starts.
func noSystem(m *machine, now time.Time) {
	m.run(now)
	m.blank = true
}
