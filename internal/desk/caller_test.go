package desk_test

import (
	"strings"
	"testing"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Nothing that piket has seen is claimed of what only a caller has said.
func TestACustomerHearsOfTheirReportInTheirOwnWords(t *testing.T) { // [2.1, 3.1]
	for customer, want := range map[string][]string{
		"acme":   {"We have had your report since 03:00 UTC: mail is slow.", "It has been written down"},
		"bakker": {"Sinds 03:00 UTC hebben wij uw melding: mail is slow.", "vastgelegd"},
	} {
		h := newHistory(t, incident.P1, customer)
		h.events = nil
		h.happens(
			incident.Opened{Title: "mail is slow", Subject: incident.Subject{Kind: "alert", Name: "f00"}, Customers: []string{customer}},
			incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		)
		duties, _ := h.settle()
		text := told(t, duties, "first")
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("%s does not read %q but %s", customer, words, text)
			}
		}
		if strings.Contains(text, "does not answer") || strings.Contains(text, "bereikbaar") || strings.Contains(text, "f00") {
			t.Errorf("%s reads %s", customer, text)
		}
	}
}

func TestACallerHearsWhenTheNextWordComes(t *testing.T) { // [3.1, 3.2]
	h := newHistory(t, incident.P1, "acme")
	acme, _ := h.inv.Customer("acme")
	facts := func() desk.Facts {
		return desk.Facts{Incident: h.incident(), Inventory: h.inv, Policy: h.policy, Now: h.now}
	}
	if got := desk.ToCaller(facts(), acme); !got.Since.Equal(start) || !got.Next.Equal(start) {
		t.Errorf("before the first word: %+v", got)
	}
	h.settle()
	got := desk.ToCaller(facts(), acme)
	if !got.Next.Equal(start.Add(desk.DefaultUpdates[incident.P1])) || !strings.Contains(got.Script, "The next word comes at 03:30 UTC") {
		t.Errorf("after it: %+v", got)
	}
	if got := desk.ToCaller(facts(), inventory.Customer{}); !got.Next.IsZero() || got.Script != "" {
		t.Errorf("a stranger: %+v", got)
	}
	h.happens(incident.Restored{How: "by itself"})
	if got := desk.ToCaller(facts(), acme); !got.Next.IsZero() || !strings.Contains(got.Script, "has been answering again") {
		t.Errorf("service is back: %+v", got)
	}
}
