package sweep

import "time"

// ear is the loop's clock. It tells apart the time that passed and the time in
// which the loop listened: deadlines are in the second, so that a process that
// stood still gives everybody that much longer.
type ear struct {
	base  time.Time
	now   int64 // nanoseconds since base, when the loop last looked
	due   int64 // when it meant to look again
	away  int64 // of all the time, what it was later than it meant to be
	deaf  int64 // the end of the last time that it was too late
	never bool  // it rests with nothing on its way, and cannot be late
}

func newEar() ear { return ear{base: time.Now().Add(-1)} } // the time is never 0

// look reads the time. late reports that the loop was away for more than
// MaxGap longer than it meant to be.
func (e *ear) look() (late bool) {
	e.now = e.time()
	overdue := e.now - e.due
	resting := e.never
	e.due, e.never = e.now, false
	if resting || overdue <= int64(MaxGap) {
		return false
	}
	e.away += overdue
	e.deaf = e.now
	return true
}

// time returns the nanoseconds since base.
func (e *ear) time() int64 { return int64(time.Since(e.base)) }

// wall returns the time, and what to take from the kernel's stamps to have
// them on the same scale.
func (e *ear) wall() (now, offset int64) {
	t := time.Now()
	now = int64(t.Sub(e.base))
	return now, t.UnixNano() - now
}

// listened turns a time into listening time.
func (e *ear) listened(now int64) int64 { return now - e.away }

// rest says that the loop will look again after a nap, counted from when it
// looked last: work that takes longer than MaxGap is a gap, too.
func (e *ear) rest(nap time.Duration) { e.due = e.now + int64(nap) }

// sleep says that the loop will look again when somebody wakes it.
func (e *ear) sleep() { e.never = true }
