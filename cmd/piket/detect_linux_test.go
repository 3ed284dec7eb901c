//go:build e2e

package main

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// What follows is asked with real packets of the real daemon at its shipped
// defaults. A small fleet is enough: it takes as long as a large one.
const smallFleet = 300

// loosely is what the median of detection is held to. The benchmark beside this
// test has the figure; a bound that a busy machine breaks would show nothing.
const loosely = 8 * time.Second

// surely is how long it takes to be sure: five misses with a second between
// them, the last of which is waited for, and a little for clocks. Sooner would
// be fewer, or closer together than a burst of loss is long.
const surely = (probes.DefaultFailures-1)*probes.DefaultSpacing + 900*time.Millisecond

func TestServersThatDieAreFoundWithinSeconds(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(t *testing.T) {
		f := newPingFleet(t, smallFleet)
		f.start()
		rows := watchRows(f.tun)
		deaths := doom(f.hosts, 5, 2*time.Second)
		f.play(deaths, func(d *death) time.Time {
			at := f.opened(d)
			if after := at.Sub(rows.began(d.address)); !at.IsZero() && after < surely {
				t.Errorf("%s is called dead %v after the first lost packet in a row, before %v", d.name, after, surely)
			}
			return at
		}, toTell)
		var took []time.Duration
		var subjects []string
		for _, d := range deaths {
			if d.heard.IsZero() {
				t.Fatalf("nobody was told within %v that %s does not answer", toTell, d.name)
			}
			took, subjects = append(took, d.sinceMissed()), append(subjects, "server:"+d.name)
		}
		if m := median(took); m > loosely {
			t.Errorf("the median is %v after the first lost packet: %v", m, took)
		}
		for _, subject := range subjects {
			f.resolves(f.finds(subject))
		}
		f.saysNothingElse(subjects...)
	})
}

func TestARackThatGoesIsOneTroubleAndNobodyElses(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(t *testing.T) {
		f := newPingFleet(t, smallFleet)
		f.start()
		gone := f.hosts[3*perRack]
		f.tun.KillAll(gone.inRack)
		inc := f.finds("rack:" + gone.rack)
		if inc.Priority != incident.P1 {
			t.Errorf("its priority is %s, not P1", inc.Priority)
		}
		f.saysNothingElse(inc.Subject)
		f.tun.ReviveAll()
		f.resolves(inc)
		f.hearsEverybody()
		f.saysNothingElse(inc.Subject)
	})
}

func TestACutUplinkIsPiketsOwnTroubleAndNobodyElses(t *testing.T) {
	t.Parallel()
	inNamespace(t, func(t *testing.T) {
		f := newPingFleet(t, smallFleet)
		f.start()
		for _, far := range []netip.Prefix{beyond, fleetBlock, gateways} {
			f.tun.KillAll(far)
		}
		inc := f.finds("observer:piket")
		missed := f.metric(`piket_probes_total{kind="icmp",state="down"}`)
		until(t, "everybody was missed once more", func() bool {
			return f.metric(`piket_probes_total{kind="icmp",state="down"}`) >= missed+smallFleet
		})
		f.saysNothingElse(inc.Subject)
		f.tun.ReviveAll()
		f.resolves(inc)
		f.hearsEverybody()
		f.saysNothingElse(inc.Subject)
	})
}

// lossRows knows since when each address has lost every echo.
type lossRows struct {
	mu    sync.Mutex
	since map[netip.Addr]time.Time
}

func watchRows(tun *lab.TUN) *lossRows {
	l := &lossRows{since: map[netip.Addr]time.Time{}}
	tun.Watch(func(to netip.Addr, at time.Time, lost bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, inRow := l.since[to]; !lost {
			delete(l.since, to)
		} else if !inRow {
			l.since[to] = at
		}
	})
	return l
}

func (l *lossRows) began(address netip.Addr) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since[address]
}

// finds waits until there is an incident about a subject.
func (f *pingFleet) finds(subject string) (found store.Summary) {
	f.t.Helper()
	until(f.t, "an incident about "+subject+" is open", func() bool {
		for _, inc := range f.incidents() {
			if inc.Subject == subject {
				found = inc
			}
		}
		return found.ID != ""
	})
	return found
}

// resolves waits until the probes say that a trouble is over.
func (f *pingFleet) resolves(inc store.Summary) {
	f.t.Helper()
	until(f.t, inc.Subject+" answers again", func() bool { return f.show(inc.ID).heard("probe", alerts.Resolved) })
}

// hearsEverybody waits until no target is silent: by then, whoever would be
// wronged has been.
func (f *pingFleet) hearsEverybody() {
	f.t.Helper()
	until(f.t, "piket hears the whole fleet again", func() bool { return f.metric(`piket_probe_targets{state="down"}`) == 0 })
}

// saysNothingElse fails the test for every incident about something else, and
// for every second one.
func (f *pingFleet) saysNothingElse(subjects ...string) {
	f.t.Helper()
	for _, verdict := range f.others(subjects...) {
		f.t.Errorf("a false verdict: %s", verdict)
	}
}
