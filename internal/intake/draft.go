package intake

import (
	"slices"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// draft is one incident as it will be.
type draft struct {
	inc     *incident.Incident
	stored  bool // it is in the store, at version
	version int
	events  []incident.Event
	words   []*word // that are in when the events are
}

// with notes that how w ends rests on what is only a draft as yet.
func (on *draft) with(w *word, result string) string {
	if len(on.events) > 0 {
		on.words = append(on.words, w)
	}
	return result
}

// change is what the store is asked for.
func (on *draft) change() store.Change {
	if !on.stored {
		return store.Change{Events: on.events}
	}
	return store.Change{ID: on.inc.ID, Version: on.version, Events: on.events}
}

// commit writes the drafts down. Whose alerts are not in afterwards has an
// error.
func (p *plan) commit() {
	changed := slices.DeleteFunc(p.drafts, func(on *draft) bool { return len(on.events) == 0 })
	for together := range slices.Chunk(changed, maxTogether) {
		changes := make([]store.Change, len(together))
		for n, on := range together {
			changes[n] = on.change()
			before, _ := on.moments()
			failpoint.Reach(before)
		}
		errs := p.Store.Extend(p.ctx, changes...)
		for n, on := range together {
			fail(on.words, errs[n])
			_, after := on.moments()
			failpoint.Done(after, errs[n])
		}
	}
}

// moments are those right before and right after the commit of a draft.
func (on *draft) moments() (before, after failpoint.Point) {
	switch {
	case !on.stored:
		return failpoint.IntakeBeforeCreate, failpoint.IntakeCreated
	case slices.ContainsFunc(on.words, func(w *word) bool { return w.alert.Status == alerts.Firing }):
		return failpoint.IntakeBeforeJoin, failpoint.IntakeJoined
	}
	return failpoint.IntakeBeforeResolve, failpoint.IntakeResolved
}
