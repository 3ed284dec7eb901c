package incident

import (
	"slices"
	"time"
)

// Covered says that somebody takes over a stretch of their team's duty. It
// stands on the team's own record, which is never closed: who could be asked for
// leave to cut power, and when, belongs to what is audited.
type Covered struct {
	Cover  string    `json:"cover"` // its id
	Team   string    `json:"team"`
	Person string    `json:"person"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	By     string    `json:"by"` // who said so
	Why    string    `json:"why,omitempty"`
}

func (Covered) Kind() Kind { return "covered" }
func (p Covered) Text() string {
	text := "%s has the duty of %s from %s until %s, says %s"
	if p.Why == "" {
		return sentence(text, p.Person, p.Team, dayTime(p.From), dayTime(p.Until), p.By)
	}
	return sentence(text+": %s", p.Person, p.Team, dayTime(p.From), dayTime(p.Until), p.By, p.Why)
}

// Cover is a shift that somebody has taken over, and when they said so.
type Cover struct {
	Covered
	Said time.Time `json:"said"`
}

// Uncovered takes a cover back.
type Uncovered struct {
	Cover string `json:"cover"`
	By    string `json:"by"`
}

func (Uncovered) Kind() Kind { return "uncovered" }
func (p Uncovered) Text() string {
	return sentence("%s took back %s: the duty goes round as planned.", p.By, p.Cover)
}

// roster books who covers for whom. What is taken back is gone from the list,
// not from the timeline.
func (i *Incident) roster(e Event) {
	switch p := e.Payload.(type) {
	case Covered:
		i.Covers = append(i.Covers, Cover{p, e.At})
	case Uncovered:
		i.Covers = slices.DeleteFunc(slices.Clone(i.Covers), func(c Cover) bool { return c.Covered.Cover == p.Cover })
	}
}

// dayTime is how a moment of another day stands in a text.
func dayTime(t time.Time) string { return t.UTC().Format("Mon 2 Jan 15:04 UTC") }
