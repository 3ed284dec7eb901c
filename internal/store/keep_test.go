package store_test

import (
	"fmt"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

func TestWhatReplicasKeepIsWhatTheFirstOfThemSet(t *testing.T) {
	list := replicas(t, storetest.Shared(t).Database(t), 5)
	kept := make([]string, len(list))
	for _, err := range together(len(list), func(n int) (err error) {
		kept[n], err = list[n].Keep(ctx, "links", fmt.Sprint("key of ", n))
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range kept {
		if value != kept[0] || value == "" {
			t.Errorf("they keep %q", kept)
		}
	}
}

func TestWhatIsKeptOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 {
		s, err := store.Open(dir, clock.Scaled(start, 1))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := s.Keep(ctx, "links", fmt.Sprint("key ", n)); err != nil || kept != "key 0" {
			t.Errorf("start %d: %q, %v", n, kept, err)
		}
		if kept, err := s.Keep(ctx, "other", "its own"); err != nil || kept != "its own" {
			t.Errorf("start %d: %q, %v", n, kept, err)
		}
		s.Close()
	}
}
