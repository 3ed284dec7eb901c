package remediation

import (
	"context"
	"errors"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Timelines is what the engine needs of a store; [store.Store] is one. Its
// errors are the store's: after a conflict the engine loads again and decides
// again.
type Timelines interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	// Append adds decisions to an incident that stands at version.
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
	// AppendIf does so only if check agrees, in the same transaction, to what has
	// been touched since; two that ask at the same moment see each other.
	AppendIf(ctx context.Context, id string, version int, check func([]*incident.Touch) error, since time.Time, events ...incident.Event) (*incident.Incident, error)
	// Record adds facts, whatever else has happened meanwhile.
	Record(ctx context.Context, id string, events ...incident.Event) (*incident.Incident, error)
	// OpenFor returns the incident that is open for a subject, "" when none is.
	OpenFor(ctx context.Context, subject incident.Subject) (string, error)
	// Ongoing returns the incidents that are open for subjects; they are shared
	// and must not be changed.
	Ongoing(ctx context.Context, about []incident.Subject) (map[incident.Subject]*incident.Incident, error)
	// Touches returns every intent that is not over, and those planned since.
	Touches(ctx context.Context, since time.Time) ([]*incident.Touch, error)
	// Results returns what a step was good for on a class of server, newest first.
	Results(ctx context.Context, runbook, step, class string, limit int) ([]*incident.Touch, error)
	// WithHands returns the incidents of a site that are not over and for which
	// hands have said that they come, and not yet that they are done.
	WithHands(ctx context.Context, site string) ([]string, error)
	// Fallen returns servers of a site, each once, whose own incidents are open and were
	// opened in between.
	Fallen(ctx context.Context, site string, from, to time.Time, limit int) ([]string, error)
}

// errHeldBack says that a guard refused in the very transaction that would have
// written the intent or the claim. The next visit writes down why.
var errHeldBack = errors.New("a guard refuses")
