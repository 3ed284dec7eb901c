//go:build e2e

package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// death is the end of one server, and when it came to light.
type death struct {
	host
	due, killed   time.Time
	missed, heard time.Time // when its first echo was lost, and when somebody was told of it; zero for not yet
}

// sinceMissed is how long it took from the first lost packet until somebody was
// told.
func (d *death) sinceMissed() time.Duration { return d.heard.Sub(d.missed) }

// doom picks n of the hosts, one of a rack at most, to die at random moments,
// one in each stretch of time.
func doom(hosts []host, n int, stretch time.Duration) (deaths []*death) {
	taken := map[string]bool{}
	start := time.Now()
	for _, i := range rand.Perm(len(hosts)) {
		h := hosts[i]
		if len(deaths) == n || taken[h.rack] {
			continue
		}
		taken[h.rack] = true
		due := start.Add(time.Duration(len(deaths)) * stretch).Add(rand.N(stretch))
		deaths = append(deaths, &death{host: h, due: due})
	}
	return deaths
}

// lookEvery is how often it is asked from outside whether somebody was told.
const lookEvery = 50 * time.Millisecond

// play lets servers die when their time has come, and revives each once somebody
// was told, or after bound: told says when that was, zero for not yet. It returns
// when all have lived through it.
func (f *pingFleet) play(deaths []*death, told func(*death) time.Time, bound time.Duration) {
	f.t.Helper()
	for waiting := slices.Clone(deaths); len(waiting) > 0; f.wait(lookEvery) {
		waiting = slices.DeleteFunc(waiting, func(d *death) bool {
			if d.killed.IsZero() {
				f.kill(d)
				return false
			}
			d.missed, _ = f.tun.Missed(d.address)
			d.heard = told(d)
			if d.heard.IsZero() && time.Since(d.killed) < bound {
				return false
			}
			f.tun.Revive(d.address)
			return true
		})
	}
}

// kill begins a death whose time has come.
func (f *pingFleet) kill(d *death) {
	if now := time.Now(); now.After(d.due) {
		d.killed = now
		f.tun.Kill(d.address)
	}
}

// toTell bounds how long piket may take to open an incident.
const toTell = 40 * time.Second

// opened returns the time when it is asked, once an incident of the first
// priority can be read for a dead server.
func (f *pingFleet) opened(d *death) (at time.Time) {
	f.t.Helper()
	for _, inc := range f.incidents() {
		if inc.Subject == "server:"+d.name && inc.Priority == incident.P1 {
			return time.Now()
		}
	}
	return time.Time{}
}

// median returns the middle one of some durations.
func median(of []time.Duration) time.Duration { return quantile(of, 0.5) }

// quantile returns the least duration that a part q of them does not exceed.
func quantile(of []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
