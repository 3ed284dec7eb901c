package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// watched is a site whose servers are looked at. answer says what a probe of a
// name comes to.
func watched(t *testing.T, answer func(name string) probes.Result) *site {
	t.Helper()
	s := newSite(t)
	ask := func(_ context.Context, target probes.Target) probes.Result { return answer(target.Name) }
	s.server.Probes = probes.NewScheduler(probes.Config{}, probes.Parts{
		Clock: s.clock, Kinds: probes.Registry{"icmp": ask, "tcp": ask, "statuspage": ask}, Inventory: func() *inventory.Inventory { return s.server.Inventory() },
		Report: func(context.Context, []alerts.Alert) error { return nil },
	})
	return s
}

// look lets the probes look for a while.
func (s *site) look(d time.Duration) {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	<-s.clock.Go(func() {
		done := s.clock.Go(func() { s.server.Probes.Run(ctx) })
		s.clock.Wait(ctx, s.clock.Now().Add(d), nil)
		cancel()
		<-done
	})
}

func up(took time.Duration) probes.Result {
	return probes.Result{State: probes.Up, Reason: "answers", Latency: took}
}

func TestTheServersPageShowsWhatItIsAndHowItFares(t *testing.T) {
	s := watched(t, func(name string) probes.Result {
		if name == "shop on web-07" {
			return probes.Result{State: probes.Down, Reason: "connection <refused>"}
		}
		return up(310 * time.Microsecond)
	})
	s.look(time.Minute)
	at := s.clock.Now().Add(-2 * time.Hour)
	err := s.store.Remember(t.Context(), at, []store.Sample{{Target: "server/web-07", Bucket: store.Bucket{Asked: 30, Lost: 3, Mean: time.Millisecond, Worst: 4 * time.Millisecond}}})
	if err != nil {
		t.Fatal(err)
	}
	id := s.unreachable()
	page := s.as("guest", "GET", "/servers/web-07", "")
	if page.status != http.StatusOK {
		t.Fatalf("answered %d %s", page.status, page.body)
	}
	for _, words := range []string{
		"Amsterdam 1", "a12 unit 17", "CZ29340X7K", "The Bakery", "192.0.2.17",
		"0.31 ms", "connection &lt;refused&gt;, since <time",
		`aria-label="Reachable: 3 of 30 answers lost; latency 1 ms in the mean, 4 ms at worst; nothing was measured for 23 h 55 min of 24 h 00 min."`,
		`<td>3 of 30</td>`, `href="/incidents/` + id + `"`,
	} {
		if !strings.Contains(page.body, words) {
			t.Errorf("the page does not show %q", words)
		}
	}
	if strings.Contains(page.body, "style=") || strings.Contains(page.body, "ZgotmplZ") {
		t.Error("the page has something that its own rules do not let through")
	}
	if head := s.as("guest", "GET", "/incidents/"+id, ""); !strings.Contains(head.body, `<a href="/servers/web-07">server web-07</a>`) {
		t.Error("the incident does not lead to its server")
	}
}

func TestTheServersPageSaysWhoseTroubleASilenceIs(t *testing.T) {
	s := watched(t, func(name string) probes.Result {
		if name == "web-07" {
			return probes.Result{State: probes.Down, Reason: "no reply"}
		}
		return up(time.Millisecond)
	})
	s.look(2 * time.Minute)
	if page := s.as("guest", "GET", "/servers/web-07", ""); !strings.Contains(page.body, "The trouble is in the server itself.") {
		t.Errorf("it says %s", page.body)
	}
}

func TestIncidentsOfRackAndSiteStandOnTheServersPage(t *testing.T) {
	s := newSite(t)
	for _, subject := range []incident.Subject{{Kind: "rack", Name: "a12"}, {Kind: "site", Name: "ams1"}, {Kind: "rack", Name: "b01"}, {Kind: "server", Name: "a12"}} {
		_, err := s.store.Create(t.Context(), incident.Event{Actor: incident.Piket, Payload: incident.Opened{Title: "About " + subject.String(), Subject: subject}})
		if err != nil {
			t.Fatal(err)
		}
	}
	page := s.as("guest", "GET", "/servers/web-07", "")
	for words, want := range map[string]bool{"About rack:a12": true, "About site:ams1": true, "About rack:b01": false, "About server:a12": false} {
		if got := strings.Contains(page.body, words); got != want {
			t.Errorf("%q on the page: %v", words, got)
		}
	}
}

func TestAServerThatIsNotInTheInventoryHasNoPage(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"web-99", "192.0.2.17", "%3Cscript%3E", "web-07%2Fshop"} {
		answer := s.as("guest", "GET", "/servers/"+name, "")
		if answer.status != http.StatusNotFound || !strings.Contains(answer.body, "there is no server") || strings.Contains(answer.body, "<script>") {
			t.Errorf("%s: answered %d", name, answer.status)
		}
	}
}

func TestTheBoardOfALargeFleetIsShortAndCounts(t *testing.T) {
	s := watched(t, func(name string) probes.Result {
		if name >= "srv-0900" && name < "srv-0960" {
			return probes.Result{State: probes.Down, Reason: "no reply"}
		}
		return up(time.Millisecond)
	})
	s.grow(1000)
	s.look(30 * time.Second)
	board := s.as("guest", "GET", "/", "")
	for _, words := range []string{"940 of 1000 targets answer", `<a href="/servers/srv-0900">srv-0900</a>`, "And 10 more.", "And 900 more;"} {
		if !strings.Contains(board.body, words) {
			t.Errorf("the board does not show %q", words)
		}
	}
	if n := strings.Count(board.body, `href="/servers/`); n != 90 {
		t.Errorf("the board lists %d servers", n)
	}
}

// grow makes the inventory one of n servers.
func (s *site) grow(n int) {
	s.t.Helper()
	of := s.server.Inventory()
	inv := inventory.Inventory{Sites: of.Sites, People: of.People, Teams: of.Teams}
	for i := range n {
		inv.Servers = append(inv.Servers, inventory.Server{Name: fmt.Sprintf("srv-%04d", i), Rack: "a12", Address: fmt.Sprintf("2001:db8::%x", i+1)})
	}
	big, err := inventory.New(inv)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.Inventory = func() *inventory.Inventory { return big }
}
