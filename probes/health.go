package probes

import "time"

// Limits say how many equal answers in a row it takes to believe them.
type Limits struct {
	Failures  int // downs in a row before an alarm; 1 when less
	Successes int // ups in a row before the alarm ends; 1 when less
}

// Health is what the answers about one target add up to. The zero Health is
// well, or not known to be anything else. Between the first miss and the last
// that it takes, the target is in doubt: asked again quickly, and nobody is told.
type Health struct {
	Alarm  bool      // Failures were reached, and since then not Successes
	Misses int32     // downs since the last up
	Hits   int32     // ups in a row since the alarm began, 0 without alarm
	Since  time.Time // of the first down of the row; zero when there is none

	turns *turns // nil while no alarm was reported
}

// turns are when the last alarms were reported, the latest first, in Unix
// seconds: what a rack or piket's own trouble explains is no turn of the target. It is
// never changed: a Health is a value.
type turns [flapTurns]int64

// A target flaps when its alarm was reported flapTurns times within flapWindow.
const (
	flapTurns  = 3
	flapWindow = 30 * time.Minute
)

// Doubtful reports whether the target has missed, and not yet often enough.
func (h Health) Doubtful() bool { return h.Misses > 0 && !h.Alarm }

// Flaps reports whether the target goes and comes back again and again: a
// machine that boots, runs a while and dies, or a link at its limit.
func (h Health) Flaps(now time.Time) bool {
	if h.turns == nil {
		return false
	}
	earliest := h.turns[flapTurns-1]
	return earliest != 0 && now.Sub(time.Unix(earliest, 0)) < flapWindow
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
	if h.Alarm || int(h.Misses) < max(l.Failures, 1) {
		return h, false
	}
	h.Alarm = true
	return h, true
}

func (l Limits) hit(h Health) (Health, bool) {
	if !h.Alarm {
		return h.well(), false
	}
	h.Hits++
	h.Misses = 0
	if int(h.Hits) < max(l.Successes, 1) {
		return h, false
	}
	return h.well(), true
}

// well forgets the present row of misses, and not how often there were some.
func (h Health) well() Health { return Health{turns: h.turns} }

// with returns the turns with one more.
func (t *turns) with(now time.Time) *turns {
	next := turns{now.Unix()}
	if t != nil {
		copy(next[1:], t[:])
	}
	return &next
}
