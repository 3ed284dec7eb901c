package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// power is what a management controller says of the power, in Redfish's words.
type power string

const (
	powerOn     power = "On"
	powerOff    power = "Off"
	poweringOn  power = "PoweringOn"
	poweringOff power = "PoweringOff"
)

// Condition is the truth about a machine, which nobody outside the lab is told.
type Condition string

// The conditions. Only a running machine serves its customers.
const (
	IsRunning Condition = "running"
	IsBooting Condition = "booting"
	IsHung    Condition = "hung"            // the kernel stands still
	IsCrashed Condition = "service crashed" // the system answers, the service does not
	IsOff     Condition = "off"
	IsDead    Condition = "dead" // powered, and nothing ever starts
)

// errPresentState is a controller's answer to a restart of a machine that is
// off. Redfish wants an error here; IPMI allows one (completion code D5h).
var errPresentState = errors.New("the command is not possible in the present power state")

// phase is a stretch of time with one power state.
type phase struct {
	from  time.Time
	power power
}

// machine is one server as a function of what happened to it and of the time:
// it has no timer and no goroutine. The caller holds a lock around it.
type machine struct {
	name   string
	boot   time.Duration // from power-on to services answering
	phases []phase       // what the power does since the last event, oldest first
	began  time.Time     // of the last boot
	ready  time.Time     // from when that boot's services answer
	before time.Time     // began of the boot before it
	dues   []due         // what its controller has still to log
	boots  int
	hung   bool
	failed bool // the service's process is gone
	dead   bool
	sticky bool // its firmware will not hand over to the system at the next boot
	stuck  bool // it did not at this one

	blank    bool     // nothing on its disk starts
	installs int      // how often it was started from an installer, which wiped it
	override override // from what it starts next
	image    string   // in its virtual drive, "" when empty
	keeps    bool     // its controller keeps what was set once
}

func newMachine(name string, boot time.Duration, now time.Time) *machine {
	began := now.Add(-uptimeAtStart)
	return &machine{name: name, boot: boot, boots: 1, began: began, before: began, ready: began.Add(boot), phases: []phase{{began, powerOn}}, override: noOverride}
}

// power returns what the power does at now.
func (m *machine) power(now time.Time) power {
	state := powerOff
	for _, p := range m.phases {
		if !p.from.After(now) {
			state = p.power
		}
	}
	return state
}

// condition returns how the machine is at now.
func (m *machine) condition(now time.Time) Condition {
	state := m.power(now)
	switch {
	case state == powerOff || state == poweringOff:
		return IsOff
	case m.dead:
		return IsDead
	case now.Before(m.ready) || m.stuck || m.blank:
		return IsBooting
	case m.hung:
		return IsHung
	case m.failed:
		return IsCrashed
	}
	return IsRunning
}

// systemAnswers reports whether the operating system is there to answer.
func (m *machine) systemAnswers(now time.Time) bool {
	c := m.condition(now)
	return c == IsRunning || c == IsCrashed
}

// progress is how far the boot has come, in Redfish's words.
func (m *machine) progress(now time.Time) string {
	switch m.condition(now) {
	case IsOff:
		return "None"
	case IsDead:
		return "PrimaryProcessorInitializationStarted"
	case IsBooting:
		if m.stuck || m.blank || now.Before(m.began.Add(m.boot/2)) {
			return "SystemHardwareInitializationComplete"
		}
		return "OSBootStarted"
	}
	return "OSRunning" // a controller cannot see that a kernel hangs
}

// bootID is what the kernel would say in /proc/sys/kernel/random/boot_id: new
// with each boot, the same until the next.
func (m *machine) bootID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "boot %d of %s", m.boots, m.name))
	return formatUUID(sum[:])
}

// settle is how long a change of power takes: 4.5 s for a boot of 90 s, in the
// middle of the 1 to 11 s that real controllers need.
func (m *machine) settle() time.Duration { return m.boot / 20 }

// run makes the machine run at once. One whose system was there, hung or not,
// goes on in the same boot; any other has booted at this moment.
func (m *machine) run(now time.Time) {
	c := m.condition(now)
	m.hung, m.failed, m.dead, m.stuck, m.blank = false, false, false, false, false
	if c == IsRunning || c == IsHung || c == IsCrashed {
		return
	}
	m.cancel(now)
	m.phases = []phase{{now, powerOn}}
	m.begin(now, byPowerUp, 0)
}

// start begins a boot at the moment at, which may lie ahead. Parts that are
// broken stay broken; software starts afresh, unless the firmware is at fault.
func (m *machine) start(at time.Time, by cause) {
	m.phases = append(m.phases, phase{at, poweringOn}, phase{at.Add(m.settle()), powerOn})
	m.use()
	m.begin(at, by, m.boot)
	m.stuck = m.sticky
}

// stop lets the power go off after the time that takes.
func (m *machine) stop(now time.Time, takes time.Duration) {
	m.cancel(now)
	m.phases = []phase{{now, poweringOff}, {now.Add(takes), powerOff}}
}

// switches are the power commands of a controller, by Redfish's reset types.
var switches = map[string]func(*machine, time.Time) error{
	"On":               (*machine).on,
	"ForceOff":         (*machine).forceOff,
	"GracefulShutdown": (*machine).shutdown,
	"ForceRestart":     (*machine).restart,
	"PowerCycle":       (*machine).cycle,
}

// on is a no-op on a machine that has power already, as on real controllers.
func (m *machine) on(now time.Time) error {
	if state := m.power(now); state == powerOff || state == poweringOff {
		m.phases = nil
		m.start(now, byPowerUp)
	}
	return nil
}

func (m *machine) forceOff(now time.Time) error {
	if m.power(now) != powerOff {
		m.stop(now, m.settle())
	}
	return nil
}

// shutdown presses the button briefly: a system that hears it shuts down, one
// that is hung, dead or booting does not, and the controller cannot tell.
func (m *machine) shutdown(now time.Time) error {
	if m.systemAnswers(now) {
		m.stop(now, 3*m.settle())
	}
	return nil
}

func (m *machine) restart(now time.Time) error {
	if m.power(now) == powerOff {
		return errPresentState
	}
	m.cancel(now)
	m.phases = nil
	m.start(now, byHardReset)
	return nil
}

func (m *machine) cycle(now time.Time) error {
	if m.power(now) == powerOff {
		return errPresentState
	}
	m.stop(now, m.settle())
	m.start(now.Add(2*m.settle()), byPowerUp)
	return nil
}

// reboot is the operating system restarting itself: the power stays on.
func (m *machine) reboot(now time.Time) {
	m.use()
	m.begin(now, bySystem, m.boot)
	m.stuck = m.sticky
}

// heal undoes everything at once; a machine that runs is left alone.
func (m *machine) heal(now time.Time) {
	m.sticky = false
	if m.condition(now) != IsRunning {
		m.run(now)
	}
}

// repair is what hands on site do: new parts, then the button.
func (m *machine) repair(now time.Time) {
	m.dead, m.sticky, m.blank = false, false, false
	m.override, m.image = noOverride, "" // hands look what is set before they press the button
	m.cancel(now)
	m.phases = nil
	m.start(now, byPowerUp)
}

// formatUUID writes 16 bytes as a random (version 4) UUID.
func formatUUID(b []byte) string {
	return fmt.Sprintf("%x-%x-4%03x-a%03x-%x", b[0:4], b[4:6],
		(uint16(b[6])<<8|uint16(b[7]))&0xfff, (uint16(b[8])<<8|uint16(b[9]))&0xfff, b[10:16])
}
