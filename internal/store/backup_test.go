package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

func headOf(t *testing.T, s *store.Store) store.Head {
	t.Helper()
	h, err := s.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHeadIsTheLastEventOfThisStoreAndNoOther(t *testing.T) {
	onEach(t, testHeadIsTheLastEventOfThisStoreAndNoOther)
}

func testHeadIsTheLastEventOfThisStoreAndNoOther(t *testing.T, where string) {
	s := open(t, where)
	empty := headOf(t, s)
	if empty.Generation == "" || empty.Position != 0 || empty.Hash != "" {
		t.Errorf("an empty store is at %+v", empty)
	}
	inc := create(t, s, "web-07", note("one"))
	events, err := s.Events(ctx, inc.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := headOf(t, s)
	if h.Position != 2 || h.Hash != events[1].Hash || !h.Recorded.Equal(events[1].Recorded) {
		t.Errorf("after %s it is at %+v", events[1].Hash, h)
	}
	if (h.System == "") == store.IsURL(where) || (h.Timeline == 0) == store.IsURL(where) {
		t.Errorf("the system is %q, its timeline %d", h.System, h.Timeline)
	}
	for position, want := range map[int64]string{1: events[0].Hash, 2: events[1].Hash, 3: "", 0: ""} {
		if hash, err := s.HashAt(ctx, position); err != nil || hash != want {
			t.Errorf("at %d is %q, want %q (%v)", position, hash, want, err)
		}
	}
	s.Close()
	if again := headOf(t, open(t, where)); again.Generation != h.Generation {
		t.Errorf("opened again it is generation %q, and was %q", again.Generation, h.Generation)
	}
	if other := headOf(t, open(t, t.TempDir())); other.Generation == h.Generation {
		t.Error("another store has the same generation")
	}
}

// backup makes one of s and returns its path.
func backup(t *testing.T, s *store.Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piket.backup")
	if err := s.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBackupOfARunningStoreIsWholeAndPrivate(t *testing.T) {
	s := open(t, t.TempDir())
	inc := create(t, s, "web-07")
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.Record(ctx, inc.ID, note(fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
		}
	})
	path := backup(t, s)
	close(stop)
	writing.Wait()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v (%v)", info, err)
	}
	dir := t.TempDir()
	r, err := store.Restore(ctx, path, dir, false)
	if err != nil || r.Incidents != 1 || r.Events == 0 || r.Aside != "" {
		t.Fatalf("%+v (%v)", r, err)
	}
	restored := open(t, dir)
	whole(t, restored)
	h, origin := headOf(t, restored), headOf(t, s)
	if h.Generation == origin.Generation || h.Position != r.Head.Position || h.Generation != r.Head.Generation {
		t.Errorf("restored is %+v, told was %+v, the origin is %+v", h, r.Head, origin)
	}
	if hash, err := s.HashAt(ctx, h.Position); err != nil || hash != h.Hash {
		t.Errorf("it does not lie on the origin's timeline (%v)", err)
	}
	if err := s.Backup(ctx, path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a backup was overwritten: %v", err)
	}
}

func TestRestoreForgetsNothingUnlessItIsTold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	inc := create(t, s, "web-07")
	path := backup(t, s)
	inc = add(t, s, inc, note("one"), note("two"))
	if _, err := store.Restore(ctx, path, dir, true); !errors.Is(err, store.ErrLocked) {
		t.Errorf("under a running piket: %v", err)
	}
	s.Close()
	r, err := store.Restore(ctx, path, dir, false)
	if !errors.Is(err, store.ErrNewer) || r.Lost != 2 {
		t.Fatalf("%+v (%v)", r, err)
	}
	s = open(t, dir)
	if now, err := s.Load(ctx, inc.ID); err != nil || now.Version != 3 {
		t.Errorf("the refusal has left %+v (%v)", now, err)
	}
	s.Close()
	if r, err = store.Restore(ctx, path, dir, true); err != nil || r.Lost != 2 {
		t.Fatalf("%+v (%v)", r, err)
	}
	s = open(t, dir)
	if now, err := s.Load(ctx, inc.ID); err != nil || now.Version != 1 {
		t.Errorf("restored is %+v (%v)", now, err)
	}
	whole(t, s)
	if _, err := os.Stat(r.Aside); err != nil {
		t.Errorf("what was there is not kept: %v", err)
	}
}

func TestStoreWithAnotherPastIsNotForgottenUnlessItIsTold(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	s := open(t, one)
	create(t, s, "web-07", note("this past"), note("and more of it"))
	path := backup(t, s)
	s = open(t, other)
	create(t, s, "web-08")
	s.Close()
	if r, err := store.Restore(ctx, path, other, false); !errors.Is(err, store.ErrNewer) || r.Lost != -1 {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestBackupThatIsNotWholeIsNotRestored(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	s := open(t, from)
	inc := create(t, s, "web-07", event(incident.Acknowledged{By: "noor"}))
	if _, err := raw(t, from).Exec(`UPDATE events SET data = '{"by":"ravi"}' WHERE seq = 2`); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(ctx, backup(t, s), dir, true); err == nil || !strings.Contains(err.Error(), "the backup is not whole: "+inc.ID+": event 2 was changed after it was written") {
		t.Errorf("got %v", err)
	}
	garbage := filepath.Join(from, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("garbage", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(ctx, garbage, dir, true); err == nil || !strings.Contains(err.Error(), "read the backup: ") {
		t.Errorf("garbage: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 { // the lock
		t.Errorf("left behind are %v (%v)", entries, err)
	}
}

func TestPostgresIsBackedUpByItsOwnMeans(t *testing.T) {
	s, err := store.Open(storetest.Shared(t).Database(t), clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Backup(ctx, filepath.Join(t.TempDir(), "x")); !errors.Is(err, store.ErrNotHere) {
		t.Errorf("got %v", err)
	}
}
