package probes

import (
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// Sight is what the scheduler knows of one target.
type Sight struct {
	Key     string        `json:"key"`  // as [Scheduler.Look] finds it
	Name    string        `json:"name"` // as a person knows it
	Kind    string        `json:"check"`
	Site    string        `json:"site,omitempty"`
	Server  string        `json:"server,omitempty"`
	State   State         `json:"state"` // the last answer; down for a status page that announces trouble
	Reason  string        `json:"reason"`
	Latency time.Duration `json:"latency"`
	At      time.Time     `json:"at,omitzero"`    // when it was asked for; zero before the first time
	Alarm   bool          `json:"alarm"`          // an alert stands
	Since   time.Time     `json:"since,omitzero"` // of the first down of the present row; zero when there is none

	Misses   int    `json:"misses,omitempty"`   // downs in a row since it last answered
	Doubtful bool   `json:"doubtful,omitempty"` // missed, and not yet often enough
	Detail   Detail `json:"detail,omitzero"`    // for kinds that have any
	Verdict  string `json:"verdict,omitempty"`  // whose trouble its silence is: "server", "flapping", "rack ams1-r1", "me", "unknown"; "" while it is not sure to be silent
}

// Snapshot returns what is known of every target now, by "site/ams1",
// "statuspage/ams1", "server/web-07", "service/web-07/shop", "bmc/web-07" and
// "reference/resolver". The map is the caller's own.
func (s *Scheduler) Snapshot() map[string]Sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	sights := make(map[string]Sight, len(s.plan.rows))
	for _, r := range s.plan.rows {
		sights[r.key] = s.sight(r)
	}
	return sights
}

// Look returns what is known of one target; false when the inventory has none
// with that key.
func (s *Scheduler) Look(key string) (Sight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.plan.rows {
		if r.key == key {
			return s.sight(r), true
		}
	}
	return Sight{}, false
}

// Unwell returns what of [Scheduler.Snapshot] is not plainly up: whose last
// answer was another, who missed since, or who was not asked for longer than
// two intervals. All others of the inventory that it returns beside them
// answered when they were last asked.
func (s *Scheduler) Unwell() (sights map[string]Sight, of *inventory.Inventory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sights, now := map[string]Sight{}, s.parts.Clock.Now()
	for _, r := range s.plan.rows {
		if r.last.state != Up || r.health.Misses > 0 || r.health.Alarm || now.Sub(r.asked.time()).Abs() > 2*r.interval {
			sights[r.key] = s.sight(r)
		}
	}
	return sights, s.inventory
}

func (s *Scheduler) sight(r *row) Sight {
	var detail Detail
	if r.last.detail != nil {
		detail = *r.last.detail
	}
	return Sight{
		Key: r.key, Detail: detail,
		Name: r.name, Kind: r.kind(), Site: r.site, Server: r.on,
		State: r.last.state, Reason: r.last.words(), Latency: r.last.took, At: r.asked.time(),
		Alarm: r.alarmed(), Since: r.health.Since, Misses: int(r.health.Misses), Doubtful: r.health.Doubtful(), Verdict: s.verdict(r),
	}
}

// verdict is whose trouble the silence of a row is.
func (s *Scheduler) verdict(r *row) string {
	switch {
	case !r.health.Alarm:
		return ""
	case s.plan.observer.firing != nil && !r.alarmed():
		return "me"
	case r.partOf != nil:
		return r.partOf.kind + " " + r.partOf.name
	case r.told != nil && !r.told.disputed.IsZero(), !r.alarmed():
		return "unknown"
	case r.told.flaps != nil:
		return "flapping"
	case r.server != nil:
		return "server"
	}
	return ""
}

// Tally is what the answers of a target over some time add up to. Two bytes for
// each count are enough for a day of asking every two seconds.
type Tally struct {
	Asked, Lost uint16
	Sum, Worst  uint32 // of the latencies of what was answered, in microseconds
}

func (t *Tally) add(s sighting) {
	switch s.state {
	case Up:
		micros := uint32(min(s.took.Microseconds(), time.Hour.Microseconds()))
		t.Sum += micros
		t.Worst = max(t.Worst, micros)
	case Down:
		t.Lost++
	default:
		return // our own trouble is no loss
	}
	t.Asked++
}

// Tallies calls take with what the answers of every target came to since it was
// called before, and begins anew. What was not asked since then is left out.
func (s *Scheduler) Tallies(take func(key string, t Tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.plan.rows {
		if r.tally.Asked > 0 {
			take(r.key, r.tally)
			r.tally = Tally{}
		}
	}
}

// Doubtful lists the keys of what is missed at this moment, so that others can
// look at it too.
func (s *Scheduler) Doubtful() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, r := range s.plan.rows {
		if r.lane != slow && (r.health.Doubtful() || r.health.Alarm && !r.alarmed()) {
			keys = append(keys, r.key)
		}
	}
	return keys
}

// LookAt has the targets with these keys asked now; keys that are not there are
// nobody's.
func (s *Scheduler) LookAt(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.parts.Clock.Now()
	asked := make(map[string]bool, len(keys))
	for _, key := range keys {
		asked[key] = true
	}
	for _, r := range s.plan.rows {
		if r.lane != slow && asked[r.key] {
			s.bringForward(r, now)
		}
	}
	s.bell.Ring()
}

// Sees reports whether piket can see at all, as far as references tell, and
// whether there are any.
func (s *Scheduler) Sees() (sees, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.plan.observer
	return !o.gone(), len(o.near)+len(o.far) > 0
}
