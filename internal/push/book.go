package push

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Store is what a book needs of one; [store.Store] is one.
type Store interface {
	LoadFor(ctx context.Context, subject incident.Subject) (*incident.Incident, error)
}

// Book knows which browsers of whom hear of pages. They stand on a record of each
// person, so that a replica or a restart forgets none. Every field must be set.
type Book struct {
	Store  Store
	Clock  *clock.Clock
	Source func() *inventory.Inventory
	Sender func() Sender // as the configuration says now
	Log    *slog.Logger

	reading sync.Mutex
	wanted  atomic.Pointer[map[string]bool] // who has a browser that wants to hear
}

// every is how often a replica looks whether another one was told of a browser.
const every = 5 * time.Second

// Record is the subject of a person's own record.
func Record(person string) incident.Subject { return incident.Subject{Kind: "push", Name: person} }

// Wants reports whether a browser of a person wants to hear of pages.
func (b *Book) Wants(person string) bool {
	wanted := b.wanted.Load()
	return wanted != nil && (*wanted)[person]
}

// Watch keeps what is known as the store has it until ctx ends.
func (b *Book) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.Refresh(ctx); err != nil && ctx.Err() == nil {
			b.Log.Warn("whose browsers hear of pages could not be read; what is known holds", "err", err)
		}
		b.Clock.Wait(ctx, b.Clock.Now().Add(every), nil)
	}
}

// Refresh reads the records of all people. Of one that cannot be read, what was
// known still holds.
func (b *Book) Refresh(ctx context.Context) error {
	b.reading.Lock() // what was read earlier must not take the place of what was read later
	defer b.reading.Unlock()
	next := map[string]bool{}
	var failed error
	for _, p := range b.Source().People {
		record, err := b.Load(ctx, p.Name)
		if err != nil {
			failed = errors.Join(failed, err)
			next[p.Name] = b.Wants(p.Name)
			continue
		}
		next[p.Name] = record != nil && len(record.Devices) > 0
	}
	b.wanted.Store(&next)
	return failed
}

// Load returns a person's own record, nil while they never subscribed anything.
func (b *Book) Load(ctx context.Context, person string) (*incident.Incident, error) {
	return b.Store.LoadFor(ctx, Record(person))
}

// Opening is the alert by which a person's own record is opened.
func Opening(person string) alerts.Alert {
	return alerts.RecordOf(alerts.PushDevices, "person", person, "Browsers of "+person+" that hear of pages")
}
