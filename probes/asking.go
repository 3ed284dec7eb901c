package probes

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/spinware/piket/probes/sweep"
)

// work asks one target after the other, until none waits in the queue.
func (s *Scheduler) work(ctx context.Context, q *queue) {
	for {
		s.mu.Lock()
		r := q.take()
		s.mu.Unlock()
		if r == nil {
			return
		}
		at := s.parts.Clock.Now()
		result := s.parts.Kinds.Probe(ctx, r.question.kind, r.question.target)
		if ctx.Err() != nil {
			continue // stopped half way: nothing in it is an answer
		}
		s.mu.Lock()
		s.answer(r, sighting{result.State, result.Reason, result.Latency, result.detail()}, result.Facts, at)
		s.mu.Unlock()
	}
}

// sweep sends echoes to many and books what came back.
func (s *Scheduler) sweep(ctx context.Context, rows []*row) {
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.to = b.to[:0]
	for _, r := range rows {
		b.to = append(b.to, r.addr)
	}
	at := s.parts.Clock.Now()
	b.echoes = s.parts.Sweep(ctx, b.to, echoTimeout, b.echoes)
	if ctx.Err() != nil {
		return
	}
	echoes := b.echoes
	s.parts.Metrics.swept(echoes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range rows {
		s.answer(r, echoed(echoes[i]), nil, at)
	}
}

// batch is the room that one sweep takes; it is used again.
type batch struct {
	to     []netip.Addr
	echoes []sweep.Echo
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// echoed judges one echo of a sweep.
func echoed(e sweep.Echo) sighting {
	switch e.Outcome {
	case sweep.Answered:
		return sighting{state: Up, took: e.RTT}
	case sweep.Silent:
		return sighting{state: Down, reason: "no reply to an echo within " + echoTimeout.String()}
	case sweep.Unreachable:
		return sighting{state: Down, reason: "host unreachable"}
	case sweep.Doubtful:
		return sighting{state: Unknown, reason: "piket itself was not listening: asked again"}
	}
	return sighting{state: Unknown, reason: clause("the echo could not be sent: " + e.Err.Error())}
}

// answer books one answer. s.mu is held.
func (s *Scheduler) answer(r *row, said sighting, facts map[string]any, at time.Time) {
	r.asking--
	if r.gone {
		return // its successor is as due as it was, and asks again
	}
	if s.plan.observer.firing == nil || r.mark {
		r.tally.add(said) // what piket cannot see is not lost
	}
	if r.judges != nil {
		said.state = r.judges(said.state, facts)
	}
	was, doubted := r.health, r.confirming()
	s.totals[r.last.state]--
	turned := r.count(s.limitsOf(r), said, at, s.plan.observer.firing != nil && !r.mark)
	s.totals[said.state]++
	s.suspect(r)
	if r.health.Doubtful() && int(r.health.Misses) == min(secondMiss, s.cfg.Failures) || turned && r.health.Alarm && s.cfg.Failures <= secondMiss {
		s.lookAround(r)
	}
	// A question that left before this answer came is the next one already.
	again := at.Add(s.cfg.Spacing)
	switch {
	case r.asking > 0:
	case r.confirming() && r.due > momentOf(again):
		s.agenda.put(r, later(again, s.parts.Clock.Now()))
	case doubted && !r.confirming() && r.lane != slow:
		s.agenda.put(r, r.dueAfter(s.parts.Clock.Now(), r.interval))
	}
	if s.waiting || r.told != nil || was.Misses != r.health.Misses || was.Alarm != r.health.Alarm || r.confirming() {
		s.bell.Ring()
	}
}

// limitsOf are the limits that hold for r. What is asked every few minutes is
// believed after fewer misses: they lie far apart as it is.
func (s *Scheduler) limitsOf(r *row) Limits {
	if r.lane == slow {
		return Limits{min(s.cfg.Failures, slowFailures), s.cfg.Successes}
	}
	return s.limits
}

// slowFailures is how many misses of a BMC or a status page are believed.
const slowFailures = 3

// secondMiss is with which miss in a row the surroundings are asked. The first
// may be a packet lost by chance, and a fleet loses some every second.
const secondMiss = 2

// lookAround brings forward the look at everything that may explain why r does
// not answer.
func (s *Scheduler) lookAround(r *row) {
	now := s.parts.Clock.Now()
	for _, ref := range s.plan.observer.rows() {
		s.bringForward(ref, now)
	}
	if r.server == nil {
		return
	}
	if site := r.server.site; site != nil && site.gateway != nil {
		s.bringForward(site.gateway, now)
	}
	for _, d := range []*domain{r.server.rack, r.server.feed} {
		if d == nil || now.Sub(d.looked) < s.cfg.Spacing*time.Duration(s.cfg.Failures) {
			continue
		}
		d.looked = now
		for _, m := range d.members {
			s.bringForward(m, now)
		}
	}
}

// bringForward has r asked now, unless it is being asked or was a moment ago.
func (s *Scheduler) bringForward(r *row, now time.Time) {
	if r.asking == 0 && now.Sub(r.asked.time()) >= s.cfg.Spacing && r.due > momentOf(now) {
		s.agenda.put(r, now)
	}
}
