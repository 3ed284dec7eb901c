package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
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
	seen()
	h.happens(incident.ApprovalRequested{Approval: "A1", Action: "power cycle web-07", Why: "it hangs", Expires: h.now.Add(time.Minute), Else: "escalate"})
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
	for _, team := range []string{"empty", "without-mail", "no-such-team", ""} {
		h := newHistory(t, incident.P1)
		h.happens(incident.Assigned{Team: team}, incident.Attention{Topic: "ladder-used-up", Why: "nothing helped"})
		duties, _ := h.settle()
		call := incident.Attention{Topic: "nobody-on-duty", Why: fmt.Sprintf("nobody who can be mailed is on duty in team %q", team)}
		if len(duties) != 1 || duties[0] != incident.Payload(call) {
			t.Errorf("team %q: got %v", team, duties)
		}
		h.happens(incident.Assigned{Team: "network-and-server"})
		if duties, _ := h.settle(); len(pages(duties)) != 2 {
			t.Errorf("team %q: once somebody is on duty, got %v", team, pages(duties))
		}
	}
}
