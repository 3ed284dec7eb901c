package bmc

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// collection is a Redfish collection, or a page of one.
type collection[T any] struct {
	Count   number `json:"Members@odata.count"`
	Members []T
}

// logLine is a LogEntry, or the link to one.
type logLine struct {
	link
	Id, Name, Message, Created, EventTimestamp string
	Severity, SensorType, EntryCode, MessageId string
}

// logNames ranks the names under which BMCs keep what this is about: the SEL
// itself, HPE's integrated management log, and the plain words of others. Logins,
// crash dumps and the life of the firmware have logs of their own.
var logNames = []string{"sel", "iml", "eventlog", "event", "log", "log1", "systemeventlog", "platformlog"}

// maxSingles bounds how many entries are read one by one, where a BMC gives
// only links.
const maxSingles = 6

// layouts in which BMCs write a date; the standard knows only the first.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// parseTime reads a date in any of the layouts; the zero time is none.
func parseTime(text string) time.Time {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}

// entry is l for the logbook. A date that cannot be read is none.
func (l logLine) entry() entry {
	e := entry{id: clause(l.Id), severity: worse(healthNone, l.Severity), kind: clause(l.SensorType + " " + l.MessageId)}
	e.at = parseTime(cmp.Or(l.Created, l.EventTimestamp))
	e.text = clause(l.Message)
	if e.text == "" {
		e.text = clause(cmp.Or(strings.TrimSpace(l.SensorType+" "+l.EntryCode), l.Name))
	}
	return e
}

// logIn finds the log to read among the log services at path: the best known
// name, or the only one.
func (r *reader) logIn(services link) (link, error) {
	if services.Path == "" {
		return link{}, errNoLog
	}
	var list collection[link]
	if err := r.get(services.Path, &list); err != nil {
		return link{}, err
	}
	rank := func(l link) int {
		if n := slices.Index(logNames, strings.ToLower(path.Base(l.Path))); n >= 0 {
			return n
		}
		return len(logNames)
	}
	slices.SortStableFunc(list.Members, func(a, b link) int { return rank(a) - rank(b) })
	if len(list.Members) == 0 || len(list.Members) > 1 && rank(list.Members[0]) == len(logNames) {
		return link{}, errNoLog
	}
	return list.Members[0], nil
}

var errNoLog = errors.New("the BMC offers no system event log")

// entries reads the newest entries of a log service. pages says whether the
// service takes $top and $skip (ProtocolFeaturesSupported.TopSkipQuery); one
// that does not may answer them with an error.
func (r *reader) entries(service link, pages bool) ([]entry, error) {
	var log struct {
		Entries  link
		DateTime string
	}
	if err := r.get(service.Path, &log); err != nil {
		return nil, err
	}
	r.clock = parseTime(log.DateTime)
	query := ""
	if pages {
		query = fmt.Sprintf("?$top=%d", maxLog)
	}
	var page collection[logLine]
	if err := r.get(log.Entries.Path+query, &page); err != nil {
		return nil, err
	}
	total := int(min(page.Count.value, 1e6))
	if pages && total > len(page.Members) && oldestFirst(page.Members) {
		query = fmt.Sprintf("?$skip=%d&$top=%d", total-maxLog, maxLog)
		page = collection[logLine]{}
		if err := r.get(log.Entries.Path+query, &page); err != nil {
			return nil, err
		}
	}
	return r.expand(page.Members)
}

// expand reads the entries that were given as links, the newest few.
func (r *reader) expand(lines []logLine) ([]entry, error) {
	var log []entry
	var bare []link
	for _, l := range lines {
		if l.Id == "" && l.Message == "" && l.Path != "" {
			bare = append(bare, l.link)
		} else {
			log = append(log, l.entry())
		}
	}
	slices.SortStableFunc(bare, func(a, b link) int { return cmp.Compare(numberOf(b), numberOf(a)) })
	for _, at := range bare[:min(len(bare), maxSingles)] {
		var l logLine
		if err := r.get(at.Path, &l); err != nil {
			if len(log) > 0 {
				break // what was read counts
			}
			return nil, err
		}
		log = append(log, l.entry())
	}
	return newest(log), nil
}

// numberOf is the number at the end of a link, 0 without one.
func numberOf(l link) uint64 {
	n, _ := strconv.ParseUint(path.Base(l.Path), 10, 64)
	return n
}

// oldestFirst reports whether a page begins with the oldest entries, by number
// or by time.
func oldestFirst(lines []logLine) bool {
	if len(lines) < 2 {
		return true
	}
	first, last := lines[0], lines[len(lines)-1]
	if a, b := numberOf(first.link), numberOf(last.link); a != b {
		return a < b
	}
	return first.entry().at.Before(last.entry().at)
}
