package vantage

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spinware/piket/probes"
)

// Report is what a vantage sees. Its times are by its own clock, and are only
// ever compared with each other.
type Report struct {
	Run    string        `json:"run"`    // drawn when its process started
	Number int           `json:"number"` // grows with each report of a run
	At     time.Time     `json:"at"`     // when it was true
	Age    time.Duration `json:"age"`    // how long ago that was when it was sent
	List   string        `json:"list"`   // the version of the list that it looks at; "" before the first

	// Sighted is the last moment of which the vantage's own references show that
	// it could see; zero when a side of them does not answer.
	Sighted time.Time `json:"sighted,omitzero"`

	// Unwell lists everything that is not plainly up. What of the list is not in
	// it answered when it was last asked, unless Cut says that there is more.
	Unwell Entries `json:"unwell"`
	Cut    bool    `json:"cut,omitempty"`
}

// Entries are those of one report, MaxEntries at most.
type Entries []Entry

// UnmarshalJSON implements json.Unmarshaler. It stops at the bound: a few bytes
// for each entry must not become a hundred each, a million times.
func (l *Entries) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	switch begins, err := d.Token(); {
	case err != nil:
		return err
	case begins == nil: // null
		return nil
	case begins != json.Delim('['):
		return errors.New("want a list of targets")
	}
	for d.More() {
		if len(*l) == MaxEntries {
			return fmt.Errorf("the report lists more than %d targets", MaxEntries)
		}
		var e Entry
		if err := d.Decode(&e); err != nil {
			return err
		}
		*l = append(*l, e)
	}
	return nil
}

// Entry is one target that is not plainly up.
type Entry struct {
	Key    string       `json:"key"`
	State  probes.State `json:"state"`            // the last answer; unknown when that is old
	Misses int          `json:"misses,omitempty"` // in a row
	Alarm  bool         `json:"alarm,omitempty"`  // the vantage is sure
	Since  time.Time    `json:"since,omitzero"`   // of the first miss
	Reason string       `json:"reason,omitempty"`
}

// Answer is what the hub says to a report.
type Answer struct {
	List   string   `json:"list"`              // the version that there is now
	LookAt []string `json:"look_at,omitempty"` // what is missed elsewhere at this moment
}

// Bounds of a report. A vantage that finds more than MaxEntries of its targets
// unwell says so, and its list is cut off.
const (
	MaxReportBytes = 8 << 20 // on the wire, and unpacked
	MaxEntries     = 20_000

	maxKey    = 256
	maxReason = 200
	maxWord   = 64
	maxAge    = time.Hour
)

// Errors of ReadReport. The same bytes fail again.
var (
	ErrTooLarge = errors.New("it is larger") // than the bound, which the error names
	ErrEncoding = errors.New("the content encoding is neither gzip nor none")
)

// ReadReport reads a report as a vantage sent it: foreign bytes, within bounds.
// What comes out is safe to print and to compare, and not yet to be believed.
func ReadReport(body io.Reader, encoding string) (Report, error) {
	var r Report
	body, err := unpack(body, encoding)
	if err != nil {
		return r, err
	}
	data, err := readAtMost(body, MaxReportBytes)
	if err != nil {
		return r, fmt.Errorf("read the report: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("read the report: %w", err)
	}
	if err := r.check(); err != nil {
		return Report{}, err
	}
	for i := range r.Unwell {
		r.Unwell[i].Reason = plain(r.Unwell[i].Reason)
	}
	return r, nil
}

func unpack(body io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, nil
	case "gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("unpack the report: %w", err)
		}
		return unpacked, nil
	}
	return nil, ErrEncoding
}

func (r Report) check() error {
	switch {
	case r.Run == "" || len(r.Run) > maxWord || len(r.List) > maxWord:
		return errors.New("the report lacks its run, or a word of it is too long")
	case r.Number < 1:
		return fmt.Errorf("the report's number is %d, want 1 or more", r.Number)
	case r.Age < 0 || r.Age > maxAge:
		return fmt.Errorf("the report's age is %v, want 0 to %v", r.Age, maxAge)
	}
	for _, e := range r.Unwell {
		if e.Key == "" || len(e.Key) > maxKey || e.Misses < 0 {
			return errors.New("the report lists a target without a sensible key or count")
		}
	}
	return nil
}

// plain makes one short line of what a vantage writes.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxReason {
		text = string(runes[:maxReason]) + "…"
	}
	return text
}

// opinion is what a vantage makes of one target.
type opinion uint8

const (
	none opinion = iota // cannot tell
	hears
	misses
)

// sure is how many misses in a row make an opinion. They are a second apart. It
// is fewer than make an alarm: an opinion counts only beside the daemon's own.
const sure = 3

// of is the vantage's opinion of an entry. What it missed first after it was
// last known to see may be its own trouble. Until it is sure of a miss it still
// counts as one that hears: if a packet that got lost there took its vote away,
// who is cut off from the target here would decide alone.
func (r Report) of(e Entry) opinion {
	switch {
	case e.State == probes.Unknown:
		return none // whatever it was once sure of
	case e.State == probes.Up:
		return hears
	case e.Alarm || e.Misses >= sure:
		if !e.Since.IsZero() && e.Since.Before(r.Sighted) {
			return misses
		}
	case e.State == probes.Down && e.Misses > 0:
		return hears
	}
	return none
}
