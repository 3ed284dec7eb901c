package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// replicas opens one database several times, as several machines would.
func replicas(t *testing.T, where string, n int) []*store.Store {
	t.Helper()
	list := make([]*store.Store, n)
	for i, err := range together(n, func(i int) (err error) {
		list[i], err = store.Open(where, clock.Scaled(start, 1))
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { list[i].Close() })
	}
	return list
}

func TestReplicasThatStartAtOnceMakeTheSchemaOnce(t *testing.T) {
	list := replicas(t, storetest.Shared(t).Database(t), 8)
	inc := create(t, list[0], "web-07")
	for _, s := range list {
		if seen, err := s.Load(ctx, inc.ID); err != nil || seen.Version != 1 {
			t.Errorf("%+v (%v)", seen, err)
		}
	}
}

func TestReservationsOfReplicasSeeEachOther(t *testing.T) {
	list := replicas(t, storetest.Shared(t).Database(t), 3)
	var incidents []*incident.Incident
	for n := range 12 {
		incidents = append(incidents, create(t, list[0], fmt.Sprintf("web-%02d", n)))
	}
	full, refused := errors.New("two are enough"), 0
	for _, err := range together(len(incidents), func(n int) error {
		_, err := list[n%3].AppendIf(ctx, incidents[n].ID, 1, func(touched []*incident.Touch) error {
			if len(touched) > 1 {
				return full
			}
			return nil
		}, start, event(intended(incidents[n], fmt.Sprintf("web-%02d", n))))
		return err
	}) {
		switch {
		case errors.Is(err, full):
			refused++
		case err != nil:
			t.Error(err)
		}
	}
	if touches := touched(t, list[1], start); refused != 10 || len(touches) != 2 {
		t.Errorf("%d were refused, and %q are under way", refused, touches)
	}
}

func TestOfManyReplicasOneTakesTheDecision(t *testing.T) {
	list := replicas(t, storetest.Shared(t).Database(t), 4)
	inc := create(t, list[0], "web-07")
	for round := range 5 {
		won := 0
		for _, err := range together(len(list), func(n int) error {
			_, err := list[n].Append(ctx, inc.ID, inc.Version+round, note(fmt.Sprint(n)))
			return err
		}) {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d have won", round, won)
		}
	}
	whole(t, list[0])
}

// A follower that has seen a position must never find an event below it later.
func TestPositionsBecomeVisibleInTheirOrder(t *testing.T) {
	where := storetest.Shared(t).Database(t)
	list := replicas(t, where, 3)
	var incidents []*incident.Incident
	for n := range 6 {
		incidents = append(incidents, create(t, list[0], fmt.Sprint("web-", n)))
	}
	var writing sync.WaitGroup
	var active atomic.Int32
	active.Add(int32(len(incidents)))
	for n, inc := range incidents {
		writing.Go(func() {
			defer active.Add(-1)
			for i := range 25 {
				if _, err := list[n%3].Record(ctx, inc.ID, note(fmt.Sprint(i)), note("and")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	db := raw(t, where)
	for active.Load() > 0 {
		var there, last int
		if err := db.QueryRow(`SELECT count(*), max(position) FROM events`).Scan(&there, &last); err != nil || there != last {
			t.Errorf("position %d is visible, and %d of the events up to it (%v)", last, there, err)
		}
	}
	writing.Wait()
	whole(t, list[0])
}

func TestFollowersHearOfWhatAnotherReplicaCommits(t *testing.T) {
	list := replicas(t, storetest.Shared(t).Database(t), 2)
	inc := create(t, list[0], "web-07")
	position, err := list[1].Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		changed := list[1].Changed()
		inc = add(t, list[0], inc, note("one more"))
		<-changed
	}
	if ids, _, err := list[1].Changes(ctx, position); err != nil || !slices.Equal(ids, []string{inc.ID}) {
		t.Errorf("changed are %q (%v)", ids, err)
	}
}

func TestDatabaseThatMayForgetIsRefused(t *testing.T) {
	where := storetest.Shared(t).Database(t)
	_, err := store.Open(where+"%20-csynchronous_commit%3Doff", clock.Real())
	if want := "PostgreSQL has synchronous_commit=off, with which it may forget what it has committed: set it to on"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	server := storetest.Own(t)
	at := server.Database(t)
	s := open(t, at)
	server.SQL(t, "ALTER SYSTEM SET fsync = off")
	server.SQL(t, "SELECT pg_reload_conf()")
	for err = nil; err == nil; { // until the server has read its file
		err = s.Writable(ctx)
	}
	if !strings.Contains(err.Error(), "PostgreSQL has fsync=off") {
		t.Errorf("while it runs: %v", err)
	}
	if _, err := store.Open(at, clock.Real()); err == nil || !strings.Contains(err.Error(), "fsync=off") {
		t.Errorf("at the next start: %v", err)
	}
}

func TestDatabaseOfANewerPiketIsRefused(t *testing.T) {
	where := storetest.Shared(t).Database(t)
	open(t, where).Close()
	if _, err := raw(t, where).Exec("UPDATE schema_version SET version = 99"); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() (*store.Store, error){
		"open":         func() (*store.Store, error) { return store.Open(where, clock.Real()) },
		"only to look": func() (*store.Store, error) { return store.OpenReadOnly(where) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), "the store has schema version 99") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Strangers' text with a zero or with half a character in it is an alert all the
// same.
func TestTextThatADatabaseWouldNotTakeIsKeptAllTheSame(t *testing.T) {
	onEach(t, testTextThatADatabaseWouldNotTakeIsKeptAllTheSame)
}

func testTextThatADatabaseWouldNotTakeIsKeptAllTheSame(t *testing.T, where string) {
	s := open(t, where)
	const odd = "a\x00b\xffc"
	subject := incident.Subject{Kind: "alert", Name: odd}
	inc, err := s.Create(ctx, incident.Event{Actor: odd, Payload: incident.Opened{Title: odd, Subject: subject, Site: odd}})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := s.OpenFor(ctx, subject); err != nil || id != inc.ID {
		t.Errorf("found %q (%v)", id, err)
	}
	if list, err := s.List(ctx, store.Filter{Site: odd, About: []incident.Subject{subject}}); err != nil || len(list) != 1 {
		t.Errorf("listed are %v (%v)", list, err)
	}
	if _, err := s.Load(ctx, odd); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an id of that kind: %v", err)
	}
	whole(t, s)
}

// kills is how often the server is killed.
const kills = 5

func TestServerThatIsKilledLosesNothingThatWasAcknowledged(t *testing.T) {
	server := storetest.Own(t)
	list := replicas(t, server.Database(t), 2)
	var incidents []*incident.Incident
	for n := range 4 {
		incidents = append(incidents, create(t, list[n%2], fmt.Sprint("web-", n)))
	}
	var stop atomic.Bool
	var writers sync.WaitGroup
	acknowledged := make([]atomic.Int64, len(incidents))
	for n, inc := range incidents {
		writers.Go(func() {
			for !stop.Load() {
				if next, err := list[n%2].Record(ctx, inc.ID, note("one"), note("two")); err == nil {
					acknowledged[n].Store(int64(next.Version))
				}
			}
		})
	}
	for range kills {
		before := acknowledged[0].Load()
		for changed := list[0].Changed(); acknowledged[0].Load() < before+6; changed = list[0].Changed() { // it works again
			<-changed
		}
		server.Kill(t)
		server.Start(t)
	}
	stop.Store(true)
	writers.Wait()
	for n, inc := range incidents {
		now, err := list[0].Load(ctx, inc.ID)
		if err != nil || int64(now.Version) < acknowledged[n].Load() || now.Version%2 == 0 {
			t.Errorf("%s: version %d was acknowledged, %d is there (%v)", inc.ID, acknowledged[n].Load(), now.Version, err)
		}
	}
	whole(t, list[0])
}
