package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
)

// declareBackup declares the way out of a lost disk. Both commands work on
// directories alone, so that they need no configuration.
func declareBackup(c *cli) {
	var from, to string
	cmd := c.add(c.app, "backup", "Copy the timelines to a file while piket runs.", func(ctx context.Context, io console) error {
		return backup(ctx, from, to, io)
	})
	cmd.Arg("dir", "Storage directory.").Required().StringVar(&from)
	cmd.Arg("file", "File to write; it must not be there.").Required().StringVar(&to)

	var file, dir string
	var discard bool
	cmd = c.add(c.app, "restore", "Put a backup in the place of the timelines, while piket does not run.", func(ctx context.Context, io console) error {
		return restore(ctx, file, dir, discard, io)
	})
	cmd.Arg("file", "The backup.").Required().StringVar(&file)
	cmd.Arg("dir", "Storage directory.").Required().StringVar(&dir)
	cmd.Flag("discard-newer", "Forget what the directory has and the backup has not.").BoolVar(&discard)
}

// keyFiles are what lies beside the timelines and belongs to them: without it,
// links in mails out there end, and browsers are told nothing more.
var keyFiles = []string{linksFile, pushFile}

// keyOf is where one of them lies beside a backup.
func keyOf(file, key string) string { return file + "." + key }

func backup(ctx context.Context, dir, file string, io console) error {
	s, err := store.OpenReadOnly(dir)
	if err != nil {
		return withHint(err, "name the storage directory of a piket")
	}
	defer s.Close()
	err = s.Backup(ctx, file)
	switch {
	case errors.Is(err, os.ErrExist):
		return withHint(err, "choose another name: a backup is never overwritten")
	case err != nil:
		return withHint(err, "is there room, and may you write there?")
	}
	for _, key := range keyFiles {
		if err := signed.CopyFile(filepath.Join(dir, key), keyOf(file, key)); err != nil {
			return withHint(err, "the timelines are copied; give another name, or take away what is left of an older backup")
		}
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(map[string]any{"file": file})
	}
	fmt.Fprintf(io.out, "%s is a copy of %s as it was at %s; it holds customers' names, keep it private\n", file, dir, time.Now().UTC().Format(time.RFC3339))
	for _, key := range keyFiles {
		if _, err := os.Stat(keyOf(file, key)); err == nil {
			fmt.Fprintf(io.out, "%s belongs to it and is secret\n", keyOf(file, key))
		}
	}
	return nil
}

func restore(ctx context.Context, file, dir string, discard bool, io console) error {
	r, err := store.Restore(ctx, file, dir, discard)
	switch {
	case errors.Is(err, store.ErrLocked):
		return withHint(err, "stop piket first")
	case errors.Is(err, store.ErrNewer):
		return withHint(fmt.Errorf("%w: %s", err, lostWords(r)), "back it up, then give --discard-newer to forget that")
	case err != nil:
		return withHint(err, "nothing was changed; try an older backup")
	}
	for _, key := range keyFiles {
		if err := signed.CopyFile(keyOf(file, key), filepath.Join(dir, key)); err != nil {
			return withHint(err, "the timelines are restored; without that key, links in mails that are out there have ended, and people subscribe to pushes anew")
		}
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(map[string]any{
			"events": r.Events, "incidents": r.Incidents, "last_event": r.Head.Recorded, "generation": r.Head.Generation, "lost": r.Lost, "kept_aside": r.Aside,
		})
	}
	fmt.Fprintf(io.out, "restored %s, %s\n", count(r.Incidents, "incident", "incidents"), count(r.Events, "event", "events"))
	if r.Head.Position > 0 {
		fmt.Fprintf(io.out, "the last event is of %s: whatever happened after that is not known to piket\n", r.Head.Recorded.Format(time.RFC3339))
	}
	if r.Lost != 0 {
		fmt.Fprintf(io.out, "forgotten: %s\n", lostWords(r))
	}
	if r.Aside != "" {
		fmt.Fprintf(io.out, "what was there is kept in %s\n", r.Aside)
	}
	return nil
}

// lostWords says what a restore forgets.
func lostWords(r store.Restored) string {
	if r.Lost < 0 {
		return "what is there has another past or cannot be read, so nobody can tell how much"
	}
	return count(int(r.Lost), "event", "events")
}
