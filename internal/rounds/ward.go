package rounds

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
)

// pace is how long a replica's word that it is alive holds, how often it gives
// it, and how often it looks for work that nobody tells it of.
type pace struct{ term, beat, poll time.Duration }

// Among several, a replica that is gone is noticed within seconds. Who is alone
// with a store need not say that it is alive.
var (
	shared = pace{term: 6 * time.Second, beat: 2 * time.Second, poll: time.Second}
	alone  = pace{term: 100 * 365 * 24 * time.Hour}
)

// share is how many incidents are taken at once: others shall have theirs of a
// storm.
const share = 64

// maxSkew is how far this machine's clock may be off the store's before nothing
// is done by it.
const maxSkew = 2 * time.Second

// Ward is the incidents that this process looks after. Several replicas share a
// store by each having its own ward; when one is not heard for its term, the
// others take what it had.
type Ward struct {
	store *store.Store
	clk   *clock.Clock
	log   *slog.Logger
	host  string
	bell  *clock.Bell
	pace  pace

	mu     sync.Mutex
	name   string               // "" while we have none
	alive  func() time.Duration // since the last beat that was heard was sent
	mine   map[string]struct{}
	frozen string
	skew   time.Duration
	rounds []*Rounds
}

// NewWard returns an empty ward; host names this process to people.
func NewWard(host string, s *store.Store, clk *clock.Clock, log *slog.Logger) *Ward {
	w := &Ward{store: s, clk: clk, log: log, host: host, bell: clk.NewBell(), pace: alone, mine: map[string]struct{}{}}
	if s.Shared() {
		w.pace = shared
	}
	s.Subscribe(w.bell)
	return w
}

// Run keeps the ward until ctx ends, and then gives it back. Call it from a
// goroutine of the clock's Go.
func (w *Ward) Run(ctx context.Context) {
	var next time.Time // when to say that we are alive
	for ctx.Err() == nil {
		if now := w.clk.Now(); w.nameless() || w.pace.beat > 0 && !now.Before(next) {
			if err := w.beat(ctx); err != nil && ctx.Err() == nil {
				w.log.Error("the store does not hear this replica", "err", err)
			}
			next = now.Add(w.pace.beat)
		}
		if w.take(ctx) {
			continue
		}
		w.clk.Wait(ctx, w.pace.nextPoll(w.clk.Now(), w.nameless()), w.bell)
	}
	w.leave()
}

// nextPoll is when to look again although nobody has rung; zero means never.
func (p pace) nextPoll(now time.Time, nameless bool) time.Time {
	switch {
	case nameless: // the store did not answer
		return now.Add(shared.poll)
	case p.poll == 0:
		return time.Time{}
	}
	return now.Add(p.poll)
}

func (w *Ward) nameless() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.name == ""
}

// beat says that we are alive. Who was not heard for a whole term begins anew
// under another name: what it had may be somebody else's.
func (w *Ward) beat(ctx context.Context) error {
	if w.nameless() {
		return w.enter(ctx)
	}
	w.mu.Lock()
	name := w.name
	w.mu.Unlock()
	sent := w.clk.Stopwatch()
	b, err := w.store.Beat(ctx, name, w.pace.term)
	if err == nil {
		w.heard(b, sent)
		return nil
	}
	if errors.Is(err, store.ErrLapsed) || w.silentFor() >= w.pace.term {
		w.drop()
	}
	return err
}

// enter makes a new name for ourselves.
func (w *Ward) enter(ctx context.Context) error {
	name := fmt.Sprintf("%s %s", w.host, rand.Text()[:8])
	sent := w.clk.Stopwatch()
	if err := w.store.Enter(ctx, name, w.pace.term); err != nil {
		return err
	}
	w.mu.Lock()
	w.name, w.alive = name, sent
	w.mu.Unlock()
	b, err := w.store.Beat(ctx, name, w.pace.term)
	if err == nil {
		w.heard(b, sent)
	}
	return err
}

// heard books a beat. The term runs from when it was sent, not from when the
// answer came.
func (w *Ward) heard(b store.Beat, sent func() time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive, w.frozen, w.skew = sent, b.Frozen, w.clk.Now().Sub(b.Now)
}

func (w *Ward) silentFor() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alive == nil {
		return w.pace.term
	}
	return w.alive()
}

// drop forgets everything: others may have it.
func (w *Ward) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.name, w.alive = "", nil
	clear(w.mine)
}

// leaveTime bounds the last word.
const leaveTime = 2 * time.Second

// leave gives everything back, so that nobody waits for our term to end.
func (w *Ward) leave() {
	w.mu.Lock()
	name := w.name
	w.mu.Unlock()
	w.drop()
	if name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	if err := w.store.Leave(ctx, name); err != nil {
		w.log.Warn("the others wait for this replica's term to end", "err", err)
	}
}

// take takes a share of what nobody has; it reports whether there may be more.
func (w *Ward) take(ctx context.Context) (more bool) {
	w.mu.Lock()
	name := w.name
	w.mu.Unlock()
	if name == "" || w.silentFor() >= w.pace.term {
		return false
	}
	ids, err := w.store.Take(ctx, name, share)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Error("cannot take work", "err", err)
		}
		return false
	}
	w.mu.Lock()
	for _, id := range ids {
		w.mine[id] = struct{}{}
	}
	rounds := w.rounds
	w.mu.Unlock()
	for _, r := range rounds {
		r.changed(ids)
		r.bell.Ring()
	}
	return len(ids) == share
}

// join has r visit everything that is ours, now and as it becomes ours.
func (w *Ward) join(r *Rounds) {
	w.mu.Lock()
	w.rounds = append(w.rounds, r)
	ids := slices.Collect(maps.Keys(w.mine))
	w.mu.Unlock()
	r.changed(ids)
}

// has reports whether an incident is ours, as far as we know.
func (w *Ward) has(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.mine[id]
	return ok
}

// Mine asks the store whether an incident is still ours at this moment; nil
// means that it is. It is the last thing that is asked before a send.
func (w *Ward) Mine(ctx context.Context, id string) error {
	w.mu.Lock()
	name := w.name
	w.mu.Unlock()
	if name == "" || w.silentFor() >= w.pace.term {
		return store.ErrLapsed
	}
	ok, err := w.store.Has(ctx, name, id)
	if err != nil {
		return err
	}
	if !ok {
		return store.ErrLapsed
	}
	return nil
}

// Frozen returns why every replica is stopped, as of the last beat.
func (w *Ward) Frozen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frozen
}

// Skewed returns why this machine's clock cannot be trusted beside the store's,
// "" when it can.
func (w *Ward) Skewed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.skew.Abs() <= maxSkew {
		return ""
	}
	return fmt.Sprintf("this machine's clock is %v off the store's", w.skew.Round(time.Millisecond))
}
