package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// pressable is the button of one of several replicas.
func pressable(t testing.TB, url string) *button {
	t.Helper()
	s, err := store.Open(url, clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newButton(freeze.In(t.TempDir()), s, rounds.NewWard("test", s, clock.Real(), slog.New(slog.DiscardHandler)))
}

func (b *button) tells(t *testing.T) {
	t.Helper()
	if err := b.tell(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *button) inStore(t *testing.T) string {
	t.Helper()
	beat, err := b.store.Enter(t.Context(), t.Name()+clock.Real().Now().String(), tellTime)
	if err != nil {
		t.Fatal(err)
	}
	return beat.Frozen
}

func TestFreezeOfOneReplicaIsEndedThroughAnother(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	a, b := pressable(t, url), pressable(t, url)
	if err := a.Freeze("noor", "fire"); err != nil {
		t.Fatal(err)
	}
	if b.tells(t); !strings.Contains(b.Why(), "noor: fire") || b.ward.Frozen() != "" {
		t.Errorf("the others hear %q before their next beat", b.Why())
	}
	if err := b.Thaw(""); err != nil {
		t.Fatal(err)
	}
	a.tells(t)
	a.tells(t)
	b.tells(t)
	if a.Why() != "" || b.Why() != "" {
		t.Errorf("after the thaw they say %q and %q", a.Why(), b.Why())
	}
	if why := a.file.Why(); why != "" || b.inStore(t) != "" {
		t.Errorf("thawed from elsewhere, and the file says %q", why)
	}
}

func TestFreezeByTheFileAloneReachesTheOthersAndEndsWithIt(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	a, b := pressable(t, url), pressable(t, url)
	if err := os.WriteFile(a.file.Path, []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.tells(t)
	b.tells(t)
	if why := b.inStore(t); why != "by hand" {
		t.Errorf("the others hear %q", why)
	}
	if err := a.file.Thaw(""); err != nil {
		t.Fatal(err)
	}
	a.tells(t)
	if why := b.inStore(t); why != "" {
		t.Errorf("the others still hear %q", why)
	}
}

func TestStoreThatForgotAFreezeDoesNotEndIt(t *testing.T) {
	a := pressable(t, storetest.Shared(t).Database(t))
	if err := a.Freeze("noor", "fire"); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Unfreeze(t.Context(), a.place); err != nil { // as a failover that lost commits does
		t.Fatal(err)
	}
	a.tells(t)
	if a.file.Why() == "" || a.inStore(t) == "" {
		t.Error("what the store had forgotten was taken for a thaw")
	}
}

func TestFreezeHoldsHereWhenTheStoreIsOutOfReach(t *testing.T) {
	a := pressable(t, storetest.Shared(t).Database(t))
	a.store.Close()
	if err := a.Freeze("noor", "fire"); err != nil || a.Why() == "" {
		t.Errorf("frozen: %q (%v)", a.Why(), err)
	}
	if err := a.Thaw(""); err == nil || a.Why() == "" {
		t.Error("it was thawed although the others could not be told")
	}
}

// One replica has a journal that knows more than the database: what that has
// forgotten the others may be about to send again.
func TestALedgerThatDoesNotFitFreezesTheOtherReplicas(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	other := pressable(t, url)
	path := write(t, least, inventoryOfOne)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "token"), []byte("token-of-noor-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := newDaemonOn(url, path, clock.Jumping(time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if other.tells(t); other.Why() != "" {
		t.Fatalf("at first the others hear %q", other.Why())
	}
	if err := d.about("INC-1", incident.Intended{Intent: "INC-1/I4", Server: "web-01", Action: "power", Verb: "cycle"}); err != nil {
		t.Fatal(err)
	}
	if err := d.books.watch.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.tells(t); !strings.Contains(other.Why(), "INC-1/I4 (power cycle web-01") || d.freeze.Why() == "" {
		t.Errorf("the others hear %q, the file says %q", other.Why(), d.freeze.Why())
	}
	if err := other.Thaw(""); err != nil { // by somebody who has looked
		t.Fatal(err)
	}
	d.button.tells(t)
	d.button.tells(t)
	if err := d.books.watch.Check(t.Context()); err != nil || d.button.Why() != "" {
		t.Errorf("after the thaw: %q (%v)", d.button.Why(), err)
	}
}

// Whoever ends a freeze has read everything that it is for, wherever it was said.
func TestAThawOfOneReasonDoesNotEndWhatAnotherReplicaFrozeFor(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	a, b := pressable(t, url), pressable(t, url)
	if err := a.Freeze("noor", "network work"); err != nil {
		t.Fatal(err)
	}
	shown := a.Why()
	if err := b.Freeze("piket", "the database has forgotten a send"); err != nil {
		t.Fatal(err)
	}
	if err := a.Thaw(shown); !errors.Is(err, freeze.ErrOther) {
		t.Fatalf("thawed what was not shown: %v", err)
	}
	for _, why := range []string{a.Why(), b.Why(), b.inStore(t)} {
		if !strings.Contains(why, "forgotten a send") {
			t.Errorf("frozen because %q", why)
		}
	}
	a.tells(t)
	if why := a.Why(); !strings.Contains(why, "network work") || !strings.Contains(why, "forgotten a send") {
		t.Fatalf("the page shows %q", why)
	}
	if err := a.Thaw(a.Why()); err != nil {
		t.Fatal(err)
	}
	b.tells(t)
	b.tells(t)
	if a.Why() != "" || b.Why() != "" {
		t.Errorf("after both were read and ended: %q and %q", a.Why(), b.Why())
	}
}

// A replica that comes back with an empty directory does not say by that that
// anybody has thawed.
func TestALostFreezeFileEndsNoFreeze(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	a := pressable(t, url)
	if err := a.Freeze("noor", "fire"); err != nil {
		t.Fatal(err)
	}
	again := pressable(t, url)
	again.place = a.place
	again.tells(t)
	if again.Why() == "" || again.inStore(t) == "" {
		t.Error("a file that is not there was taken for a thaw")
	}
}
