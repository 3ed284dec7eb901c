package incident

import (
	"fmt"
	"strings"
	"time"
)

// noTrouble are the subjects of records that fall due by the calendar or keep a
// roster: figures, boards and the engine leave them out.
var noTrouble = map[string]bool{"report": true, "policy": true, "drill": true, "roster": true, "push": true, "identity": true}

// NoTrouble reports whether the record is about a date, about whose turn it is,
// or about which machine a server is, and not about trouble.
func (s Subject) NoTrouble() bool { return noTrouble[s.Kind] }

// ReviewDue says by when people look back on the incident [2.6].
type ReviewDue struct {
	By time.Time `json:"by"`
}

func (ReviewDue) Kind() Kind { return "review_due" }
func (p ReviewDue) Text() string {
	return sentence("A review is due by %s.", p.By.UTC().Format(time.DateOnly))
}

// ReviewWritten is one version of what people say of the incident. The latest
// holds; the earlier ones stay on the timeline.
type ReviewWritten struct {
	Version   int          `json:"version"` // 1, 2, 3 …
	Causes    string       `json:"causes,omitempty"`
	WentWell  string       `json:"went_well,omitempty"`
	WentBadly string       `json:"went_badly,omitempty"`
	Actions   []ActionItem `json:"actions,omitempty"`
	By        string       `json:"by"`
}

// ActionItem is something that somebody does so that it does not happen again.
type ActionItem struct {
	ID    string `json:"id"` // A1, A2 …, the same in every version
	What  string `json:"what"`
	Owner string `json:"owner"` // a person of the inventory
	Due   string `json:"due"`   // a date: 2026-10-31
}

func (ReviewWritten) Kind() Kind { return "review_written" }
func (p ReviewWritten) Text() string {
	noun := "action items"
	if len(p.Actions) == 1 {
		noun = "action item"
	}
	return sentence("%s wrote version %d of the review, with %d %s.", p.By, p.Version, len(p.Actions), noun)
}

// ReviewShared says that a version went out to the stakeholders.
type ReviewShared struct {
	Version int      `json:"version"`
	With    []string `json:"with"`
	By      string   `json:"by"`
}

func (ReviewShared) Kind() Kind { return "review_shared" }
func (p ReviewShared) Text() string {
	return sentence("%s shared version %d of the review with %s.", p.By, p.Version, strings.Join(p.With, ", "))
}

// ActionDone ends an action item.
type ActionDone struct {
	ID    string `json:"id"`
	Words string `json:"words,omitempty"`
	By    string `json:"by"`
}

func (ActionDone) Kind() Kind { return "action_done" }
func (p ActionDone) Text() string {
	if p.Words == "" {
		return sentence("Action item %s is done, says %s.", p.ID, p.By)
	}
	return sentence("Action item %s is done, says %s: %s", p.ID, p.By, p.Words)
}

// Review is how far looking back on an incident has come.
type Review struct {
	By        time.Time // when it is due, zero while nothing says so
	Latest    ReviewWritten
	WrittenAt time.Time
	Shared    int // the version that was shared last, 0 for none
	SharedAt  time.Time
	Done      map[string]ActionDone
	DoneAt    map[string]time.Time
}

// State is "" before anybody wrote anything, then "draft" or "shared".
func (r *Review) State() string {
	switch {
	case r == nil || r.Latest.Version == 0:
		return ""
	case r.Shared == r.Latest.Version:
		return "shared"
	}
	return "draft"
}

// Owed reports whether the review must still be shared for the first time.
func (r *Review) Owed() bool { return r != nil && !r.By.IsZero() && r.Shared == 0 }

// OpenActions returns the action items of the latest version that nobody has
// said are done.
func (r *Review) OpenActions() []ActionItem {
	var open []ActionItem
	if r == nil {
		return nil
	}
	for _, a := range r.Latest.Actions {
		if _, done := r.Done[a.ID]; !done {
			open = append(open, a)
		}
	}
	return open
}

// NextAction names an action item that there never was.
func (r *Review) NextAction() string {
	most := 0
	if r != nil {
		most = r.mostAction()
	}
	return fmt.Sprintf("A%d", most+1)
}

func (r *Review) mostAction() int {
	most := 0
	number := func(id string) {
		var n int
		if _, err := fmt.Sscanf(id, "A%d", &n); err == nil {
			most = max(most, n)
		}
	}
	for _, a := range r.Latest.Actions {
		number(a.ID)
	}
	for id := range r.Done {
		number(id)
	}
	return most
}

// reviewed books what was said of the review.
func (i *Incident) reviewed(e Event) {
	if i.Review == nil {
		i.Review = &Review{}
	}
	r := i.Review
	switch p := e.Payload.(type) {
	case ReviewDue:
		r.By = p.By
	case ReviewWritten:
		r.Latest, r.WrittenAt = p, e.At
	case ReviewShared:
		r.Shared, r.SharedAt = p.Version, e.At
	case ActionDone:
		if r.Done == nil {
			r.Done, r.DoneAt = map[string]ActionDone{}, map[string]time.Time{}
		}
		r.Done[p.ID], r.DoneAt[p.ID] = p, e.At
	}
}

// Unfinished reports whether people still owe something on a record that is
// closed: a review, an action item, a report to the authority.
func (i *Incident) Unfinished() bool {
	return i.Review.Owed() || len(i.Review.OpenActions()) > 0 || i.Duty.Open()
}
