// Package intake is the door through which every alert comes, whoever sends
// it: it opens an incident or joins one, and it has committed before it
// returns.
//
//	door := &intake.Door{Store: s, Inventory: inv, Runbooks: lib, Clock: clk, …}
//	err := door.Receive(ctx, alerts, 0)
//
// An alert is a lookup key and nothing else: what it says can find a server in
// the inventory and a runbook in the library, and never becomes an address, a
// command or a target.
package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/runbooks"
)

// Timelines is what the door needs of a store; [store.Store] is one.
type Timelines interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	Episodes(ctx context.Context, names []string) (map[string]store.Episode, error)
	Ongoing(ctx context.Context, about []incident.Subject) (map[incident.Subject]*incident.Incident, error)
	Extend(ctx context.Context, changes ...store.Change) []error
}

// Door turns alerts into incidents. Every field must be set.
type Door struct {
	Store     Timelines
	Inventory func() *inventory.Inventory
	Runbooks  func() *runbooks.Library
	Clock     *clock.Clock
	Labels    func() []string // the labels by which an alert may name a server, in order
	Count     func(a alerts.Alert, result string)

	// One batch at a time passes for each subject: a burst about one server
	// would otherwise lose against itself, try after try, and two peers of an
	// Alertmanager that report the same thing at the same moment would both be
	// believed. What joins the incident of a whole site or rack passes one batch
	// at a time in all, after the locks of its own subjects.
	subjects keyed
	wholes   keyed // of one name
}

// DefaultLabels are the labels that name a server when none are configured.
var DefaultLabels = []string{"server", "instance", "host"}

// How an alert can end; the words are those of the metric.
const (
	opened    = "opened"
	joined    = "joined"
	duplicate = "duplicate"
	late      = "late"      // firing, overtaken by the resolved that is already known
	unmatched = "unmatched" // resolved, of something never seen firing
)

// Bounds of taking in a batch.
const (
	maxTries    = 20  // when others write to the same incidents at the same moment
	maxTogether = 200 // incidents in one transaction: others wait for its end
	inARow      = 3   // failures of single alerts after which the store itself is at fault
)

// word is one alert of a batch, and what has become of it.
type word struct {
	alert   alerts.Alert
	episode string // the alert's
	cut     uint64
	about   about
	result  string // "" while it is not in
	err     error
}

// Receive takes in a batch. cut is the number of alerts that the sender left
// out of it. When it returns nil, every alert is committed; an error means that
// some are not, and that the whole batch may be sent again: what was already
// taken in is recognised.
func (d *Door) Receive(ctx context.Context, batch []alerts.Alert, cut uint64) error {
	ctx = store.As(ctx, "") // an alert comes in through any replica, whoever has the incident
	words := make([]*word, len(batch))
	names := make([]string, len(batch))
	for n, a := range batch {
		words[n] = &word{alert: a, episode: a.Episode(), cut: cut, about: d.about(a)}
		names[n] = words[n].about.subject.String()
	}
	if unlock, err := d.subjects.lock(ctx, names); err != nil {
		fail(words, err)
	} else {
		defer unlock()
		d.take(ctx, words)
	}
	var errs []error
	for _, w := range words {
		if w.err != nil {
			errs = append(errs, fmt.Errorf("take in alert %s: %w", w.alert.Labels, w.err))
			continue
		}
		d.Count(w.alert, w.result)
	}
	return errors.Join(errs...)
}

// take takes words in together. When that fails it tries each on its own: one
// that cannot be taken in must not keep the others out.
func (d *Door) take(ctx context.Context, words []*word) {
	d.insist(ctx, words)
	if len(words) == 1 {
		return
	}
	failures := 0
	for _, w := range words {
		if w.err != nil && failures < inARow {
			w.err = nil
			d.insist(ctx, []*word{w})
			failures++
		}
		if w.err == nil {
			failures = 0
		}
	}
}

// insist tries until the words are in: somebody else may open, write to or
// close the same incidents in between.
func (d *Door) insist(ctx context.Context, words []*word) {
	for range maxTries {
		if words = d.try(ctx, words); len(words) == 0 {
			return
		}
	}
	fail(words, fmt.Errorf("gave up after %d tries: %w", maxTries, store.ErrConflict))
}

// try plans what becomes of words and commits it; it returns those that must be
// planned again.
func (d *Door) try(ctx context.Context, words []*word) (again []*word) {
	p, err := d.newPlan(ctx, words)
	if err != nil {
		fail(words, err)
		return nil
	}
	defer p.close()
	for _, w := range words {
		w.result, w.err = p.place(w)
	}
	p.commit()
	for _, w := range words {
		if errors.Is(w.err, store.ErrTaken) || errors.Is(w.err, store.ErrConflict) {
			w.err = nil
			again = append(again, w)
		}
	}
	return again
}

func fail(words []*word, err error) {
	for _, w := range words {
		w.err = err
	}
}
