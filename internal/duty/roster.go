// Package duty says who is on duty now: whose turn it is by the inventory's
// rotations, and who has taken a shift over. What a team took over stands on a
// record of its own, so that it is audited like everything else, holds on every
// replica and outlives a restart.
//
//	r := &duty.Roster{Store: s, Clock: clk, Source: read, Log: log}
//	go r.Watch(ctx)
//	people := r.Inventory().OnDuty("network-and-server")
package duty

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Store is what a roster needs of one; [store.Store] is one.
type Store interface {
	LoadFor(ctx context.Context, subject incident.Subject) (*incident.Incident, error)
}

// Roster keeps who covers for whom. Every field must be set.
type Roster struct {
	Store  Store
	Clock  *clock.Clock
	Source func() *inventory.Inventory // as its files say
	Log    *slog.Logger

	Followed *Followed // the calendars of other tools; nil when none is followed

	covers  atomic.Pointer[[]inventory.Cover]
	dressed atomic.Pointer[dressed]

	reading sync.Mutex
	known   map[string][]inventory.Cover // of each team, as it was read last
}

// dressed is the inventory as it is for a while.
type dressed struct {
	source      *inventory.Inventory
	covers      *[]inventory.Cover
	from, until time.Time
	inventory   *inventory.Inventory
}

// every is how often a replica looks whether another one was told of a cover.
const every = 5 * time.Second

// Record is the subject of a team's own record.
func Record(team string) incident.Subject { return incident.Subject{Kind: "roster", Name: team} }

// Inventory returns the inventory as it is now: each team's OnDuty begins with
// who has the duty at this moment. It is cheap, and costs one comparison while
// nothing changes.
func (r *Roster) Inventory() *inventory.Inventory {
	source, covers, now := r.Source(), r.covers.Load(), r.Clock.Now()
	if d := r.dressed.Load(); d != nil && d.source == source && d.covers == covers && !now.Before(d.from) && now.Before(d.until) {
		return d.inventory
	}
	inv, until := source.On(now, r.Covers())
	r.dressed.Store(&dressed{source: source, covers: covers, from: now, until: until, inventory: inv})
	return inv
}

// Covers lists who has taken over what, in the order in which it was said.
func (r *Roster) Covers() []inventory.Cover {
	if covers := r.covers.Load(); covers != nil {
		return *covers
	}
	return nil
}

// Watch keeps the covers as the store has them, and the calendars that are
// followed, until ctx ends. While the store
// cannot be read, those that are known hold.
func (r *Roster) Watch(ctx context.Context) {
	if r.Followed != nil {
		defer func(done <-chan struct{}) { <-done }(r.Clock.Go(func() { r.Followed.Watch(ctx, r.Refresh) }))
	}
	for ctx.Err() == nil {
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("who covers for whom could not be read; what is known holds", "err", err)
		}
		r.Clock.Wait(ctx, r.Clock.Now().Add(every), nil)
	}
}

// Refresh reads the covers of all teams. Of a team that cannot be read, those that
// were known still hold; the error says so, and it may be called again.
func (r *Roster) Refresh(ctx context.Context) error {
	r.reading.Lock() // what was read earlier must not take the place of what was read later
	defer r.reading.Unlock()
	var covers []inventory.Cover
	var failed error
	next := map[string][]inventory.Cover{}
	for _, team := range r.Source().Teams {
		list, err := r.of(ctx, team)
		if err != nil {
			failed, list = errors.Join(failed, err), r.known[team.Name]
		}
		next[team.Name] = list
		covers = append(covers, r.Followed.Covers(team)...) // what people say goes before what was planned
		covers = append(covers, list...)
	}
	r.known = next
	if !slices.Equal(covers, r.Covers()) {
		r.covers.Store(&covers)
	}
	return failed
}

// Load returns a team's own record as the store has it now, nil while nobody ever
// took anything over.
func (r *Roster) Load(ctx context.Context, team string) (*incident.Incident, error) {
	return r.Store.LoadFor(ctx, Record(team))
}

// of reads what one team has taken over. Who has left the team since covers for
// nobody.
func (r *Roster) of(ctx context.Context, team inventory.Team) ([]inventory.Cover, error) {
	record, err := r.Load(ctx, team.Name)
	if err != nil || record == nil {
		return nil, err
	}
	var covers []inventory.Cover
	for _, c := range record.Covers {
		if slices.Contains(team.Members, c.Person) {
			covers = append(covers, inventory.Cover{
				Team: team.Name, Shift: inventory.Shift{Person: c.Person, From: c.From, Until: c.Until}, Said: c.Said,
			})
		}
	}
	return covers, nil
}

// Opening is the alert by which a team's own record is opened.
func Opening(team string) alerts.Alert {
	return alerts.RecordOf(alerts.DutyRoster, "team", team, "Duty roster of the team "+team)
}
