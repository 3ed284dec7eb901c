package main

import (
	"context"
	"path/filepath"

	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
)

// linksKey returns the key by which links for people without a sign-in are
// signed. It is made at the first start: in a file beside the timelines, or, when
// several piket share them, in their database, so that a link of one holds for
// all.
func linksKey(dir string, s *store.Store) (signed.Key, error) {
	if !s.Shared() {
		return signed.FileKey(filepath.Join(dir, "links.key"))
	}
	kept, err := s.Keep(context.Background(), "links", signed.NewKey().Reveal())
	if err != nil {
		return signed.Key{}, err
	}
	return signed.ParseKey(kept)
}
