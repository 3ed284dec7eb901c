package lab

import (
	"slices"
	"time"
)

// maxWire bounds the wire log, in which commands outlast logins. The count of
// power commands goes on beyond it.
const maxWire = 20_000

// WireEntry is one write that arrived at a pretend controller or a pretend SSH
// server, whether it was obeyed or not.
type WireEntry struct {
	At      time.Time `json:"at"`
	Server  string    `json:"server"`            // whose controller was asked
	Machine string    `json:"machine,omitempty"` // which machine felt it, "" for none
	Door    string    `json:"door"`              // "redfish", "ipmi" or "ssh"
	What    string    `json:"what"`              // "reset ForceRestart", "systemctl restart web.service"
	Result  string    `json:"result"`            // what became of it
	Power   bool      `json:"power"`             // counts as a power command
}

// loginAttempt is What of an entry that is no command.
const loginAttempt = "login"

// wire is the lab's memory of what arrived. The caller holds the lock.
type wire struct {
	entries []WireEntry
	power   int
}

func (w *wire) add(e WireEntry) {
	if e.Power {
		w.power++
	}
	if len(w.entries) >= maxWire {
		w.forget()
	}
	w.entries = append(w.entries, e)
}

// forget makes room: of every look at an SSH server that did not log in there is
// an entry, and who asks a fleet each second makes thousands in a minute.
func (w *wire) forget() {
	w.entries = slices.DeleteFunc(w.entries, func(e WireEntry) bool { return e.What == loginAttempt })
	if over := len(w.entries) - maxWire*9/10; over > 0 {
		w.entries = slices.Delete(w.entries, 0, over)
	}
}

// PowerSends returns how many power commands the pretend controllers received
// on the wire, obeyed or not.
func (d *Datacenter) PowerSends() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wire.power
}

// WireLog returns what arrived on the wire, oldest first, 20,000 entries at most:
// when there are more, logins go first, then what is oldest.
func (d *Datacenter) WireLog() []WireEntry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.wire.entries)
}

// note books something that arrived for s and was not a power command.
func (d *Datacenter) note(s *server, door, what, result string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wire.add(WireEntry{At: d.clock.Now(), Server: s.Name, Door: door, What: what, Result: result})
}
