package runbooks

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Boot sets from what a machine starts the next time, and restarts nothing: the
// restart is the next rung of the ladder, an order of its own. One order is one
// write, so that an answer that is lost leaves one thing unknown, and nothing is
// restarted on top of it.
type Boot struct {
	Device string `yaml:"device,required"` // a word of [Devices]
	Once   bool   `yaml:"once,required"`   // true: what would stay set wipes the machine at some later start
}

// Media puts a disk image into a machine's virtual drive, and restarts nothing.
type Media struct {
	ISO    string `yaml:"iso,required"`    // https://…
	SHA256 string `yaml:"sha256,required"` // of the image, in hex: what is there must be what was agreed to
}

// Host is the server that the image comes from, as the lists of allowed hosts
// name it: with a port unless that is 443.
func (m Media) Host() string {
	u, err := url.Parse(m.ISO)
	if err != nil {
		return ""
	}
	if u.Port() == "443" {
		return strings.ToLower(u.Hostname())
	}
	return strings.ToLower(u.Host)
}

// Prepares reports whether a remedy only makes ready for the restart that follows
// it in the ladder.
func (r Remedy) Prepares() bool { return r.Boot != nil || r.Media != nil }

// Before returns the rung that a remedy rests on: the image before the boot from
// it, the boot device before the restart. ok is false for every other remedy.
func (b *Runbook) Before(id string) (before Remedy, ok bool) {
	for n, r := range b.Remedies {
		if r.ID == id && n > 0 && b.Remedies[n-1].Prepares() {
			return b.Remedies[n-1], true
		}
	}
	return Remedy{}, false
}

// After returns the rung that a preparation is for. A runbook that was checked
// has one for each.
func (b *Runbook) After(id string) (after Remedy, ok bool) {
	for n, r := range b.Remedies[:max(0, len(b.Remedies)-1)] {
		if r.ID == id && r.Prepares() {
			return b.Remedies[n+1], true
		}
	}
	return Remedy{}, false
}

// Reinstalls reports whether a remedy is part of what may wipe the machine's
// disks: a preparation, or the restart that it is for.
func (b *Runbook) Reinstalls(id string) bool {
	r, _ := b.Remedy(id)
	_, restarts := b.Before(id)
	return r.Prepares() || restarts
}

var sha256Form = regexp.MustCompile(`\A[0-9a-f]{64}\z`)

// reinstalls checks the remedies that may wipe a disk, each and in their order.
func (c *checker) reinstalls() {
	for i := range c.book.Remedies {
		r := &c.book.Remedies[i]
		if r.Boot != nil {
			c.boot(r)
		}
		if r.Media != nil {
			c.media(r.Media)
		}
		c.order(i)
		if r.ID != "" && c.book.Reinstalls(r.ID) {
			c.agreed(r)
		}
	}
}

func (c *checker) boot(r *Remedy) {
	b := r.Boot
	c.word(&b.Device, "boot device", Devices)
	if c.doc.Given(&b.Once) && !b.Once {
		c.add(&b.Once, "once is false: a boot device that stays set wipes the machine at some later start; write once: true")
	}
}

func (c *checker) media(m *Media) {
	if m.ISO != "" {
		u, err := url.Parse(m.ISO)
		switch {
		case err != nil, u.Scheme != "https", u.Host == "", u.Path == "" || u.Path == "/":
			c.add(&m.ISO, "iso %q: want the https address of an image", m.ISO)
		case u.User != nil, u.RawQuery != "", u.Fragment != "":
			c.add(&m.ISO, "iso: an address without user, query and fragment: it stands on timelines and in the BMC's log")
		}
	}
	if m.SHA256 != "" && !sha256Form.MatchString(m.SHA256) {
		c.add(&m.SHA256, "sha256 %q: want the 64 lower-case hex digits that sha256sum prints", m.SHA256)
	}
}

// order checks that each preparation is followed by what it is for. A boot device
// that nothing restarts for would wait for a restart that means something else.
func (c *checker) order(i int) {
	r := &c.book.Remedies[i]
	next := &Remedy{}
	if i+1 < len(c.book.Remedies) {
		next = &c.book.Remedies[i+1]
	}
	before := &Remedy{}
	if i > 0 {
		before = &c.book.Remedies[i-1]
	}
	switch {
	case r.Boot != nil && next.Power != "on" && next.Power != "cycle":
		c.add(r, "a boot device is set for a restart: the next remedy must be power: cycle or power: on")
	case r.Media != nil && (next.Boot == nil || next.Boot.Device != "cdrom"):
		c.add(r, "an image is there to be started from: the next remedy must be boot: {device: cdrom, once: true}")
	}
	if r.Boot != nil && r.Boot.Device == "cdrom" && before.Media == nil {
		c.add(&r.Boot.Device, "nothing is in the drive: the remedy before must be media")
	}
}

// agreed checks that two people are asked, always: what these remedies do cannot
// be taken back, so no record and no condition makes asking unnecessary.
func (c *checker) agreed(r *Remedy) {
	switch {
	case r.Trust == Auto:
		c.add(&r.Trust, "trust is auto, and this may wipe a disk: nothing may do that without asking")
	case r.Approve == nil:
		c.add(r, "this may wipe a disk: give it approve with persons: 2")
	case r.Approve.Persons != 2:
		c.add(r.Approve, "this may wipe a disk, and two people must agree: write persons: 2")
	case r.Approve.Unless != "":
		c.add(&r.Approve.Unless, "this may wipe a disk: leave out unless, somebody is always asked")
	}
	if r.Earn > 0 {
		c.add(&r.Earn, "this may wipe a disk: trust in it is never earned")
	}
	if r.Attempts > 1 {
		c.add(&r.Attempts, "attempts is %d, and this may wipe a disk: it is tried once", r.Attempts)
	}
}

// explainAction says what a remedy does, before when and with whose leave.
func (b *Runbook) explainAction(r Remedy) string {
	switch {
	case r.Boot != nil:
		return fmt.Sprintf("%s: set the BMC to start the machine from %s, once, without restarting it; this leads to WIPING its disks, so it is refused unless the inventory says data: none", r.ID, deviceWords[r.Boot.Device])
	case r.Media != nil:
		return fmt.Sprintf("%s: put the image %s (SHA-256 %.12s, read and compared first) into the machine's virtual drive; this leads to WIPING its disks, so it is refused unless the inventory says data: none",
			r.ID, r.Media.ISO, r.Media.SHA256)
	case r.Power != "":
		text := r.ID + ": power " + r.Power + " through the BMC, once its serial number and UUID are seen to match"
		if before, ok := b.Before(r.ID); ok && before.Boot != nil {
			text += "; it starts from " + deviceWords[before.Boot.Device] + " and its disks are WIPED; what was set on the BMC is taken back afterwards, whatever comes of it"
		}
		return text
	}
	return fmt.Sprintf("%s: run %q over SSH", r.ID, strings.Join(r.SSH, " "))
}
