package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// ErrOutrun says that somebody else wrote a newer version meanwhile. Read that
// one, and write yours again.
var ErrOutrun = errors.New("somebody has written a newer version meanwhile")

// maxActions bounds the action items of one review.
const maxActions = 50

// WriteReview writes the next version of a review [2.6]. r.Version is the one
// that the person had before them, 0 when there was none: with a newer one it is
// ErrOutrun. An action item without a number gets one; one that is left out is
// dropped.
func WriteReview(inc *incident.Incident, inv *inventory.Inventory, by inventory.Person, r incident.ReviewWritten) ([]incident.Payload, error) {
	have := 0
	if inc.Review != nil {
		have = inc.Review.Latest.Version
	}
	switch {
	case !leads(by):
		return nil, ErrRole
	case noTrouble(inc) || inc.Status == incident.Joined:
		return nil, fmt.Errorf("review: %w: it is no incident of its own", ErrNotNow)
	case r.Version != have:
		return nil, fmt.Errorf("review: %w: it is version %d, you wrote on version %d", ErrOutrun, have, r.Version)
	case len(r.Actions) > maxActions:
		return nil, fmt.Errorf("review: %w: %d action items are more than %d", ErrIncomplete, len(r.Actions), maxActions)
	}
	next := incident.ReviewWritten{Version: have + 1, Causes: clip(r.Causes), WentWell: clip(r.WentWell), WentBadly: clip(r.WentBadly), By: by.Name}
	numbered := inc.Review
	if numbered == nil {
		numbered = &incident.Review{}
	}
	var free int
	if _, err := fmt.Sscanf(numbered.NextAction(), "A%d", &free); err != nil {
		panic("desk: the number of an action item is not read: " + err.Error())
	}
	for _, a := range r.Actions {
		a.What, a.Owner, a.Due = clip(a.What), clip(a.Owner), clip(a.Due)
		if err := checkAction(a, numbered, inv); err != nil {
			return nil, err
		}
		if a.ID == "" {
			a.ID = fmt.Sprintf("A%d", free)
			free++
		}
		next.Actions = append(next.Actions, a)
	}
	if next.Causes == "" && next.WentWell == "" && next.WentBadly == "" && len(next.Actions) == 0 {
		return nil, fmt.Errorf("review: %w: there is nothing in it", ErrIncomplete)
	}
	return []incident.Payload{next}, nil
}

// checkAction checks that somebody can be held to an action item.
func checkAction(a incident.ActionItem, had *incident.Review, inv *inventory.Inventory) error {
	_, known := inv.Person(a.Owner)
	_, err := time.Parse(time.DateOnly, a.Due)
	switch {
	case a.What == "":
		return fmt.Errorf("action item: %w: what is to be done", ErrIncomplete)
	case !known:
		return fmt.Errorf("action item %q: %w: an owner who is in the inventory, found %q", a.What, ErrIncomplete, a.Owner)
	case err != nil:
		return fmt.Errorf("action item %q: %w: a date such as 2026-10-31, found %q", a.What, ErrIncomplete, a.Due)
	case a.ID != "" && !slices.ContainsFunc(had.Latest.Actions, func(b incident.ActionItem) bool { return b.ID == a.ID }):
		return fmt.Errorf("action item %q: %w: there is no %s in the version before", a.What, ErrNotNow, a.ID)
	}
	return nil
}

// ShareReview mails the latest version of a review, as text, to the managers and
// the owners of its action items. It must say what caused the incident.
func ShareReview(inc *incident.Incident, inv *inventory.Inventory, by inventory.Person, text, link string) ([]incident.Payload, error) {
	r := inc.Review
	switch {
	case !leads(by):
		return nil, ErrRole
	case r.State() == "":
		return nil, fmt.Errorf("share the review: %w: nobody has written it yet", ErrNotNow)
	case r.State() == "shared":
		return nil, fmt.Errorf("share the review: %w: version %d is shared already", ErrNotNow, r.Shared)
	case inc.Ongoing():
		return nil, fmt.Errorf("share the review: %w: the incident is %s", ErrNotNow, inc.Status)
	case r.Latest.Causes == "":
		return nil, fmt.Errorf("share the review: %w: the causes", ErrIncomplete)
	}
	people := mailable(inv.WithRole(inventory.Manager))
	for _, a := range r.Latest.Actions {
		if owner, ok := inv.Person(a.Owner); ok {
			people = append(people, mailable([]inventory.Person{owner})...)
		}
	}
	if len(people) == 0 {
		return nil, fmt.Errorf("share the review: %w: nobody with the role manager has a mail address in the inventory", ErrIncomplete)
	}
	if link != "" {
		text += "\n" + link + "/incidents/" + inc.ID + "/review\n"
	}
	m := incident.MessageQueued{
		Message: fmt.Sprintf("%s/M%d", inc.ID, inc.Version+1), Purpose: fmt.Sprintf("review, version %d", r.Latest.Version), Topic: "review",
		Subject: fmt.Sprintf("[%s] Review: %s", inc.ID, inc.Title), Body: text,
	}
	for _, p := range people {
		if !slices.Contains(m.People, p.Name) {
			m.People, m.To = append(m.People, p.Name), append(m.To, p.Email)
		}
	}
	return []incident.Payload{m, incident.ReviewShared{Version: r.Latest.Version, With: m.People, By: by.Name}}, nil
}

// FinishAction says that an action item is done. Its owner may, and who leads.
func FinishAction(inc *incident.Incident, by inventory.Person, id, words string) ([]incident.Payload, error) {
	for _, a := range inc.Review.OpenActions() {
		if a.ID != id {
			continue
		}
		if a.Owner != by.Name && !leads(by) {
			return nil, ErrRole
		}
		return []incident.Payload{incident.ActionDone{ID: id, Words: clip(words), By: by.Name}}, nil
	}
	return nil, fmt.Errorf("action item %q: %w: no such item is open", id, ErrNotNow)
}

// MarkSignificant says that an incident is significant under NIS2, and since when
// somebody has been aware of it, or that it is not after all [NIS2, article 23].
func MarkSignificant(inc *incident.Incident, by inventory.Person, s incident.Significant, now time.Time) ([]incident.Payload, error) {
	if s.Aware.IsZero() {
		s.Aware = now
	}
	s.Why, s.By = clip(s.Why), by.Name
	switch {
	case !leads(by):
		return nil, ErrRole
	case inc.Subject.NoTrouble() || inc.Status == incident.Joined:
		return nil, fmt.Errorf("significant: %w: it is no incident of its own", ErrNotNow)
	case s.Why == "":
		return nil, fmt.Errorf("significant: %w: why", ErrIncomplete)
	case s.Is && s.Aware.After(now):
		return nil, fmt.Errorf("significant: %w: nobody is aware of it before it happens", ErrNotNow)
	case !s.Is && (inc.Duty == nil || !inc.Duty.Is):
		return nil, fmt.Errorf("significant: %w: nobody has called it significant", ErrNotNow)
	}
	if !s.Is {
		s.Aware = inc.Duty.Aware
	}
	return []incident.Payload{s}, nil
}

// ReportDuty says that one stage was sent to the authority.
func ReportDuty(inc *incident.Incident, by inventory.Person, stage incident.DutyStage, reference string) ([]incident.Payload, error) {
	switch {
	case !leads(by):
		return nil, ErrRole
	case !slices.Contains(incident.DutyStages, stage):
		var names []string
		for _, s := range incident.DutyStages {
			names = append(names, string(s))
		}
		return nil, fmt.Errorf("report to the authority: %w: %q is not one of %s", ErrIncomplete, stage, strings.Join(names, ", "))
	case !slices.Contains(inc.Duty.Missing(), stage):
		return nil, fmt.Errorf("report to the authority: %w: the %s is not asked for, or was sent", ErrNotNow, stage)
	}
	return []incident.Payload{incident.DutyReported{Stage: stage, Reference: clip(reference), By: by.Name}}, nil
}

// Evaluate closes the yearly evaluation of the policy with what came of it [5.3].
func Evaluate(inc *incident.Incident, by inventory.Person, words string) ([]incident.Payload, error) {
	words, err := said(words, "what shall change, or why nothing shall")
	switch {
	case !leads(by):
		return nil, ErrRole
	case inc.Subject.Kind != "policy" || inc.Status != incident.Open:
		return nil, fmt.Errorf("evaluate: %w: it is no open evaluation of the policy", ErrNotNow)
	case err != nil:
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	return []incident.Payload{incident.Resolution{Cause: inc.Title, Solution: words, By: by.Name}, incident.Closed{By: by.Name}}, nil
}
