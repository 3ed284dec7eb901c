package duty_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

var night = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// team is noor's and daan's; noor is on duty by the file.
func team(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		People: []inventory.Person{{Name: "noor"}, {Name: "daan"}, {Name: "eva"}},
		Teams: []inventory.Team{
			{Name: "network", Members: []string{"noor", "daan"}, OnDuty: []string{"noor"}},
			{Name: "storage", Members: []string{"eva"}, OnDuty: []string{"eva"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// failing is a store that can be away.
type failing struct {
	*store.Store
	away string // the team whose record cannot be read
}

func (f *failing) LoadFor(ctx context.Context, s incident.Subject) (*incident.Incident, error) {
	if f.away == s.Name {
		return nil, errors.New("the database is away")
	}
	return f.Store.LoadFor(ctx, s)
}

// [4] Who takes over is asked from the moment on at which they said so, on every
// replica and after a restart, and no longer than that.
func TestWhoTakesOverIsAskedForAsLongAsTheySaid(t *testing.T) {
	clk := clock.Jumping(night)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inv := team(t)
	kept := &failing{Store: s}
	r := &duty.Roster{Store: kept, Clock: clk, Source: func() *inventory.Inventory { return inv }, Log: slog.New(slog.DiscardHandler)}
	asked := func(want string) {
		t.Helper()
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.Inventory().OnDuty("network")[0].Name; got != want {
			t.Errorf("at %s %s is asked first, want %s", clk.Now(), got, want)
		}
	}
	asked("noor")
	if dressed := r.Inventory(); dressed != r.Inventory() {
		t.Error("the inventory is made anew although nothing has changed")
	}

	opened := incident.Opened{Title: "Duty roster of the team network", Subject: duty.Record("network")}
	record, err := s.Create(t.Context(), incident.Event{Actor: incident.Piket, Payload: opened})
	if err != nil {
		t.Fatal(err)
	}
	say := func(p incident.Payload) {
		t.Helper()
		if record, err = s.Append(t.Context(), record.ID, record.Version, incident.Event{Actor: incident.Person("noor"), Payload: p}); err != nil {
			t.Fatal(err)
		}
	}
	say(incident.Covered{Cover: "D1", Team: "network", Person: "daan", From: night.Add(time.Hour), Until: night.Add(3 * time.Hour), By: "noor"})
	say(incident.Covered{Cover: "D2", Team: "network", Person: "eva", From: night, Until: night.Add(48 * time.Hour), By: "noor"})
	asked("noor") // not yet; and eva is not of the team
	later := func(d time.Duration) { <-clk.Go(func() { clk.Wait(t.Context(), night.Add(d), nil) }) }
	later(time.Hour)
	asked("daan")
	kept.away = "network"
	if err := r.Refresh(t.Context()); err == nil {
		t.Error("a store that is away was read")
	}
	if got := r.Inventory().OnDuty("network")[0].Name; got != "daan" {
		t.Errorf("while the store is away %s is asked", got)
	}
	kept.away = "storage"
	say(incident.Uncovered{Cover: "D1", By: "daan"})
	if err := r.Refresh(t.Context()); err == nil || r.Inventory().OnDuty("network")[0].Name != "noor" {
		t.Errorf("what cannot be read of another team keeps a cover that was taken back (%v)", err)
	}
	kept.away = ""
	say(incident.Covered{Cover: "D3", Team: "network", Person: "daan", From: night, Until: night.Add(2 * time.Hour), By: "noor"})
	asked("daan")
	later(2 * time.Hour)
	asked("noor")
}
