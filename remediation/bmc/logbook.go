package bmc

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// entry is one line of a BMC's log (SEL), in the BMC's words.
type entry struct {
	id       string
	at       time.Time // by the BMC's clock; see plausible
	severity string    // "OK", "Warning", "Critical", "" when the BMC does not say
	text     string
	named    string // text with the names of sensors in it; "" when they are not known
	kind     string // sensor type and message id, where the BMC gives them apart
}

// Bounds of what is taken from a log.
const (
	maxLog    = 50             // entries of one look
	logDay    = 24 * time.Hour // what is older is no news, not at the first look either
	logRecent = time.Hour      // what is younger is told again, because it may be the cause of what is looked into
)

// key tells an entry from others. The number alone does not: it starts again
// when somebody clears the log.
func (e entry) key() string {
	return e.id + "|" + e.at.UTC().Format(time.RFC3339) + "|" + e.text
}

// firstClock is the oldest date that is believed. A BMC whose clock was never
// set, or has lost it, counts from 1970, or from the year of its firmware.
var firstClock = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// plausible reports whether the BMC's clock was set when it wrote e.
func (e entry) plausible(now time.Time) bool {
	return e.at.After(firstClock) && e.at.Before(now.Add(logDay))
}

func (e entry) since(now time.Time, age time.Duration) bool {
	return e.plausible(now) && now.Sub(e.at) <= age
}

// line is e for a person.
func (e entry) line(now time.Time) string {
	when := "no clock"
	if e.plausible(now) {
		when = e.at.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	words := []string{"log,", when + ":"}
	if e.severity != "" && e.severity != healthOK {
		words = append(words, e.severity+":")
	}
	return clause(strings.Join(append(words, e.words()), " "))
}

// words are what e says, for a person.
func (e entry) words() string { return cmp.Or(e.named, e.text, "(an entry without words)") }

// pick says what of a log is worth telling, oldest first, and how much of it is
// new. A log that was never seen (known nil) is new as far as the last day goes;
// an entry without a clock then counts when it follows one of that day, or when
// no entry has a clock at all.
func pick(log []entry, known map[string]bool, now time.Time) (told []entry, fresh int) {
	dated := slices.ContainsFunc(log, func(e entry) bool { return e.plausible(now) })
	today := false
	for _, e := range log {
		today = today || e.since(now, logDay)
		news := e.since(now, logDay) || !e.plausible(now)
		if known == nil {
			news = news && (today || !dated)
		}
		news = news && !known[e.key()]
		if news {
			fresh++
		}
		if news || e.since(now, logRecent) {
			told = append(told, e)
		}
	}
	return told, fresh
}

// newest puts a log in order, oldest first, and keeps its newest maxLog
// entries. By number when all have one, because clocks jump; otherwise by time.
func newest(log []entry) []entry {
	numbered := true
	numbers := make(map[string]uint64, len(log))
	for _, e := range log {
		n, err := strconv.ParseUint(e.id, 10, 64)
		numbered = numbered && err == nil
		numbers[e.id] = n
	}
	slices.SortStableFunc(log, func(a, b entry) int {
		if numbered {
			return cmp.Compare(numbers[a.id], numbers[b.id])
		}
		return a.at.Compare(b.at)
	})
	return log[max(0, len(log)-maxLog):]
}
