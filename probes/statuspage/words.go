package statuspage

import (
	"strings"
	"unicode"

	"github.com/spinware/piket/internal/oneline"
)

// Status says how well something is. A graver one is larger; Unknown is the
// smallest, since it is no trouble, and it is never taken for Operational.
type Status int

// The statuses, from nothing to the worst.
const (
	Unknown Status = iota
	Operational
	UnderMaintenance
	Degraded
	PartialOutage
	MajorOutage
)

var statusNames = [...]string{"unknown", "operational", "maintenance", "degraded", "partial", "major"}

// String returns the status in one word.
func (s Status) String() string { return statusNames[s] }

// MarshalText is String, for JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// indicators are the words of [Announcement.Indicator].
var indicators = [...]string{"none", "none", "maintenance", "minor", "major", "critical"}

// Level is a status with the word that the page used for it.
type Level struct {
	Status  Status
	Word    string
	Strange bool // the format does not define the word; it counts as Degraded
}

// indicator says l as an indicator: a strange word stays what it is.
func (l Level) indicator() string {
	if l.Strange {
		return l.Word
	}
	return indicators[l.Status]
}

// vocabulary translates the words of one format. They are compared by their
// letters and digits alone: UNDERMAINTENANCE is under_maintenance.
type vocabulary map[string]Status

// level translates a word. A word that is not in v says that something is
// wrong, and nobody knows how much; no word at all says nothing.
func (v vocabulary) level(word string) Level {
	if strings.TrimSpace(word) == "" {
		return Level{}
	}
	if status, ok := v[letters(word)]; ok {
		return Level{Status: status, Word: word}
	}
	return Level{Status: Degraded, Word: word, Strange: true}
}

// impact is level for an incident: one that claims to have no impact is still
// an incident, and never nothing.
func (v vocabulary) impact(word string) Level {
	l := v.level(word)
	if l.Status <= Operational {
		l.Status = Degraded
	}
	return l
}

// Phase is where an event stands.
type Phase int

// The phases. PhaseUnknown is a word that is not known, or none: then the
// event's times decide, and without times it counts as under way.
const (
	PhaseUnknown Phase = iota
	Ahead
	Underway
	Over
)

var phaseNames = [...]string{"unknown", "ahead", "underway", "over"}

// String returns the phase in one word.
func (p Phase) String() string { return phaseNames[p] }

// MarshalText is String, for JSON.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// phases are the words of all formats; none of them means two things.
var phases = map[string]Phase{
	"scheduled": Ahead, "upcoming": Ahead, "notstartedyet": Ahead, "planned": Ahead, "maintenancescheduled": Ahead,
	"tentative": Ahead, "confirmed": Ahead, "rescheduled": Ahead,

	"investigating": Underway, "identified": Underway, "monitoring": Underway, "watching": Underway, "active": Underway,
	"inprogress": Underway, "inprocess": Underway, "verifying": Underway, "maintenanceinprogress": Underway,

	"resolved": Over, "postmortem": Over, "completed": Over, "complete": Over, "fixed": Over, "closed": Over,
	"cancelled": Over, "canceled": Over, "maintenancecomplete": Over,
}

func phaseOf(word string) Phase { return phases[letters(word)] }

// letters reduces a word to its small letters and digits.
func letters(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, word)
}

// maxClause bounds a text of a page, in characters.
const maxClause = 200

// clauses makes each text one short line without control characters.
func clauses(texts ...*string) {
	for _, text := range texts {
		*text = clause(*text)
	}
}

func clause(text string) string {
	return oneline.Of(text[:min(len(text), 16*maxClause)], maxClause) // what is cut anyway need not be looked through
}

// normal is the form in which names are compared.
func normal(name string) string { return strings.ToLower(clause(name)) }
