package desk_test

import (
	"os"
	"strings"
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
		h.policy.ExternalURL = "https://piket.example.net"
		steps := []struct {
			purpose string
			minute  int
			happens []incident.Payload
		}{
			{"first", 0, nil},
			{"update", 30, []incident.Payload{
				incident.Concluded{Verdict: incident.VerdictServer, Reason: "the gateway answers"}, incident.Acknowledged{By: "noor"},
				incident.WorkOrdered{Order: "W"},
			}},
			{"unchanged", 60, nil},
			{"restored", 77, []incident.Payload{incident.Restored{How: "it answers"}}},
			{"confirm", 78, []incident.Payload{incident.ClosureChecked{Passed: true}}},
			{"confirm-again", 78 + 24*60, nil},
			{"summary", 1700, []incident.Payload{
				incident.Resolution{Cause: "a power supply had failed", Solution: "It was replaced.", Prevention: "a second one is being fitted"},
				incident.Closed{By: "noor"},
			}},
		}
		for _, step := range steps {
			h.now = start.Add(time.Duration(step.minute) * time.Minute)
			h.now = h.now.Add(-time.Minute)
			h.happens(step.happens...)
			h.now = h.now.Add(time.Minute)
			duties, _ := h.settle()
			file := "testdata/" + step.purpose + "." + language + ".txt"
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			purpose := strings.Replace(step.purpose, "unchanged", "update", 1)
			if got := told(t, duties, purpose); got != string(want) {
				t.Errorf("%s\ngot\n%s\nwant\n%s", file, got, want)
			}
		}
	}
}

// The customer reads the time on the customer's wall.
func TestTimesAreThoseOfTheConfiguredZone(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		zone        *time.Location
		at          time.Time
		begun, next string
	}{
		"none":   {nil, start, "Since 03:00 UTC", "again at 03:30 UTC at"},
		"winter": {amsterdam, start, "Since 04:00 CET", "again at 04:30 CET at"},
		"summer": {amsterdam, time.Date(2026, 7, 5, 22, 50, 0, 0, time.UTC), "Since 00:50 CEST", "again at 01:20 CEST at"},
	} {
		h := newHistory(t, incident.P1, "acme")
		for n := range h.events {
			h.events[n].At = c.at
		}
		h.now, h.policy.Zone = c.at, c.zone
		duties, _ := h.settle()
		if text := told(t, duties, "first"); strings.Count(text, c.begun) != 2 || !strings.Contains(text, c.next) {
			t.Errorf("%s: got\n%s", name, text)
		}
	}
}

// What nobody could check is not called back, to nobody and in no language.
func TestClosedWithoutACheckNeverSaysThatServiceIsBack(t *testing.T) {
	unchecked := incident.Resolution{Cause: "the server has been taken away", Solution: "none", Unchecked: "it is gone", By: "noor"}
	for name, before := range map[string][]incident.Payload{
		"while it was open":       nil,
		"before its word was out": {incident.Restored{How: "it answers"}},
	} {
		h := newHistory(t, incident.P1, "acme", "bakker", "caller")
		h.settle()
		h.now = start.Add(90 * time.Minute)
		h.happens(append(before, unchecked, incident.Closed{By: "noor"})...)
		duties, _ := h.settle()
		want(t, duties, "mail summary acme", "mail summary bakker", "call summary caller")
		text := told(t, duties, "summary")
		for _, claim := range []string{"answering again", "weer bereikbaar", "04:30", "minut", "it is gone"} {
			if strings.Contains(text, claim) {
				t.Errorf("%s: the summary says %q:\n%s", name, claim, text)
			}
		}
		for sentence, times := range map[string]int{
			"We have not been able to check whether service is back.":      2, // by mail, and for who is telephoned
			"We hebben niet kunnen controleren of de dienst terug is.":     1,
			"The outage of shop, mail that began at 03:00 UTC has been":    1,
			"De storing van shop, mail die om 03:00 UTC begon, is afgeslo": 1,
		} {
			if got := strings.Count(text, sentence); got != times {
				t.Errorf("%s: %q stands there %d times:\n%s", name, sentence, got, text)
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
		"nothing yet":     {nil, "Our systems are finding the cause, and report", "Onze systemen zoeken de oorzaak en houden"},
		"taken by nobody": {[]incident.Payload{incident.Attention{Topic: "x"}}, "Our systems are finding the cause", "Onze systemen zoeken de oorzaak"},
		"taken":           {[]incident.Payload{incident.Acknowledged{By: "noor"}}, "One of our engineers is working on it", "Een van onze engineers werkt eraan"},
		"hands are done":  {[]incident.Payload{order, incident.OrderProgress{Order: "W", State: "done"}}, "Our systems are finding the cause", "Onze systemen zoeken de oorzaak"},
		"hands refused":   {[]incident.Payload{order, incident.OrderProgress{Order: "W", State: "refused"}, incident.Acknowledged{By: "noor"}}, "One of our engineers", "Een van onze engineers"},
		"leave is asked":  {[]incident.Payload{incident.ApprovalRequested{Approval: "A"}}, "The next step is a restart; one of our engineers must agree", "De volgende stap is een herstart; een van onze engineers moet"},
		"being sent":      {[]incident.Payload{intended}, "We are restarting", "We herstarten"},
		"sent":            {[]incident.Payload{intended, sent}, "A restart has been carried out", "Er is een herstart uitgevoerd"},
		"it did not help": {[]incident.Payload{intended, sent, incident.StepFailed{Step: "power-cycle"}, order}, "A technician in the datacenter has been asked", "Er is een monteur in het datacenter gevraagd"},
		"on site":         {[]incident.Payload{order, onSite}, "A technician is on site", "Er is een monteur ter plaatse"},
		"a rack": {[]incident.Payload{incident.Opened{Title: "t", Subject: incident.Subject{Kind: "rack", Name: "a12"}, Customers: []string{"acme", "bakker"}}},
			"The trouble lies with the datacenter", "De storing ligt bij het datacenter"},
		"the site": {[]incident.Payload{incident.Concluded{Verdict: incident.VerdictSite}}, "The trouble lies with the datacenter", "De storing ligt bij het datacenter"},
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
