//go:build !linux

package sweep

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// errNotLinux is what everything here comes to: the batches, the stamps and the
// count of dropped packets are Linux's.
var errNotLinux = errors.New("the sweep needs Linux")

// Sweeper cannot be had on this system.
type Sweeper struct{}

// Open returns an error on this system.
func Open(Options) (*Sweeper, error) { return nil, errNotLinux }

// Ask answers that nothing can be asked.
func (*Sweeper) Ask(_ context.Context, to []netip.Addr, _ time.Duration, _ []Echo) []Echo {
	echoes := make([]Echo, len(to))
	for i := range echoes {
		echoes[i] = Echo{Outcome: Unasked, Err: errNotLinux}
	}
	return echoes
}

// Stats returns zeros on this system.
func (*Sweeper) Stats() Stats { return Stats{} }

// Sockets says that there are none on this system.
func (*Sweeper) Sockets() string { return "none" }

// Close does nothing on this system.
func (*Sweeper) Close() error { return nil }
