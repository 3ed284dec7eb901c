package vantage_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/vantage"
)

func TestAgentLooksAndItsVoteCounts(t *testing.T) {
	up, _ := listen(t)
	gone, end := listen(t)
	end()
	reference, _ := listen(t)
	p := newPair(t, hall(t, up, gone), near(reference))
	p.during(20 * time.Second)
	if got := p.hub.Votes("server/web-0"); got.Up != 1 || got.Down != 0 {
		t.Errorf("of what answers: %+v", got)
	}
	if got := p.hub.Votes("server/web-1"); got.Up != 0 || got.Down != 1 {
		t.Errorf("of what does not: %+v", got)
	}
	standing := p.hub.Standings()[0]
	if standing.State != vantage.Sees || standing.Unwell != 1 || standing.Some[0].Reason != "connection refused" || standing.Skew.Abs() > time.Second {
		t.Errorf("it is %+v", standing)
	}
	if p.results["failed"] > 0 || p.results["taken"] < 9 {
		t.Errorf("reports: %v in 20 s", p.results)
	}
}

func TestAgentIsBlindWhileASideOfItsReferencesIsSilent(t *testing.T) {
	answers, _ := listen(t)
	silent, end := listen(t)
	end()
	reference := func(name, side, address string) inventory.Reference {
		return inventory.Reference{Name: name, Side: side, Probe: tcp(address)}
	}
	for _, c := range []struct {
		name       string
		references []inventory.Reference
		want       vantage.State
	}{
		{"the near side", []inventory.Reference{reference("a", inventory.Near, silent), reference("b", inventory.Far, answers)}, vantage.Blind},
		{"the far side", []inventory.Reference{reference("a", inventory.Near, answers), reference("b", inventory.Far, silent)}, vantage.Blind},
		{"the only side", []inventory.Reference{reference("a", inventory.Far, silent)}, vantage.Blind},
		{"one of two", []inventory.Reference{reference("a", inventory.Far, silent), reference("b", inventory.Far, answers)}, vantage.Sees},
		{"none", []inventory.Reference{reference("a", inventory.Near, answers), reference("b", inventory.Far, answers)}, vantage.Sees},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, hall(t, answers, silent), c.references...)
			p.during(20 * time.Second)
			if got := p.hub.Standings()[0].State; got != c.want {
				t.Errorf("it is %q, want %q", got, c.want)
			}
			for _, key := range []string{"server/web-0", "server/web-1"} {
				votes := p.hub.Votes(key)
				if votes.Up+votes.Down > 0 != (c.want == vantage.Sees) {
					t.Errorf("%s: %+v", key, votes)
				}
			}
		})
	}
}

func TestWhatTheDaemonMissesIsAskedAtOnce(t *testing.T) {
	target, end := listen(t)
	reference, _ := listen(t)
	// The turns of eight servers are spread over the interval.
	servers := hall(t, slices.Repeat([]string{target}, 8)...)
	keys := vantage.Prune(servers).Keys()
	p := newPair(t, servers, near(reference))
	stop := p.start()
	p.wait(20 * time.Second)
	for _, key := range keys {
		if got := p.hub.Votes(key); got.Up != 1 {
			t.Errorf("%s before: %+v", key, got)
		}
	}
	end()
	p.doubtful.Store(&keys)
	// An interval until the next report, three misses a second apart, and an
	// interval until the report of those.
	p.wait(2*vantage.Interval + 3*time.Second)
	stop()
	for _, key := range keys {
		if got := p.hub.Votes(key); got.Down != 1 {
			t.Errorf("%s afterwards: %+v", key, got)
		}
	}
}

func TestAgentTakesANewListOver(t *testing.T) {
	up, _ := listen(t)
	reference, _ := listen(t)
	p := newPair(t, hall(t, up), near(reference))
	stop := p.start()
	p.wait(20 * time.Second)
	p.inventory.Store(hall(t, up, up))
	p.wait(20 * time.Second)
	stop()
	if got := p.hub.Votes("server/web-1"); got.Up != 1 {
		t.Errorf("of the server that is new: %+v, and it is %q", got, p.hub.Standings()[0].State)
	}
}

func TestAgentTriesAgainWhileTheDaemonIsAway(t *testing.T) {
	up, _ := listen(t)
	reference, _ := listen(t)
	p := newPair(t, hall(t, up), near(reference))
	p.broken.Store(true)
	stop := p.start()
	p.wait(time.Minute)
	p.broken.Store(false)
	p.wait(20 * time.Second)
	stop()
	if got := p.hub.Votes("server/web-0"); got.Up != 1 {
		t.Errorf("when the daemon is back: %+v", got)
	}
	if failed := p.results["failed"]; failed < 5 || failed > 12 {
		t.Errorf("reports failed %d times in a minute", failed)
	}
	log := p.log.String()
	if strings.Count(log, "cannot report") != 1 || strings.Count(log, "reports to the daemon") != 1 || strings.Contains(log, "a-token") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAgentShowsItsTokenToNobodyElse(t *testing.T) {
	reference, _ := listen(t)
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	redirects := httptest.NewTLSServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirects.Close()
	for _, c := range []struct {
		name, want string
		change     func(*pair)
	}{
		{"a daemon that sends it elsewhere", "the daemon answered with status 307", func(p *pair) {
			p.config.Main = redirects.URL
			p.config.CAFile = put(t, filepath.Join(t.TempDir(), "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: redirects.Certificate().Raw})))
		}},
		{"a daemon that nobody vouches for", "certificate signed by unknown authority", func(p *pair) { p.config.CAFile = "" }},
		{"a daemon that does not know it", "no vantage has this name and token", func(p *pair) { p.config.Name = "ams9" }},
		{"a token that is not there", "read secret", func(p *pair) { p.config.Token.File += ".gone" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, hall(t), near(reference))
			c.change(p)
			p.during(10 * time.Second)
			if log := p.log.String(); p.results["taken"] > 0 || !strings.Contains(log, c.want) {
				t.Errorf("reports: %v; the log is\n%s", p.results, log)
			}
			if heard := p.hub.Standings(); len(heard) > 0 {
				t.Errorf("the hub has heard of %+v", heard)
			}
		})
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("somebody else was asked %d times", n)
	}
}

func TestAgentSpeaksWithoutTLSOnItsOwnMachineOnly(t *testing.T) {
	for address, good := range map[string]bool{"https://piket.example.net": true, "http://localhost:9490": true, "http://piket.example.net": false, "piket.example.net": false} {
		if _, err := vantage.NewAgent(vantage.Config{Main: address}, vantage.AgentParts{Clock: clock.Jumping(start)}); (err == nil) != good {
			t.Errorf("%s: an agent is made: %v", address, err)
		}
	}
}
