package lab

import (
	"slices"
	"time"
)

// The sensors of every pretend machine, by their numbers in IPMI.
const (
	inletSensor = 1 // °C
	fan1Sensor  = 2 // RPM
	fan2Sensor  = 3
	psu1Sensor  = 0x51
	psu2Sensor  = 0x52
	cpuSensor   = 0x61
	buttonPoint = 0x71
)

// What the sensors read, and their limits.
const (
	inletCelsius   = 24
	inletWarning   = 42
	inletCritical  = 47
	fanRPM         = 5400
	failedFanRPM   = 600
	fanWarningRPM  = 1000
	fanCriticalRPM = 800
)

// Redfish's words for how a part is.
const (
	stateEnabled = "Enabled"
	stateStandby = "StandbyOffline"
	severityOK   = "OK"
	severityCrit = "Critical"
)

// maxSEL is how many entries a controller keeps.
const maxSEL = 512

// happening is a kind of event that controllers log, in the words of Redfish and
// in the bytes of IPMI (tables 42-2 and 42-3).
type happening struct {
	sensor    byte // its number
	kind      byte // its type
	reading   byte // 01h a limit, 6Fh a state
	offset    byte // which limit or state
	part      string
	words     string
	isTrouble bool
}

// happenings lists what each fault writes into the log when it begins, and
// again when it ends.
var happenings = map[Fault]happening{
	PSUFailed: {psu2Sensor, 0x08, 0x6f, 3, "PSU 2", "Power Supply AC lost", true},
	FanFailed: {fan2Sensor, 0x04, 0x01, 2, "Fan 2", "Lower Critical going low, 600 RPM", true},
	Dead:      {cpuSensor, 0x07, 0x6f, 0, "CPU 1", "Internal error (IERR)", true},
	Off:       {buttonPoint, 0x14, 0x6f, 0, "Power button", "Power button pressed", false},
}

// event is one entry of a controller's log (SEL).
type event struct {
	happening
	id   int
	at   time.Time
	over bool
}

// sel is a controller's log. The caller holds the lab's lock.
type sel struct {
	events []event
	last   int
}

func (l *sel) add(h happening, now time.Time, over bool) {
	l.last++
	if len(l.events) >= maxSEL {
		l.events = slices.Delete(l.events, 0, 1)
	}
	l.events = append(l.events, event{happening: h, id: l.last, at: now, over: over})
}

// begins logs what a fault does to the hardware. The lock is held.
func (s *server) begins(f Fault, now time.Time) {
	s.catchUp(now)
	if h, ok := happenings[f]; ok {
		s.log.add(h, now, false)
	}
}

// mended logs the end of the troubles that s has. The lock is held.
func (s *server) mended(now time.Time) {
	s.catchUp(now)
	for _, f := range []Fault{Dead, PSUFailed, FanFailed} {
		if s.faults[f] || f == Dead && s.machine.dead {
			s.log.add(happenings[f], now, true)
		}
	}
}

// hardware is what sensors measure of a machine.
type hardware struct {
	on        bool
	fan2      int // RPM
	psuFailed bool
	cpuFailed bool
	log       []event
}

// hardware returns what the sensors of s measure. The lock is held.
func (s *server) hardware(now time.Time) hardware {
	s.catchUp(now)
	h := hardware{
		on: s.machine.power(now) != powerOff, fan2: fanRPM,
		psuFailed: s.faults[PSUFailed], cpuFailed: s.machine.dead, log: slices.Clone(s.log.events),
	}
	if s.faults[FanFailed] {
		h.fan2 = failedFanRPM
	}
	return h
}

// fanBad reports whether the fan that can fail has.
func (h hardware) fanBad() bool { return h.on && h.fan2 <= fanCriticalRPM }

// health is the roll-up of everything, in Redfish's words.
func (h hardware) health() string {
	if h.psuFailed || h.cpuFailed || h.fanBad() {
		return severityCrit
	}
	return severityOK
}
