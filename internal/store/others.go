package store

import (
	"context"
	"io"
	"time"

	"github.com/spinware/piket/internal/clock"
)

// How often a process looks for what others have written: soon after there was
// something, and ever more seldom while there is nothing.
const (
	soonest = 50 * time.Millisecond
	latest  = time.Second
)

// others tells the followers of what other processes have written.
type others struct {
	s     *Store
	clk   *clock.Clock
	stop  context.CancelFunc
	ended <-chan struct{}
}

// followOthers begins to look. What other machines do happens in the machine's
// own time, however fast the store's clock runs.
func (s *Store) followOthers(ctx context.Context) (io.Closer, error) {
	position, err := s.dialect.written(ctx, s.read)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	o := &others{s: s, clk: clock.Real(), stop: stop}
	o.ended = o.clk.Go(func() { o.run(ctx, position) })
	return o, nil
}

func (o *others) run(ctx context.Context, position int64) {
	pause := soonest
	for ctx.Err() == nil {
		o.clk.Wait(ctx, o.clk.Now().Add(pause), nil)
		asking, cancel := context.WithTimeout(ctx, latest)
		now, err := o.s.dialect.written(asking, o.s.read)
		cancel()
		switch {
		case err != nil || now == position: // what cannot be asked now is asked again soon
			pause = min(2*pause, latest)
		default:
			position, pause = now, soonest
			o.s.tell()
		}
	}
}

// Close ends the looking.
func (o *others) Close() error {
	o.stop()
	<-o.ended
	return nil
}
