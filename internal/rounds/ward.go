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

// Among several, a replica that is gone is noticed within seconds, and a freeze
// reaches all of them within a second. Who is alone with a store need not say
// that it is alive.
var (
	shared = pace{term: 6 * time.Second, beat: time.Second, poll: time.Second}
	alone  = pace{term: 100 * 365 * 24 * time.Hour}
)

// share is how many incidents are taken at once: others shall have theirs of a
// storm.
const share = 64

// answerTime is how long the store may take to answer. Two questions that are
// not answered leave time for a third within the term.
const answerTime = 2 * time.Second

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
	lapses int
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

// Run keeps the ward until ctx ends and the visits under way have ended, and
// then gives it back. Call it from a goroutine of the clock's Go.
func (w *Ward) Run(ctx context.Context) {
	var next time.Time // when to say that we are alive
	for ctx.Err() == nil {
		polled := w.keep(ctx, &next)
		if w.take(ctx, polled) {
			continue
		}
		w.clk.Wait(ctx, w.pace.nextPoll(w.clk.Now(), w.replica() == ""), w.bell)
	}
	ctx = context.WithoutCancel(ctx)
	for w.visiting() {
		w.keep(ctx, &next)
		w.clk.Wait(ctx, w.pace.nextPoll(w.clk.Now(), false), w.bell)
	}
	w.leave()
}

// keep says that we are alive when it is time to, and reports whether it was.
func (w *Ward) keep(ctx context.Context, next *time.Time) bool {
	now := w.clk.Now()
	if w.replica() != "" && (w.pace.beat == 0 || now.Before(*next)) {
		return false
	}
	if err := w.beat(ctx); err != nil && ctx.Err() == nil {
		w.log.Error("the store does not hear this replica", "err", err)
	}
	*next = now.Add(w.pace.beat)
	return true
}

// visiting reports whether any rounds are still under way.
func (w *Ward) visiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.rounds) > 0
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

// replica is the name that we have at the moment, "" while we have none. Once
// the term of the last beat is over by our own watch, we have none: what was
// ours may be somebody else's.
func (w *Ward) replica() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current()
}

func (w *Ward) current() string {
	if w.name == "" || w.alive() >= w.pace.term {
		return ""
	}
	return w.name
}

// answer bounds one question to a store that may be out of reach.
func (w *Ward) answer(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.pace.beat == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, answerTime)
}

// beat says that we are alive. Who was not heard for a whole term begins anew
// under another name.
func (w *Ward) beat(ctx context.Context) error {
	ctx, cancel := w.answer(ctx)
	defer cancel()
	name := w.replica()
	if name == "" {
		w.drop()
		return w.enter(ctx)
	}
	sent := w.clk.Stopwatch()
	b, err := w.store.Beat(ctx, name, w.pace.term)
	if err == nil {
		w.heard(name, b, sent)
		return nil
	}
	if errors.Is(err, store.ErrLapsed) || errors.Is(err, store.ErrOutdated) {
		w.drop()
	}
	return err
}

// enter makes a new name for ourselves.
func (w *Ward) enter(ctx context.Context) error {
	name := fmt.Sprintf("%s %s", w.host, rand.Text()[:8])
	sent := w.clk.Stopwatch()
	b, err := w.store.Enter(ctx, name, w.pace.term)
	if err == nil {
		w.heard(name, b, sent)
	}
	return err
}

// heard books a beat. The term runs from when it was sent, not from when the
// answer came: one that came too late is no word at all.
func (w *Ward) heard(name string, b store.Beat, sent func() time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.name, w.alive, w.frozen, w.skew = name, sent, b.Frozen, w.clk.Now().Sub(b.Now)
}

// drop forgets everything: others may have it.
func (w *Ward) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.name != "" {
		w.lapses++
		w.log.Warn("this replica begins anew", "was", w.name, "incidents", len(w.mine))
	}
	w.name, w.alive = "", nil
	clear(w.mine)
}

// leaveTime bounds the last word.
const leaveTime = 2 * time.Second

// leave gives everything back, so that nobody waits for our term to end.
func (w *Ward) leave() {
	w.mu.Lock()
	name := w.name
	w.name = ""
	clear(w.mine)
	w.mu.Unlock()
	if name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	if err := w.store.Leave(ctx, name); err != nil {
		w.log.Warn("the others wait for this replica's term to end", "err", err)
	}
}

// take takes a share of what nobody has; it reports whether there may be more
// for us. What is more than our part of all is left for the others until the
// next poll: then they are busy, or gone.
func (w *Ward) take(ctx context.Context, polled bool) (more bool) {
	name := w.replica()
	if name == "" {
		return false
	}
	ctx, cancel := w.answer(ctx)
	defer cancel()
	most, fair, err := w.part(ctx, name, polled)
	if err != nil || most == 0 {
		return w.cannot(ctx, err)
	}
	ids, err := w.store.Take(ctx, name, most)
	if err != nil {
		return w.cannot(ctx, err)
	}
	if w.replica() != name { // the answer came too late
		return false
	}
	w.hand(ids)
	return len(ids) == most && fair
}

func (w *Ward) cannot(ctx context.Context, err error) (more bool) {
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		w.log.Error("cannot take work", "err", err)
	}
	return false
}

// part is how many incidents to take now, and whether that is our fair part.
func (w *Ward) part(ctx context.Context, name string, polled bool) (most int, fair bool, err error) {
	if w.pace.beat == 0 {
		return share, true, nil
	}
	work, err := w.store.Work(ctx)
	if err == nil && work.Has(name) != w.size() {
		err = w.audit(ctx, name)
	}
	if err != nil || work.Free == 0 {
		return 0, false, err
	}
	if most = min(share, work.Fair(name)); most > 0 {
		return most, true, nil
	}
	if polled {
		return share, false, nil
	}
	return 0, false, nil
}

func (w *Ward) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.mine)
}

// audit has ours be what the store says: an answer was lost on its way.
func (w *Ward) audit(ctx context.Context, name string) error {
	ids, err := w.store.Leases(ctx, name)
	if err != nil {
		return err
	}
	if w.replica() != name {
		return nil
	}
	w.mu.Lock()
	maps.DeleteFunc(w.mine, func(id string, _ struct{}) bool { return !slices.Contains(ids, id) })
	w.mu.Unlock()
	w.hand(slices.DeleteFunc(ids, w.has))
	return nil
}

// hand gives incidents that have become ours to everybody's rounds.
func (w *Ward) hand(ids []string) {
	w.mu.Lock()
	for _, id := range ids {
		w.mine[id] = struct{}{}
	}
	rounds := slices.Clone(w.rounds)
	w.mu.Unlock()
	for _, r := range rounds {
		r.changed(ids)
		r.bell.Ring()
	}
}

// join has r visit everything that is ours, now and as it becomes ours.
func (w *Ward) join(r *Rounds) {
	w.mu.Lock()
	w.rounds = append(w.rounds, r)
	ids := slices.Collect(maps.Keys(w.mine))
	w.mu.Unlock()
	r.changed(ids)
}

// depart ends what join began, when r's last visit has ended.
func (w *Ward) depart(r *Rounds) {
	w.mu.Lock()
	w.rounds = slices.DeleteFunc(w.rounds, func(other *Rounds) bool { return other == r })
	w.mu.Unlock()
	w.bell.Ring()
}

// has reports whether an incident is ours, as far as we know.
func (w *Ward) has(id string) bool {
	_, ok := w.holder(id)
	return ok
}

// holder returns the name under which we have an incident.
func (w *Ward) holder(id string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.mine[id]
	name := w.current()
	return name, ok && name != ""
}

// Mine asks the store whether an incident is still ours at this moment, under
// the name under which the visit of ctx began; nil means that it is. It is the
// last thing that is asked before a send, and hears of a freeze as well.
func (w *Ward) Mine(ctx context.Context, id string) error {
	ctx, cancel := w.answer(ctx)
	defer cancel()
	name, ok := w.holder(id)
	if !ok || name != store.ReplicaOf(ctx) {
		return store.ErrLapsed
	}
	sent := w.clk.Stopwatch()
	ok, frozen, err := w.store.Has(ctx, name, id)
	switch {
	case err != nil:
		return err
	case !ok, sent() >= w.pace.term, w.replica() != name:
		return store.ErrLapsed
	}
	w.mu.Lock()
	w.frozen = frozen
	w.mu.Unlock()
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

// Standing is how this process stands among the replicas of its store.
type Standing struct {
	Replica   string        // our name, "" while we have none
	Incidents int           // that are ours
	Silent    time.Duration // since the last beat that was heard
	Lapses    int           // how often we had to begin anew
}

// Standing returns how we stand, by our own watch.
func (w *Ward) Standing() Standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Standing{Replica: w.current(), Incidents: len(w.mine), Lapses: w.lapses}
	if w.alive != nil {
		s.Silent = w.alive()
	}
	return s
}
