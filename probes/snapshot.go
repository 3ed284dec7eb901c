package probes

import "time"

// Sight is what the scheduler knows of one target.
type Sight struct {
	Name   string    `json:"name"` // as a person knows it
	Kind   string    `json:"check"`
	Site   string    `json:"site,omitempty"`
	Server string    `json:"server,omitempty"`
	State  State     `json:"state"` // the last answer; down for a status page that announces trouble
	Reason string    `json:"reason"`
	At     time.Time `json:"at,omitzero"`    // when it was asked for; zero before the first time
	Alarm  bool      `json:"alarm"`          // an alert stands
	Since  time.Time `json:"since,omitzero"` // of the first down of the present row; zero when there is none
}

// Snapshot returns what is known of every target now, by "site/ams1",
// "statuspage/ams1", "server/web-07", "service/web-07/shop" and "bmc/web-07". The map is the caller's own.
func (s *Scheduler) Snapshot() map[string]Sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	sights := make(map[string]Sight, len(s.rows))
	for _, r := range s.rows {
		sights[r.key] = Sight{
			Name: r.target.Name, Kind: r.kind, Site: r.labels["site"], Server: r.labels["server"],
			State: r.last.State, Reason: r.last.Reason, At: r.asked,
			Alarm: r.told(), Since: r.health.Since,
		}
	}
	return sights
}
