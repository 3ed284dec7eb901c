package sweep

import "time"

// nap is how long the loop leaves replies in the kernel while many are on
// their way. Their stamps are the kernel's, so that it costs no accuracy; a
// shorter one costs wake-ups (2 ms: five times the CPU at 1,000 echoes/s).
const nap = 5 * time.Millisecond

// pace spreads echoes over time.
type pace struct {
	rate   float64 // per nanosecond; 0 is no bound
	credit float64
	last   int64
}

func newPace(perSecond int) pace {
	switch {
	case perSecond == 0:
		perSecond = DefaultRate
	case perSecond < 0:
		perSecond = 0
	}
	return pace{rate: float64(perSecond) / 1e9}
}

// allow returns how many echoes may leave now, at most limit. What was not used
// for two naps is lost: a burst would be held against the targets.
func (p *pace) allow(now int64, limit int) int {
	if p.rate == 0 {
		return limit
	}
	p.credit = min(p.credit+float64(now-p.last)*p.rate, max(2*float64(nap)*p.rate, 1))
	p.last = now
	return min(int(p.credit), limit)
}

// spend books n echoes.
func (p *pace) spend(n int) {
	if p.rate > 0 {
		p.credit -= float64(n)
	}
}
