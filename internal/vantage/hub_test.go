package vantage

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/probes"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// stage is a hub on a clock that only the test moves.
type stage struct {
	t     *testing.T
	clock *clock.Clock
	hub   *Hub
	inv   *inventory.Inventory
	names []string // of the vantages that are configured

	doubtful []string // what the scheduler misses
	weighed  int      // how often it was told to weigh anew
	told     []alerts.Alert
	deaf     error // what the one who is told answers
	numbers  map[string]int
}

func newStage(t *testing.T, names ...string) *stage {
	t.Helper()
	s := &stage{t: t, clock: clock.Jumping(start), inv: twoServers(t), names: names, numbers: map[string]int{}}
	s.hub = NewHub(HubParts{
		Clock: s.clock, Log: slog.New(slog.DiscardHandler), Inventory: func() *inventory.Inventory { return s.inv },
		Vantages: func() []Vantage {
			var list []Vantage
			for _, name := range s.names {
				list = append(list, Vantage{name, secret.Ref{File: name}})
			}
			return list
		},
		Doubtful: func() []string { return s.doubtful },
		Weigh:    func() { s.weighed++ },
		Report: func(_ context.Context, batch []alerts.Alert) error {
			if s.deaf == nil {
				s.told = append(s.told, batch...)
			}
			return s.deaf
		},
	})
	s.round()
	return s
}

func twoServers(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1", Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"}}},
		Servers: []inventory.Server{
			{Name: "web-01", Site: "ams1", Address: "192.0.2.11"},
			{Name: "web-02", Site: "ams1", Address: "192.0.2.12", Services: []inventory.Service{
				{Name: "disk", Probe: inventory.Endpoint{Check: "exec", Command: []string{"/usr/bin/true"}}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// round is one round of Hub.Run.
func (s *stage) round() {
	s.hub.settle()
	s.hub.Targets()
	s.hub.tell(s.t.Context())
}

// pass lets time pass, with the rounds of it.
func (s *stage) pass(d time.Duration) {
	for end := s.clock.Now().Add(d); s.clock.Now().Before(end); s.round() {
		<-s.clock.Go(func() { s.clock.Wait(context.Background(), earlier(end, s.clock.Now().Add(Interval)), nil) })
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// report has a vantage report that it sees everything, but for what change
// makes of that.
func (s *stage) report(name string, change ...func(*Report)) Answer {
	s.numbers[name]++
	now := s.clock.Now()
	r := Report{Run: "run of " + name, Number: s.numbers[name], At: now, Sighted: now, List: s.hub.Targets().Version}
	for _, f := range change {
		f(&r)
	}
	return s.hub.Receive(name, r)
}

// silentFor has web-01 missed in a row, from a while ago.
func silentFor(count int, alarm bool) func(*Report) {
	return func(r *Report) {
		since := r.At.Add(-time.Duration(count) * time.Second)
		r.Unwell = append(r.Unwell, Entry{Key: "server/web-01", State: probes.Down, Misses: count, Alarm: alarm, Since: since})
	}
}

// found has web-01 be in some state, by the last answer.
func found(state probes.State, alarm bool) func(*Report) {
	return func(r *Report) {
		r.Unwell = append(r.Unwell, Entry{Key: "server/web-01", State: state, Alarm: alarm, Since: r.At.Add(-time.Minute)})
	}
}

func blind(r *Report)     { r.Sighted = time.Time{} }
func otherList(r *Report) { r.List = "another" }
func cut(r *Report)       { r.Cut = true }

func TestVotesAreThoseOfWhoCanSeeAndHasAnOpinion(t *testing.T) {
	for _, c := range []struct {
		name    string
		reports [][]func(*Report) // of the vantages v0, v1, …; nil for one that says nothing
		key     string            // server/web-01 when ""
		want    probes.Votes
	}{
		{name: "nobody reports yet", reports: [][]func(*Report){nil, nil}, want: probes.Votes{Waiting: 2}},
		{name: "both hear it", reports: [][]func(*Report){{}, {}}, want: probes.Votes{Up: 2}},
		{name: "one is sure that it is silent", reports: [][]func(*Report){{silentFor(5, true)}, {}}, want: probes.Votes{Down: 1, Up: 1}},
		{name: "three misses in a row are enough", reports: [][]func(*Report){{silentFor(3, false)}}, want: probes.Votes{Down: 1}},
		{name: "two may be packets lost on the way there", reports: [][]func(*Report){{silentFor(2, false)}}, want: probes.Votes{Up: 1}},
		{name: "a miss that something else explains", reports: [][]func(*Report){{silentFor(0, false)}}},
		{name: "an answer that was its own trouble", reports: [][]func(*Report){{found(probes.Unknown, false)}}},
		{name: "an answer after many misses", reports: [][]func(*Report){{found(probes.Up, true)}}, want: probes.Votes{Up: 1}},
		{name: "trouble of its own after many misses", reports: [][]func(*Report){{found(probes.Unknown, true)}}},
		{name: "who is blind has no vote", reports: [][]func(*Report){{silentFor(9, true), blind}, {blind}, {}}, want: probes.Votes{Up: 1}},
		{name: "who looks at another list has no vote", reports: [][]func(*Report){{silentFor(9, true), otherList}, {otherList}}, want: probes.Votes{Waiting: 2}},
		{name: "what was missed after it was last known to see", reports: [][]func(*Report){{silentFor(3, false), func(r *Report) { r.Sighted = r.At.Add(-3 * time.Second) }}}},
		{name: "a miss without a beginning", reports: [][]func(*Report){{func(r *Report) {
			r.Unwell = []Entry{{Key: "server/web-01", State: probes.Down, Misses: 9, Alarm: true}}
		}}}},
		{name: "a list that was cut off says nothing of the rest", reports: [][]func(*Report){{cut}, {cut, silentFor(3, false)}}, want: probes.Votes{Down: 1}},
		{name: "the way to a site", key: "site/ams1", reports: [][]func(*Report){{}}, want: probes.Votes{Up: 1}},
		{name: "what nobody asks elsewhere", key: "service/web-02/disk", reports: [][]func(*Report){{}, {}}},
		{name: "what is not there", key: "server/web-99", reports: [][]func(*Report){{}, {}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := []string{"v0", "v1", "v2"}[:len(c.reports)]
			s := newStage(t, names...)
			for i, changes := range c.reports {
				if changes != nil {
					s.report(names[i], changes...)
				}
			}
			key := c.key
			if key == "" {
				key = "server/web-01"
			}
			if got := s.hub.Votes(key); got != c.want {
				t.Errorf("votes %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestVoteIsLostWithTheReportAndComesBackWithIt(t *testing.T) {
	s := newStage(t, "v0")
	s.report("v0")
	s.pass(LostAfter)
	if got := s.hub.Votes("server/web-01"); got.Up != 1 {
		t.Errorf("after %v: %+v", LostAfter, got)
	}
	s.pass(time.Second)
	if got := s.hub.Votes("server/web-01"); got != (probes.Votes{Waiting: 1}) {
		t.Errorf("after a second more: %+v", got)
	}
	s.report("v0", func(r *Report) { r.Age = LostAfter + time.Second })
	if got := s.hub.Votes("server/web-01"); got != (probes.Votes{Waiting: 1}) {
		t.Errorf("with a report that is old: %+v", got)
	}
	s.report("v0")
	if got := s.hub.Votes("server/web-01"); got.Up != 1 {
		t.Errorf("with a new report: %+v", got)
	}
}

func TestReportThatWasOvertakenIsDropped(t *testing.T) {
	s := newStage(t, "v0")
	s.report("v0")
	s.report("v0", silentFor(5, true))
	s.report("v0", func(r *Report) { r.Number = 1 })
	if got := s.hub.Votes("server/web-01"); got.Down != 1 {
		t.Errorf("votes %+v, want what the later report says", got)
	}
	s.report("v0", func(r *Report) { r.Run, r.Number = "another run", 1 })
	if got := s.hub.Votes("server/web-01"); got.Up != 1 {
		t.Errorf("votes %+v, want what the new process says", got)
	}
}

func TestReportSpeaksOnlyOfWhatWasHandedOut(t *testing.T) {
	s := newStage(t, "v0")
	answer := s.report("v0", func(r *Report) {
		for _, key := range []string{"server/web-99", "service/web-02/disk", "bmc/web-01", "statuspage/ams1", "../../x", "server/web-02"} {
			r.Unwell = append(r.Unwell, Entry{Key: key, Misses: 9, Alarm: true, Since: r.At.Add(-time.Minute)})
		}
	})
	if s.weighed > 0 || len(answer.LookAt) > 0 {
		t.Errorf("weighed %d times, told to look at %q", s.weighed, answer.LookAt)
	}
	standing := s.hub.Standings()[0]
	if standing.Unwell != 1 || standing.Some[0].Key != "server/web-02" {
		t.Errorf("kept %+v", standing)
	}
	if got := s.hub.Receive("stranger", Report{Run: "x", Number: 1, Sighted: start}); got.List == "" {
		t.Error("a vantage that has just left the configuration gets no answer")
	}
	if n := len(s.hub.Standings()); n != 1 {
		t.Errorf("%d vantages are known", n)
	}
}

func TestWhatIsMissedHereIsLookedAtElsewhere(t *testing.T) {
	s := newStage(t, "v0")
	s.doubtful = []string{"server/web-01", "bmc/web-01", "service/web-02/disk", "site/ams1", "reference/resolver"}
	answer := s.report("v0")
	if want := []string{"server/web-01", "site/ams1"}; !slices.Equal(answer.LookAt, want) || s.weighed != 1 {
		t.Errorf("look at %q, weighed %d times", answer.LookAt, s.weighed)
	}
	if answer.List != s.hub.Targets().Version {
		t.Errorf("the list is %q", answer.List)
	}
}

func TestLostVantageIsReportedOnceAndSoIsItsReturn(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(*stage)
		want string
	}{
		{"it reports", func(s *stage) { s.keepReporting(2 * TellAfter) }, ""},
		{"it never reported", func(s *stage) { s.pass(3 * TellAfter) }, "firing v0 0s"},
		{"it had little time yet", func(s *stage) { s.pass(TellAfter - Interval) }, ""},
		{"it stops", func(s *stage) { s.keepReporting(time.Minute); s.pass(3 * TellAfter) }, "firing v0 1m0s"},
		{"its process starts again", func(s *stage) { s.report("v0"); s.pass(TellAfter - Interval); s.report("v0") }, ""},
		{"it comes back", func(s *stage) { s.pass(TellAfter); s.keepReporting(time.Minute) }, "firing v0 0s, resolved v0 0s"},
		{"nobody takes the alert at first", func(s *stage) {
			s.deaf = errors.New("the disk is full")
			s.pass(2 * TellAfter)
			s.deaf = nil
			s.pass(Interval)
		}, "firing v0 0s"},
		{"it leaves the configuration", func(s *stage) { s.pass(2 * TellAfter); s.names = nil; s.pass(TellAfter) }, "firing v0 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, "v0")
			c.play(s)
			var lines []string
			for _, a := range s.told {
				if a.Name() != alerts.VantageLost || a.Fingerprint != a.Labels.Fingerprint() || a.Status == alerts.Resolved && a.EndsAt.IsZero() {
					t.Errorf("alert %+v", a)
				}
				lines = append(lines, string(a.Status)+" "+a.Labels["vantage"]+" "+a.StartsAt.Sub(start).String())
			}
			if got := strings.Join(lines, ", "); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// keepReporting has v0 report for a while, as it should.
func (s *stage) keepReporting(d time.Duration) {
	for end := s.clock.Now().Add(d); s.clock.Now().Before(end); {
		s.pass(Interval)
		s.report("v0")
	}
}

func TestStandingSaysHowAVantageIs(t *testing.T) {
	for _, c := range []struct {
		name            string
		play            func(*stage)
		want            State
		reports, listed bool
	}{
		{"not yet", func(*stage) {}, Expected, false, false},
		{"never", func(s *stage) { s.pass(TellAfter) }, Lost, false, true},
		{"sees", func(s *stage) { s.report("v0") }, Sees, true, false},
		{"blind", func(s *stage) { s.report("v0", blind) }, Blind, true, false},
		{"behind", func(s *stage) { s.report("v0", otherList) }, Behind, true, false},
		{"lost", func(s *stage) { s.report("v0"); s.pass(LostAfter + time.Second) }, Lost, false, true},
		{"a new inventory leaves it behind", func(s *stage) { s.report("v0"); s.inv = oneServer(s.t); s.pass(Interval) }, Behind, true, false},
		{"the same inventory read again does not", func(s *stage) { s.report("v0"); s.inv = twoServers(s.t); s.pass(Interval) }, Sees, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, "v0")
			c.play(s)
			standing := s.hub.Standings()[0]
			if standing.State != c.want || standing.Reports() != c.reports {
				t.Errorf("it is %q and reports: %v", standing.State, standing.Reports())
			}
			if listed := slices.Contains(s.hub.Lost(), "v0"); listed != c.listed {
				t.Errorf("lost: %v", listed)
			}
		})
	}
}

func oneServer(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Sites:   []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{{Name: "web-01", Site: "ams1", Address: "192.0.2.99"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestRunWithoutVantagesWaitsAndDoesNothing(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	running := s.clock.Go(func() { s.hub.Run(ctx) })
	<-s.clock.Go(func() { s.clock.Wait(ctx, start.Add(time.Hour), nil) })
	s.names = []string{"v0"}
	s.hub.Again()
	<-s.clock.Go(func() { s.clock.Wait(ctx, start.Add(2*time.Hour), nil) })
	cancel()
	<-running
	if len(s.told) != 1 || !s.told[0].StartsAt.Equal(start.Add(time.Hour)) {
		t.Errorf("told %+v, want that v0 is lost since it was configured", s.told)
	}
}
