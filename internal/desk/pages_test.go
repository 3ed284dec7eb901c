package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// pages lists who is mailed about what among the staff.
func pages(list []incident.Payload) []string {
	var sent []string
	for _, p := range list {
		if m, ok := p.(incident.MessageQueued); ok && m.Customer == "" {
			sent = append(sent, m.Purpose+" to "+strings.Join(m.To, ","))
		}
	}
	return sent
}

func TestEngineersOnDutyArePagedOncePerTopic(t *testing.T) {
	h := newHistory(t, incident.P2)
	h.policy.ExternalURL = "https://piket.example.net"
	seen := func(more ...string) {
		t.Helper()
		duties, _ := h.settle()
		if got := pages(duties); !slices.Equal(got, more) {
			t.Errorf("paged %q, want %q", got, more)
		}
		for _, p := range duties {
			if m, ok := p.(incident.MessageQueued); ok && !strings.Contains(m.Body, "https://piket.example.net/incidents/INC-2026-0001") {
				t.Errorf("the page has no link:\n%s", m.Body)
			}
		}
	}
	seen("page open to noor@example.net")
	h.now = h.now.Add(time.Hour)
	seen("page open to mila@example.net") // nobody has taken it
	h.now = h.now.Add(time.Hour)
	seen()
	h.happens(incident.ApprovalRequested{Approval: "A1", Action: "power cycle web-07", Why: "it hangs", By: "on-duty", Expires: h.now.Add(time.Minute), Else: "escalate"})
	seen("page A1 to noor@example.net")
	h.happens(incident.Attention{Topic: "ladder-used-up", Why: "nothing helped"})
	seen("page ladder-used-up to noor@example.net")
	h.happens(incident.Attention{Topic: "ladder-used-up", Why: "still nothing"}, incident.Note{By: "noor", Words: "on it"})
	seen()
	h.happens(incident.Closed{By: "noor"}, incident.Attention{Topic: "late", Why: "too late"})
	seen()
}

func TestLessPressingIncidentWakesNobodyUntilSomethingIsAsked(t *testing.T) {
	h := newHistory(t, incident.P3)
	if duties, next := h.settle(); len(duties) > 0 || !next.IsZero() {
		t.Errorf("got %v, next %v", duties, next)
	}
	h.happens(incident.Attention{Topic: "no-runbook", Why: "no runbook is meant for this alert"})
	if duties, _ := h.settle(); len(pages(duties)) != 1 {
		t.Errorf("got %v", duties)
	}
}

func TestNobodyOnDutyIsSaidOnce(t *testing.T) {
	for _, team := range []string{"empty", "without-mail", "no-such-team"} {
		h := newHistory(t, incident.P1)
		h.happens(incident.Assigned{Team: team}, incident.Attention{Topic: "ladder-used-up", Why: "nothing helped"})
		duties, _ := h.settle()
		call := incident.Attention{Topic: "nobody-on-duty", Why: fmt.Sprintf("nobody who can be mailed is on duty in team %q", team)}
		if !slices.Contains(duties, incident.Payload(call)) || !slices.Equal(pages(duties), []string{"page open to mila@example.net"}) {
			t.Errorf("team %q: got %v", team, duties)
		}
		h.happens(incident.Assigned{Team: "network-and-server"})
		if duties, _ := h.settle(); len(pages(duties)) != 2 {
			t.Errorf("team %q: once somebody is on duty, got %v", team, pages(duties))
		}
	}
}

// What no runbook is meant for is given to no team; somebody must hear of it
// all the same.
func TestIncidentOfNoTeamConcernsWhoeverIsOnDuty(t *testing.T) {
	h := newHistory(t, incident.P2)
	h.happens(incident.Assigned{})
	h.inv = withTeams(t, inventory.Team{Name: "network", Members: []string{"noor", "sam"}, OnDuty: []string{"noor", "sam"}},
		inventory.Team{Name: "storage", Members: []string{"noor", "daan"}, OnDuty: []string{"daan", "noor"}},
		inventory.Team{Name: "off", Members: []string{"eva"}})
	duties, _ := h.settle()
	if got := pages(duties); !slices.Equal(got, []string{"page open to noor@example.net,daan@example.net"}) {
		t.Errorf("paged %q", got)
	}
	if body := duties[0].(incident.MessageQueued).Body; !strings.Contains(body, "P2 high, no team, since") {
		t.Errorf("the page says\n%s", body)
	}
	h = newHistory(t, incident.P2)
	h.happens(incident.Assigned{})
	h.inv = withTeams(t, inventory.Team{Name: "off", Members: []string{"eva"}})
	duties, _ = h.settle()
	call := incident.Attention{Topic: "nobody-on-duty", Why: "nobody who can be mailed is on duty in any team"}
	if len(duties) != 1 || duties[0] != incident.Payload(call) {
		t.Errorf("with nobody at all: %v", duties)
	}
}

func withTeams(t *testing.T, teams ...inventory.Team) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{Teams: teams, People: []inventory.Person{
		{Name: "noor", Email: "noor@example.net"}, {Name: "daan", Email: "daan@example.net"}, {Name: "eva", Email: "eva@example.net"}, {Name: "sam"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestAfterARelapseEngineersHearAgainOncePerTopic(t *testing.T) {
	h := newHistory(t, incident.P1)
	stuck := incident.Attention{Topic: "ladder-used-up", Why: "nothing helped"}
	h.happens(stuck)
	h.settle()
	for n, again := range []string{", relapse 1", ", relapse 2"} {
		h.happens(incident.Restored{How: "it answers"})
		if duties, _ := h.settle(); len(pages(duties)) > 0 {
			t.Errorf("paged although service is back: %q", pages(duties))
		}
		h.happens(incident.Relapsed{Reason: "no answer"}, stuck)
		duties, _ := h.settle()
		want := []string{"page open" + again + " to noor@example.net", "page ladder-used-up" + again + " to noor@example.net"}
		if got := pages(duties); !slices.Equal(got, want) {
			t.Errorf("relapse %d: paged %q, want %q", n+1, got, want)
		}
		if subject := duties[0].(incident.MessageQueued).Subject; subject != "[INC-2026-0001] P1 again: Server web-07 does not answer" {
			t.Errorf("relapse %d: %q", n+1, subject)
		}
	}
}

// Whoever is called at night reads in the subject what for.
func TestAPageSaysInItsSubjectWhyAPersonIsNeeded(t *testing.T) {
	for why, want := range map[string]string{
		"nothing helped":          "[INC-2026-0001] A person is needed: nothing helped",
		strings.Repeat("ü", 4000): "[INC-2026-0001] A person is needed: " + strings.Repeat("ü", 119) + "…",
	} {
		h := newHistory(t, incident.P1)
		h.happens(incident.Acknowledged{By: "noor"}, incident.Attention{Topic: "ladder-used-up", Why: why})
		duties, _ := h.settle()
		at := slices.IndexFunc(duties, func(p incident.Payload) bool {
			m, ok := p.(incident.MessageQueued)
			return ok && m.Topic == "ladder-used-up"
		})
		if at < 0 {
			t.Fatalf("nobody is called: %v", duties)
		}
		if m := duties[at].(incident.MessageQueued); m.Subject != want || !strings.Contains(m.Body, "- "+why) {
			t.Errorf("%q\n%s", m.Subject, m.Body)
		}
	}
}
