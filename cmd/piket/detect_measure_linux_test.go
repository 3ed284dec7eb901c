//go:build e2e && detect

package main

import (
	"testing"
	"time"
)

// TestDetectionByPiket measures the time from the first packet that a dying
// server misses until its incident can be read, at piket's shipped defaults.
func TestDetectionByPiket(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		f := newPingFleet(t, *fleetSize)
		f.start()
		dying := doom(f.hosts, *deaths, 9*time.Second)
		f.play(dying, f.opened, toTell)
		var subjects []string
		for _, d := range dying {
			subjects = append(subjects, "server:"+d.name)
		}
		verdicts := f.others(subjects...)
		for _, verdict := range verdicts {
			t.Errorf("a false verdict: %s", verdict)
		}
		m := sumUp("piket", "shipped defaults", dying)
		m.Targets, m.False = len(f.hosts), len(verdicts)
		record(t, m)
		if m.Told != m.Deaths {
			t.Errorf("of %d deaths only %d became incidents", m.Deaths, m.Told)
		}
		if m.SinceMissed.Median > detectionAim.Seconds() {
			t.Errorf("the median is %.1f s, the aim %v", m.SinceMissed.Median, detectionAim)
		}
	})
}

// detectionAim is what the median of piket's time to detect is held to.
const detectionAim = 6 * time.Second

// detected is how fast somebody was told, and how often for nothing.
type detected struct {
	System      string  `json:"system"`
	Setting     string  `json:"setting"`
	Targets     int     `json:"targets"`
	Deaths      int     `json:"deaths"`
	Told        int     `json:"told"`
	SinceMissed summary `json:"since_first_missed_packet_seconds"`
	SinceKilled summary `json:"since_death_seconds"`
	False       int     `json:"false_alarms"`
	Watched     float64 `json:"watched_seconds"`
}

// summary says how some durations are spread, in seconds.
type summary struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Max    float64 `json:"max"`
}

// sumUp sums up deaths that have been played.
func sumUp(system, setting string, deaths []*death) detected {
	var missed, killed []time.Duration
	for _, d := range deaths {
		if !d.heard.IsZero() {
			missed, killed = append(missed, d.sinceMissed()), append(killed, d.heard.Sub(d.killed))
		}
	}
	return detected{
		System: system, Setting: setting, Deaths: len(deaths), Told: len(missed),
		SinceMissed: summarize(missed), SinceKilled: summarize(killed), Watched: time.Since(deaths[0].due).Seconds(),
	}
}

func summarize(of []time.Duration) summary {
	if len(of) == 0 {
		return summary{}
	}
	return summary{quantile(of, 0).Seconds(), median(of).Seconds(), quantile(of, 0.9).Seconds(), quantile(of, 1).Seconds()}
}
