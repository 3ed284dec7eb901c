package duty

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

var team = []inventory.Person{
	{Name: "noor", Title: "Noor de Vries", Email: "noor@example.net"}, {Name: "daan", Title: "Daan", Email: "daan@example.net"}, {Name: "an", Title: "An"},
}

func amsterdam(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// vevent is one event of a calendar, its lines divided by semicolons of ours.
func vevent(lines string) string {
	return "BEGIN:VEVENT\r\n" + strings.ReplaceAll(lines, " | ", "\r\n") + "\r\nEND:VEVENT\r\n"
}

func calendar(events ...string) []byte {
	return []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n" + strings.Join(events, "") + "END:VCALENDAR\r\n")
}

func shifts(p plan, zone *time.Location) []string {
	var list []string
	for _, s := range p.shifts {
		list = append(list, fmt.Sprint(s.Person, " ", s.From.In(zone).Format("01-02 15:04"), " ", s.Until.In(zone).Format("01-02 15:04")))
	}
	return list
}

func TestACalendarOfAnotherToolSaysWhoseTurnItIs(t *testing.T) { // [2.3, 4]
	zone := amsterdam(t)
	from, until := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC)
	const hours = "DTSTART:20260323T080000Z | DTEND:20260324T080000Z"
	for name, c := range map[string]struct {
		events  []string
		want    []string
		unknown []string
	}{
		"by name":                     {[]string{vevent(hours + " | SUMMARY:noor")}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
		"by title":                    {[]string{vevent(hours + " | SUMMARY:NOOR DE VRIES")}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
		"within a summary":            {[]string{vevent(hours + " | SUMMARY:On call: Daan (primary)")}, []string{"daan 03-23 09:00 03-24 09:00"}, nil},
		"no part of another word":     {[]string{vevent(hours + " | SUMMARY:Change of plan\\, anders")}, nil, []string{"Change of plan, anders"}},
		"two people in one summary":   {[]string{vevent(hours + " | SUMMARY:noor or daan")}, nil, []string{"noor or daan"}},
		"by who takes part":           {[]string{vevent(hours + " | SUMMARY:Primary | ATTENDEE;CN=\"X, Y\":mailto:DAAN@example.net")}, []string{"daan 03-23 09:00 03-24 09:00"}, nil},
		"by the name of who does":     {[]string{vevent(hours + " | SUMMARY:Primary | ATTENDEE;CN=Noor de Vries:mailto:n@other.example.net")}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
		"nobody of ours":              {[]string{vevent(hours + " | SUMMARY:Zoe"), vevent(hours + " | UID:2 | SUMMARY:Zoe")}, nil, []string{"Zoe"}},
		"nobody of ours, long ago":    {[]string{vevent("DTSTART:20200323T080000Z | DTEND:20200324T080000Z | SUMMARY:Zoe")}, nil, nil},
		"cancelled":                   {[]string{vevent(hours + " | SUMMARY:noor | STATUS:CANCELLED")}, nil, nil},
		"a length instead of an end":  {[]string{vevent("DTSTART:20260323T080000Z | DURATION:PT12H | SUMMARY:noor")}, []string{"noor 03-23 09:00 03-23 21:00"}, nil},
		"whole days by the wall":      {[]string{vevent("DTSTART;VALUE=DATE:20260323 | DTEND;VALUE=DATE:20260330 | SUMMARY:noor")}, []string{"noor 03-23 00:00 03-30 00:00"}, nil},
		"times without a zone":        {[]string{vevent("DTSTART:20260323T090000 | DTEND:20260330T090000 | SUMMARY:noor")}, []string{"noor 03-23 09:00 03-30 09:00"}, nil},
		"times in another zone":       {[]string{vevent("DTSTART;TZID=America/New_York:20260323T090000 | DTEND;TZID=America/New_York:20260323T170000 | SUMMARY:noor")}, []string{"noor 03-23 14:00 03-23 22:00"}, nil},
		"every week, over the change": {[]string{vevent("DTSTART;TZID=Europe/Amsterdam:20260309T090000 | DTEND;TZID=Europe/Amsterdam:20260316T090000 | RRULE:FREQ=WEEKLY;INTERVAL=2 | SUMMARY:noor | UID:1")}, []string{"noor 03-23 09:00 03-30 09:00", "noor 04-06 09:00 04-13 09:00"}, nil},
		"every night, over the change": {[]string{vevent("DTSTART;TZID=Europe/Amsterdam:20260327T210000 | DTEND;TZID=Europe/Amsterdam:20260328T090000 | RRULE:FREQ=DAILY;COUNT=3 | SUMMARY:noor | UID:1")},
			[]string{"noor 03-27 21:00 03-28 09:00", "noor 03-28 21:00 03-29 09:00", "noor 03-29 21:00 03-30 09:00"}, nil},
		"but for some": {[]string{vevent("DTSTART:20260323T080000Z | DTEND:20260324T080000Z | RRULE:FREQ=DAILY;COUNT=5 | EXDATE:20260324T080000Z,20260325T080000Z | EXDATE:20260326T080000Z | SUMMARY:noor | UID:1")},
			[]string{"noor 03-23 09:00 03-24 09:00", "noor 03-27 09:00 03-28 09:00"}, nil},
		"and some more": {[]string{vevent("DTSTART:20260323T080000Z | DTEND:20260324T080000Z | RRULE:FREQ=DAILY;COUNT=1 | RDATE:20260326T080000Z | SUMMARY:noor | UID:1")},
			[]string{"noor 03-23 09:00 03-24 09:00", "noor 03-26 09:00 03-27 09:00"}, nil},
		"one turn of many is another's": {[]string{
			vevent("DTSTART:20260323T080000Z | DTEND:20260324T080000Z | RRULE:FREQ=DAILY;COUNT=2 | SUMMARY:noor | UID:1"),
			vevent("DTSTART:20260324T100000Z | DTEND:20260325T080000Z | RECURRENCE-ID:20260324T080000Z | SUMMARY:daan | UID:1")},
			[]string{"noor 03-23 09:00 03-24 09:00", "daan 03-24 11:00 03-25 09:00"}, nil},
		"folded lines":        {[]string{"BEGIN:VEVENT\r\nDTSTART:20260323T08\r\n 0000Z\r\nDTEND:20260324T080000Z\r\nSUMM\r\n ARY:no\r\n\tor\r\nEND:VEVENT\r\n"}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
		"a long description":  {[]string{vevent(hours + " | DESCRIPTION;X=" + strings.Repeat("a", 100_000) + ":x | SUMMARY:noor")}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
		"ends before it does": {[]string{vevent("DTSTART:20260324T080000Z | DTEND:20260323T080000Z | SUMMARY:noor")}, nil, nil},
		"an alarm within":     {[]string{vevent(hours + " | SUMMARY:noor | BEGIN:VALARM | SUMMARY:x | END:VALARM")}, []string{"noor 03-23 09:00 03-24 09:00"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := readPlan(calendar(c.events...), team, zone, from, until)
			if err != nil || !slices.Equal(shifts(p, zone), c.want) || !slices.Equal(p.unknown, c.unknown) {
				t.Errorf("got %q, unknown %q, %v; want %q, %q", shifts(p, zone), p.unknown, err, c.want, c.unknown)
			}
		})
	}
}

func TestACalendarThatCannotBeReadIsNotBelievedInPart(t *testing.T) { // [2.3]
	good := vevent("DTSTART:20260323T080000Z | DTEND:20260324T080000Z | SUMMARY:noor")
	many := strings.Repeat(good, maxFeedEvents+1)
	for name, c := range map[string]struct{ text, want string }{
		"empty":               {"", "cannot be read"},
		"a login page":        {"<!doctype html><html>", "cannot be read"},
		"cut off":             {string(calendar(good))[:120], "cannot be read"},
		"cut off in a line":   {"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "cannot be read"},
		"no beginning":        {string(calendar(good, vevent("SUMMARY:noor"))), "has no beginning"},
		"a zone of nowhere":   {string(calendar(vevent("DTSTART;TZID=Mars/Base:20260323T080000 | DTEND:20260324T080000Z | SUMMARY:noor"))), "no beginning that can be read"},
		"every second":        {string(calendar(vevent("DTSTART:19700101T000000Z | DURATION:PT1S | RRULE:FREQ=SECONDLY | SUMMARY:noor"))), "more often than daily"},
		"a rule that is none": {string(calendar(vevent("DTSTART:20260101T000000Z | DURATION:PT1H | RRULE:FREQ=NEVER | SUMMARY:noor"))), "cannot be read"},
		"too many events":     {string(calendar(many))[:min(len(calendar(many)), maxFeedBytes)], ""},
		"a line without end":  {string(calendar(vevent("DTSTART;X=" + strings.Repeat("a", 10_000) + ":20260323T080000Z | SUMMARY:noor"))), "DTSTART of"},
		"nested":              {strings.Repeat("BEGIN:VEVENT\r\n", 50_000), "nested too deep"},
		"too large":           {strings.Repeat("X", maxFeedBytes+1), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := readPlan([]byte(c.text), team, time.UTC, time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(p.shifts) > 0 {
				t.Errorf("got %d shifts, %v, want %q", len(p.shifts), err, c.want)
			}
		})
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Europe/Amsterdam:20260309T090000\r\nDURATION:P1D\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEXDATE:20260310T090000\r\nSUMMARY:noor\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	from, until := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPlan([]byte(text), team, time.UTC, from, until)
		if err != nil && len(p.shifts) > 0 {
			t.Error("a calendar that is not believed has shifts")
		}
		for _, s := range p.shifts {
			if !s.Until.After(s.From) || !slices.ContainsFunc(team, func(q inventory.Person) bool { return q.Name == s.Person }) {
				t.Errorf("%+v", s)
			}
		}
	})
}
