package web

import (
	"context"
	"fmt"
	"sync"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/runbooks"
)

// history is one incident with the timeline that it was added up from, and the
// runbook that it began with.
type history struct {
	inc    *incident.Incident
	events []incident.Event
	book   *runbooks.Runbook // nil when none is pinned, or this piket cannot read it
}

// history loads an incident, or returns store.ErrNotFound.
func (a *app) history(ctx context.Context, id string) (history, error) {
	events, err := a.Store.Events(ctx, id, 0)
	if err != nil {
		return history{}, err
	}
	if len(events) == 0 {
		return history{}, fmt.Errorf("%s: %w", id, store.ErrNotFound)
	}
	inc := incident.Fold(events)
	return history{inc, events, a.books.read(inc.Runbook)}, nil
}

// maxBooks bounds how many runbooks are kept read.
const maxBooks = 64

// books keeps pinned runbooks that have been read: compiling one's conditions
// takes longer than all the rest of a page.
type books struct {
	mu     sync.Mutex
	byHash map[string]*runbooks.Runbook
}

func newBooks() *books { return &books{byHash: map[string]*runbooks.Runbook{}} }

// read returns the runbook that was pinned. One that an older piket wrote and
// this one cannot read is nil: its text is shown all the same.
func (b *books) read(pinned incident.RunbookPinned) *runbooks.Runbook {
	if pinned.Hash == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if book, known := b.byHash[pinned.Hash]; known {
		return book
	}
	book, err := runbooks.Parse(pinned.Name, []byte(pinned.Source))
	if err != nil {
		book = nil
	}
	if len(b.byHash) >= maxBooks {
		clear(b.byHash)
	}
	b.byHash[pinned.Hash] = book
	return book
}
