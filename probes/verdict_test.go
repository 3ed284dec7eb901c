package probes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

// hall is two sites with two racks of five servers each. In every rack the
// first three servers hang on feed a alone, the fourth on feed b, and the fifth
// on both.
func hall() *inventory.Inventory {
	inv := &inventory.Inventory{}
	for n, site := range []string{"ams1", "rtm1"} {
		gateway := &inventory.Endpoint{Check: "icmp", Address: fmt.Sprintf("192.0.2.%d", n+1)}
		place := inventory.Site{Name: site, Gateway: gateway, Feeds: []inventory.Feed{{Name: site + "-a"}, {Name: site + "-b"}}}
		for rack := range 2 {
			name := fmt.Sprintf("%s-r%d", site, rack+1)
			place.Racks = append(place.Racks, inventory.Rack{Name: name})
			for k, feeds := range [][]string{{"a"}, {"a"}, {"a"}, {"b"}, {"a", "b"}} {
				server := inventory.Server{Name: fmt.Sprintf("%s-s%d", name, k+1), Site: site, Rack: name, Address: "192.0.2.100"}
				for _, feed := range feeds {
					server.Feeds = append(server.Feeds, site+"-"+feed)
				}
				inv.Servers = append(inv.Servers, server)
			}
		}
		inv.Sites = append(inv.Sites, place)
	}
	return inv
}

func withReferences(inv *inventory.Inventory) *inventory.Inventory {
	inv.References = []inventory.Reference{
		{Name: "router", Side: inventory.Near, Probe: inventory.Endpoint{Check: "icmp", Address: "192.0.2.250"}},
		{Name: "far-1", Side: inventory.Far, Probe: inventory.Endpoint{Check: "icmp", Address: "198.51.100.1"}},
		{Name: "far-2", Side: inventory.Far, Probe: inventory.Endpoint{Check: "icmp", Address: "198.51.100.2"}},
	}
	return inv
}

// outage says what does not answer, from when until when (0: for ever). A name
// that ends in a star stands for all that begin so.
type outage struct {
	what        string
	from, until time.Duration
	state       State // Down when empty
}

// play is a world in which things go and come back at set times.
type play struct {
	clk     *clock.Clock
	inv     *inventory.Inventory
	outages []outage
	votes   func(key string) Votes
	lines   []string
	taken   []alerts.Alert
}

func (p *play) probe(_ context.Context, t Target) Result {
	at := p.clk.Now().Sub(start)
	for _, o := range p.outages {
		prefix, wide := strings.CutSuffix(o.what, "*")
		if (t.Name == o.what || wide && strings.HasPrefix(t.Name, prefix)) && at >= o.from && (o.until == 0 || at < o.until) {
			if o.state == Unknown {
				return unknown("network is unreachable")
			}
			return down("no answer")
		}
	}
	return up("answers")
}

func (p *play) report(_ context.Context, batch []alerts.Alert) error {
	for _, a := range batch {
		p.taken = append(p.taken, a)
		what := a.Name()
		for _, label := range []string{"server", "rack", "feed", "site"} {
			if a.Labels[label] != "" {
				what += " " + a.Labels[label]
				break
			}
		}
		p.lines = append(p.lines, fmt.Sprintf("%s %s", a.Status, what))
	}
	return nil
}

// run plays for so long, at the shipped defaults.
func (p *play) run(t *testing.T, long time.Duration) *Scheduler {
	t.Helper()
	p.clk = clock.Jumping(start)
	s := NewScheduler(Config{}, Parts{
		Clock: p.clk, Kinds: Registry{"icmp": p.probe, "http": p.probe}, Inventory: func() *inventory.Inventory { return p.inv },
		Report: p.report, Votes: p.votes,
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	<-p.clk.Go(func() {
		done := p.clk.Go(func() { s.Run(ctx) })
		p.clk.Wait(ctx, start.Add(long), nil)
		cancel()
		<-done
	})
	return s
}

const minute = time.Minute

func TestVerdictSaysWhoseTroubleItIs(t *testing.T) {
	for _, c := range []struct {
		name    string
		inv     *inventory.Inventory
		outages []outage
		want    []string // in any order
	}{
		{"one server", hall(), []outage{{what: "ams1-r1-s1", from: minute}}, []string{"firing ServerUnreachable ams1-r1-s1"}},
		{"one server for three seconds", hall(), []outage{{what: "ams1-r1-s1", from: minute, until: minute + 3*time.Second}}, nil},
		{"two servers of different racks", hall(), []outage{{what: "ams1-r1-s1", from: minute}, {what: "ams1-r2-s4", from: minute}},
			[]string{"firing ServerUnreachable ams1-r1-s1", "firing ServerUnreachable ams1-r2-s4"}},
		{"two servers of one rack, half an hour apart", hall(), []outage{{what: "ams1-r1-s1", from: minute}, {what: "ams1-r1-s4", from: 30 * minute}},
			[]string{"firing ServerUnreachable ams1-r1-s1", "firing ServerUnreachable ams1-r1-s4"}},
		{"a rack", hall(), []outage{{what: "ams1-r1-*", from: minute}}, []string{"firing RackUnreachable ams1-r1"}},
		{"a rack whose switch restarts", hall(), []outage{{what: "ams1-r1-*", from: minute, until: 3 * minute}},
			[]string{"firing RackUnreachable ams1-r1", "resolved RackUnreachable ams1-r1"}},
		{"a rack, and one of its servers stays away", hall(),
			[]outage{{what: "ams1-r1-*", from: minute, until: 3 * minute}, {what: "ams1-r1-s2", from: minute}},
			[]string{"firing RackUnreachable ams1-r1", "resolved RackUnreachable ams1-r1", "firing ServerUnreachable ams1-r1-s2"}},
		{"a feed", hall(), feedA("ams1", minute, 0), []string{"firing FeedUnreachable ams1-a"}},
		{"the way to a site", hall(), []outage{{what: "ams1-*", from: minute}, {what: "gateway of ams1", from: minute}}, []string{"firing SiteUnreachable ams1"}},
		{"a site behind a gateway that answers", hall(), []outage{{what: "ams1-*", from: minute}}, []string{"firing SiteUnreachable ams1"}},
		{"a site, and a server of another", hall(),
			[]outage{{what: "ams1-*", from: minute}, {what: "gateway of ams1", from: minute}, {what: "rtm1-r1-s1", from: minute}},
			[]string{"firing SiteUnreachable ams1", "firing ServerUnreachable rtm1-r1-s1"}},
		{"every site at once", hall(), []outage{{what: "*", from: minute, until: 10 * minute}},
			[]string{"firing ObserverCutOff", "resolved ObserverCutOff"}},
		{"piket's uplink", withReferences(hall()), uplink(minute, 10*minute, Down),
			[]string{"firing ObserverCutOff", "resolved ObserverCutOff"}},
		{"piket's uplink, and a server dies meanwhile", withReferences(hall()), append(uplink(minute, 10*minute, Down), outage{what: "ams1-r1-s3", from: 5 * minute}),
			[]string{"firing ObserverCutOff", "resolved ObserverCutOff", "firing ServerUnreachable ams1-r1-s3"}},
		{"piket's own network, with nowhere to send to", withReferences(hall()), []outage{{what: "*", from: minute, state: Unknown}}, []string{"firing ObserverCutOff"}},
		{"one reference", withReferences(hall()), []outage{{what: "far-1", from: minute}}, nil},
		{"all that can be reached, but not the references", withReferences(hall()), []outage{{what: "ams1-*", from: minute}, {what: "rtm1-*", from: minute}, {what: "gateway*", from: minute}},
			[]string{"firing SiteUnreachable ams1", "firing SiteUnreachable rtm1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &play{inv: c.inv, outages: c.outages}
			p.run(t, 40*minute)
			slices.Sort(p.lines)
			if want := slices.Sorted(slices.Values(c.want)); !slices.Equal(p.lines, want) {
				t.Errorf("reported:\n%s\nwant:\n%s", strings.Join(p.lines, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// feedA takes away everything that hangs on feed a of a site alone.
func feedA(site string, from, until time.Duration) []outage {
	var list []outage
	for _, rack := range []string{"r1", "r2"} {
		for _, server := range []string{"s1", "s2", "s3"} {
			list = append(list, outage{what: site + "-" + rack + "-" + server, from: from, until: until})
		}
	}
	return list
}

// uplink takes away everything except what is near.
func uplink(from, until time.Duration, state State) []outage {
	var list []outage
	for _, what := range []string{"ams1*", "rtm1*", "gateway*", "far*"} {
		list = append(list, outage{what, from, until, state})
	}
	return list
}

// From the first missed echo, not from the last answered one: the interval
// comes on top of it.
func TestSilenceIsSureFiveSecondsAfterTheFirstMiss(t *testing.T) {
	p := &play{inv: hall(), outages: []outage{{what: "ams1-r1-s1", from: minute}}}
	p.run(t, 2*minute)
	if len(p.taken) != 1 {
		t.Fatalf("reported %v", p.lines)
	}
	// A pretend echo times out at once: the last of five misses is four
	// spacings after the first.
	if sure := 4 * DefaultSpacing; p.taken[0].StartsAt.Sub(start) < minute || p.taken[0].StartsAt.Sub(start) > minute+DefaultInterval {
		t.Errorf("the first miss was after %v (sure after %v)", p.taken[0].StartsAt.Sub(start), sure)
	}
}

func TestServerThatComesAndGoesFlaps(t *testing.T) {
	var outages []outage
	for k := range 5 {
		from := time.Duration(k+1) * 2 * minute
		outages = append(outages, outage{what: "ams1-r1-s1", from: from, until: from + minute})
	}
	p := &play{inv: hall(), outages: outages}
	p.run(t, 2*time.Hour)
	var firing, flapping, steady int
	for _, line := range p.lines {
		switch line {
		case "firing ServerUnreachable ams1-r1-s1":
			firing++
		case "firing ServerFlapping ams1-r1-s1":
			flapping++
		case "resolved ServerFlapping ams1-r1-s1":
			steady++
		}
	}
	if firing != 5 || flapping != 1 || steady != 1 {
		t.Errorf("%d times down, %d times flapping, %d times steady:\n%s", firing, flapping, steady, strings.Join(p.lines, "\n"))
	}
}

func TestServerIsDownOnlyForTheMajorityOfTheVantages(t *testing.T) {
	for _, c := range []struct {
		name     string
		down, up int
		want     string
	}{
		{"no other can see", 0, 0, "firing ServerUnreachable ams1-r1-s1"},
		{"the other agrees", 1, 0, "firing ServerUnreachable ams1-r1-s1"},
		{"the other hears it", 0, 1, "firing PathTrouble ams1-r1-s1"},
		{"one agrees and one hears it", 1, 1, "firing ServerUnreachable ams1-r1-s1"},
		{"two hear it", 0, 2, "firing PathTrouble ams1-r1-s1"},
		{"one agrees and two hear it", 1, 2, "firing PathTrouble ams1-r1-s1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &play{inv: hall(), outages: []outage{{what: "ams1-r1-s1", from: minute}},
				votes: func(string) Votes { return Votes{Down: c.down, Up: c.up} }}
			s := p.run(t, 5*minute)
			if got := strings.Join(p.lines, ", "); got != c.want {
				t.Errorf("reported %q, want %q", got, c.want)
			}
			wantVerdict := map[bool]string{true: "server", false: "unknown"}[strings.Contains(c.want, "Server")]
			if sight, _ := s.Look("server/ams1-r1-s1"); sight.Verdict != wantVerdict {
				t.Errorf("the verdict is %q, want %q", sight.Verdict, wantVerdict)
			}
		})
	}
}

func TestSightSaysWhoseTroubleASilenceIs(t *testing.T) {
	for _, c := range []struct {
		name    string
		outages []outage
		want    string
	}{
		{"server", []outage{{what: "ams1-r1-s1", from: minute}}, "server"},
		{"rack", []outage{{what: "ams1-r1-*", from: minute}}, "rack ams1-r1"},
		{"feed", feedA("ams1", minute, 0), "feed ams1-a"},
		{"site", []outage{{what: "ams1-*", from: minute}}, "site ams1"},
		{"well", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := (&play{inv: hall(), outages: c.outages}).run(t, 5*minute).Snapshot()
			if got := s["server/ams1-r1-s1"].Verdict; got != c.want {
				t.Errorf("the verdict is %q, want %q", got, c.want)
			}
		})
	}
}

// What goes with the rest is the rack's; what dies hours later died by itself.
func TestRackThatStaysDownDoesNotHideALaterDeath(t *testing.T) {
	inv := fleetOf(40)
	p := &play{inv: inv, outages: []outage{
		{what: "m000001", from: minute}, {what: "m000002", from: minute}, {what: "m000003", from: 2 * minute},
		{what: "m000020", from: 2 * time.Hour},
	}}
	p.run(t, 3*time.Hour)
	slices.Sort(p.lines[:2]) // two of forty are no rack yet
	want := []string{"firing ServerUnreachable m000001", "firing ServerUnreachable m000002", "firing RackUnreachable s0-r0", "firing ServerUnreachable m000020"}
	if !slices.Equal(p.lines, want) {
		t.Fatalf("reported %q, want %q", p.lines, want)
	}
	if servers := p.taken[2].Annotations["servers"]; servers != "m000001,m000002,m000003" {
		t.Errorf("the alert lists %q", servers)
	}
}

// Two gateways stand in for references; that one has been dead for long does not
// make the death of the other piket's own.
func TestSecondSiteIsReportedAlsoLongAfterTheFirst(t *testing.T) {
	p := &play{inv: hall(), outages: []outage{
		{what: "ams1-*", from: minute}, {what: "gateway of ams1", from: minute},
		{what: "rtm1-*", from: 20 * minute}, {what: "gateway of rtm1", from: 20 * minute},
	}}
	p.run(t, time.Hour)
	want := []string{"firing SiteUnreachable ams1", "firing SiteUnreachable rtm1"}
	if !slices.Equal(p.lines, want) {
		t.Errorf("reported %q, want %q", p.lines, want)
	}
}

// Vantages that are about to vote are waited for, and those who heard it before
// they were away for a moment still do.
func TestVerdictWaitsForVantagesThatAreAboutToVote(t *testing.T) {
	var p *play
	p = &play{inv: hall(), outages: []outage{{what: "ams1-r1-s1", from: minute}}, votes: func(string) Votes {
		switch at := p.clk.Now().Sub(start); {
		case at < minute+15*time.Second, at > 3*minute && at < 4*minute:
			return Votes{Waiting: 2}
		}
		return Votes{Up: 2}
	}}
	p.run(t, 6*minute)
	if want := []string{"firing PathTrouble ams1-r1-s1"}; !slices.Equal(p.lines, want) {
		t.Errorf("reported %q, want %q", p.lines, want)
	}
}

// A rack is not dead because it is silent from here.
func TestRackThatVantagesHearIsNotReported(t *testing.T) {
	p := &play{inv: hall(), outages: []outage{{what: "ams1-*", from: minute}, {what: "gateway of ams1", from: minute}}, votes: func(string) Votes { return Votes{Up: 3} }}
	p.run(t, 10*minute)
	for _, line := range p.lines {
		if !strings.HasPrefix(line, "firing PathTrouble ") {
			t.Errorf("reported %q", line)
		}
	}
	if len(p.lines) == 0 {
		t.Error("nothing was reported")
	}
}

// Cuts of piket's own uplink, and restarts of a switch, are no turns of a server.
func TestWhatOthersExplainIsNoFlapping(t *testing.T) {
	var outages []outage
	for k := range 4 {
		outages = append(outages, uplink(time.Duration(4*k+1)*minute, time.Duration(4*k+2)*minute, Down)...)
	}
	p := &play{inv: withReferences(hall()), outages: outages}
	p.run(t, time.Hour)
	for _, line := range p.lines {
		if !strings.HasSuffix(line, " ObserverCutOff") {
			t.Errorf("reported %q", line)
		}
	}
}

// Thousands of silent services must not keep piket from asking what explains
// them.
func TestReferencesAreAskedAlsoInAMassOutage(t *testing.T) {
	inv := withReferences(fleetOf(1000))
	for i := range inv.Servers {
		inv.Servers[i].Services = []inventory.Service{{Name: "shop", Probe: inventory.Endpoint{Check: "http", URL: "http://192.0.2.1/"}}}
	}
	p := &play{inv: inv, outages: []outage{{what: "m*", from: minute}, {what: "shop*", from: minute}}}
	p.run(t, 5*minute)
	if want := []string{"firing SiteUnreachable s0"}; !slices.Equal(p.lines, want) {
		t.Errorf("reported %d alerts, the first of them %q, want %q", len(p.lines), p.lines[:min(len(p.lines), 3)], want)
	}
}
