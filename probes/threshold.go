package probes

import "time"

// Limits say how many equal answers in a row it takes to believe them.
type Limits struct {
	Failures  int // downs in a row before an alarm; 1 when less
	Successes int // ups in a row before the alarm ends; 1 when less
}

// Health is what the answers about one target add up to. The zero Health is
// well, or not known to be anything else.
type Health struct {
	Alarm  bool      // Failures were reached, and since then not Successes
	Misses int       // downs since the last up
	Hits   int       // ups in a row since the alarm began, 0 without alarm
	Since  time.Time // of the first down of the row; zero when there is none
}

// Next counts one answer, given at now, and reports whether the alarm began or
// ended with it. Unknown counts towards neither and interrupts neither: our
// own trouble says nothing about the target, and must not clear it either.
func (l Limits) Next(h Health, answer State, now time.Time) (next Health, turned bool) {
	switch answer {
	case Down:
		return l.miss(h, now)
	case Up:
		return l.hit(h)
	}
	return h, false
}

func (l Limits) miss(h Health, now time.Time) (Health, bool) {
	if h.Since.IsZero() {
		h.Since = now
	}
	h.Misses++
	h.Hits = 0
	if h.Alarm || h.Misses < max(l.Failures, 1) {
		return h, false
	}
	h.Alarm = true
	return h, true
}

func (l Limits) hit(h Health) (Health, bool) {
	if !h.Alarm {
		return Health{}, false
	}
	h.Hits++
	h.Misses = 0
	if h.Hits < max(l.Successes, 1) {
		return h, false
	}
	return Health{}, true
}
