package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// How long the communications manager has: from before an update is due until
// well before customers think that they are forgotten.
const (
	nodBefore = 5 * time.Minute
	nodAfter  = 5 * time.Minute
)

// mayGo says whether an update that is due at a moment goes now, with what the
// communications manager adds; or when that must be asked again. Without their
// nod it goes by itself, with the bare facts.
func (b *batch) mayGo(c inventory.Customer, last, due time.Time) (words string, wait time.Time) {
	now, d := b.facts.Now, b.facts.Incident.Draft
	if !b.facts.Policy.Nod {
		if now.Before(due) {
			return "", due
		}
		return "", time.Time{}
	}
	waits := d != nil && d.DraftedAt.After(last) && slices.Contains(d.Customers, c.Name)
	until := due.Add(nodAfter)
	switch {
	case waits && d.AgreedBy != "":
		return d.Words, time.Time{}
	case !now.Before(until):
		return "", time.Time{}
	case waits:
		return "", until
	case now.Before(due.Add(-nodBefore)):
		return "", due.Add(-nodBefore)
	}
	b.drafted = append(b.drafted, c)
	if b.draftDue.IsZero() || due.Before(b.draftDue) {
		b.draftDue = due
	}
	return "", until
}

// draft puts the updates that fall due before the communications manager, and
// with them those that wait already: there is one draft at a time.
func (b *batch) draft() {
	if len(b.drafted) == 0 {
		return
	}
	inc := b.facts.Incident
	p := incident.UpdateDrafted{Draft: b.id("D"), Texts: map[string]string{}, Due: b.draftDue, Until: b.draftDue.Add(nodAfter)}
	if d := inc.Draft; d != nil && d.AgreedBy == "" {
		for _, name := range d.Customers {
			if c, ok := b.facts.Inventory.Customer(name); ok && inc.Told[name].Before(d.DraftedAt) {
				b.drafted = append(b.drafted, c)
			}
		}
	}
	for _, c := range b.drafted {
		if slices.Contains(p.Customers, c.Name) {
			continue
		}
		p.Customers = append(p.Customers, c.Name)
		if every, _ := b.facts.Policy.Hears(c, inc.Priority); p.Texts[c.Language] == "" {
			p.Texts[c.Language] = compose(b.facts, c, word{purpose: "update", next: p.Due.Add(every)}).body
		}
	}
	b.add(p)
}

// askForNod mails the incident's communications manager the update that waits for
// them, and half way to the end of its time everybody who may let it go as well.
// An update for which nobody can be asked goes by itself.
func (b *batch) askForNod() {
	inc := b.facts.Incident
	d := PendingDraft(inc, b.facts.Now)
	if d == nil {
		return
	}
	rungs := b.upTo(incident.CommunicationsRole, b.spokesmen())
	if len(rungs) == 0 {
		return
	}
	body := fmt.Sprintf("It goes by itself at %s, with these facts and no more.\n", clockTime(d.Until))
	for _, language := range inventory.Languages {
		if text := d.Texts[language]; text != "" {
			body += "\n" + text
		}
	}
	b.relay(relay{
		topic: d.Draft, subject: fmt.Sprintf("[%s] May this update go to %s?", inc.ID, strings.Join(d.Customers, ", ")), body: body,
		rungs: rungs, since: d.DraftedAt, every: d.Until.Sub(d.DraftedAt) / time.Duration(len(rungs)),
	})
}

// spokesmen are all who may be asked to let an update go: the communications
// managers [4.3], or the managers where there are none.
func (b *batch) spokesmen() []inventory.Person {
	if people := b.facts.Inventory.WithRole(inventory.Communications); len(people) > 0 {
		return people
	}
	return b.facts.Inventory.WithRole(inventory.Manager)
}

// PendingDraft returns the update that waits for a nod, nil when none does.
func PendingDraft(inc *incident.Incident, now time.Time) *incident.Draft {
	d := inc.Draft
	if d == nil || d.AgreedBy != "" || inc.Status != incident.Open || !now.Before(d.Until) {
		return nil
	}
	waits := slices.ContainsFunc(d.Customers, func(name string) bool { return inc.Told[name].Before(d.DraftedAt) })
	if !waits {
		return nil
	}
	return d
}

// AgreeToUpdate lets an update go, with words that customers read besides the
// facts. It goes at once.
func AgreeToUpdate(inc *incident.Incident, by inventory.Person, draft, words string, now time.Time) ([]incident.Payload, error) {
	d := PendingDraft(inc, now)
	switch {
	case !by.Has(inventory.Communications, inventory.Manager):
		return nil, ErrRole
	case d == nil || d.Draft != draft:
		return nil, fmt.Errorf("update %q: %w: no such update waits; it may have gone by itself", draft, ErrNotNow)
	}
	return []incident.Payload{incident.UpdateAgreed{Draft: draft, By: by.Name, Words: clip(words)}}, nil
}
