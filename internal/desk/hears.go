package desk

import (
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Hears reports whether a customer hears of incidents of a priority [3.1], and
// how often while the trouble lasts; 0 for only when it begins and ends.
func (p Policy) Hears(c inventory.Customer, priority incident.Priority) (every time.Duration, hears bool) {
	every, usually := p.Updates[priority]
	if !c.HearsOf(string(priority), usually) {
		return 0, false
	}
	if !c.WantsUpdates() {
		every = 0
	}
	return every, true
}

// customers keeps the customer clock: first word at once, then one at every
// interval, at once when service is back, and a summary after closing
// [3.1–3.4]. Who has heard that it began hears that it is over, whatever its
// priority is by then.
func (b *batch) customers() {
	inc := b.facts.Incident
	if inc.Status == incident.Joined {
		return
	}
	for _, name := range inc.Customers {
		customer, ok := b.facts.Inventory.Customer(name)
		if !ok {
			continue
		}
		every, hears := b.facts.Policy.Hears(customer, inc.Priority)
		switch inc.Status {
		case incident.Open:
			if hears && !seemsOver(inc) {
				b.update(customer, every)
			}
		case incident.BackInService:
			b.once(customer, "restored")
		case incident.Finished:
			if inc.Resolution == nil || inc.Resolution.Unchecked == "" {
				b.once(customer, "restored")
			}
			b.once(customer, "summary")
		}
	}
	b.draft()
}

// seemsOver reports whether nobody says any more that there is trouble which no
// runbook checks: then customers are asked, not told that it goes on.
func seemsOver(inc *incident.Incident) bool {
	return inc.Runbook.Hash == "" && inc.Status == incident.Open && len(inc.Alerts) > 0 && len(inc.Firing()) == 0
}

// update tells a customer that the trouble goes on [3.2].
func (b *batch) update(c inventory.Customer, every time.Duration) {
	inc, now := b.facts.Incident, b.facts.Now
	last, told := inc.Told[c.Name]
	_, back := inc.ToldBack[c.Name]
	switch {
	case !told && b.believed():
		b.tell(c, word{purpose: "first", next: b.nextWord(every)})
	case !told || b.wellFor(c):
	case last.IsZero() || back: // they were told that it is over, and it is not
		b.tell(c, word{purpose: "update", next: b.nextWord(every)})
	case every == 0:
	case last.Sub(now) >= maxAhead:
		// Who was told in the future was told by a clock that has been set back
		// since, or by another machine's that was wrong: they would wait for that
		// long.
		b.tell(c, word{purpose: "update", next: b.nextWord(every)})
	default:
		words, wait := b.mayGo(c, last, last.Add(every))
		if !wait.IsZero() {
			b.later(wait)
			return
		}
		b.tell(c, word{purpose: "update", next: b.nextWord(every), words: words})
	}
}

// nextWord returns when the word after this one comes, zero when none does.
func (b *batch) nextWord(every time.Duration) time.Time {
	if every == 0 {
		return time.Time{}
	}
	return b.facts.Now.Add(every)
}

// wellFor reports whether an incident that another customer had reopened is none
// for c: they heard that it is over, and nothing that is looked at says
// otherwise.
func (b *batch) wellFor(c inventory.Customer) bool {
	inc := b.facts.Incident
	_, back := inc.ToldBack[c.Name]
	return back && (inc.Goal.Holds || !inc.Goal.Known)
}
