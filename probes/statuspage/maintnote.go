package statuspage

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// isCalendar: maintenance notes are iCalendar with the properties of the
// MAINTNOTE convention of network operators.
func isCalendar(d document) bool { return d.kind == calendar }

const maintnotePrefix = "X-MAINTNOTE-"

// readMaintnote keeps the newest note of each maintenance. A calendar without
// a single note is not a page.
func readMaintnote(d document) (Page, error) {
	notes, err := notesOf(string(d.text))
	if err != nil {
		return Page{}, err
	}
	page := Page{Complete: true}
	newest := map[string]int{} // maintenance → place among the events
	ranks := map[string]string{}
	for _, n := range notes {
		if !n.isMaintnote() {
			continue
		}
		e, err := n.event()
		if err != nil {
			return Page{}, err
		}
		page.Name = cmp.Or(page.Name, n.text(maintnotePrefix+"PROVIDER"))
		at, again := newest[e.ID]
		switch rank := n.rank(); {
		case !again:
			newest[e.ID], ranks[e.ID] = len(page.Events), rank
			page.Events = append(page.Events, e)
		case rank >= ranks[e.ID]:
			page.Events[at], ranks[e.ID] = e, rank
		}
	}
	if len(page.Events) == 0 {
		return Page{}, fmt.Errorf("%w: it sends a calendar without a maintenance note", ErrFormat)
	}
	return page, nil
}

func (n note) isMaintnote() bool {
	for name := range n {
		if strings.HasPrefix(name, maintnotePrefix) {
			return true
		}
	}
	return false
}

func (n note) text(name string) string {
	if all := n[name]; len(all) > 0 {
		return unescape(all[0].value)
	}
	return ""
}

// rank orders the notes about one maintenance: by their number, then by the
// time they were written. Some senders leave the number out.
func (n note) rank() string {
	number, err := strconv.ParseUint(n.text("SEQUENCE"), 10, 32)
	if err != nil {
		number = 0
	}
	return fmt.Sprintf("%010d %s", number, n.text("DTSTAMP"))
}

// maintnoteImpacts are what the work does; that it is work is said already.
var maintnoteImpacts = vocabulary{
	"noimpact": UnderMaintenance, "reducedredundancy": UnderMaintenance, "degraded": UnderMaintenance, "outage": UnderMaintenance,
}

func (n note) event() (Event, error) {
	state := cmp.Or(n.text(maintnotePrefix+"STATUS"), n.text("STATUS"))
	e := Event{
		ID: cmp.Or(n.text(maintnotePrefix+"MAINTENANCE-ID"), n.text("UID")), Kind: Maintenance,
		State: state, Phase: phaseOf(state), Impact: maintnoteImpacts.level(n.text(maintnotePrefix + "IMPACT")), URL: n.text("URL"),
	}
	e.Impact.Status = UnderMaintenance
	e.Title = cmp.Or(n.text("SUMMARY"), "maintenance "+e.ID)
	for _, object := range n[maintnotePrefix+"OBJECT-ID"] {
		e.Components = append(e.Components, unescape(object.value))
	}
	var err error
	if e.Starts, err = n.time("DTSTART"); err != nil || e.Starts.IsZero() {
		return e, fmt.Errorf("%w: maintenance note %q: its start: %w", ErrBroken, clause(e.ID), cmp.Or(err, errMissing))
	}
	if e.Ends, err = n.ends(e.Starts); err != nil {
		return e, fmt.Errorf("%w: maintenance note %q: its end: %w", ErrBroken, clause(e.ID), err)
	}
	if !e.Ends.IsZero() && e.Ends.Before(e.Starts) {
		return e, fmt.Errorf("%w: maintenance note %q ends before it starts", ErrBroken, clause(e.ID))
	}
	return e, nil
}

var errMissing = errors.New("it has none")

// ends is the end, or start and duration, or nothing.
func (n note) ends(start time.Time) (time.Time, error) {
	if len(n["DTEND"]) > 0 {
		return n.time("DTEND")
	}
	text := n.text("DURATION")
	if text == "" {
		return time.Time{}, nil
	}
	lasts, err := icalDuration(text)
	return start.Add(lasts), err
}
