package mailbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
)

// Reader reads a mailbox over IMAP for as long as it runs. Make one with
// [NewReader].
type Reader struct {
	parts   Parts
	again   *clock.Bell
	trouble trouble

	mu   sync.Mutex
	last time.Time // when the mailbox was read to its end
}

// Parts is what a Reader needs. Every field must be set.
type Parts struct {
	Config func() Config // as it is at the moment; one without an address reads nothing
	Take   func(ctx context.Context, l Letter) error
	Keep   func(ctx context.Context, name, value string) (kept string, err error)
	Clock  *clock.Clock
	Log    *slog.Logger
	Alarm  Alarm
}

// NewReader returns a reader that has yet to run.
func NewReader(p Parts) *Reader {
	return &Reader{parts: p, again: p.Clock.NewBell(), trouble: trouble{alarm: p.Alarm, clock: p.Clock}}
}

// How long a reader waits before it tries again what failed: twice as long with
// each failure.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Run reads until ctx ends. Call it from a goroutine of its clock's Go.
func (r *Reader) Run(ctx context.Context) {
	wait := firstRetry
	for ctx.Err() == nil {
		config := r.parts.Config()
		if !config.Reads() {
			r.parts.Clock.Wait(ctx, time.Time{}, r.again)
			continue
		}
		before := r.LastRead()
		err := r.session(ctx, config)
		if ctx.Err() != nil {
			return
		}
		if r.LastRead().After(before) {
			wait = firstRetry
		}
		if err != nil {
			r.parts.Log.Warn("the mailbox cannot be read", "mailbox", config.Username+" at "+config.Address, "err", err)
			r.warn(ctx, config, err)
			r.parts.Clock.Wait(ctx, r.parts.Clock.Now().Add(wait), r.again)
			wait = min(2*wait, lastRetry)
		}
	}
}

// Again has the reader take over a new configuration.
func (r *Reader) Again() { r.again.Ring() }

// LastRead is when the mailbox was last read to its end, zero when it never was.
func (r *Reader) LastRead() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// read notes that the mailbox has been read to its end.
func (r *Reader) read(ctx context.Context, config Config) {
	r.mu.Lock()
	r.last = r.parts.Clock.Now()
	r.mu.Unlock()
	if err := r.trouble.over(ctx, config); err != nil {
		r.parts.Log.Warn("that the mailbox is read again cannot be written down", "err", err)
	}
}

func (r *Reader) warn(ctx context.Context, config Config, why error) {
	if err := r.trouble.stands(ctx, config, why); err != nil {
		r.parts.Log.Error("that the mailbox cannot be read cannot be written down", "err", err)
	}
}
