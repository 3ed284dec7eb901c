package desk_test

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

func TestDeskWritesDownWhatIsDueAndComesBackInTime(t *testing.T) {
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := newHistory(t, incident.P1, "acme")
	h.happens(incident.Acknowledged{By: "noor"}) // or the next of the team would be paged
	inc, err := s.Create(t.Context(), h.events...)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk.Desk{Store: s, Clock: clk, Inventory: func() *inventory.Inventory { return h.inv }, Policy: func() desk.Policy { return h.policy }}
	next, err := d.Visit(t.Context(), inc.ID)
	if err != nil || !next.Equal(start.Add(30*time.Minute)) {
		t.Fatalf("next %v, %v", next, err)
	}
	if now, err := s.Load(t.Context(), inc.ID); err != nil || len(now.Messages) != 2 || len(now.CallTasks) != 1 {
		t.Errorf("%v: %+v", err, now)
	}
	before, _ := s.Load(t.Context(), inc.ID)
	if _, err := d.Visit(t.Context(), inc.ID); err != nil {
		t.Fatal(err)
	}
	if after, err := s.Load(t.Context(), inc.ID); err != nil || after.Version != before.Version {
		t.Errorf("said twice (%v)", err)
	}
	if _, err := d.Visit(t.Context(), "INC-2026-9999"); err == nil {
		t.Error("an incident that is not there was visited")
	}
}
