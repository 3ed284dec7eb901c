package statuspage_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spinware/piket/probes/statuspage"
)

// FuzzParse: whatever arrives, reading it ends, and what comes out is an error
// or a page that is safe to show and agrees with itself.
func FuzzParse(f *testing.F) {
	for i, format := range statuspage.Formats() {
		for _, story := range []string{"healthy", "outage", "maintenance", "hostile"} {
			f.Add(byte(i), readSeed(f, format, story), "AMS1")
		}
	}
	for _, seed := range []string{`{}`, `[]`, `[{}]`, `null`, `"`, `<html>`, "\ufeff{}", "\xfe\xff\x00", "BEGIN:VCALENDAR", `{"data":[{"attributes":1}],"links":{}}`} {
		f.Add(byte(255), []byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte, name string) {
		names := append(statuspage.Formats(), "")
		checkParsed(t, names[int(which)%len(names)], body, name)
		checkParsed(t, "", body, name)
	})
}

func readSeed(f *testing.F, format, story string) []byte {
	f.Helper()
	for _, ending := range []string{"json", "xml", "html", "ics"} {
		file := "testdata/" + format + "/" + story + "." + ending
		if body, err := os.ReadFile(file); err == nil {
			return body
		}
	}
	f.Fatalf("no %s page of %s", story, format)
	return nil
}

// checkParsed holds what every answer promises.
func checkParsed(t *testing.T, format string, body []byte, name string) {
	t.Helper()
	page, err := statuspage.Parse(format, body, "", noon)
	if err != nil {
		if page.Format != "" || len(page.Events) != 0 || len(page.Components) != 0 {
			t.Errorf("a page beside an error: %+v (%v)", page, err)
		}
		return
	}
	for _, q := range []statuspage.Query{{}, {Names: []string{name}}, {Except: []string{name}}} {
		said, err := page.About(q)
		if err != nil {
			if said != (statuspage.Announcement{}) {
				t.Errorf("an announcement beside an error: %+v (%v)", said, err)
			}
			continue
		}
		checkSaid(t, page, said)
	}
}

func checkSaid(t *testing.T, page statuspage.Page, said statuspage.Announcement) {
	t.Helper()
	if said.Incident != (said.Title != "") || said.Indicator == "" || (!said.Incident && (said.Indicator != "none" || said.Maintenance)) {
		t.Errorf("an announcement contradicts itself: %+v", said)
	}
	if said.Incident && page.Overall.Status <= statuspage.Operational && len(page.Events) == 0 && !anyTrouble(page) {
		t.Errorf("an incident out of nothing: %+v", said)
	}
	if !said.Until.IsZero() && !said.Until.After(noon.Add(-5*time.Hour)) {
		t.Errorf("work in force until %v", said.Until)
	}
	for _, text := range []string{said.Title, said.Indicator, said.Information, page.Name, page.URL, page.Summary} {
		if !safe(text) {
			t.Errorf("text is not safe to show: %q", text)
		}
	}
}

func safe(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= 201 && !strings.ContainsFunc(text, unicode.IsControl)
}

func anyTrouble(page statuspage.Page) bool {
	return slices.ContainsFunc(page.Components, func(c statuspage.Component) bool { return c.Status > statuspage.Operational })
}

// FuzzMaintnote: a note gives a maintenance with a start, and an end that comes
// after it, or it is an error.
func FuzzMaintnote(f *testing.F) {
	for _, story := range []string{"healthy", "outage", "maintenance", "hostile"} {
		f.Add(string(readSeed(f, "maintnote", story)))
	}
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nX-MAINTNOTE-STATUS\nDTSTART;TZID=\"Europe/Amsterdam:20261123\nEND:VEVENT\nEND:VCALENDAR")
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nX-MAINTNOTE-STATUS:X\nDTSTART:20261123\nDURATION:P1DT\nEND:VEVENT\nEND:VCALENDAR")
	f.Fuzz(func(t *testing.T, text string) {
		page, err := statuspage.Parse("maintnote", []byte(text), "", noon)
		if err != nil {
			return
		}
		if len(page.Events) == 0 {
			t.Error("a page without a note")
		}
		seen := map[string]bool{}
		for _, e := range page.Events {
			if e.Kind != statuspage.Maintenance || e.Starts.IsZero() || (!e.Ends.IsZero() && e.Ends.Before(e.Starts)) {
				t.Errorf("not a maintenance: %+v", e)
			}
			if seen[e.ID] {
				t.Errorf("maintenance %q is there twice", e.ID)
			}
			seen[e.ID] = true
		}
	})
}
