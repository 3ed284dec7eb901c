package duty

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"github.com/spinware/piket/internal/inventory"
)

// How much of the duty a calendar shows: who had it lately, and who will have it
// for as long as people plan.
const (
	calendarBack  = 30 * 24 * time.Hour
	calendarAhead = 90 * 24 * time.Hour
)

// Calendar is what a calendar of the duty holds.
type Calendar struct {
	Title  string
	Origin string                                        // host of the page, which makes ids the world's only ones
	Shows  func(team inventory.Team, person string) bool // which shifts; person is "" where nobody has the duty
}

// ICal writes a calendar by RFC 5545. All times are in UTC, which is the same
// moment in every zone and on every day; the reader's program shows them by their
// own clock. A shift keeps its id for as long as it begins when it does and is the
// same person's; its sequence number grows with everything that is said of who
// covers for whom. The error is the store's; trying again makes sense.
func (r *Roster) ICal(ctx context.Context, c Calendar) ([]byte, error) {
	source, now := r.Source(), r.Clock.Now().UTC()
	cal := ical.NewCalendar()
	cal.Props.SetText(ical.PropVersion, "2.0")
	cal.Props.SetText(ical.PropProductID, "-//piket//duty//EN")
	cal.Props.SetText(ical.PropMethod, "PUBLISH")
	cal.Props.SetText(ical.PropName, c.Title)
	cal.Props.SetText("X-WR-CALNAME", c.Title)
	every := ical.NewProp(ical.PropRefreshInterval)
	every.SetDuration(time.Hour)
	every.Params.Set(ical.ParamValue, string(ical.ValueDuration)) // the standard has it written out
	cal.Props.Set(every)
	for _, team := range source.Teams {
		record, err := r.Load(ctx, team.Name)
		if err != nil {
			return nil, err
		}
		sequence := 0
		if record != nil {
			sequence = record.Version
		}
		for _, s := range source.Turns(team.Name, now.Add(-calendarBack), now.Add(calendarAhead), r.Covers()) {
			if c.Shows(team, s.Person) {
				cal.Children = append(cal.Children, event(source, team, s, c.Origin, sequence, now).Component)
			}
		}
	}
	if len(cal.Children) == 0 {
		cal.Children = append(cal.Children, universal()) // a calendar without any component is none
	}
	var out bytes.Buffer
	if err := ical.NewEncoder(&out).Encode(cal); err != nil {
		return nil, fmt.Errorf("write a calendar: %w", err)
	}
	return fold(out.Bytes()), nil
}

func event(inv *inventory.Inventory, team inventory.Team, s inventory.Shift, origin string, sequence int, now time.Time) *ical.Event {
	e := ical.NewEvent()
	who, title := s.Person, team.Title
	if title == "" {
		title = team.Name
	}
	summary := "NOBODY is on duty: " + title
	if who == "" {
		who = "-" // no person is called so
	} else if p, ok := inv.Person(who); ok && p.Title != "" {
		summary = p.Title + ": on duty, " + title
	} else {
		summary = who + ": on duty, " + title
	}
	e.Props.SetText(ical.PropUID, fmt.Sprintf("%s/%s/%s@%s", team.Name, s.From.UTC().Format("20060102T150405Z"), who, origin))
	e.Props.SetDateTime(ical.PropDateTimeStamp, now)
	e.Props.SetDateTime(ical.PropDateTimeStart, s.From.UTC())
	e.Props.SetDateTime(ical.PropDateTimeEnd, s.Until.UTC())
	e.Props.SetText(ical.PropSummary, summary)
	e.Props.SetText(ical.PropTransparency, "TRANSPARENT") // who is on duty may have appointments
	number := ical.NewProp(ical.PropSequence)
	number.Value = strconv.Itoa(sequence)
	e.Props.Set(number)
	return e
}

// universal is the one zone that every time here is in.
func universal() *ical.Component {
	zone, standard := ical.NewComponent(ical.CompTimezone), ical.NewComponent(ical.CompTimezoneStandard)
	zone.Props.SetText(ical.PropTimezoneID, "UTC")
	for name, value := range map[string]string{
		ical.PropDateTimeStart: "19700101T000000", ical.PropTimezoneOffsetFrom: "+0000", ical.PropTimezoneOffsetTo: "+0000",
	} {
		p := ical.NewProp(name)
		p.Value = value
		standard.Props.Set(p)
	}
	zone.Children = append(zone.Children, standard)
	return zone
}

// maxLine is how many bytes a line may have, without its end (RFC 5545, 3.1); the
// library leaves them as long as they are.
const maxLine = 75

// fold breaks long lines, between letters.
func fold(text []byte) []byte {
	var out bytes.Buffer
	for line := range strings.SplitAfterSeq(string(text), "\r\n") {
		content, ended := strings.CutSuffix(line, "\r\n")
		room := maxLine
		for len(content) > room {
			cut := room
			for !utf8.RuneStart(content[cut]) {
				cut--
			}
			out.WriteString(content[:cut] + "\r\n ")
			content, room = content[cut:], maxLine-1
		}
		out.WriteString(content)
		if ended {
			out.WriteString("\r\n")
		}
	}
	return out.Bytes()
}
