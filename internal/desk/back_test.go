package desk_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// Over random histories: nobody is told that service is back while it is not.
func TestNobodyIsToldBackWhileItIsNot(t *testing.T) {
	steps := []func() incident.Payload{
		func() incident.Payload { return incident.Restored{How: "it answers"} },
		func() incident.Payload { return incident.Relapsed{Reason: "no answer"} },
		func() incident.Payload { return incident.Note{By: "noor", Words: "w"} },
		func() incident.Payload { return incident.GoalSeen{Holds: true} },
		func() incident.Payload { return incident.OutcomeRecorded{Outcome: incident.OutcomeDone} },
		func() incident.Payload {
			return incident.Absorbed{From: "x", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Customers: []string{"bakker"}}
		},
		func() incident.Payload { return incident.WorkOrdered{Order: "W"} },
		func() incident.Payload { return incident.OrderProgress{Order: "W", State: "done"} },
		func() incident.Payload {
			return incident.AlertReceived{Alert: alerts.Alert{Status: alerts.Resolved, StartsAt: start}}
		},
		func() incident.Payload { return incident.Closed{By: "noor"} },
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHistory(t, incident.P1, "acme", "caller")
		for range 12 {
			if h.incident().Ongoing() {
				h.happens(steps[r.IntN(len(steps))]())
			}
			h.now = h.now.Add(time.Duration(r.IntN(40)) * time.Minute)
			duties, _ := h.settle()
			inc := h.incident()
			for _, w := range words(duties) {
				if strings.Contains(w, "restored") && inc.RestoredAt.IsZero() {
					t.Fatalf("seed %d: %q while the incident is %s", seed, w, inc.Status)
				}
			}
			checkWords(t, seed, inc, duties)
		}
	}
}

// checkWords looks into what first words and updates say.
func checkWords(t *testing.T, seed uint64, inc *incident.Incident, duties []incident.Payload) {
	t.Helper()
	for _, d := range duties {
		m, ok := d.(incident.MessageQueued)
		if !ok || m.Customer == "" || (m.Purpose != "first" && m.Purpose != "update") {
			continue
		}
		if inc.Status != incident.Open {
			t.Fatalf("seed %d: %s while the incident is %s", seed, m.Purpose, inc.Status)
		}
		for _, claim := range []string{"answering again", "weer bereikbaar", "is back:", "is terug:"} {
			if strings.Contains(m.Subject+m.Body, claim) {
				t.Fatalf("seed %d: a word of trouble says %q:\n%s", seed, claim, m.Body)
			}
		}
	}
}
