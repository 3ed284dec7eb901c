package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Review is what is known and said of one incident, for looking back on it
// [2.6, 6.7]. What stands above Version is read off the timeline; what stands
// below it people wrote.
type Review struct {
	Incident  string            `json:"incident"`
	Title     string            `json:"title"`
	Priority  incident.Priority `json:"priority"`
	Subject   string            `json:"subject"`
	Site      string            `json:"site,omitempty"`
	Customers []string          `json:"customers"`

	Began        time.Time `json:"began"`   // the trouble
	Noticed      time.Time `json:"noticed"` // the record was opened
	Acknowledged time.Time `json:"acknowledged,omitzero"`
	Owner        string    `json:"owner,omitempty"`
	Restored     time.Time `json:"restored,omitzero"`
	Closed       time.Time `json:"closed,omitzero"`
	Relapses     int       `json:"relapses"`

	Detect      Measure `json:"time_to_detect"`
	Acknowledge Measure `json:"time_to_acknowledge"`
	Restore     Measure `json:"time_to_restore"`

	Verdict    string               `json:"verdict,omitempty"`
	Resolution *incident.Resolution `json:"resolution,omitempty"`
	Tries      []Try                `json:"tries"`
	Promises   []Promise            `json:"promises"`
	Moments    []Moment             `json:"timeline"`

	Due       time.Time    `json:"due,omitzero"`
	State     string       `json:"state"`   // "", "draft" or "shared"
	Version   int          `json:"version"` // 0 while nobody wrote anything
	By        string       `json:"by,omitempty"`
	WrittenAt time.Time    `json:"written,omitzero"`
	SharedAt  time.Time    `json:"shared,omitzero"`
	Causes    string       `json:"causes"`
	WentWell  string       `json:"went_well"`
	WentBadly string       `json:"went_badly"`
	Actions   []ActionItem `json:"actions"`
}

// Try is something that was done to a machine, and what it was good for.
type Try struct {
	At     time.Time       `json:"at"`
	What   string          `json:"what"`
	Result incident.Result `json:"result"`
}

// Moment is one line of the timeline.
type Moment struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

// ActionItem is one that was agreed on, and whether it is done.
type ActionItem struct {
	incident.ActionItem
	Done   bool      `json:"done"`
	DoneAt time.Time `json:"done_at,omitzero"`
	Words  string    `json:"words,omitempty"`
}

// machinery is what a reader of a review need not see: that mail was accepted,
// who owned a send, and the record of the review itself.
var machinery = []incident.Kind{"delivered", "claimed", "graded", "runbook_pinned", "review_due", "review_written", "review_shared", "action_done"}

// NewReview reads a whole timeline, as of now.
func NewReview(events []incident.Event, updates Updates, now time.Time) Review {
	s := read(events, updates, now)
	inc := s.inc
	r := Review{
		Incident: inc.ID, Title: inc.Title, Priority: inc.Priority, Subject: strings.ReplaceAll(inc.Subject.String(), ":", " "), Site: inc.Site,
		Customers: append([]string{}, inc.Customers...), Began: s.began(), Noticed: inc.OpenedAt, Acknowledged: inc.AcknowledgedAt, Owner: inc.Owner,
		Restored: inc.RestoredAt, Closed: inc.ClosedAt, Relapses: inc.Relapses,
		Detect: between(s.started, inc.OpenedAt), Acknowledge: between(inc.OpenedAt, inc.AcknowledgedAt), Restore: between(s.began(), inc.RestoredAt),
		Resolution: inc.Resolution, Tries: []Try{}, Promises: append([]Promise{}, s.promises...), Moments: []Moment{}, Actions: []ActionItem{},
	}
	if inc.Verdict.Verdict != "" {
		r.Verdict = inc.Verdict.Text()
	}
	for _, a := range s.tries {
		r.Tries = append(r.Tries, Try{a.PlannedAt, a.What(), a.Result})
	}
	for _, e := range events {
		if !slices.Contains(machinery, e.Payload.Kind()) {
			r.Moments = append(r.Moments, Moment{e.At, strings.TrimPrefix(e.Actor, incident.Person("")), e.Payload.Text()})
		}
	}
	r.said(inc.Review)
	return r
}

// between measures one stretch.
func between(from, to time.Time) Measure {
	var l lengths
	l.add(from, to)
	return l.measure()
}

// said adds what people wrote.
func (r *Review) said(said *incident.Review) {
	if said == nil {
		return
	}
	latest := said.Latest
	r.Due, r.State, r.Version, r.By, r.WrittenAt, r.SharedAt = said.By, said.State(), latest.Version, latest.By, said.WrittenAt, said.SharedAt
	r.Causes, r.WentWell, r.WentBadly = latest.Causes, latest.WentWell, latest.WentBadly
	for _, a := range latest.Actions {
		done, is := said.Done[a.ID]
		r.Actions = append(r.Actions, ActionItem{a, is, said.DoneAt[a.ID], done.Words})
	}
}

// Document writes the review for people, with the times of a zone.
func (r Review) Document(zone *time.Location) Document {
	at := func(t time.Time) string { return moment(t, zone) }
	d := Document{
		Title: "Review of " + r.Incident, Subtitle: r.Title,
		Facts: [][2]string{
			{"Priority", string(r.Priority) + " " + r.Priority.Word()}, {"About", joined(" on ", r.Subject, r.Site)}, {"Customers", or(strings.Join(r.Customers, ", "))},
			{"State", r.standing(zone)},
		},
	}
	d.add(Section{Title: "What happened", Words: r.happened()})
	d.add(Section{Title: "When", Table: Table{Head: []string{"", "At", "After"}, Rows: [][]string{
		{"The trouble began", at(r.Began), ""},
		{"It was noticed", at(r.Noticed), r.Detect.one()},
		{"Somebody took it", joined(" by ", at(r.Acknowledged), r.Owner), r.Acknowledge.one()},
		{"Service was back", at(r.Restored), r.Restore.one()},
		{"It was closed", at(r.Closed), ""},
	}}, Note: r.counted()})
	d.add(Section{Title: "What customers heard", Table: r.heard(zone), Empty: "Nothing was promised to any customer."})
	d.add(Section{Title: "What was done to machines", Table: r.tried(zone), Empty: "Nothing."})
	d.add(Section{Title: "Causes", Words: paragraphs(r.Causes), Empty: "Not written yet."})
	d.add(Section{Title: "What went well", Words: paragraphs(r.WentWell), Empty: "Not written yet."})
	d.add(Section{Title: "What went badly", Words: paragraphs(r.WentBadly), Empty: "Not written yet."})
	d.add(Section{Title: "Action items", Table: r.todo(zone), Empty: "None."})
	d.add(Section{Title: "Timeline", Table: r.timeline(zone)})
	return d
}

func (r Review) standing(zone *time.Location) string {
	switch {
	case r.State == "shared":
		return fmt.Sprintf("version %d by %s, shared %s", r.Version, r.By, moment(r.SharedAt, zone))
	case r.State == "draft":
		return fmt.Sprintf("draft, version %d by %s", r.Version, r.By)
	case r.Due.IsZero():
		return "nobody has written anything"
	}
	return "nobody has written anything; due " + moment(r.Due, zone)
}

func (r Review) happened() []string {
	words := []string{r.Title + "."}
	if r.Verdict != "" {
		words = append(words, r.Verdict)
	}
	if s := r.Resolution; s != nil {
		words = append(words, "Cause: "+s.Cause, "Solution: "+s.Solution)
		if s.Prevention != "" {
			words = append(words, "Prevention: "+s.Prevention)
		}
		if s.Unchecked != "" {
			words = append(words, "Closed without a check: "+s.Unchecked)
		}
	}
	return words
}

func (r Review) counted() string {
	note := "Noticing and restoring are counted from when the trouble began, taking it from when it was noticed."
	if r.Relapses > 0 {
		note += fmt.Sprintf(" Service failed again %d times before it was back for good.", r.Relapses)
	}
	return note
}

func (r Review) heard(zone *time.Location) Table {
	t := Table{Head: []string{"Customer", "Word", "Due", "Told", "Late by"}}
	for _, p := range r.Promises {
		late := "on time"
		switch {
		case p.Told.IsZero():
			late = "never told"
		case p.Late:
			late = Lasting(p.LateBy())
		}
		t.Rows = append(t.Rows, []string{p.Customer, p.Word, moment(p.Due, zone), moment(p.Told, zone), late})
	}
	return t
}

func (r Review) tried(zone *time.Location) Table {
	t := Table{Head: []string{"At", "What", "It"}}
	for _, try := range r.Tries {
		t.Rows = append(t.Rows, []string{moment(try.At, zone), try.What, string(try.Result)})
	}
	return t
}

func (r Review) todo(zone *time.Location) Table {
	t := Table{Head: []string{"No.", "What", "Owner", "Due", "Done"}}
	for _, a := range r.Actions {
		done := "no"
		if a.Done {
			done = joined(": ", moment(a.DoneAt, zone), a.Words)
		}
		t.Rows = append(t.Rows, []string{a.ID, a.What, a.Owner, a.Due, done})
	}
	return t
}

func (r Review) timeline(zone *time.Location) Table {
	t := Table{Head: []string{"At", "Who", "What"}}
	for _, m := range r.Moments {
		t.Rows = append(t.Rows, []string{m.At.In(zone).Format("01-02 15:04:05"), m.Actor, m.Text})
	}
	return t
}

// one writes a measure of a single stretch.
func (m Measure) one() string {
	if m.Invalid > 0 {
		return "invalid"
	}
	return m.words(m.Median)
}

// moment writes a time as it stands on the wall of a zone, n/a for none.
func moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return notKnown
	}
	return t.In(zone).Format(incident.Moment)
}

func joined(by string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), by)
}

func or(words string) string {
	if words == "" {
		return notKnown
	}
	return words
}

// paragraphs divides what a person wrote at its line breaks.
func paragraphs(words string) []string {
	return slices.DeleteFunc(strings.Split(strings.ReplaceAll(words, "\r", ""), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
}
