package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// note is one VEVENT: its properties by name, in order. Of iCalendar only the
// lines, their folding and their parameters are needed. They are read here,
// since of the two libraries that there are, one ends in a panic on a line
// that is cut off, and both need minutes for a few megabytes of nested or
// quoted input.
type note map[string][]property

type property struct {
	value string
	zone  string // of the TZID parameter
}

const maxNotes = 1000

// notesOf returns the VEVENTs of a calendar, which must be there to its end:
// half a note could lack the line that calls it off.
func notesOf(text string) ([]note, error) {
	var notes []note
	var current note
	inner := "" // what stands within the VEVENT: an alarm
	ended := false
	for line := range unfolded(text) {
		name, p := splitLine(line)
		value := strings.ToUpper(strings.TrimSpace(p.value))
		switch {
		case name == "BEGIN" && current == nil && value == "VEVENT":
			current = note{}
		case name == "BEGIN" && current != nil && inner == "":
			inner = value
		case name == "END" && inner != "" && value == inner:
			inner = ""
		case name == "END" && current != nil && value == "VEVENT":
			notes, current = append(notes, current), nil
		case name == "END" && current == nil && value == "VCALENDAR":
			ended = true
		case current != nil && inner == "" && name != "":
			current[name] = append(current[name], p)
		}
		if len(notes) > maxNotes {
			return nil, fmt.Errorf("%w: it sends more than %d notes", ErrBroken, maxNotes)
		}
	}
	if !ended {
		return nil, fmt.Errorf("%w: it sends a calendar that was cut off", ErrBroken)
	}
	return notes, nil
}

// unfolded yields the lines of a calendar; one that begins with a blank
// continues the one before.
func unfolded(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var line strings.Builder
		for raw := range strings.Lines(text) {
			raw = strings.TrimRight(raw, "\r\n")
			if raw != "" && (raw[0] == ' ' || raw[0] == '\t') {
				line.WriteString(raw[1:])
				continue
			}
			if line.Len() > 0 && !yield(line.String()) {
				return
			}
			line.Reset()
			line.WriteString(raw)
		}
		if line.Len() > 0 {
			yield(line.String())
		}
	}
}

// splitLine takes NAME;PARAM=VALUE;PARAM="VALUE":VALUE apart. A line without a
// colon has no name.
func splitLine(line string) (name string, p property) {
	quoted := false
	colon := strings.IndexFunc(line, func(r rune) bool {
		quoted = quoted != (r == '"')
		return r == ':' && !quoted
	})
	if colon < 0 {
		return "", property{}
	}
	head, parameters, _ := strings.Cut(line[:colon], ";")
	for parameter := range strings.SplitSeq(parameters, ";") {
		if key, value, ok := strings.Cut(parameter, "="); ok && strings.EqualFold(key, "TZID") {
			p.zone = strings.Trim(value, `"`)
		}
	}
	p.value = line[colon+1:]
	return strings.ToUpper(strings.TrimSpace(head)), p
}

var icalEscapes = strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`)

func unescape(text string) string { return strings.TrimSpace(icalEscapes.Replace(text)) }

var icalTimes = []string{"20060102T150405Z", "20060102T150405", "20060102T1504", "20060102"}

// time reads a time. The convention demands UTC, so that a time without a zone
// is in UTC. A zone that nobody knows makes the note unreadable: a window that
// is hours off is worse than none.
func (n note) time(name string) (time.Time, error) {
	if len(n[name]) == 0 {
		return time.Time{}, nil
	}
	p := n[name][0]
	in, err := zoneOf(p.zone)
	if err != nil {
		return time.Time{}, err
	}
	for _, form := range icalTimes {
		if at, err := time.ParseInLocation(form, strings.TrimSpace(p.value), in); err == nil {
			if plausible(at).IsZero() {
				break
			}
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", clause(p.value))
}

// zoneOf never takes the machine's own zone for what a sender means by "Local".
func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	in, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("the time zone %q is not known", clause(name))
	}
	return in, nil
}

// icalDuration reads P1D, PT4H30M and the like.
func icalDuration(text string) (time.Duration, error) {
	days, clockPart, _ := strings.Cut(strings.TrimPrefix(strings.ToUpper(text), "P"), "T")
	units := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}
	var lasts time.Duration
	for rest := days + clockPart; rest != ""; {
		i := strings.IndexAny(rest, "WDHMS")
		if i < 1 {
			return 0, fmt.Errorf("%q is not a duration", clause(text))
		}
		count, err := strconv.ParseUint(rest[:i], 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration", clause(text))
		}
		lasts += time.Duration(count) * units[rest[i]]
		rest = rest[i+1:]
	}
	if lasts <= 0 || lasts > 366*24*time.Hour {
		return 0, fmt.Errorf("%q is not a duration", clause(text))
	}
	return lasts, nil
}
