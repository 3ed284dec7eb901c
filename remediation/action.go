package remediation

import (
	"context"
	"strings"
	"unicode"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Order is one change on one server, to be sent at most once.
type Order struct {
	Intent incident.Intended
	Server inventory.Server
	// Last is asked when the session is open and the machine's identity is
	// proven, right before the one write. If it returns an error, nothing is
	// sent and the result is Refused.
	Last func() error
}

// Result is what is known of the send. Detail is one clause for the timeline:
// no secrets, no vendor dump.
type Result struct {
	Outcome incident.Outcome
	Detail  string
}

// Action carries out an order. It writes to the machine at most once: no
// retry, no second provider, no second cipher suite underneath. Refused means
// proved not carried out; whatever is not certain is Unknown. It never returns
// Done because of silence.
type Action func(ctx context.Context, o Order) Result

// Clause makes what a machine said fit for one line of a timeline: no control
// characters, white space single, at most limit characters, no full stop.
func Clause(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return strings.TrimRight(text, ".")
}
