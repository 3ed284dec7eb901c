package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// received is an alert about a server, its number n.
func received(name string, n int, status alerts.Status) incident.Event {
	return event(incident.AlertReceived{Alert: alerts.Alert{
		Source: "probe", Status: status, Fingerprint: fmt.Sprint(name, "-", n), StartsAt: start, Labels: alerts.Labels{"server": name},
	}})
}

func opening(name string) incident.Event {
	return event(incident.Opened{Title: name + " does not answer", Subject: server(name), Site: "ams1"})
}

func TestChangesThatAreRefusedLeaveTheOthersBe(t *testing.T) {
	onEach(t, testChangesThatAreRefusedLeaveTheOthersBe)
}

func testChangesThatAreRefusedLeaveTheOthersBe(t *testing.T, where string) {
	s := open(t, where)
	good, stale := create(t, s, "web-01"), create(t, s, "web-02")
	add(t, s, stale, note("somebody was quicker"))
	errs := s.Extend(ctx,
		store.Change{ID: good.ID, Version: good.Version, Events: []incident.Event{received("web-01", 1, alerts.Firing), received("web-01", 1, alerts.Resolved)}},
		store.Change{ID: stale.ID, Version: stale.Version, Events: []incident.Event{note("too late")}},
		store.Change{Events: []incident.Event{opening("web-03"), received("web-03", 1, alerts.Firing)}},
		store.Change{Events: []incident.Event{opening("web-03")}},
		store.Change{Events: []incident.Event{opening("web-02")}},
		store.Change{ID: "INC-1999-0001", Version: 1, Events: []incident.Event{note("of nothing")}},
		store.Change{Events: []incident.Event{note("does not begin as it must")}},
		store.Change{Events: []incident.Event{opening("web-04")}},
	)
	for n, want := range []error{nil, store.ErrConflict, nil, store.ErrTaken, store.ErrTaken, store.ErrNotFound, errors.ErrUnsupported, nil} {
		if !errors.Is(errs[n], want) && (want != errors.ErrUnsupported || errs[n] == nil) {
			t.Errorf("change %d: %v, want %v", n, errs[n], want)
		}
	}
	open, err := s.Ongoing(ctx, []incident.Subject{server("web-01"), server("web-02"), server("web-03"), server("web-04"), server("web-05")})
	if err != nil || len(open) != 4 {
		t.Fatalf("open are %v (%v)", open, err)
	}
	for name, want := range map[string]int{"web-01": 3, "web-02": 2, "web-03": 2, "web-04": 1} {
		if got := open[server(name)]; got == nil || got.Version != want {
			t.Errorf("%s stands at %+v, want %d", name, got, want)
		}
	}
	known, err := s.Episodes(ctx, []string{"probe/web-01-1/2026-01-05T03:00:00Z", "probe/web-03-1/2026-01-05T03:00:00Z", "never seen"})
	if err != nil || len(known) != 2 || known["probe/web-01-1/2026-01-05T03:00:00Z"].Status != alerts.Resolved || !known["probe/web-03-1/2026-01-05T03:00:00Z"].Ongoing {
		t.Errorf("known are %+v (%v)", known, err)
	}
	whole(t, s)
}

// More rows than one statement takes, twice: opened, and then longer.
func TestManyIncidentsGrowTogether(t *testing.T) { onEach(t, testManyIncidentsGrowTogether) }

func testManyIncidentsGrowTogether(t *testing.T, where string) {
	const many = 250
	s := open(t, where)
	var about []incident.Subject
	var changes []store.Change
	for n := range many {
		name := fmt.Sprint("web-", n)
		about = append(about, server(name))
		changes = append(changes, store.Change{Events: []incident.Event{opening(name), received(name, 1, alerts.Firing)}})
	}
	for _, turn := range []int{2, 3} {
		for n, err := range s.Extend(ctx, changes...) {
			if err != nil {
				t.Fatalf("to version %d: change %d: %v", turn, n, err)
			}
		}
		open, err := s.Ongoing(ctx, about)
		if err != nil || len(open) != many {
			t.Fatalf("%d are open (%v)", len(open), err)
		}
		changes = changes[:0]
		for _, inc := range open {
			if inc.Version != turn {
				t.Fatalf("%s stands at %d, want %d", inc.ID, inc.Version, turn)
			}
			changes = append(changes, store.Change{ID: inc.ID, Version: inc.Version, Events: []incident.Event{received(inc.Subject.Name, 2, alerts.Firing)}})
		}
	}
	whole(t, s)
}

// What fails under the statements fails for all of them, and nothing is left.
func TestChangesFailTogether(t *testing.T) {
	onEach(t, testChangesFailTogether)
}

func testChangesFailTogether(t *testing.T, where string) {
	s := open(t, where)
	first, second := create(t, s, "web-01"), create(t, s, "web-02")
	intent := func(id string) []incident.Event {
		return []incident.Event{event(incident.Intended{Intent: id, Step: "power", Server: "web-01", Action: "power", Verb: "cycle"})}
	}
	for n, err := range s.Extend(ctx, store.Change{ID: first.ID, Version: first.Version, Events: intent("I1")}, store.Change{ID: second.ID, Version: second.Version, Events: intent("I2")}) {
		if !errors.Is(err, store.ErrServerHeld) {
			t.Errorf("change %d: %v", n, err)
		}
	}
	add(t, s, first, intent("I3")...)
	add(t, s, second, note("it stands where it stood"))
	whole(t, s)
}
