package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

// button is the big red button of all replicas that share a store: the freeze
// file of this one, which needs nothing and nobody, and the store, through which
// the others hear of it. Pressed at any of them it stops all.
type button struct {
	file  freeze.Switch
	store *store.Store
	ward  *rounds.Ward
	place string // names the file to the others

	mu   sync.Mutex // held while the file and the store are compared
	told string     // what of the file the store has been told by this process

	pressing sync.Mutex // held while the file is written or removed

	heard atomic.Pointer[string] // why all are stopped, when the store was last asked
}

func newButton(file freeze.Switch, s *store.Store, w *rounds.Ward) *button {
	path, err := filepath.Abs(file.Path)
	if err != nil {
		path = file.Path
	}
	return &button{file: file, store: s, ward: w, place: hostName() + " " + path}
}

// Why says why nothing is touched, for all reasons that are known, "" when all may
// go on. What the store was asked last, by whomever, is believed when it says that
// all are stopped.
func (b *button) Why() string {
	heard := ""
	if h := b.heard.Load(); h != nil {
		heard = *h
	}
	own, all := b.file.Why(), cmp.Or(heard, b.ward.Frozen())
	if own == "" || strings.Contains(all, own) {
		return all
	}
	if all == "" {
		return own
	}
	return own + "; and " + all
}

// tellTime bounds telling the others: a freeze holds here without them. askEvery
// is how often the file and the store are asked: one after the other, so that a
// freeze by hand at one replica shows at all of them after two of it.
const (
	tellTime = time.Second
	askEvery = 250 * time.Millisecond
)

// Freeze stops this replica at once, and the others within a second of the
// store's hearing of it, which is now or as soon as it can be reached.
func (b *button) Freeze(by, reason string) error {
	b.pressing.Lock()
	err := b.file.Freeze(by, reason)
	b.pressing.Unlock()
	if b.store.Shared() && b.file.Why() != "" {
		ctx, cancel := context.WithTimeout(context.Background(), tellTime)
		defer cancel()
		_ = b.tell(ctx) // run goes on trying, and complains
	}
	return err
}

// Thaw lets all go on, if what was shown is all that they are frozen for: what
// somebody, or piket itself, froze for meanwhile stays, with freeze.ErrOther.
// Without the store the others stay frozen, and it says so. shown may be "" for
// who has looked in another way.
func (b *button) Thaw(shown string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.file.Why()
	if b.store.Shared() {
		ctx, cancel := context.WithTimeout(context.Background(), tellTime)
		defer cancel()
		_, err := b.ask(ctx)
		if err == nil {
			if why := b.Why(); shown != "" && shown != why {
				return fmt.Errorf("thaw: %w: %s", freeze.ErrOther, why)
			}
			err = b.store.Thaw(ctx)
		}
		if err != nil {
			return fmt.Errorf("thaw: the other replicas cannot be told: %w", err)
		}
		b.told = "" // nothing that the store was told of holds any more
		b.heard.Store(new(string))
	} else if shown != "" && shown != own {
		return fmt.Errorf("thaw: %w: %s", freeze.ErrOther, own)
	}
	return b.remove(own)
}

// ask asks the store, and keeps what it says.
func (b *button) ask(ctx context.Context) (store.Freezing, error) {
	f, err := b.store.Freezing(ctx, b.place)
	if err == nil {
		b.heard.Store(&f.All)
	}
	return f, err
}

// remove ends the freeze of the file, if it is still the one that was seen.
func (b *button) remove(seen string) error {
	b.pressing.Lock()
	defer b.pressing.Unlock()
	if now := b.file.Why(); seen == "" && now != "" {
		return fmt.Errorf("thaw: %w: %s", freeze.ErrOther, now)
	}
	return b.file.Thaw(seen)
}

// run keeps the store and the file in step, until ctx ends: whoever freezes or
// thaws by the file alone is heard by the others as well, and they are heard here. It runs in the
// machine's own time.
func (b *button) run(ctx context.Context, log *slog.Logger) {
	if !b.store.Shared() {
		return
	}
	clk := clock.Real()
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, tellTime)
		if err := b.tell(asking); err != nil && ctx.Err() == nil && b.file.Why() != "" {
			log.Warn("the other replicas cannot be told of the freeze file", "err", err)
		}
		cancel()
		clk.Wait(ctx, clk.Now().Add(askEvery), nil)
	}
}

// tell compares the file with what the store says of it. What was thawed from
// elsewhere is thawed here as well, if it is the very freeze that the store was
// told of; a store that knows nothing is told again. A file that this process
// never saw ends no freeze by not being there: it may be lost.
func (b *button) tell(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	why := b.file.Why()
	f, err := b.ask(ctx)
	if err != nil {
		return err
	}
	switch {
	case why == "" && f.Known && (b.told != "" || f.Said == ""):
		b.told = ""
		return b.store.Unfreeze(ctx, b.place)
	case why == "":
		return nil
	case f.Known && f.Said == "" && b.told == why:
		b.told = ""
		return b.remove(why)
	case f.Said != why:
		err = b.store.Freeze(ctx, b.place, why)
	}
	if err == nil {
		b.told = why
	}
	return err
}
