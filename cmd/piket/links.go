package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
)

// linksFile is where the key of links lies in a storage directory.
const linksFile = "links.key"

// linksKey returns the key by which links for people without a sign-in are
// signed: what the configuration's secret stands for. Without one it is made at
// the first start: in a file beside the timelines, or, when several piket share
// them, in their database, so that a link of one holds for all; then whoever reads
// that database can make links, and `piket check` warns of it.
func linksKey(configured secret.Ref, dir string, s *store.Store) (signed.Key, error) {
	switch {
	case !configured.IsZero():
		text, err := configured.Read()
		if err != nil {
			return signed.Key{}, fmt.Errorf("web: links_key: %w", err)
		}
		return signed.KeyFrom(text.Reveal())
	case !s.Shared():
		return signed.FileKey(filepath.Join(dir, linksFile))
	}
	kept, err := s.Keep(context.Background(), "links", signed.NewKey().Reveal())
	if err != nil {
		return signed.Key{}, err
	}
	return signed.ParseKey(kept)
}
