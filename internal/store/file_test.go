package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// Both databases keep files alike, and every replica sees what one of them kept.
func TestAFileIsKeptByItsContentOnBothDatabases(t *testing.T) {
	for name, where := range map[string]string{"sqlite": t.TempDir(), "postgres": storetest.Shared(t).Database(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(where, clock.Scaled(start, 1))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			content := append([]byte{0, 0xff, 0xd8}, bytes.Repeat([]byte("x"), 300_000)...)
			var hash string
			for range 2 {
				again, err := s.KeepFile(ctx, "INC-2026-0001", content)
				if err != nil || hash != "" && again != hash {
					t.Fatalf("%s, %v", again, err)
				}
				hash = again
			}
			reader := s
			if name == "postgres" {
				if reader, err = store.Open(where, clock.Scaled(start, 1)); err != nil {
					t.Fatal(err)
				}
				defer reader.Close()
			}
			if got, err := reader.File(ctx, hash); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if _, err := reader.File(ctx, strings.Repeat("0", 64)); !errors.Is(err, store.ErrNoFile) {
				t.Errorf("another: %v", err)
			}
			for _, bad := range [][]byte{nil, make([]byte, store.MaxFileBytes+1)} {
				if _, err := s.KeepFile(ctx, "INC-2026-0001", bad); err == nil {
					t.Errorf("%d bytes were kept", len(bad))
				}
			}
		})
	}
}

func TestAFileThatSomebodyChangedIsNotShown(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	hash, err := s.KeepFile(ctx, "INC-2026-0001", []byte("a picture"))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := raw(t, dir).Exec(`UPDATE files SET content = 'another'`); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).File(ctx, hash); err == nil {
		t.Errorf("it shows %q", got)
	}
}
