package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/web"
)

func TestACalendarIsFollowedByItsLinkUntilThatIsEnded(t *testing.T) { // [2.3]
	edition := 0
	s := newSite(t, func(w *web.Server) {
		w.Links = signed.NewKey()
		source := w.Inventory
		w.Inventory = func() *inventory.Inventory {
			inv := *source()
			inv.People = append([]inventory.Person{}, inv.People...)
			for n := range inv.People {
				if inv.People[n].Name == "guest" {
					inv.People[n].Calendar = edition
				}
			}
			made, err := inventory.New(inv)
			if err != nil {
				t.Error(err)
			}
			return made
		}
	})
	links := func() []string {
		page := s.ask("GET", "/duty", "", "Cookie", s.signIn("guest")).body
		var found []string
		for _, m := range regexp.MustCompile(`href="(/calendar/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			found = append(found, m[1])
		}
		return found
	}
	mine := links()
	if len(mine) != 2 || !strings.HasSuffix(mine[0], "/person/guest.ics") || !strings.HasSuffix(mine[1], "/team/network-and-server.ics") {
		t.Fatalf("offered are %q", mine)
	}
	team := mine[1]
	answer := s.ask("GET", team, "")
	if answer.status != http.StatusOK || answer.header.Get("Content-Type") != "text/calendar; charset=utf-8" || !strings.Contains(answer.body, "SUMMARY:noor: on duty") {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	for name, path := range map[string]string{
		"another person's": strings.Replace(team, "/guest/", "/mila/", 1), "another edition": strings.Replace(team, "/calendar/0/", "/calendar/1/", 1),
		"no such team": strings.Replace(team, "network-and-server", "other", 1), "another kind": strings.Replace(team, "/team/", "/incident/", 1),
		"no calendar": strings.TrimSuffix(team, ".ics"),
	} {
		if answer := s.ask("GET", path, ""); answer.status != http.StatusNotFound || strings.Contains(answer.body, "noor") {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
	s.forward(365 * 24 * time.Hour)
	if answer := s.ask("GET", team, ""); answer.status != http.StatusOK {
		t.Errorf("a year later: %d", answer.status)
	}
	if again := links(); again[1] == team {
		t.Error("the link is never renewed")
	}
	edition = 1
	if answer := s.ask("GET", team, ""); answer.status != http.StatusNotFound {
		t.Errorf("after another edition: %d", answer.status)
	}
	if again := links(); s.ask("GET", again[1], "").status != http.StatusOK {
		t.Error("the new link does not hold")
	}
	if answer := s.as("guest", "GET", "/api/v1/duty/calendar", ""); answer.status != http.StatusOK || !strings.Contains(answer.body, "SUMMARY:noor") {
		t.Errorf("by the API: %d %s", answer.status, answer.body)
	}
	if answer := s.as("guest", "GET", "/api/v1/duty/calendar?team=other", ""); answer.status != http.StatusNotFound {
		t.Errorf("of no team by the API: %d", answer.status)
	}
}
