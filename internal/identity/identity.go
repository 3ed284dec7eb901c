// Package identity says which machine each server is now: the one that the
// inventory's files name, or another that two engineers have confirmed after its
// hardware was replaced. What was confirmed stands on a record of the server's own,
// so that it is audited like everything else, holds on every replica and outlives a
// restart; it ends when the files say the same.
//
//	b := &identity.Book{Store: s, Clock: clk, Source: files, Log: log}
//	go b.Watch(ctx)
//	server, ok := b.Inventory().Server("web-07")
//
// What this package knows may be some seconds old. Whoever sends a power command
// compares it with the record itself, in the guard "identity".
package identity

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

// Store is what a book needs of one; [store.Store] is one.
type Store interface {
	LoadFor(ctx context.Context, subject incident.Subject) (*incident.Incident, error)
	Load(ctx context.Context, id string) (*incident.Incident, error)
	List(ctx context.Context, f store.Filter) ([]store.Summary, error)
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
}

// Book keeps which machine each server is. Every field must be set.
type Book struct {
	Store  Store
	Clock  *clock.Clock
	Source func() *inventory.Inventory // as its files say
	Log    *slog.Logger

	restated atomic.Pointer[[]inventory.Restated]
	dressed  atomic.Pointer[dressed]

	reading sync.Mutex
}

// dressed is the files with what was confirmed.
type dressed struct {
	source    *inventory.Inventory
	restated  *[]inventory.Restated
	inventory *inventory.Inventory
}

// every is how often a replica looks whether something was confirmed at another.
const every = 5 * time.Second

// maxRecords is how many servers may have a record of this kind: more than the
// largest fleet has.
const maxRecords = 100_000

// Record is the subject of a server's own record.
func Record(server string) incident.Subject {
	return incident.Subject{Kind: "identity", Name: server}
}

// Opening is the alert by which a server's own record is opened.
func Opening(server string) alerts.Alert {
	return alerts.RecordOf(alerts.ServerIdentity, "server", server, "Which machine "+server+" is")
}

// Inventory returns the files with what was confirmed. It is cheap while nothing
// changes.
func (b *Book) Inventory() *inventory.Inventory {
	source, restated := b.Source(), b.restated.Load()
	if restated == nil || len(*restated) == 0 {
		return source
	}
	if d := b.dressed.Load(); d != nil && d.source == source && d.restated == restated {
		return d.inventory
	}
	inv := source.Restate(*restated)
	b.dressed.Store(&dressed{source, restated, inv})
	return inv
}

// Watch keeps what was confirmed as the store has it until ctx ends. While the store
// cannot be read, what is known stays; the guard, which reads it too, refuses then.
func (b *Book) Watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.Refresh(ctx); err != nil && ctx.Err() == nil {
			b.Log.Warn("which machines were replaced could not be read; what is known holds", "err", err)
		}
		b.Clock.Wait(ctx, b.Clock.Now().Add(every), nil)
	}
}

// Refresh reads every record, and ends those that the files have caught up with. It
// may be called again after an error.
func (b *Book) Refresh(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	records, err := b.Store.List(ctx, store.Filter{Ongoing: true, Calendar: true, Limit: maxRecords})
	if err != nil {
		return err
	}
	var list []inventory.Restated
	for _, r := range records {
		if !strings.HasPrefix(r.Subject, "identity:") {
			continue
		}
		record, err := b.Store.Load(ctx, r.ID)
		if err != nil {
			return err
		}
		if is, err := b.confirmed(ctx, record); err != nil {
			return err
		} else if is != nil {
			list = append(list, *is)
		}
	}
	if known := b.restated.Load(); known == nil || !slices.Equal(*known, list) {
		b.restated.Store(&list)
	}
	return nil
}

// confirmed is what a record says against the files, nil when nothing.
func (b *Book) confirmed(ctx context.Context, record *incident.Incident) (*inventory.Restated, error) {
	d := record.Identity
	if d == nil || !d.Confirmed {
		return nil, nil
	}
	filed, _ := b.Source().Server(record.Subject.Name)
	if filed.Machine().Same(inventory.Machine(d.Proposal.Now)) {
		if d.Open() { // somebody has said since that it is yet another one
			return nil, nil
		}
		_, err := b.Store.Append(ctx, record.ID, record.Version, incident.Event{
			Actor: incident.Piket, Payload: incident.IdentityDropped{By: incident.Piket, Why: "they say what was confirmed"},
		})
		if errors.Is(err, store.ErrConflict) { // another replica was quicker
			err = nil
		}
		return nil, err
	}
	return &inventory.Restated{Server: record.Subject.Name, Was: inventory.Machine(d.Proposal.Was), Now: inventory.Machine(d.Proposal.Now)}, nil
}

// Load returns a server's own record as the store has it now, nil while nobody ever
// said anything.
func (b *Book) Load(ctx context.Context, server string) (*incident.Incident, error) {
	return b.Store.LoadFor(ctx, Record(server))
}
