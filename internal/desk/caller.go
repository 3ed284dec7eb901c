package desk

import (
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Caller is what support tells somebody who calls about trouble that is known
// [2.1, 3.1].
type Caller struct {
	Since  time.Time // since when we know
	Next   time.Time // when they hear next, zero when not before service is back
	Script string    // in their language, from verified facts only; "" for who is no customer
}

// ToCaller says what to tell a customer who calls, or, with the zero Customer,
// somebody who is none.
func ToCaller(f Facts, c inventory.Customer) Caller {
	inc := f.Incident
	told := Caller{Since: inc.OpenedAt}
	if c.Name == "" {
		return told
	}
	purpose := "first"
	switch every, hears := f.Policy.Hears(c, inc.Priority); {
	case inc.Status == incident.BackInService:
		purpose = "restored"
	case inc.Status != incident.Open || !hears || every == 0:
	case inc.Told[c.Name].IsZero():
		told.Next = f.Now
	default:
		told.Next = inc.Told[c.Name].Add(every)
	}
	told.Script = compose(f, c, word{purpose: purpose, next: told.Next}).spoken
	return told
}
