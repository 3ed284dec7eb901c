package statuspage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// overrun is how long past its end a maintenance counts that the page itself
	// still calls under way: work runs late, and pages are forgotten.
	overrun = 4 * time.Hour
	// openEnd is how long a maintenance counts that has no end.
	openEnd = 24 * time.Hour
	// recent is how long an entry without a state is worth showing.
	recent = 7 * 24 * time.Hour
)

// Query says whom the announcements should concern.
type Query struct {
	Names  []string // components, groups or locations as the page calls them; anything at all when empty
	Except []string // components whose trouble is somebody else's; used when Names is empty
}

// Announcement is what a page says that is in force.
type Announcement struct {
	Incident    bool      // trouble or work is announced
	Indicator   string    // none, maintenance, minor, major, critical, or the page's own word when it is no word of its format
	Title       string    // of the gravest, "" without any
	Maintenance bool      // work is announced, whatever else is
	Until       time.Time // when all announced work has ended, zero when that is not said
	Information string    // title of the newest entry that has no state, "" without a recent one
	Stateless   bool      // the page cannot say that all is well: nothing announced is no news
}

// String says it as the end of a sentence.
func (a Announcement) String() string {
	said := "no trouble"
	switch {
	case a.Incident && a.Maintenance && !a.Until.IsZero():
		said = fmt.Sprintf("%s (%s, until %s)", a.Title, a.Indicator, a.Until.UTC().Format(time.RFC3339))
	case a.Incident:
		said = fmt.Sprintf("%s (%s)", a.Title, a.Indicator)
	case a.Information != "":
		said = "nothing that is known to be in force; the newest entry is: " + a.Information
	case a.Stateless:
		said = "nothing new"
	}
	return said
}

// About adds up what is in force for those that q names. An event that names
// no component may concern everybody: providers forget to tick the boxes, and
// holding back is better than restarting into their outage. The error is
// ErrComponent for a name that the page does not have, since silence about a
// misspelt name would look like good news, and ErrSilent when the page does
// not say how that component is.
func (p Page) About(q Query) (Announcement, error) {
	if p.Overall.Status == Unknown && !p.Complete && !p.Stateless && len(p.Components) == 0 && len(p.Events) == 0 {
		return Announcement{}, ErrSilent
	}
	s, err := p.subject(q)
	if err != nil {
		return Announcement{}, err
	}
	t := tally{Announcement: Announcement{Indicator: "none", Stateless: p.Stateless}, at: p.At}
	for _, e := range p.Events {
		if e.inForce(p.At) && s.touchedBy(e) {
			t.event(e)
		}
	}
	t.components(p.Components, s)
	if s.everything() && !s.explains(p) && p.Overall.Status > Operational {
		t.add(p.Overall, cmp.Or(t.Title, p.Summary, p.Overall.Word))
	}
	if !t.Incident && t.blind != "" {
		return Announcement{}, fmt.Errorf("%w: %q has no known state", ErrSilent, t.blind)
	}
	return t.Announcement, nil
}

// tally adds up an announcement.
type tally struct {
	Announcement
	at     time.Time
	grade  Status
	open   bool      // some work has no end
	newest time.Time // of the information
	blind  string    // a component asked about whose status is not known
}

func (t *tally) event(e Event) {
	switch e.Kind {
	case Information:
		if t.Information == "" || e.Starts.After(t.newest) {
			t.Information, t.newest = cmp.Or(e.Title, "an entry without a title"), e.Starts
		}
	case Maintenance:
		t.work(e.Ends)
		t.add(Level{Status: UnderMaintenance}, e.Title)
	default:
		t.add(e.Impact, e.Title)
	}
}

// work notes when announced work ends: the latest end, and none when one of
// several has none.
func (t *tally) work(ends time.Time) {
	t.Maintenance = true
	t.open = t.open || !ends.After(t.at)
	if ends.After(t.Until) {
		t.Until = ends
	}
	if t.open {
		t.Until = time.Time{}
	}
}

func (t *tally) components(all []Component, s subject) {
	noticed := t.Title // tells more than a component's status, and stays
	for _, c := range all {
		switch {
		case !s.covers(c):
		case c.Status == Unknown && !s.everything():
			t.blind = c.Name
		case c.Status > Operational:
			t.Maintenance = t.Maintenance || c.Status == UnderMaintenance
			t.add(c.Level, cmp.Or(noticed, c.Name+": "+c.Word))
		}
	}
}

// add takes the graver of what was said and what is said now.
func (t *tally) add(l Level, title string) {
	if t.Incident && l.Status <= t.grade {
		return
	}
	t.Incident, t.grade = true, l.Status
	t.Indicator = cmp.Or(clause(l.indicator()), "minor")
	t.Title = cmp.Or(clause(title), "trouble without a title")
}

// inForce reports whether e counts at that time.
func (e Event) inForce(at time.Time) bool {
	if e.Phase == Over {
		return false
	}
	switch e.Kind {
	case Information:
		return e.Phase != Ahead && !e.Starts.IsZero() && at.Sub(e.Starts).Abs() < recent
	case Maintenance:
		return e.worksAt(at)
	}
	return e.Ends.IsZero() || at.Before(e.Ends)
}

// worksAt: a maintenance is in force between its times. The word that it is
// under way outweighs them for a while, as work begins early and ends late.
func (e Event) worksAt(at time.Time) bool {
	if e.Phase == Underway {
		return e.Ends.IsZero() || at.Before(e.Ends.Add(overrun))
	}
	ends := e.Ends
	if ends.IsZero() && !e.Starts.IsZero() {
		ends = e.Starts.Add(openEnd)
	}
	if !ends.IsZero() && !at.Before(ends) {
		return false
	}
	if e.Starts.IsZero() {
		return e.Phase != Ahead
	}
	return !at.Before(e.Starts)
}

// subject is a query in the words of one page.
type subject struct {
	names  map[string]bool // nil means everything
	except map[string]bool
}

func (s subject) everything() bool { return s.names == nil }

func (p Page) subject(q Query) (subject, error) {
	names, err := p.lookUp(q.Names)
	if err != nil {
		return subject{}, err
	}
	except, err := p.lookUp(q.Except)
	if err != nil {
		return subject{}, err
	}
	return subject{names, except}, nil
}

// lookUp finds what each name stands for: a component, or all under a heading
// or at a location.
func (p Page) lookUp(names []string) (map[string]bool, error) {
	var found map[string]bool
	for _, name := range names {
		want := normal(name)
		known := !p.Listed
		if found == nil {
			found = map[string]bool{}
		}
		found[want] = true
		for _, c := range p.Components {
			if slices.Contains(c.names(), want) {
				found[normal(c.Name)] = true
				known = true
			}
		}
		if !known {
			return nil, fmt.Errorf("%w: it has %d components and none is called %q", ErrComponent, len(p.Components), name)
		}
	}
	return found, nil
}

func (c Component) names() []string {
	names := []string{normal(c.Name)}
	for _, other := range []string{c.ID, c.Group, c.Location} {
		if other != "" {
			names = append(names, normal(other))
		}
	}
	return names
}

// covers reports whether s is about c.
func (s subject) covers(c Component) bool {
	in := func(names map[string]bool) bool {
		return slices.ContainsFunc(c.names(), func(name string) bool { return names[name] })
	}
	if s.everything() {
		return !in(s.except)
	}
	return in(s.names)
}

// touchedBy reports whether e concerns s.
func (s subject) touchedBy(e Event) bool {
	if len(e.Components) == 0 {
		return s.everything() || e.Kind != Information || mentions(e.Title, s.names)
	}
	if s.everything() {
		return slices.ContainsFunc(e.Components, func(c string) bool { return !hits(c, s.except) })
	}
	return slices.ContainsFunc(e.Components, func(c string) bool { return hits(c, s.names) })
}

// hits reports whether a component that an event names is one of names. An
// update writes a member of a group as "Group - Member", and either counts.
func hits(component string, names map[string]bool) bool {
	const dash = " - "
	component = normal(component)
	if names[component] {
		return true
	}
	for i := range component {
		if strings.HasPrefix(component[i:], dash) && (names[component[:i]] || names[component[i+len(dash):]]) {
			return true
		}
	}
	return false
}

func mentions(title string, names map[string]bool) bool {
	title = normal(title)
	for name := range names {
		if strings.Contains(title, name) {
			return true
		}
	}
	return false
}

// explains reports whether trouble of the excepted is enough to explain what
// the page says of everything together.
func (s subject) explains(p Page) bool {
	if len(s.except) == 0 {
		return false
	}
	return slices.ContainsFunc(p.Events, func(e Event) bool { return e.inForce(p.At) && !s.touchedBy(e) }) ||
		slices.ContainsFunc(p.Components, func(c Component) bool { return c.Status > Operational && !s.covers(c) })
}
