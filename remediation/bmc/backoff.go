package bmc

import "time"

// backoff counts failures in a row and says until when to wait after them.
type backoff struct {
	failures int
	until    time.Time
	why      string // of the last one
}

// How long is waited after failures. The first wait is shorter than the
// shortest interval of a schedule, so that a single lost packet costs nothing.
const (
	silenceBase = 20 * time.Second
	maxBackoff  = time.Hour
)

// fail counts one more failure: base is waited after the first, twice as long
// after each one more, and maxBackoff at most.
func (b *backoff) fail(now time.Time, base time.Duration, why string) {
	b.failures++
	wait := base
	for n := 1; n < b.failures && wait < maxBackoff; n++ {
		wait *= 2
	}
	b.until, b.why = now.Add(min(wait, maxBackoff)), why
}
