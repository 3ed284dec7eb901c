package signed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/signed"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

func confirm() signed.Link {
	return signed.Link{Purpose: "confirm", Incident: "INC-2026-0001", Party: "bakery", Expires: start.Add(time.Hour)}
}

// parts takes a signed path apart as a router does.
func parts(t *testing.T, path string) [5]string {
	t.Helper()
	list := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(list) != 5 {
		t.Fatalf("%q has %d parts", path, len(list))
	}
	return [5]string(list)
}

func TestALinkIsReadBackUntilItsTimeIsOver(t *testing.T) {
	key := signed.NewKey()
	p := parts(t, key.Sign(confirm().Path()))
	for after, holds := range map[time.Duration]bool{0: true, time.Hour - time.Second: true, time.Hour: false, 24 * time.Hour: false} {
		got, err := key.Read(p[0], p[1], p[2], p[3], p[4], start.Add(after))
		if holds && (err != nil || got != confirm()) {
			t.Errorf("after %v: %+v, %v", after, got, err)
		}
		if !holds && err != signed.ErrInvalid {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func TestNoPartOfALinkCanBeChanged(t *testing.T) {
	key := signed.NewKey()
	good := parts(t, key.Sign(confirm().Path()))
	for name, change := range map[string]func(p *[5]string){
		"another purpose":    func(p *[5]string) { p[0] = "feedback" },
		"another incident":   func(p *[5]string) { p[1] = "INC-2026-0002" },
		"another customer":   func(p *[5]string) { p[2] = "butcher" },
		"a longer life":      func(p *[5]string) { p[3] = fmt.Sprint(start.AddDate(1, 0, 0).Unix()) },
		"no number":          func(p *[5]string) { p[3] = "never" },
		"a moment with zero": func(p *[5]string) { p[3] = "0" + p[3] + "0" },
		"no token":           func(p *[5]string) { p[4] = "" },
		"half a token":       func(p *[5]string) { p[4] = p[4][:20] },
		"moved parts":        func(p *[5]string) { p[1], p[2] = p[2], p[1] },
		"another piket's":    func(p *[5]string) { *p = parts(t, signed.NewKey().Sign(confirm().Path())) },
	} {
		p := good
		change(&p)
		if got, err := key.Read(p[0], p[1], p[2], p[3], p[4], start); err != signed.ErrInvalid || got != (signed.Link{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := (signed.Key{}).Read(good[0], good[1], good[2], good[3], good[4], start); err != signed.ErrInvalid {
		t.Errorf("without a key: %v", err)
	}
}

func TestPartsWithSlashesCannotBeTakenForOthers(t *testing.T) {
	a := signed.Link{Purpose: "a", Incident: "b/c", Party: "d", Expires: start}
	b := signed.Link{Purpose: "a", Incident: "b", Party: "c/d", Expires: start}
	if a.Path() == b.Path() {
		t.Errorf("both are %s", a.Path())
	}
}

func TestTheKeyIsMadeOnceAndKeptForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.key")
	keys := make([]string, 8)
	var all sync.WaitGroup
	for n := range keys {
		all.Go(func() {
			key, err := signed.FileKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[n] = key.Reveal()
		})
	}
	all.Wait()
	for _, key := range keys {
		if key != keys[0] {
			t.Fatal("two that started at once have different keys")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if again, err := signed.FileKey(path); err != nil || again.Reveal() != keys[0] {
		t.Errorf("after a restart: %v", err)
	}
}

func TestABadKeyFileIsAnErrorAndNotAnotherKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.key")
	for _, text := range []string{"", "short", strings.Repeat("!", 43)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := signed.FileKey(path); err == nil {
			t.Errorf("%q was taken for a key", text)
		}
	}
}

func TestAKeyIsCopiedAndNeverOverAnother(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := signed.CopyFile(at("none"), at("copy")); err != nil {
		t.Errorf("of a piket that has made no key yet: %v", err)
	}
	key, err := signed.FileKey(at("a"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second changes nothing
		if err := signed.CopyFile(at("a"), at("copy")); err != nil {
			t.Fatal(err)
		}
	}
	if copied, err := signed.FileKey(at("copy")); err != nil || copied.Reveal() != key.Reveal() {
		t.Errorf("the copy is another key (%v)", err)
	}
	other, err := signed.FileKey(at("b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.CopyFile(at("a"), at("b")); err == nil {
		t.Error("another key was taken for it")
	}
	if kept, err := signed.FileKey(at("b")); err != nil || kept.Reveal() != other.Reveal() {
		t.Errorf("the other key was overwritten (%v)", err)
	}
}

func TestASecretOfTheConfigurationIsOneKeyAndAShortOneNone(t *testing.T) {
	long := strings.Repeat("4f1c9a7d", 8)
	one, err := signed.KeyFrom(long)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := signed.KeyFrom(long)
	other, _ := signed.KeyFrom(long[1:] + "0")
	if one.Reveal() != two.Reveal() || one.Reveal() == other.Reveal() {
		t.Error("a secret is not one key of its own")
	}
	if _, err := signed.KeyFrom(long[:31]); err == nil {
		t.Error("a short secret was taken")
	}
}

func TestAKeyDoesNotPrint(t *testing.T) {
	key := signed.NewKey()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, key); strings.Contains(text, key.Reveal()) || len(text) > 10 {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// A forged link must be found out whatever its parts are.
func FuzzNothingIsReadThatWasNotSigned(f *testing.F) {
	key := signed.NewKey()
	f.Add("confirm", "INC-2026-0001", "bakery", "1767600000", "")
	f.Fuzz(func(t *testing.T, purpose, incident, party, expires, token string) {
		if l, err := key.Read(purpose, incident, party, expires, token, time.Unix(0, 0)); err == nil {
			t.Fatalf("%+v was read", l)
		}
	})
}
