package probes

import (
	"strings"
	"testing"
	"time"
)

// What happens to a heartbeat is told as a story: at each moment somebody
// calls, or piket looks and judges.
func TestHeartbeatIsBelievedOnlyWhileSomebodyListens(t *testing.T) {
	type step struct {
		at     time.Duration
		call   bool
		state  State
		reason string
	}
	minute := time.Minute
	looks := func(from, to time.Duration, state State) (steps []step) {
		for at := from; at <= to; at += minute {
			steps = append(steps, step{at: at, state: state})
		}
		return steps
	}
	stories := []struct {
		name  string
		steps []step
	}{
		{"never calls", append(looks(0, 11*minute, Unknown), step{at: 12 * minute, state: Down, reason: "has not called for 12m0s, and should every 10m0s"})},
		{"calls in time", []step{{at: 0, state: Unknown, reason: "no call in the 0s that piket has listened; one is due within 11m0s"}, {at: minute, call: true},
			{at: 2 * minute, state: Up, reason: "called 1m0s ago, as it should every 10m0s"}, {at: 11 * minute, call: true}, {at: 21 * minute, state: Up}}},
		{"stops calling", append([]step{{at: 0, call: true}}, append(looks(0, 11*minute, Up), step{at: 12 * minute, state: Down, reason: "has not called for 12m0s"})...)},
		{"comes back", append(append(looks(0, 11*minute, Unknown), step{at: 12 * minute, state: Down}), step{at: 13 * minute, call: true}, step{at: 14 * minute, state: Up})},
		{"calls before piket looks", []step{{at: 0, call: true}, {at: minute, state: Up}}},
		{"piket stood still", append([]step{{at: 0, call: true}, {at: minute, state: Up}, {at: 60 * minute, state: Unknown, reason: "no call in the 0s"}},
			append(looks(61*minute, 71*minute, Unknown), step{at: 72 * minute, state: Down, reason: "has not called for 1h12m0s"})...)},
	}
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			now := start
			beats := NewHeartbeats(func() time.Time { return now })
			for _, s := range story.steps {
				now = start.Add(s.at)
				if s.call {
					beats.Beat("web-07/backup", now)
					continue
				}
				result := beats.Probe(t.Context(), Target{Key: "web-07/backup", Every: 10 * minute})
				if result.State != s.state || !strings.Contains(result.Reason, s.reason) {
					t.Fatalf("at %v: %s (%s), want %s (%s)", s.at, result.State, result.Reason, s.state, s.reason)
				}
			}
		})
	}
}

func TestHeartbeatsAreKeptApart(t *testing.T) {
	beats := NewHeartbeats(func() time.Time { return start })
	beats.Beat(HeartbeatKey("web-07", "backup"), start.Add(-40*time.Second))
	result := beats.Probe(t.Context(), Target{Key: "web-07/backup", Every: time.Hour})
	if expect(t, result, Up, "called 40s ago"); result.Facts["silent_seconds"] != 40 {
		t.Errorf("facts are %v", result.Facts)
	}
	other := beats.Probe(t.Context(), Target{Key: "web-08/backup", Every: time.Hour})
	if expect(t, other, Unknown, "no call in the 0s"); len(other.Facts) != 0 || len(other.Evidence) == 0 {
		t.Errorf("facts are %v, evidence %q", other.Facts, other.Evidence)
	}
}
