package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

const (
	interval = 30 * time.Second
	limit3   = 3
	limit2   = 2
)

// world is what the pretend probers see: for each target a letter per probe,
// of which the last goes on for ever.
type world struct {
	clk *clock.Clock

	mu      sync.Mutex
	letters map[string]string      // by target name
	asked   map[string][]time.Time // by target name
	inv     *inventory.Inventory
	refuse  func(attempt int) bool // whether Report gives an error
	tries   int
	taken   []alerts.Alert
}

func newWorld(inv *inventory.Inventory, letters map[string]string) *world {
	return &world{clk: clock.Jumping(start), inv: inv, letters: letters, asked: map[string][]time.Time{}}
}

func (w *world) probe(_ context.Context, t Target) Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	letters, n := w.letters[t.Name], len(w.asked[t.Name])
	w.asked[t.Name] = append(w.asked[t.Name], w.clk.Now())
	if letters == "" {
		return up("answers")
	}
	return Result{State: answersByLetter[rune(letters[min(n, len(letters)-1)])], Reason: "as the story says"}
}

func (w *world) report(_ context.Context, batch []alerts.Alert) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	if w.refuse != nil && w.refuse(w.tries) {
		return errors.New("disk full")
	}
	w.taken = append(w.taken, batch...)
	return nil
}

func (w *world) inventory() *inventory.Inventory {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inv
}

func (w *world) scheduler(metrics *Metrics) *Scheduler {
	kinds := Registry{"icmp": w.probe, "http": w.probe}
	if metrics != nil {
		kinds = metrics.Around(kinds)
	}
	return NewScheduler(Config{Interval: interval, Spacing: interval, Failures: limit3, Successes: limit2}, Parts{
		Clock: w.clk, Kinds: kinds, Inventory: w.inventory, Report: w.report, Metrics: metrics,
	})
}

// run lets s look for as long as it takes to ask each target n times, calling
// between after each interval.
func (w *world) run(t *testing.T, s *Scheduler, n int, between func(round int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	<-w.clk.Go(func() {
		done := w.clk.Go(func() { s.Run(ctx) })
		for i := range n {
			w.clk.Wait(ctx, start.Add(time.Duration(i+1)*interval), nil)
			if between != nil {
				between(i + 1)
			}
		}
		cancel()
		<-done
	})
}

// number says which probe of its target happened at the given time: 1, 2, 3 …
func (w *world) number(name string, at time.Time) int {
	return slices.IndexFunc(w.asked[name], at.Equal) + 1
}

// story writes the reported alerts as "firing ServerUnreachable web-07 since 2".
func (w *world) story() string {
	var lines []string
	for _, a := range w.taken {
		name := targetName(a.Labels)
		line := fmt.Sprintf("%s %s since %d", a.Status, a.Name(), w.number(name, a.StartsAt))
		if a.Status == alerts.Resolved {
			line += fmt.Sprintf(" until %d", w.number(name, a.EndsAt))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func targetName(l alerts.Labels) string {
	switch {
	case l["alertname"] == alerts.BMCUnreachable:
		return "BMC of " + l["server"]
	case l["alertname"] == alerts.ProviderIncident:
		return "status page of " + l["site"]
	case l["service"] != "":
		return l["service"] + " on " + l["server"]
	case l["server"] != "":
		return l["server"]
	}
	return "gateway of " + l["site"]
}

func oneServer() *inventory.Inventory {
	return &inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1", Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"}}},
		Servers: []inventory.Server{{
			Name: "web-07", Site: "ams1", Address: "192.0.2.17",
			Services: []inventory.Service{{Name: "shop", Probe: inventory.Endpoint{Check: "http", URL: "http://192.0.2.17/"}}},
		}},
	}
}

func TestSchedulerReportsWhatStopsAnswering(t *testing.T) {
	cases := []struct {
		name                  string
		site, server, service string // a letter per probe; "" is always up
		want                  string
	}{
		{"all well", "", "", "", ""},
		{"server goes", "", "UDDD", "", "firing ServerUnreachable since 2"},
		{"server comes back", "", "UDDDDUU", "",
			"firing ServerUnreachable since 2\nresolved ServerUnreachable since 2 until 7"},
		{"server flaps", "", "DUDDUDDU", "", ""},
		{"server goes twice", "", "DDDUUDDDUU", "",
			"firing ServerUnreachable since 1\nresolved ServerUnreachable since 1 until 5\n" +
				"firing ServerUnreachable since 6\nresolved ServerUnreachable since 6 until 10"},
		{"unknown never alarms", "?", "?", "?", ""},
		{"unknown between failures", "", "D?D?D", "", "firing ServerUnreachable since 1"},
		{"service goes", "", "", "UUDDDUU",
			"firing ServiceDown since 3\nresolved ServiceDown since 3 until 7"},
		{"service goes with its server", "", "DDDDDUU", "DDDDDDUU",
			"firing ServerUnreachable since 1\nresolved ServerUnreachable since 1 until 7"},
		{"service stays down after its server", "", "DDDUU", "DDDDDDDD",
			"firing ServerUnreachable since 1\nresolved ServerUnreachable since 1 until 5\nfiring ServiceDown since 5"},
		{"service waits while its server is in doubt", "", "UUDU", "DDDD", "firing ServiceDown since 1"},
		{"service waits and its server turns out to be gone", "", "UUDDDUU", "DDDDDUU",
			"firing ServerUnreachable since 3\nresolved ServerUnreachable since 3 until 7"},
		{"service was down before its server", "", "UUUDDDUU", "DDDDDDDUU",
			"firing ServiceDown since 1\nfiring ServerUnreachable since 4\n" +
				"resolved ServerUnreachable since 4 until 8\nresolved ServiceDown since 1 until 9"},
		{"service goes where the server cannot be judged", "", "D?", "DDDD", "firing ServiceDown since 1"},
		{"site goes", "DDDUU", "", "", "firing SiteUnreachable since 1\nresolved SiteUnreachable since 1 until 5"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(oneServer(), map[string]string{"gateway of ams1": c.site, "web-07": c.server, "shop on web-07": c.service})
			w.run(t, w.scheduler(nil), 12, nil)
			if got := w.story(); got != c.want {
				t.Errorf("reported:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestProbeAlertHasTheIdentityAlertmanagerWouldGiveIt(t *testing.T) {
	w := newWorld(oneServer(), map[string]string{"web-07": "D", "gateway of ams1": "UUUUUUD"})
	w.run(t, w.scheduler(nil), 12, nil)
	want := map[string]alerts.Labels{
		alerts.ServerUnreachable: {"alertname": "ServerUnreachable", "server": "web-07", "site": "ams1"},
		alerts.SiteUnreachable:   {"alertname": "SiteUnreachable", "site": "ams1"},
	}
	if len(w.taken) != len(want) {
		t.Fatalf("reported %v", w.taken)
	}
	for _, a := range w.taken {
		if a.Source != "probe" || a.Labels.String() != want[a.Name()].String() || a.Fingerprint != want[a.Name()].Fingerprint() || !a.EndsAt.IsZero() {
			t.Errorf("alert is %+v", a)
		}
		if !strings.Contains(a.Summary(), "does not answer as it should (icmp: as the story says)") {
			t.Errorf("summary is %q", a.Summary())
		}
	}
}

func TestRefusedReportIsOfferedAgainUnchangedAndInOrder(t *testing.T) {
	w := newWorld(oneServer(), map[string]string{"web-07": "DDDUUU"})
	var firstTry int
	w.refuse = func(attempt int) bool {
		firstTry = attempt
		return w.clk.Now().Before(start.Add(8 * interval))
	}
	s := w.scheduler(nil)
	w.run(t, s, 12, nil)
	want := "firing ServerUnreachable since 1\nresolved ServerUnreachable since 1 until 5"
	if got := w.story(); got != want {
		t.Errorf("reported:\n%s\nwant:\n%s", got, want)
	}
	if firstTry < 4 {
		t.Errorf("offered %d times, want once a round until it was taken", firstTry)
	}
	if s.pending.len() != 0 {
		t.Errorf("%d alerts are still pending", s.pending.len())
	}
}

func TestOutboxForgetsOnlyEpisodesThatAreOver(t *testing.T) {
	var box outbox
	labels := alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-07"}
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	put := func(status alerts.Status, episode int) {
		box.put(alerts.Alert{Source: "probe", Status: status, Labels: labels, Fingerprint: labels.Fingerprint(), StartsAt: at(episode)})
	}
	put(alerts.Resolved, 0) // its beginning was taken before the trouble with reporting
	for episode := 1; episode <= 50; episode++ {
		put(alerts.Firing, episode)
		put(alerts.Resolved, episode)
	}
	put(alerts.Firing, 51)
	all := box.alerts
	if len(all) > maxPending {
		t.Fatalf("%d alerts are pending, want at most %d", len(all), maxPending)
	}
	if first := all[0]; first.Status != alerts.Resolved || !first.StartsAt.Equal(at(0)) {
		t.Errorf("the end of an episode that was reported is gone: %v", first)
	}
	if last := all[len(all)-1]; last.Status != alerts.Firing || !last.StartsAt.Equal(at(51)) {
		t.Errorf("what holds now is gone: %v", last)
	}
	for i := 1; i+1 < len(all); i += 2 {
		if all[i].Status != alerts.Firing || all[i].Episode() != all[i+1].Episode() {
			t.Errorf("half of an episode is pending: %v", all[i])
		}
	}
}

func TestInventoryIsReplacedWhileLooking(t *testing.T) {
	w := newWorld(oneServer(), map[string]string{"web-07": "D", "db-02": "D"})
	s := w.scheduler(nil)
	w.run(t, s, 10, func(round int) {
		if round != 2 {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		next := *w.inv
		next.Sites = append(slices.Clone(next.Sites), inventory.Site{Name: "rtm1"})
		next.Servers = append(slices.Clone(next.Servers), inventory.Server{Name: "db-02", Site: "rtm1", Address: "192.0.2.18"})
		w.inv = &next
	})
	want := "firing ServerUnreachable since 1\nfiring ServerUnreachable since 1"
	if got := w.story(); got != want {
		t.Errorf("reported:\n%s\nwant:\n%s", got, want)
	}
	if got := w.taken[0].Labels["server"]; got != "web-07" {
		t.Errorf("%s was reported first; web-07 had been missing probes before the change", got)
	}
	if n := len(w.asked["web-07"]); n != 10 {
		t.Errorf("web-07 was asked %d times in 10 intervals", n)
	}
}

func TestTargetThatLeavesTheInventoryIsNotCalledWell(t *testing.T) {
	w := newWorld(oneServer(), map[string]string{"web-07": "D"})
	s := w.scheduler(nil)
	w.run(t, s, 10, func(round int) {
		if round == 5 {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.inv = &inventory.Inventory{}
		}
	})
	if got, want := w.story(), "firing ServerUnreachable since 1"; got != want {
		t.Errorf("reported:\n%s\nwant:\n%s", got, want)
	}
	if n := len(s.Snapshot()); n != 0 {
		t.Errorf("%d targets are still shown", n)
	}
	if n := len(w.asked["web-07"]); n != 5 && n != 6 {
		t.Errorf("web-07 was asked %d times, also after it left", n)
	}
}

func TestEveryTargetIsAskedOnceAnIntervalAndNotAllAtOnce(t *testing.T) {
	inv := &inventory.Inventory{}
	for i := range 200 {
		inv.Servers = append(inv.Servers, inventory.Server{Name: fmt.Sprintf("web-%03d", i), Address: "192.0.2.17"})
	}
	w := newWorld(inv, nil)
	w.run(t, w.scheduler(nil), 5, nil)
	together := map[time.Time]int{}
	for name, times := range w.asked {
		if last := start.Add(5 * interval); len(times) != 5 && !(len(times) == 4 && times[3].Add(interval).Equal(last)) {
			t.Errorf("%s was asked %d times in 5 intervals", name, len(times))
		}
		for i, at := range times[1:] {
			if gap := at.Sub(times[i]); gap != interval {
				t.Errorf("%s waited %v, want %v", name, gap, interval)
			}
		}
		together[times[0]]++
	}
	for at, n := range together {
		if n > 200/4 {
			t.Errorf("%d of 200 targets are asked at %v", n, at)
		}
	}
}

func TestRoundIsBoundedAndTimeStandsStillMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		kind, key string
		bound     int
	}{
		"servers": {"icmp", "server/web-07", maxParallel},
		"BMCs":    {"bmc", "bmc/web-07", maxParallelSlow},
	} {
		t.Run(name, func(t *testing.T) {
			inv := &inventory.Inventory{}
			for i := range 10 * c.bound {
				inv.Servers = append(inv.Servers, inventory.Server{
					Name: "web-07", Aliases: []string{fmt.Sprint(i)}, Address: "192.0.2.17", BMC: &inventory.BMC{Address: "192.0.2.117"},
				})
			}
			clk := clock.Jumping(start)
			crowd := crowd{clk: clk, bound: c.bound, full: make(chan struct{})}
			kinds := Registry{"icmp": well, "bmc": well}
			kinds[c.kind] = crowd.probe
			s := NewScheduler(Config{Interval: interval, BMCInterval: interval}, Parts{
				Clock: clk, Kinds: kinds, Inventory: func() *inventory.Inventory { return inv },
				Report: func(context.Context, []alerts.Alert) error { return nil },
			})
			w := &world{clk: clk}
			w.run(t, s, 1, nil)
			if crowd.most != c.bound || crowd.asked != len(inv.Servers) {
				t.Errorf("%d probes at once and %d in all, want %d and %d", crowd.most, crowd.asked, c.bound, len(inv.Servers))
			}
			if sight := s.Snapshot()[c.key]; sight.State != Up {
				t.Errorf("a probe says %s", sight.Reason)
			}
		})
	}
}

// crowd counts probes that wait for each other until as many run as may.
type crowd struct {
	clk   *clock.Clock
	bound int
	full  chan struct{}

	mu               sync.Mutex
	now, most, asked int
}

func (c *crowd) probe(context.Context, Target) Result {
	began := c.clk.Now()
	c.mu.Lock()
	c.asked++
	c.now++
	c.most = max(c.most, c.now)
	if c.most == c.bound && c.asked == c.bound {
		close(c.full)
	}
	c.mu.Unlock()
	<-c.full
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	if moved := c.clk.Now().Sub(began); moved != 0 {
		return down("time moved by %v during a probe", moved)
	}
	return up("answers")
}

func TestSnapshotShowsEveryTargetFromTheStart(t *testing.T) {
	w := newWorld(oneServer(), map[string]string{"web-07": "UD", "shop on web-07": "?"})
	s := w.scheduler(nil)
	var before map[string]Sight
	w.run(t, s, 4, func(round int) {
		if round == 1 {
			before = s.Snapshot()
		}
	})
	if len(before) != 3 {
		t.Fatalf("snapshot has %d targets, want 3: %v", len(before), before)
	}
	got := s.Snapshot()["server/web-07"]
	want := Sight{
		Key: "server/web-07", Name: "web-07", Kind: "icmp", Site: "ams1", Server: "web-07",
		State: Down, Reason: "as the story says", Latency: got.Latency, Misses: 3, Verdict: "server",
		At: w.asked["web-07"][3], Alarm: true, Since: w.asked["web-07"][1],
	}
	if got != want {
		t.Errorf("server is shown as\n%+v, want\n%+v", got, want)
	}
	if shop := s.Snapshot()["service/web-07/shop"]; shop.State != Unknown || shop.Alarm || !shop.Since.IsZero() {
		t.Errorf("service is shown as %+v", shop)
	}
}

func TestStoppedRoundIsNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(oneServer(), nil)
	dies := func(ctx context.Context, _ Target) Result {
		cancel()
		return down("the program is being stopped")
	}
	s := NewScheduler(Config{Interval: interval, Spacing: interval, Failures: 1}, Parts{
		Clock: w.clk, Kinds: Registry{"icmp": dies, "http": dies}, Inventory: w.inventory, Report: w.report,
	})
	<-w.clk.Go(func() { s.Run(ctx) })
	if w.tries != 0 || s.pending.len() != 0 {
		t.Errorf("a stopped round was reported: %v", w.taken)
	}
}

// TestRealTimeScheduler runs the same thing on the machine's own clock, with a
// real prober against a port that nobody serves.
func TestRealTimeScheduler(t *testing.T) {
	inv := &inventory.Inventory{Servers: []inventory.Server{{
		Name: "web-07", Address: "127.0.0.1",
		Reachable: &inventory.Endpoint{Check: "tcp", Address: refused(t)},
	}}}
	clk := clock.Scaled(start, 600)
	got := make(chan alerts.Alert, 8)
	s := NewScheduler(Config{Interval: interval}, Parts{
		Clock: clk, Kinds: Kinds, Inventory: func() *inventory.Inventory { return inv },
		Report: func(_ context.Context, batch []alerts.Alert) error {
			for _, a := range batch {
				got <- a
			}
			return nil
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	done := clk.Go(func() { s.Run(ctx) })
	select {
	case a := <-got:
		if a.Name() != alerts.ServerUnreachable || !strings.Contains(a.Summary(), "connection refused") {
			t.Errorf("reported %+v", a)
		}
	case <-ctx.Done():
		t.Error("nothing was reported in 10 seconds")
	}
	cancel()
	<-done
}

func TestProbeConfigSaysEverythingThatIsWrong(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	err := Config{Interval: time.Millisecond, Spacing: time.Millisecond, Timeout: -1, Failures: -1, BMCInterval: -1, StatusPageInterval: time.Millisecond}.Validate()
	want := "probe interval is 1ms, want 1s or more\n" +
		"probe spacing is 1ms, want 1s or more\n" +
		"interval of BMC probes is -1ns, want 1s or more\n" +
		"interval of status pages is 1ms, want 1s or more\n" +
		"probe timeout is -1ns, want more than 0\n" +
		"probe failures and successes are -1 and 0, want 1 or more"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want\n%s", err, want)
	}
}

// A clock that is set back by an hour must not make piket blind for an hour.
func TestClockThatIsSetBackDoesNotStopTheLooking(t *testing.T) {
	w := newWorld(oneServer(), nil)
	s := w.scheduler(nil)
	s.refresh()
	var asking sync.WaitGroup
	<-w.clk.Go(func() { s.dispatch(t.Context(), &asking) })
	s.present = start.Add(time.Hour) // as if all had been planned by a clock that was an hour ahead
	for _, r := range s.plan.rows {
		s.agenda.put(r, start.Add(time.Hour))
	}
	<-w.clk.Go(func() { s.dispatch(t.Context(), &asking) })
	if next := s.agenda.next(); next.After(start.Add(interval)) {
		t.Errorf("the next question is put after %v", next.Sub(start))
	}
}
