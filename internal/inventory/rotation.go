package inventory

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// Rotation takes the duty of a team from one person to the next, always at the
// same hour by the clock on the wall of a place: what summer time moves, it
// moves as well.
type Rotation struct {
	People   []string `yaml:"people"`   // in their turn
	From     Day      `yaml:"from"`     // on which the first of them begins; before it nobody has it
	Days     int      `yaml:"days"`     // how long each has it; DefaultRotationDays when 0
	At       Hour     `yaml:"at"`       // when it is handed over; DefaultHandover when not given
	Location string   `yaml:"location"` // "Europe/Amsterdam", "UTC"
	ICal     *ICal    `yaml:"ical"`     // another tool's calendar, instead of people, from, days and at

	zone *time.Location
}

// ICal is a calendar of another tool that says whose turn it is: one of its
// fields. Its events name the people; times without a zone are by the rotation's
// location, or UTC.
type ICal struct {
	URL       string     `yaml:"url"`               // https://…
	SecretURL secret.Ref `yaml:"secret_url,secret"` // the same, where who knows it may read it
	File      string     `yaml:"file,path"`
}

// CalendarAddress reports whether a calendar may be asked for at an address:
// without TLS only on this machine.
func CalendarAddress(u *url.URL) bool {
	return u.Hostname() != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && trusted.Loopback(u.Hostname()))
}

// Zone is the zone of the rotation's times.
func (r *Rotation) Zone() *time.Location { return cmp.Or(r.zone, time.UTC) }

// What an empty field of a rotation means.
const (
	DefaultRotationDays = 7
	DefaultHandover     = Hour(9 * time.Hour) // everybody is awake to say what is going on
)

// Day is a day of the calendar, written 2026-01-05.
type Day struct{ time.Time }

// UnmarshalText reads a day without a time: whose morning it is, the rotation's
// location says.
func (d *Day) UnmarshalText(text []byte) (err error) {
	if d.Time, err = time.Parse(time.DateOnly, string(text)); err != nil {
		return errors.New("want a day, such as 2026-01-05")
	}
	return nil
}

// Hour is a time of day, written "09:00".
type Hour time.Duration

// UnmarshalText reads hours and minutes.
func (h *Hour) UnmarshalText(text []byte) error {
	t, err := time.Parse("15:04", string(text))
	if err != nil {
		return errors.New(`want a time of day, such as "09:00"`)
	}
	*h = Hour(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
	return nil
}

// Shift is one stretch of duty in a team: who is asked first, from when, and
// until which moment. Nobody has it where Person is "".
type Shift struct {
	Person      string
	From, Until time.Time
}

// Cover is a shift of a team that somebody takes over from whoever would have
// had it.
type Cover struct {
	Team string
	Shift
	Said time.Time // when that was said

	Planned bool // nobody said so: it stands in another tool's calendar
}

func (s Shift) at(t time.Time) bool { return !t.Before(s.From) && t.Before(s.Until) }

// shift is whose turn it is at a time. Before the rotation begins it is
// nobody's, until it does.
func (r *Rotation) shift(at time.Time) Shift {
	if begin := r.handover(0); at.Before(begin) {
		return Shift{Until: begin}
	}
	days := cmp.Or(r.Days, DefaultRotationDays)
	// By days of 24 hours this is one off at most, on the days that have 23 or 25.
	n := int(at.Sub(r.handover(0)) / (24 * time.Hour) / time.Duration(days))
	for !at.Before(r.handover(n + 1)) {
		n++
	}
	for at.Before(r.handover(n)) {
		n--
	}
	return Shift{Person: r.People[n%len(r.People)], From: r.handover(n), Until: r.handover(n + 1)}
}

// handover is the moment at which turn n begins.
func (r *Rotation) handover(n int) time.Time {
	at := time.Duration(cmp.Or(r.At, DefaultHandover))
	days := n * cmp.Or(r.Days, DefaultRotationDays)
	return time.Date(r.From.Year(), r.From.Month(), r.From.Day()+days, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, r.zone)
}

// first is who is asked first in the team at a time: who covers for another, of
// several the one who said so last; else whose turn it is; else who the file
// names first.
func (t Team) first(at time.Time, covers []Cover) Shift {
	now := Shift{Until: forever}
	switch {
	case t.Rotation != nil && t.Rotation.ICal != nil: // its calendar is among the covers
	case t.Rotation != nil:
		now = t.Rotation.shift(at)
	case len(t.OnDuty) > 0:
		now.Person = t.OnDuty[0]
	}
	for _, c := range covers {
		switch {
		case c.Team != t.Name:
		case c.at(at):
			now = Shift{Person: c.Person, From: later(now.From, c.From), Until: c.Until}
		case at.Before(c.From):
			now.Until = earlier(now.Until, c.From)
		default:
			now.From = later(now.From, c.Until)
		}
	}
	return now
}

// forever is later than anything that is asked for.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Shifts lists who is asked first in a team between two moments, without gaps:
// where nobody is, it says so. There is none of a team that does not exist.
func (inv *Inventory) Shifts(team string, from, until time.Time, covers []Cover) []Shift {
	t, ok := inv.lookup.teams[team]
	if !ok {
		return nil
	}
	var shifts []Shift
	for at := from; at.Before(until); {
		s := t.first(at, covers)
		s.From = at
		s.Until = earlier(s.Until, until)
		if last := len(shifts) - 1; last >= 0 && shifts[last].Person == s.Person {
			shifts[last].Until = s.Until
		} else {
			shifts = append(shifts, s)
		}
		at = s.Until
	}
	return shifts
}

// Turns lists who is asked first in a team around two moments, each turn whole and
// for itself: it begins and ends when it does, whatever is asked for. What goes on
// for ever is cut at the end of each month.
func (inv *Inventory) Turns(team string, from, until time.Time, covers []Cover) []Shift {
	t, ok := inv.lookup.teams[team]
	if !ok {
		return nil
	}
	var turns []Shift
	for at := from; at.Before(until); {
		s := t.first(at, covers)
		if s.From.IsZero() || s.Until.Equal(forever) {
			month := time.Date(at.UTC().Year(), at.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
			s.From, s.Until = later(s.From, month), earlier(s.Until, month.AddDate(0, 1, 0))
		}
		turns = append(turns, s)
		at = s.Until
	}
	return turns
}

// On returns the inventory as it is at a time: [Inventory.OnDuty] of each team
// begins with whose turn it is, and goes on with those whom the file names. It
// stays so until the second result.
func (inv *Inventory) On(at time.Time, covers []Cover) (dressed *Inventory, until time.Time) {
	copied, until := *inv, forever
	copied.worn = &worn{inv, at, covers}
	copied.Teams = slices.Clone(inv.Teams)
	for i, t := range copied.Teams {
		now := t.first(at, covers)
		until = earlier(until, now.Until)
		if now.Person != "" {
			others := slices.DeleteFunc(slices.Clone(t.OnDuty), func(name string) bool { return name == now.Person })
			copied.Teams[i].OnDuty = append([]string{now.Person}, others...)
		}
	}
	copied.lookup.teams = byName(copied.Teams, func(t Team) string { return t.Name })
	return &copied, until
}

// worn is how an inventory came to be as it is at a moment.
type worn struct {
	source *Inventory
	at     time.Time
	covers []Cover
}

// KnownAt returns the inventory as it is now, without what was said only after a
// moment: whoever takes over a duty gets no say by it in what was asked before.
func (inv *Inventory) KnownAt(moment time.Time) *Inventory {
	if inv.worn == nil || !slices.ContainsFunc(inv.worn.covers, func(c Cover) bool { return c.Said.After(moment) }) {
		return inv
	}
	known := slices.DeleteFunc(slices.Clone(inv.worn.covers), func(c Cover) bool { return c.Said.After(moment) })
	before, _ := inv.worn.source.On(inv.worn.at, known)
	return before
}

// SayAt returns the inventory by which is judged who may answer what was asked at
// a moment: as [Inventory.KnownAt], and without what another tool's calendar says.
// That decides who is asked, and gives nobody a say.
func (inv *Inventory) SayAt(moment time.Time) *Inventory {
	if inv.worn == nil {
		return inv
	}
	gone := func(c Cover) bool { return c.Planned || c.Said.After(moment) }
	if !slices.ContainsFunc(inv.worn.covers, gone) {
		return inv
	}
	before, _ := inv.worn.source.On(inv.worn.at, slices.DeleteFunc(slices.Clone(inv.worn.covers), gone))
	return before
}
