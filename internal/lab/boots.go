package lab

import "time"

// uptimeAtStart is how long the machines have been running when the lab starts.
const uptimeAtStart = 30 * 24 * time.Hour

// due is something that a controller will log when its time has come.
type due struct {
	at   time.Time
	what happening
}

// The sensors behind boots, by their numbers in IPMI.
const (
	startSensor = 0x81
	osSensor    = 0x82
)

// cause is what started a boot.
type cause byte

// The causes, by their offsets in sensor type 1Dh (IPMI 2.0, table 42-3).
const (
	byPowerUp   cause = 0
	byHardReset cause = 1
	bySystem    cause = 6
)

var causeWords = map[cause]string{
	byPowerUp: "Initiated by power up", byHardReset: "Initiated by hard reset", bySystem: "OS initiated warm reset",
}

func (c cause) logged() happening {
	return happening{startSensor, 0x1d, 0x6f, byte(c), "System Boot Initiated", causeWords[c], false}
}

var systemBooted = happening{osSensor, 0x1f, 0x6f, 1, "OS Boot", "C: boot completed", false}

// begin starts a boot at the moment at, which may lie ahead: a new boot id, and
// entries for the log. A machine that is stuck never gets to its system.
func (m *machine) begin(at time.Time, by cause, takes time.Duration) {
	m.boots++
	if !m.began.After(at) {
		m.before = m.began
	}
	m.began, m.ready = at, at.Add(takes)
	m.dues = append(m.dues, due{at, by.logged()}, due{m.ready, systemBooted})
	m.hung, m.failed = false, false
}

// lastReset is when the last boot began that has begun.
func (m *machine) lastReset(now time.Time) time.Time {
	if m.began.After(now) {
		return m.before
	}
	return m.began
}

// cancel forgets what lies ahead: the power goes before it comes to that.
func (m *machine) cancel(now time.Time) {
	var past []due
	for _, d := range m.dues {
		if !d.at.After(now) {
			past = append(past, d)
		}
	}
	m.dues = past
}

// happened returns what has come to pass since it was last asked.
func (m *machine) happened(now time.Time) []due {
	var past, ahead []due
	for _, d := range m.dues {
		booted := d.what == systemBooted
		switch {
		case d.at.After(now):
			ahead = append(ahead, d)
		case booted && (m.stuck || m.dead || m.blank):
			// The system never got that far.
		default:
			past = append(past, d)
		}
	}
	m.dues = ahead
	return past
}

// catchUp logs what has come to pass. The lock is held.
func (s *server) catchUp(now time.Time) {
	for _, d := range s.machine.happened(now) {
		if !s.faults[NoBootEvidence] {
			s.log.add(d.what, d.at, false)
		}
	}
}
