package desk

import (
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// turn returns when it is the turn of those who come after asked, whose turn was
// at some moment: after their time, or as soon as all of them have passed the
// matter on by telephone.
func (b *batch) turn(r relay, asked []inventory.Person, at time.Time) time.Time {
	next := at.Add(r.every)
	latest := at
	for _, p := range asked {
		passed, ok := b.facts.Incident.PassedOn(p.Name, r.topic, r.since)
		if !ok {
			return next
		}
		if passed.After(latest) {
			latest = passed
		}
	}
	if latest.Before(next) {
		return latest
	}
	return next
}
