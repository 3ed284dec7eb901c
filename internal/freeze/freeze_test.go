package freeze_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/freeze"
)

func TestFreezeHoldsUntilThawAndSurvivesAnotherSwitch(t *testing.T) {
	dir := t.TempDir()
	if why := freeze.In(dir).Why(); why != "" {
		t.Fatalf("frozen at the start: %q", why)
	}
	if err := freeze.In(dir).Freeze("noor", "network work"); err != nil {
		t.Fatal(err)
	}
	if why := freeze.In(dir).Why(); why != "frozen by noor: network work" {
		t.Fatalf("reason is %q", why)
	}
	if err := freeze.In(dir).Thaw(""); err != nil {
		t.Fatal(err)
	}
	if why := freeze.In(dir).Why(); why != "" {
		t.Fatalf("still frozen: %q", why)
	}
	if err := freeze.In(dir).Thaw(""); err != nil {
		t.Fatalf("thawing twice: %v", err)
	}
}

func TestAnEmptyOrUnreadableFreezeFileFreezes(t *testing.T) {
	s := freeze.In(t.TempDir())
	if err := os.WriteFile(s.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Why() == "" {
		t.Error("an empty file does not freeze")
	}
	if err := os.Remove(s.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.Path, 0o700); err != nil { // reading a directory fails
		t.Fatal(err)
	}
	if why := s.Why(); !strings.Contains(why, "cannot be read") {
		t.Errorf("reason is %q", why)
	}
}

// On a full disk the file is there, so the freeze holds; only its reason is
// lost, and that is what is said.
func TestAFullDiskLosesTheReasonAndNotTheFreeze(t *testing.T) {
	s := freeze.In(t.TempDir())
	if err := os.Symlink("/dev/full", s.Path); err != nil {
		t.Fatal(err)
	}
	if err := s.Freeze("noor", "network work"); !errors.Is(err, freeze.ErrReasonLost) {
		t.Errorf("got %v", err)
	}
	if err := (freeze.Switch{Path: filepath.Join(t.TempDir(), "no", "such", "directory")}).Freeze("noor", "x"); err == nil || errors.Is(err, freeze.ErrReasonLost) {
		t.Errorf("a freeze that does not hold says %v", err)
	}
}

// Who thaws for one reason does not end what was frozen for another.
func TestAThawEndsOnlyWhatWasShown(t *testing.T) {
	s := freeze.In(t.TempDir())
	say := func(by, why string) {
		t.Helper()
		if err := s.Freeze(by, why); err != nil {
			t.Fatal(err)
		}
	}
	say("noor", "network work")
	shown := s.Why()
	say("piket", "the database has forgotten a send")
	if err := s.Thaw(shown); !errors.Is(err, freeze.ErrOther) {
		t.Errorf("thawed what was not shown: %v", err)
	}
	say("noor", "network work") // once more, and both stay
	both := s.Why()
	if want := "frozen by noor: network work; before that frozen by piket: the database has forgotten a send"; both != want {
		t.Errorf("frozen because %q, want %q", both, want)
	}
	if err := s.Thaw(both); err != nil || s.Why() != "" {
		t.Errorf("%v, %q", err, s.Why())
	}
}
