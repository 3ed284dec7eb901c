package desk_test

import (
	"os"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
)

// told is everything a customer gets to read and hear for one purpose.
func told(t *testing.T, list []incident.Payload, purpose string) string {
	t.Helper()
	text := ""
	for _, p := range list {
		switch p := p.(type) {
		case incident.MessageQueued:
			if p.Purpose == purpose {
				text += "To: " + p.To[0] + "\nSubject: " + p.Subject + "\n\n" + p.Body
			}
		case incident.CallTask:
			if p.Purpose == purpose {
				text += "---\n" + p.Telephone + ": " + p.Script + "\n"
			}
		}
	}
	return text
}

// Each file in testdata is what a customer reads and hears, word for word.
func TestCustomersReadPlainWordsInTheirLanguage(t *testing.T) {
	for language, customer := range map[string]string{"en": "acme", "nl": "bakker"} {
		h := newHistory(t, incident.P1, customer)
		steps := []struct {
			purpose string
			minute  int
			happens []incident.Payload
		}{
			{"first", 0, nil},
			{"update", 30, nil},
			{"restored", 47, []incident.Payload{incident.Restored{How: "it answers"}}},
			{"summary", 60, []incident.Payload{
				incident.Resolution{Cause: "a power supply had failed", Solution: "It was replaced.", Prevention: "a second one is being fitted"},
				incident.Closed{By: "noor"},
			}},
		}
		for _, step := range steps {
			h.now = start.Add(time.Duration(step.minute) * time.Minute)
			h.happens(step.happens...)
			duties, _ := h.settle()
			file := "testdata/" + step.purpose + "." + language + ".txt"
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := told(t, duties, step.purpose); got != string(want) {
				t.Errorf("%s\ngot\n%s\nwant\n%s", file, got, want)
			}
		}
	}
}

func TestSummaryWithoutPreventionLeavesTheLineOut(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	h.settle()
	h.happens(incident.Restored{How: "it answers"}, incident.Resolution{Cause: "Dust?", Solution: "a new fan"}, incident.Closed{By: "noor"})
	duties, _ := h.settle()
	want := "To: it@acme.example.net\nSubject: [INC-2026-0001] Summary: shop, mail\n\nDear Acme Tools,\n\n" +
		"The outage of shop, mail from 03:00 UTC to 03:00 UTC (0 minutes) has been closed.\n\nCause: Dust?\nSolution: a new fan.\n"
	if got := told(t, duties, "summary"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is being done is read off the timeline, in both languages.
func TestUpdateSaysWhatIsBeingDone(t *testing.T) {
	intended := incident.Intended{Intent: "I", Step: "power-cycle", Server: "web-07", Action: "power", Verb: "cycle"}
	sent := incident.OutcomeRecorded{Intent: "I", Outcome: incident.OutcomeDone}
	order, onSite := incident.WorkOrdered{Order: "W"}, incident.OrderProgress{Order: "W", State: "on_site"}
	for name, c := range map[string]struct {
		happens []incident.Payload
		en, nl  string
	}{
		"nothing yet":     {nil, "Our systems are finding the cause", "Onze systemen zoeken de oorzaak"},
		"leave is asked":  {[]incident.Payload{incident.ApprovalRequested{Approval: "A"}}, "We are about to restart the server", "We staan op het punt de server te herstarten"},
		"being sent":      {[]incident.Payload{intended}, "We are restarting", "We herstarten"},
		"sent":            {[]incident.Payload{intended, sent}, "A restart has been carried out", "Er is een herstart uitgevoerd"},
		"it did not help": {[]incident.Payload{intended, sent, incident.StepFailed{Step: "power-cycle"}, order}, "A technician has been asked", "Er is een monteur gevraagd"},
		"on site":         {[]incident.Payload{order, onSite}, "A technician is at the server", "Er is een monteur bij de server"},
		"the site":        {[]incident.Payload{incident.Concluded{Verdict: incident.VerdictSite}}, "The trouble lies with the datacenter", "De storing ligt bij het datacenter"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1, "acme", "bakker")
			h.happens(c.happens...)
			duties, _ := h.settle()
			for customer, want := range map[string]string{"acme": c.en, "bakker": c.nl} {
				if !contains(duties, customer, want) {
					t.Errorf("%s is not told %q", customer, want)
				}
			}
		})
	}
}

func TestDraftProposesWhatTheTimelineShows(t *testing.T) {
	intended := incident.Intended{Intent: "I", Server: "web-07", Action: "power", Verb: "cycle"}
	for name, c := range map[string]struct {
		happens         []incident.Payload
		cause, solution string
	}{
		"by itself": {nil, "Server web-07 does not answer", "Service came back by itself; nothing was done."},
		"by a restart": {[]incident.Payload{incident.Concluded{Verdict: incident.VerdictServer, Reason: "it hangs"}, intended,
			incident.OutcomeRecorded{Intent: "I", Outcome: incident.OutcomeDone}}, "Server web-07 does not answer (it hangs)", "piket did: power cycle web-07."},
		"refused": {[]incident.Payload{intended, incident.OutcomeRecorded{Intent: "I", Outcome: incident.OutcomeRefused}},
			"Server web-07 does not answer", "Service came back by itself; nothing was done."},
		"by a technician": {[]incident.Payload{incident.WorkOrdered{Order: "W"}, incident.OrderProgress{Order: "W", State: "done", Words: "new fan"}},
			"Server web-07 does not answer", "A technician worked on site: new fan"},
	} {
		h := newHistory(t, incident.P1)
		h.happens(c.happens...)
		if got := desk.Draft(h.incident()); got.Cause != c.cause || got.Solution != c.solution {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
