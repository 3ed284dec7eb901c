//go:build e2e && detect

package main

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// TestASoakHasNoFalseVerdict lets a fleet that loses one echo in a hundred, and
// otherwise is well, be watched for -detect.hours. Whatever piket opens is
// false.
func TestASoakHasNoFalseVerdict(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		f := newPingFleet(t, *fleetSize)
		f.start()
		s := f.soak(time.Duration(*soakHours * float64(time.Hour)))
		record(t, s)
		for _, verdict := range f.others() {
			t.Errorf("a false verdict: %s", verdict)
		}
	})
}

// soaked is what a soak amounts to. Asked, lost and asked again are counted by
// the network, the others by the daemon.
type soaked struct {
	System     string  `json:"system"`
	Targets    int     `json:"targets"`
	Hours      float64 `json:"hours"`
	Asked      uint64  `json:"asked"`
	Lost       uint64  `json:"lost"`
	AskedAgain uint64  `json:"asked_again"`       // within two seconds of the time before
	LongestRow uint64  `json:"longest_row"`       // most echoes to one address lost one after the other
	Missed     float64 `json:"missed"`            // by the daemon
	Doubtful   float64 `json:"doubtful"`          // what it did not trust itself about
	StoodStill float64 `json:"times_stood_still"` // how often it was away too long to trust what it did not hear
	False      int     `json:"false_verdicts"`
}

const (
	again       = 2 * time.Second // a question that comes sooner than the round, because the one before was missed
	reportEvery = 5 * time.Minute
)

// soak watches for some time. Every few minutes it says how it goes.
func (f *pingFleet) soak(long time.Duration) (s soaked) {
	tally := &echoTally{last: map[netip.Addr]time.Time{}, row: map[netip.Addr]uint64{}}
	began, before := time.Now(), f.counted()
	f.tun.Watch(tally.count)
	for end := began.Add(long); time.Now().Before(end); {
		f.wait(min(reportEvery, time.Until(end)))
		s = f.counted()
		s.Hours = time.Since(began).Hours()
		s.Missed, s.Doubtful, s.StoodStill = s.Missed-before.Missed, s.Doubtful-before.Doubtful, s.StoodStill-before.StoodStill
		s.Asked, s.Lost, s.AskedAgain, s.LongestRow = tally.asked.Load(), tally.lost.Load(), tally.again.Load(), tally.longest.Load()
		f.t.Logf("%+v", s)
	}
	return s
}

// counted is what the daemon has counted since it began.
func (f *pingFleet) counted() soaked {
	return soaked{
		System: "piket, soak", Targets: len(f.hosts),
		Missed:     f.metric(`piket_probes_total{kind="icmp",state="down"}`),
		Doubtful:   f.metric(`piket_probes_total{kind="icmp",state="unknown"}`),
		StoodStill: f.metric("piket_sweep_gaps_total"),
		False:      len(f.others()),
	}
}

// echoTally counts what passes through a network.
type echoTally struct {
	asked, lost, again, longest atomic.Uint64

	last map[netip.Addr]time.Time // the network counts one echo after the other: no lock
	row  map[netip.Addr]uint64    // lost since the last that was not
}

func (c *echoTally) count(to netip.Addr, at time.Time, lost bool) {
	c.asked.Add(1)
	if at.Sub(c.last[to]) < again {
		c.again.Add(1)
	}
	c.last[to] = at
	if !lost {
		delete(c.row, to)
		return
	}
	c.lost.Add(1)
	c.row[to]++
	c.longest.Store(max(c.longest.Load(), c.row[to]))
}
