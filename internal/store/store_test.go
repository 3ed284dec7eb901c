package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, clock.Scaled(start, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func event(p incident.Payload) incident.Event { return incident.Event{Actor: "piket", Payload: p} }

func note(words string) incident.Event { return event(incident.Note{By: "noor", Words: words}) }

func server(name string) incident.Subject { return incident.Subject{Kind: "server", Name: name} }

// create opens an incident about a server.
func create(t testing.TB, s *store.Store, name string, more ...incident.Event) *incident.Incident {
	t.Helper()
	opened := event(incident.Opened{Title: name + " does not answer", Subject: server(name), Site: "ams1"})
	inc, err := s.Create(ctx, append([]incident.Event{opened}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

func add(t testing.TB, s *store.Store, inc *incident.Incident, events ...incident.Event) *incident.Incident {
	t.Helper()
	next, err := s.Append(ctx, inc.ID, inc.Version, events...)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// onEach holds a promise of the store against every database that it stands on.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, t.TempDir()) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Shared(t).Database(t)) })
}

// raw opens the database beside the store, as somebody who tampers would.
func raw(t testing.TB, where string) *sql.DB {
	t.Helper()
	driver, source := "sqlite", "file:"+filepath.Join(where, store.FileName)+"?_pragma=busy_timeout(5000)"
	if store.IsURL(where) {
		driver, source = "pgx", where+"&default_query_exec_mode=simple_protocol"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestDecisionOnAStaleVersionIsRefused(t *testing.T) {
	onEach(t, testDecisionOnAStaleVersionIsRefused)
}

func testDecisionOnAStaleVersionIsRefused(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	add(t, s, inc, note("first"))
	for _, version := range []int{0, inc.Version, inc.Version + 2} {
		if _, err := s.Append(ctx, inc.ID, version, note("stale")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("version %d: got %v", version, err)
		}
	}
	now, err := s.Load(ctx, inc.ID)
	if err != nil || now.Version != inc.Version+1 {
		t.Errorf("version %d, %v", now.Version, err)
	}
	if _, err := s.Append(ctx, "INC-2026-9999", 0, note("x")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such incident: %v", err)
	}
}

// together runs f n times at once and returns the errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			errs[i] = f(i)
		})
	}
	close(gate)
	all.Wait()
	return errs
}

func TestOfManyDecisionsOnOneVersionExactlyOneIsTaken(t *testing.T) {
	onEach(t, testOfManyDecisionsOnOneVersionExactlyOneIsTaken)
}

func testOfManyDecisionsOnOneVersionExactlyOneIsTaken(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	var mu sync.Mutex
	won := map[int]int{}
	for i, err := range together(50, func(i int) error {
		for {
			now, err := s.Load(ctx, inc.ID)
			if err != nil {
				return err
			}
			next, err := s.Append(ctx, inc.ID, now.Version, note(fmt.Sprint(i)))
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err == nil {
				mu.Lock()
				won[next.Version]++
				mu.Unlock()
			}
			return err
		}
	}) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	events, err := s.Events(ctx, inc.ID, 0)
	if err != nil || len(events) != 51 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for n, e := range events {
		if e.Seq != n+1 {
			t.Errorf("event %d has sequence number %d", n+1, e.Seq)
		}
		if n > 0 && won[e.Seq] != 1 {
			t.Errorf("version %d was won %d times", e.Seq, won[e.Seq])
		}
	}
	whole(t, s)
}

func TestOneSubjectHasOneOpenIncident(t *testing.T) { onEach(t, testOneSubjectHasOneOpenIncident) }

func testOneSubjectHasOneOpenIncident(t *testing.T, where string) {
	s := open(t, where)
	opened := 0
	for _, err := range together(100, func(int) error {
		_, err := s.Create(ctx, event(incident.Opened{Title: "t", Subject: server("web-07")}))
		return err
	}) {
		switch {
		case err == nil:
			opened++
		case !errors.Is(err, store.ErrTaken):
			t.Error(err)
		}
	}
	if opened != 1 {
		t.Fatalf("%d incidents were opened for one server", opened)
	}
	list, err := s.List(ctx, store.Filter{})
	if err != nil || len(list) != 1 || list[0].ID != "INC-2026-0001" {
		t.Fatalf("list %+v, %v", list, err)
	}
	inc, err := s.Load(ctx, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, inc, event(incident.Closed{By: "noor"}))
	if next := create(t, s, "web-07"); next.ID != "INC-2026-0002" {
		t.Errorf("the next incident is %s: a number was skipped or used twice", next.ID)
	}
}

func TestServerIsHeldByOneIntentAtATime(t *testing.T) { onEach(t, testServerIsHeldByOneIntentAtATime) }

func testServerIsHeldByOneIntentAtATime(t *testing.T, where string) {
	s := open(t, where)
	intend := func(id string) incident.Event {
		return event(incident.Intended{Intent: id, Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle"})
	}
	first, second := create(t, s, "web-07"), create(t, s, "web-08")
	first = add(t, s, first, intend("I1"))
	if _, err := s.Append(ctx, second.ID, second.Version, note("before"), intend("I2")); !errors.Is(err, store.ErrServerHeld) {
		t.Fatalf("a second intent on the same server: %v", err)
	}
	if again, err := s.Load(ctx, second.ID); err != nil || again.Version != second.Version || again.Action != nil {
		t.Errorf("the refused batch left something behind: %+v, %v", again, err)
	}
	add(t, s, first, event(incident.StepFailed{Step: "power-cycle", Reason: "no answer"}))
	add(t, s, second, intend("I2"))
}

func TestADrillHoldsNothing(t *testing.T) { onEach(t, testADrillHoldsNothing) }

// [5.1] What a drill only pretends takes no room from what is done in earnest, and
// its record is as whole as any.
func testADrillHoldsNothing(t *testing.T, where string) {
	s := open(t, where)
	intend := func(id string, drill bool) incident.Event {
		return event(incident.Intended{Intent: id, Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle", Drill: drill})
	}
	real := create(t, s, "web-07")
	drill, err := s.Create(ctx, event(incident.Opened{
		Title: "web-07 hangs", Subject: incident.Subject{Kind: incident.DrillKind, Name: "web-07"}, Site: "ams1", Drill: incident.Drill{Story: "server-hangs"},
	}), intend("D1", true), event(incident.WorkOrdered{Order: "W1"}), event(incident.OrderProgress{Order: "W1", State: "on_site"}))
	if err != nil {
		t.Fatal("beside real trouble: ", err)
	}
	add(t, s, real, intend("I1", false))
	touches, err := s.Touches(ctx, time.Time{})
	if err != nil || len(touches) != 1 || touches[0].Incident != real.ID {
		t.Errorf("touched is %+v, %v", touches, err)
	}
	if hands, err := s.WithHands(ctx, "ams1"); err != nil || len(hands) != 0 {
		t.Errorf("hands are at work for %v, %v", hands, err)
	}
	if list, err := s.List(ctx, store.Filter{Ongoing: true}); err != nil || len(list) != 1 || list[0].ID == drill.ID {
		t.Errorf("on the board there is %+v, %v", list, err)
	}
	if report, err := s.Verify(ctx); err != nil || len(report.Faults) > 0 {
		t.Errorf("the record is not whole: %v, %v", report.Faults, err)
	}
}

func TestBatchIsStoredWholeOrNotAtAll(t *testing.T) { onEach(t, testBatchIsStoredWholeOrNotAtAll) }

func testBatchIsStoredWholeOrNotAtAll(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	bad := event(incident.Diagnosed{Checks: []incident.Check{{ID: "x", Facts: map[string]any{"f": func() {}}}}})
	if _, err := s.Append(ctx, inc.ID, inc.Version, note("kept?"), bad); err == nil || !strings.Contains(err.Error(), "encode diagnosed") {
		t.Errorf("got %v", err)
	}
	if now, err := s.Load(ctx, inc.ID); err != nil || now.Version != inc.Version {
		t.Errorf("half of the batch is there: version %d, %v", now.Version, err)
	}
	whole(t, s)
}

func TestEventThatCouldNotBeReadBackIsRefused(t *testing.T) {
	onEach(t, testEventThatCouldNotBeReadBackIsRefused)
}

func testEventThatCouldNotBeReadBackIsRefused(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	_, err := s.Append(ctx, inc.ID, inc.Version, event(incident.Classified{Impact: "severe", Urgency: incident.High, Priority: incident.P1}))
	if err == nil || !strings.Contains(err.Error(), `append to `+inc.ID+`: decode classified: "severe" is not a level`) {
		t.Errorf("got %v", err)
	}
	if now, err := s.Load(ctx, inc.ID); err != nil || now.Version != inc.Version {
		t.Errorf("the incident is lost: %v", err)
	}
}

func TestRecordedFactNeedsNoVersion(t *testing.T) { onEach(t, testRecordedFactNeedsNoVersion) }

func testRecordedFactNeedsNoVersion(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	for i, err := range together(20, func(i int) error { _, err := s.Record(ctx, inc.ID, note(fmt.Sprint(i))); return err }) {
		if err != nil {
			t.Errorf("fact %d: %v", i, err)
		}
	}
	if now, err := s.Load(ctx, inc.ID); err != nil || now.Version != 21 {
		t.Errorf("version %d, %v", now.Version, err)
	}
	if _, err := s.Record(ctx, "INC-2026-9999", note("x")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such incident: %v", err)
	}
}

func TestIncidentBeginsWithItsOpening(t *testing.T) { onEach(t, testIncidentBeginsWithItsOpening) }

func testIncidentBeginsWithItsOpening(t *testing.T, where string) {
	s := open(t, where)
	opened := event(incident.Opened{Title: "t", Subject: server("web-07")})
	for name, c := range map[string]struct {
		events []incident.Event
		want   string
	}{
		"nothing":         {nil, "create an incident: it has no events"},
		"a note":          {[]incident.Event{note("first")}, `create an incident: it begins with "note", not with "opened"`},
		"a note, then it": {[]incident.Event{note("first"), opened}, `create an incident: it begins with "note", not with "opened"`},
	} {
		if inc, err := s.Create(ctx, c.events...); err == nil || err.Error() != c.want || inc != nil {
			t.Errorf("%s: got %v, %v", name, inc, err)
		}
	}
	if list, err := s.List(ctx, store.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("something was written down: %v (%v)", list, err)
	}
	if inc := create(t, s, "web-07"); inc.ID != "INC-2026-0001" {
		t.Errorf("a refusal used the number up: %s", inc.ID)
	}
}

func TestServersThatAreHeldAreCounted(t *testing.T) { onEach(t, testServersThatAreHeldAreCounted) }

func testServersThatAreHeldAreCounted(t *testing.T, where string) {
	s := open(t, where)
	live := func(want int) {
		t.Helper()
		if got, err := s.Touches(ctx, start.AddDate(100, 0, 0)); err != nil || len(got) != want {
			t.Errorf("%d are held, want %d (%v)", len(got), want, err)
		}
	}
	live(0)
	var held []*incident.Incident
	for n, name := range []string{"web-07", "web-08", "web-09"} {
		inc := create(t, s, name)
		live(n)
		intended := incident.Intended{Intent: inc.ID + "/I1", Step: "power-cycle", Attempt: 1, Server: name, Action: "power", Verb: "cycle"}
		held = append(held, add(t, s, inc, event(intended)))
		live(n + 1)
	}
	add(t, s, held[0], event(incident.Voided{Intent: held[0].ID + "/I1", Reason: "it is not the machine"}))
	add(t, s, held[1], event(incident.Restored{How: "it answers"}))
	live(1)
}

func TestReopeningKeepsEverything(t *testing.T) { onEach(t, testReopeningKeepsEverything) }

func testReopeningKeepsEverything(t *testing.T, where string) {
	s := open(t, where)
	when := start.Add(-time.Hour).Add(123456789)
	inc := create(t, s, "web-07", incident.Event{Actor: "probe", At: when, Payload: incident.AlertReceived{
		Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, Fingerprint: "f", StartsAt: start, Labels: alerts.Labels{"server": "web-07"}}}})
	before, err := s.Events(ctx, inc.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, where)
	after, err := s.Events(ctx, inc.ID, 0)
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("before\n%v\nafter\n%v (%v)", before, after, err)
	}
	if want := when.Truncate(time.Microsecond); !after[1].At.Equal(want) {
		t.Errorf("it happened at %v, want %v", after[1].At, want)
	}
	known, err := s.Episode(ctx, "probe/f/2026-01-05T03:00:00Z")
	if want := (store.Episode{Incident: inc.ID, Status: alerts.Firing, Recorded: after[1].Recorded, Ongoing: true}); err != nil || known != want {
		t.Errorf("episode: %+v, want %+v (%v)", known, want, err)
	}
	whole(t, s)
}

func TestSecondPiketOnTheSameDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := store.Open(dir, clock.Real()); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("got %v", err)
	}
	inc := create(t, s, "web-07")
	look, err := store.OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if seen, err := look.Load(ctx, inc.ID); err != nil || seen.Version != inc.Version {
		t.Errorf("looking beside a running piket: %v", err)
	}
	s.Close()
	open(t, dir)
}

// makeOlder takes out of a store what came after a version of its schema.
func makeOlder(t *testing.T, dir string, version int) {
	t.Helper()
	for n, later := range slices.Backward([]string{
		1: "DROP TABLE history", 2: "DROP TABLE intents; DROP INDEX incidents_by_fall; DROP INDEX incidents_with_hands; ALTER TABLE incidents DROP COLUMN hands; ALTER TABLE incidents DROP COLUMN fell", 3: "DROP TABLE replicas; DROP TABLE leases; DROP TABLE meta",
		4: "DROP INDEX intents_by_incident; DROP INDEX leases_by_replica; ALTER TABLE leases DROP COLUMN priority; ALTER TABLE leases DROP COLUMN opened; CREATE INDEX leases_by_replica ON leases (replica)",
		6: "DROP TABLE files",
		5: "DROP INDEX incidents_by_opening; ALTER TABLE incidents DROP COLUMN unfinished",
	}) {
		if n < version {
			continue
		}
		if _, err := raw(t, dir).Exec(later); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := raw(t, dir).Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		t.Fatal(err)
	}
}

func TestStoreOfANewerPiketIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	if _, err := raw(t, dir).Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	want := "the store has schema version 99, this piket knows up to 7: use the newer piket"
	if _, err := store.Open(dir, clock.Real()); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, err := store.OpenReadOnly(dir); err == nil || err.Error() != want {
		t.Errorf("read only: %v", err)
	}
	makeOlder(t, dir, 3)
	open(t, dir) // the refusal has given the lock back
}

func TestLookingIntoAnEmptyDatabaseFindsNone(t *testing.T) {
	where := storetest.Shared(t).Database(t)
	if _, err := store.OpenReadOnly(where); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLookingNeverMakesAStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nothing")
	if _, err := store.OpenReadOnly(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestNobodyElseReadsTheFiles(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir), "web-07")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
}
