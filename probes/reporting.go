package probes

import (
	"context"
	"time"

	"github.com/spinware/piket/alerts"
)

// tell puts an alert aside for the one who reports.
func (c *conclusion) tell(a alerts.Alert) {
	if dropped := c.pending.put(a); dropped > 0 {
		c.parts.Log.Warn("forgot an episode that was over before it could be reported", "alert", a.Labels.String())
	}
	c.sent.Ring()
}

// alarms counts what stands.
func (s *Scheduler) alarms() int {
	n := 0
	for r := range s.suspects {
		if r.alarmed() {
			n++
		}
	}
	n += len(s.failing)
	if s.plan.observer.firing != nil {
		n++
	}
	return n
}

// keepReporting hands over what is pending, until ctx ends. What is not taken
// stays pending, and is offered again after an interval.
func (s *Scheduler) keepReporting(ctx context.Context) {
	for ctx.Err() == nil {
		var again time.Time
		if !s.report(ctx) {
			again = s.parts.Clock.Now().Add(s.cfg.Interval)
		}
		s.parts.Clock.Wait(ctx, again, s.sent)
	}
}

// report offers what is pending, and reports whether nothing is left over.
func (s *Scheduler) report(ctx context.Context) bool {
	s.mu.Lock()
	batch := s.pending.offer()
	s.mu.Unlock()
	if len(batch) == 0 {
		return true
	}
	err := s.parts.Report(ctx, batch)
	if err != nil {
		s.parts.Log.Error("report probe alerts; they stay pending", "alerts", len(batch), "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.settle(err == nil)
	return err == nil
}
