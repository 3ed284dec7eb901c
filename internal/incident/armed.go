package incident

import (
	"fmt"
	"time"
)

// The actions of an intent.
const (
	ActionPower = "power"
	ActionSSH   = "ssh"
	ActionBoot  = "boot"  // from what the machine starts the next time; Verb is the device, or [BootNone]
	ActionMedia = "media" // the image in its virtual drive; Verb is [MediaInsert] or [MediaEject]
)

// The verbs of boot and media that are not devices.
const (
	BootNone    = "none"
	MediaInsert = "insert"
	MediaEject  = "eject"
)

// Armed is what stands on a machine's BMC because this incident put it there, and
// is owed back: from here on any restart, whoever makes it, may wipe the machine.
type Armed struct {
	By     Intended // the latest preparation
	At     time.Time
	Device string // that the machine starts from next, "" when none was set
	ISO    string // in its virtual drive, "" when none was put there
	Unsure bool   // whether that really stands there is not known

	Tries   int       // at taking it back, since something of it was taken back last
	TriedAt time.Time // the latest
}

// TakeBacks is how often taking back is tried before a person is called. It goes
// on after that, more seldom.
const TakeBacks = 3

// What says in words what is owed back.
func (a *Armed) What() string {
	switch {
	case a.Device != "" && a.ISO != "":
		return fmt.Sprintf("%s is set to start from %s, with an image in its virtual drive", a.By.Server, DeviceWords(a.Device))
	case a.Device != "":
		return fmt.Sprintf("%s is set to start from %s", a.By.Server, DeviceWords(a.Device))
	}
	return fmt.Sprintf("an image is in the virtual drive of %s", a.By.Server)
}

// DeviceWords says a boot device to a manager.
func DeviceWords(device string) string {
	switch device {
	case "pxe":
		return "the network (PXE)"
	case "cdrom":
		return "its virtual drive"
	}
	return device
}

// onBMC reports whether the intent changes what a BMC holds ready for the next
// start, and no power.
func (p Intended) onBMC() bool { return p.Action == ActionBoot || p.Action == ActionMedia }

// Prepares reports whether the intent makes ready for a reinstallation.
func (p Intended) Prepares() bool { return p.onBMC() && p.Duty == 0 }

// TakesBack reports whether the intent takes back what an earlier one has set.
func (p Intended) TakesBack() bool { return p.onBMC() && p.Duty > 0 }

// GivesPower reports whether the intent gives back power that piket cut itself.
func (p Intended) GivesPower() bool { return p.Duty > 0 && !p.onBMC() }

// whatOnBMC says it in words.
func (p Intended) whatOnBMC() string {
	switch p.Verb {
	case MediaInsert:
		return fmt.Sprintf("put the image %s (SHA-256 %.12s) into the virtual drive of %s", p.ISO, p.SHA256, p.Server)
	case MediaEject:
		return fmt.Sprintf("take the image %s out of the virtual drive of %s", p.ISO, p.Server)
	case BootNone:
		return fmt.Sprintf("take back from what %s starts next", p.Server)
	}
	return fmt.Sprintf("have %s start from %s once", p.Server, DeviceWords(p.Verb))
}

// arm books what became of a preparation. What may stand on the BMC is owed back
// from here on. A preparation is over as soon as its outcome is known: what it was
// for is the next rung's, and nothing was left out that need stay so.
func (i *Incident) arm(a *Action, at time.Time) {
	if a.Outcome == OutcomeRefused {
		return
	}
	armed := Armed{}
	if i.Armed != nil {
		armed = *i.Armed
	}
	armed.By, armed.At, armed.Unsure = a.Intended, at, armed.Unsure || a.Outcome == OutcomeUnknown
	armed.Tries, armed.TriedAt = 0, time.Time{}
	if a.Action == ActionBoot {
		armed.Device = a.Verb
	} else {
		armed.ISO = a.ISO
	}
	i.Armed = &armed
	if a.Outcome == OutcomeDone {
		i.leave(a.Step, "prepared", a.Detail)
		i.lookAnew()
		i.endAction()
	}
}

// lookAnew has every remedy that was left out judged again.
func (i *Incident) lookAnew() {
	for _, s := range i.Steps {
		if s.Done == "skipped" {
			s.Done, s.Reason = "", ""
		}
	}
}

// disarm books what became of taking back. Done means that it was seen to be gone.
func (i *Incident) disarm(a *Action) {
	i.endAction()
	if i.Armed == nil || a.Outcome != OutcomeDone {
		return
	}
	left := *i.Armed
	left.Tries, left.TriedAt = 0, time.Time{}
	if a.Action == ActionBoot {
		left.Device = ""
	} else {
		left.ISO = ""
	}
	if i.Armed = &left; left.Device == "" && left.ISO == "" {
		i.Armed = nil
	}
}

// LastTried is the last action that was to bring service back, nil when none was
// planned: taking back what it needed is not one.
func (i *Incident) LastTried() *Action {
	if i.Action != nil && i.Action.TakesBack() {
		return i.Undone
	}
	return i.Action
}

// before is what stays to be told of once p takes its place.
func (i *Incident) before(p Intended) *Action {
	if !p.TakesBack() {
		return nil
	}
	return i.LastTried()
}

// tried counts one more, or one less, of the tries of a duty.
func (i *Incident) tried(a *Action, by int, at time.Time) {
	switch {
	case a.GivesPower():
		i.DutyTries += by
	case a.TakesBack() && i.Armed != nil:
		armed := *i.Armed
		armed.Tries += by
		armed.TriedAt = at
		i.Armed = &armed
	}
}
