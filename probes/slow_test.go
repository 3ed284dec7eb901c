package probes

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

// How often the slow things are looked at in these stories.
const (
	bmcInterval  = 4 * interval
	pageInterval = 2 * interval
)

// withBMC is one server with a BMC, on a site with a gateway and a status page.
func withBMC() *inventory.Inventory {
	inv := oneServer()
	inv.Sites[0].StatusPage = &inventory.StatusPage{URL: "https://status.example.net"}
	inv.Servers[0].BMC = &inventory.BMC{Protocol: inventory.Redfish, Address: "192.0.2.117"}
	return inv
}

// page is a status page that announces an outage where the story says D.
func (w *world) page(ctx context.Context, t Target) Result {
	r := w.probe(ctx, t)
	if r.State != Unknown {
		r.State, r.Facts = Up, map[string]any{"incident": r.State == Down}
	}
	return r
}

func (w *world) slowScheduler(kinds Registry) *Scheduler {
	return NewScheduler(
		Config{Interval: interval, Spacing: interval, Failures: limit3, Successes: limit2, BMCInterval: bmcInterval, StatusPageInterval: pageInterval},
		Parts{Clock: w.clk, Kinds: kinds, Inventory: w.inventory, Report: w.report})
}

func (w *world) kinds() Registry {
	return Registry{"icmp": w.probe, "http": w.probe, "bmc": w.probe, "statuspage": w.page}
}

func TestSchedulerReportsWhatBMCsAndStatusPagesSay(t *testing.T) {
	for _, c := range []struct {
		name                    string
		site, server, bmc, page string // a letter per probe; "" is always up
		want                    string
	}{
		{"all well", "", "", "", "", ""},
		{"BMC goes and comes back", "", "", "UDDDDUU", "",
			"firing BMCUnreachable since 2\nresolved BMCUnreachable since 2 until 7"},
		{"BMC that cannot be judged", "", "", "?", "", ""},
		{"BMC with unknown between failures", "", "", "D?D?D", "", "firing BMCUnreachable since 1"},
		{"BMC is not explained by its server", "", "D", "D", "",
			"firing ServerUnreachable since 1\nfiring BMCUnreachable since 1"},
		{"BMC is explained by the way to its site", "D", "", "D", "", "firing SiteUnreachable since 1"},
		{"BMC was gone before its site", strings.Repeat("U", 30) + "D", "", "DDD", "",
			"firing BMCUnreachable since 1\nfiring SiteUnreachable since 31"},
		{"BMC stays down after its site", "DDDUU", "", "D", "",
			"firing SiteUnreachable since 1\nresolved SiteUnreachable since 1 until 5\nfiring BMCUnreachable since 1"}, // not asked before
		{"provider announces and ends it", "", "", "", "UDDDDUU",
			"firing ProviderIncident since 2\nresolved ProviderIncident since 2 until 7"},
		{"page that cannot be read", "", "", "", "?", ""},
		{"page that cannot be read between announcements", "", "", "", "D?DD?UU", "firing ProviderIncident since 1\nresolved ProviderIncident since 1 until 7"},
		{"page is not explained by the way to its site", "D", "", "", "D",
			"firing SiteUnreachable since 1\nfiring ProviderIncident since 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(withBMC(), map[string]string{
				"gateway of ams1": c.site, "web-07": c.server, "BMC of web-07": c.bmc, "status page of ams1": c.page,
			})
			w.run(t, w.slowScheduler(w.kinds()), 40, nil)
			if got := w.story(); got != c.want {
				t.Errorf("reported:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestSlowTargetsAreAskedSoonAndThenSeldom(t *testing.T) {
	w := newWorld(withBMC(), nil)
	w.run(t, w.slowScheduler(w.kinds()), 40, nil)
	for name, every := range map[string]time.Duration{"web-07": interval, "BMC of web-07": bmcInterval, "status page of ams1": pageInterval} {
		asked := w.asked[name]
		if n := int(40 * interval / every); len(asked) < n || len(asked) > n+1 {
			t.Errorf("%s was asked %d times in %v, want once every %v", name, len(asked), 40*interval, every)
		}
		if first := asked[0].Sub(start); first > interval {
			t.Errorf("%s was first asked after %v", name, first)
		}
		for i, at := range asked[2:] {
			if gap := at.Sub(asked[i+1]); gap != every {
				t.Errorf("%s waited %v, want %v", name, gap, every)
			}
		}
	}
}

// Where a whole site is cut off, each of its BMCs would be waited for in vain,
// ten seconds every time.
func TestBMCIsNotAskedWhileTheWayToItIsGone(t *testing.T) {
	w := newWorld(withBMC(), map[string]string{"gateway of ams1": "D"})
	s := w.slowScheduler(w.kinds())
	w.run(t, s, 40, nil)
	if n := len(w.asked["BMC of web-07"]); n > 1 {
		t.Errorf("the BMC was asked %d times", n)
	}
	if sight := s.Snapshot()["bmc/web-07"]; sight.State != Unknown || sight.Alarm || sight.Reason != "not asked while the gateway of ams1 does not answer" {
		t.Errorf("the BMC is shown as %+v", sight)
	}
}

func TestBMCWithoutItsProberNeverAlarms(t *testing.T) {
	w := newWorld(withBMC(), nil)
	kinds := w.kinds()
	delete(kinds, "bmc")
	s := w.slowScheduler(kinds)
	w.run(t, s, 40, nil)
	if got := w.story(); got != "" {
		t.Errorf("reported %s", got)
	}
	if sight := s.Snapshot()["bmc/web-07"]; sight.State != Unknown || !strings.Contains(sight.Reason, `there is no check "bmc"`) {
		t.Errorf("the BMC is shown as %+v", sight)
	}
}

func TestSlowAlertsSayWhatTheyAreAbout(t *testing.T) {
	w := newWorld(withBMC(), map[string]string{"BMC of web-07": "DDDDDUU", "status page of ams1": "DDDDDUU"})
	s := w.slowScheduler(w.kinds())
	var during map[string]Sight
	w.run(t, s, 40, func(round int) {
		if round == 13 {
			during = s.Snapshot()
		}
	})
	want := map[string]string{
		`firing {alertname="ProviderIncident", site="ams1"}`:                  "status page of ams1 announces trouble (statuspage: as the story says)",
		`resolved {alertname="ProviderIncident", site="ams1"}`:                "status page of ams1 announces no trouble any more (as the story says)",
		`firing {alertname="BMCUnreachable", server="web-07", site="ams1"}`:   "BMC of web-07 does not answer as it should (bmc: as the story says)",
		`resolved {alertname="BMCUnreachable", server="web-07", site="ams1"}`: "BMC of web-07 answers again (as the story says)",
	}
	for _, a := range w.taken {
		key := fmt.Sprintf("%s %s", a.Status, a.Labels)
		if a.Summary() != want[key] || a.Source != "probe" || a.Fingerprint != a.Labels.Fingerprint() {
			t.Errorf("%s says %q, want %q", key, a.Summary(), want[key])
		}
		delete(want, key)
	}
	for key := range want {
		t.Errorf("not reported: %s", key)
	}
	if bmc := during["bmc/web-07"]; bmc.Kind != "bmc" || bmc.Server != "web-07" || bmc.State != Down || !bmc.Alarm {
		t.Errorf("the BMC is shown as %+v", bmc)
	}
	if page := during["statuspage/ams1"]; page.Kind != "statuspage" || page.Site != "ams1" || page.Server != "" || page.Name != "status page of ams1" {
		t.Errorf("the status page is shown as %+v", page)
	}
}

func TestAnnouncementIsJudgedApartFromItsPage(t *testing.T) {
	says := func(incident any) map[string]any { return map[string]any{"incident": incident} }
	for name, c := range map[string]struct {
		page  State
		facts map[string]any
		want  State
	}{
		"announces":                        {Up, says(true), Down},
		"announces nothing":                {Up, says(false), Up},
		"cannot be read":                   {Unknown, nil, Unknown},
		"cannot be read, with an old fact": {Unknown, says(false), Unknown},
		"says neither":                     {Up, nil, Unknown},
		"says something else":              {Up, says("no"), Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Announced(c.page, c.facts); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// quickWorld is a scheduler on a running clock, in which a BMC answers when the
// test lets it.
func quickWorld(t *testing.T, inventory func() *inventory.Inventory, bmc, icmp Prober) <-chan alerts.Alert {
	t.Helper()
	got := make(chan alerts.Alert, 8)
	clk := clock.Scaled(start, 600)
	s := NewScheduler(Config{Interval: interval, Spacing: interval, Failures: limit3, BMCInterval: interval}, Parts{
		Clock: clk, Inventory: inventory, Kinds: Registry{"icmp": icmp, "http": icmp, "bmc": bmc},
		Report: func(_ context.Context, batch []alerts.Alert) error {
			for _, a := range batch {
				got <- a
			}
			return nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := clk.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); <-done })
	return got
}

func well(context.Context, Target) Result { return up("answers") }

func TestSilentBMCDoesNotHoldUpTheLookAtServers(t *testing.T) {
	inv := withBMC()
	waiting := make(chan struct{}) // closed while the BMC is waited for
	var once sync.Once
	silent := func(ctx context.Context, _ Target) Result {
		once.Do(func() { close(waiting) })
		<-ctx.Done()
		return down("no answer")
	}
	gone := func(_ context.Context, t Target) Result {
		<-waiting
		if t.Name != "web-07" {
			return up("answers")
		}
		return down("no answer")
	}
	got := quickWorld(t, func() *inventory.Inventory { return inv }, silent, gone)
	ctx, cancel := context.WithTimeout(t.Context(), MinBMCTimeout/2)
	defer cancel()
	select {
	case a := <-got:
		if a.Name() != alerts.ServerUnreachable {
			t.Errorf("reported %+v", a)
		}
	case <-ctx.Done():
		t.Error("the server was not missed while the BMC was waited for")
	}
}

// An answer that comes when the inventory has been replaced belongs to a row
// that is gone: counting it would begin an alert that nothing ever ends.
func TestAnswerForAnInventoryThatIsGoneIsNotCounted(t *testing.T) {
	var mu sync.Mutex
	inv, taken := withBMC(), make(chan struct{})
	replaced, asked, calls := false, 0, 0
	inventory := func() *inventory.Inventory {
		mu.Lock()
		defer mu.Unlock()
		if replaced {
			if calls++; calls == 2 { // what the first call gave is in use
				close(taken)
			}
		}
		return inv
	}
	bmc := func(context.Context, Target) Result {
		mu.Lock()
		asked++
		first := asked == 1
		if first {
			inv, replaced = withBMC(), true
		}
		mu.Unlock()
		if first {
			<-taken
		}
		return down("probe %d", asked)
	}
	got := quickWorld(t, inventory, bmc, well)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case a := <-got:
		if want := "BMC of web-07 does not answer as it should (bmc: probe 4)"; a.Summary() != want {
			t.Errorf("reported %q, want %q", a.Summary(), want)
		}
	case <-ctx.Done():
		t.Error("nothing was reported in 10 seconds")
	}
}
