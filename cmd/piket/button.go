package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
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

	mu   sync.Mutex
	told string // what of the file the store has been told by this process

	heard atomic.Pointer[string] // why all are stopped, when the store was last asked
}

func newButton(file freeze.Switch, s *store.Store, w *rounds.Ward) *button {
	path, err := filepath.Abs(file.Path)
	if err != nil {
		path = file.Path
	}
	return &button{file: file, store: s, ward: w, place: hostName() + " " + path}
}

// Why says why nothing is touched, "" when all may go on. What the store was
// asked last, by whomever, is believed when it says that all are stopped.
func (b *button) Why() string {
	heard := ""
	if h := b.heard.Load(); h != nil {
		heard = *h
	}
	return cmp.Or(b.file.Why(), heard, b.ward.Frozen())
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
	err := b.file.Freeze(by, reason)
	if b.store.Shared() && b.file.Why() != "" {
		ctx, cancel := context.WithTimeout(context.Background(), tellTime)
		defer cancel()
		_ = b.tell(ctx) // run goes on trying, and complains
	}
	return err
}

// Thaw lets all go on. Without the store the others stay frozen, and it says so.
func (b *button) Thaw() error {
	if b.store.Shared() {
		ctx, cancel := context.WithTimeout(context.Background(), tellTime)
		defer cancel()
		if err := b.store.Thaw(ctx); err != nil {
			return fmt.Errorf("thaw: the other replicas cannot be told: %w", err)
		}
	}
	return b.file.Thaw()
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
// told of; a store that knows nothing is told again.
func (b *button) tell(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	why := b.file.Why()
	f, err := b.store.Freezing(ctx, b.place)
	if err != nil {
		return err
	}
	b.heard.Store(&f.All)
	switch {
	case why == "" && f.Known:
		b.told = ""
		return b.store.Unfreeze(ctx, b.place)
	case why == "":
		return nil
	case f.Known && f.Said == "" && b.told == why:
		b.told = ""
		return b.file.Thaw()
	case f.Said != why:
		err = b.store.Freeze(ctx, b.place, why)
	}
	if err == nil {
		b.told = why
	}
	return err
}
