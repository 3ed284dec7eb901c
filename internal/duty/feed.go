package duty

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/oneline"
)

// Bounds of what is read of another tool's calendar.
const (
	maxFeedBytes  = 1 << 20
	maxFeedLine   = 4096 // of those that are read at all
	maxFeedEvents = 5000
	maxFeedShifts = 2000
	maxFeedTime   = 5 * time.Second // for all that recurs
)

// plan is what a calendar says of a team's duty.
type plan struct {
	shifts  []inventory.Shift
	unknown []string // what names nobody of the team, each once
}

// readPlan reads the shifts between two moments out of a calendar (RFC 5545).
// Times without a zone are by the clock on the wall of zone. The error says why
// nothing of it is believed.
func readPlan(text []byte, people []inventory.Person, zone *time.Location, from, until time.Time) (p plan, err error) {
	defer func() {
		if broken := recover(); broken != nil { // the library panics on some lines that are cut off
			p, err = plan{}, fmt.Errorf("the calendar cannot be read: %v", broken)
		}
	}()
	needed, err := neededLines(text)
	if err != nil {
		return plan{}, err
	}
	cal, err := ical.NewDecoder(bytes.NewReader(needed)).Decode()
	if err != nil {
		return plan{}, fmt.Errorf("the calendar cannot be read: %w", err)
	}
	events := cal.Events()
	if len(events) > maxFeedEvents {
		return plan{}, fmt.Errorf("the calendar has %d events, more than %d", len(events), maxFeedEvents)
	}
	moved := map[string]bool{} // single turns of what recurs that have an event of their own
	for _, e := range events {
		if at, err := e.Props.DateTime(ical.PropRecurrenceID, zone); err == nil && !at.IsZero() {
			moved[turnID(e, at)] = true
		}
	}
	begun := time.Now()
	for _, e := range events {
		if time.Since(begun) > maxFeedTime {
			return plan{}, errors.New("the calendar takes too long to work out: it recurs too often")
		}
		if err := p.add(e, people, zone, from, until, moved); err != nil {
			return plan{}, err
		}
	}
	// Of two at the same time the one that begins later is asked.
	slices.SortStableFunc(p.shifts, func(a, b inventory.Shift) int { return a.From.Compare(b.From) })
	if len(p.shifts) > maxFeedShifts {
		return plan{}, fmt.Errorf("the calendar has %d shifts from %s to %s, more than %d", len(p.shifts), from.Format(time.DateOnly), until.Format(time.DateOnly), maxFeedShifts)
	}
	return p, nil
}

func turnID(e ical.Event, at time.Time) string {
	return textOf(e, ical.PropUID) + " " + at.UTC().Format(time.RFC3339)
}

func (p *plan) add(e ical.Event, people []inventory.Person, zone *time.Location, from, until time.Time, moved map[string]bool) error {
	if strings.EqualFold(textOf(e, ical.PropStatus), "CANCELLED") {
		return nil
	}
	begins, err := e.DateTimeStart(zone)
	if err != nil {
		return fmt.Errorf("an event of the calendar has no beginning that can be read: %w", err)
	}
	if begins.IsZero() {
		return errors.New("an event of the calendar has no beginning")
	}
	ends, err := e.DateTimeEnd(zone)
	if err != nil {
		return fmt.Errorf("an event of the calendar has no end that can be read: %w", err)
	}
	turns := []time.Time{begins}
	if e.Props.Get(ical.PropRecurrenceRule) != nil {
		if turns, err = recurs(e, begins, zone, from.Add(begins.Sub(ends)), until); err != nil {
			return err
		}
		turns = slices.DeleteFunc(turns, func(t time.Time) bool { return moved[turnID(e, t)] })
	}
	name, who := personOf(e, people)
	for _, turn := range turns {
		s := inventory.Shift{Person: name, From: turn.UTC(), Until: endOf(turn, begins, ends).UTC()}
		switch {
		case !s.Until.After(s.From) || !s.Until.After(from) || !s.From.Before(until):
		case name == "":
			if !slices.Contains(p.unknown, who) {
				p.unknown = append(p.unknown, who)
			}
		default:
			p.shifts = append(p.shifts, s)
		}
	}
	return nil
}

// endOf is when a turn of something that recurs ends: as much later by the clock
// on the wall as the first did, so that a night in which clocks change ends when
// every night does.
func endOf(turn, begins, ends time.Time) time.Time {
	wall := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	}
	lasts := wall(ends.In(begins.Location())).Sub(wall(begins))
	end := wall(turn.In(begins.Location())).Add(lasts)
	return time.Date(end.Year(), end.Month(), end.Day(), end.Hour(), end.Minute(), end.Second(), 0, begins.Location())
}

// recurs lists when an event begins between two moments. The library's own way
// takes exceptions for additions, and knows one to a line only.
func recurs(e ical.Event, begins time.Time, zone *time.Location, from, until time.Time) ([]time.Time, error) {
	option, err := e.Props.RecurrenceRule()
	if err != nil {
		return nil, fmt.Errorf("how an event of the calendar recurs cannot be read: %w", err)
	}
	if option.Freq > rrule.DAILY {
		return nil, errors.New("an event of the calendar recurs more often than daily: write each turn down, or a rule for each day")
	}
	option.Dtstart = begins
	rule, err := rrule.NewRRule(*option)
	if err != nil {
		return nil, fmt.Errorf("how an event of the calendar recurs cannot be read: %w", err)
	}
	set := rrule.Set{}
	set.RRule(rule)
	for name, add := range map[string]func(time.Time){ical.PropExceptionDates: set.ExDate, ical.PropRecurrenceDates: set.RDate} {
		for _, p := range e.Props[name] {
			for value := range strings.SplitSeq(p.Value, ",") {
				one := p
				one.Value = value
				at, err := one.DateTime(zone)
				if err != nil {
					return nil, fmt.Errorf("an exception of the calendar cannot be read: %w", err)
				}
				add(at)
			}
		}
	}
	return set.Between(from, until, true), nil
}

// feedLines are the properties that are read. Everything else in a calendar may
// be as long and as strange as it likes.
var feedLines = []string{
	"BEGIN", "END", ical.PropVersion, ical.PropUID, ical.PropSummary, ical.PropAttendee, ical.PropStatus, ical.PropDateTimeStart, ical.PropDateTimeEnd,
	ical.PropDuration, ical.PropRecurrenceRule, ical.PropRecurrenceID, ical.PropExceptionDates, ical.PropRecurrenceDates,
}

// neededLines keeps the lines that are read, each in one piece.
func neededLines(text []byte) ([]byte, error) {
	if len(text) > maxFeedBytes {
		return nil, fmt.Errorf("the calendar is larger than %d bytes", maxFeedBytes)
	}
	whole := strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(string(text))
	var needed bytes.Buffer
	depth := 0
	for line := range strings.Lines(whole) {
		line = strings.TrimRight(line, "\r\n")
		name, _, _ := strings.Cut(line, ":")
		name, _, _ = strings.Cut(name, ";")
		name = strings.ToUpper(name)
		if !slices.Contains(feedLines, name) {
			continue
		}
		if len(line) > maxFeedLine {
			return nil, fmt.Errorf("the calendar has a %s of %d bytes", name, len(line))
		}
		if name == "BEGIN" {
			depth++
		}
		if name == "END" {
			depth--
		}
		if depth > 4 { // VCALENDAR, VEVENT, VALARM
			return nil, errors.New("the calendar is nested too deep")
		}
		needed.WriteString(line + "\r\n")
	}
	return needed.Bytes(), nil
}

func textOf(e ical.Event, name string) string {
	if p := e.Props.Get(name); p != nil {
		if list, err := p.TextList(); err == nil {
			return strings.TrimSpace(strings.Join(list, ","))
		}
		return strings.TrimSpace(p.Value)
	}
	return ""
}

// personOf finds the one person of a team that an event is about: by the mail
// address or the name of who takes part, or by its summary, which is their name,
// their title or their address, or has one of them in it. Where that is nobody,
// or several, it says what the event has instead.
func personOf(e ical.Event, people []inventory.Person) (name, says string) {
	for _, p := range e.Props[ical.PropAttendee] {
		address := strings.TrimPrefix(strings.ToLower(p.Value), "mailto:")
		if name := only(people, func(q inventory.Person) bool {
			return strings.EqualFold(q.Email, address) && address != "" || called(q, p.Params.Get(ical.ParamCommonName))
		}); name != "" {
			return name, ""
		}
	}
	summary := textOf(e, ical.PropSummary)
	if name := only(people, func(q inventory.Person) bool { return called(q, summary) }); name != "" {
		return name, ""
	}
	if name := only(people, func(q inventory.Person) bool {
		return within(summary, q.Name) || within(summary, q.Title) || within(summary, q.Email)
	}); name != "" {
		return name, ""
	}
	if summary == "" {
		summary = "(no summary)"
	}
	return "", oneline.Of(summary, 60)
}

func only(people []inventory.Person, is func(inventory.Person) bool) string {
	found := ""
	for _, p := range people {
		if is(p) {
			if found != "" {
				return ""
			}
			found = p.Name
		}
	}
	return found
}

func called(p inventory.Person, words string) bool {
	words = strings.TrimSpace(words)
	return words != "" && (strings.EqualFold(p.Name, words) || strings.EqualFold(p.Title, words) || strings.EqualFold(p.Email, words))
}

// within reports whether words stand in a text as words of their own.
func within(text, words string) bool {
	text, words = strings.ToLower(text), strings.ToLower(words)
	if words == "" {
		return false
	}
	letter := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '-' || r == '_' || r == '@'
	}
	for at := 0; ; {
		n := strings.Index(text[at:], words)
		if n < 0 {
			return false
		}
		before, after := []rune(text[:at+n]), []rune(text[at+n+len(words):])
		if (len(before) == 0 || !letter(before[len(before)-1])) && (len(after) == 0 || !letter(after[0])) {
			return true
		}
		at += n + len(words)
	}
}
