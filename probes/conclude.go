package probes

import (
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
)

// conclude says what the answers mean: whose trouble it is that something does
// not answer. It is asked after every change, and returns when to be asked
// again at the latest. The order is the one in which one failure explains
// another: piket's own view, then what is widest.
func (s *Scheduler) conclude() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &conclusion{Scheduler: s, now: s.parts.Clock.Now()}
	c.next = c.now.Add(s.cfg.Interval)
	if due := s.agenda.next(); !due.IsZero() {
		c.by(due)
	}
	s.waiting = false
	c.observe()
	for _, r := range c.inOrder() {
		c.row(r)
	}
	for d := range s.failing {
		c.domain(d)
	}
	s.parts.Metrics.seen(s.totals, s.alarms(), s.pending.len())
	return c.next
}

// conclusion is one round of it.
type conclusion struct {
	*Scheduler
	now    time.Time
	next   time.Time
	counts map[*domain]census
}

// by asks to be asked again at t.
func (c *conclusion) by(t time.Time) {
	if t.Before(c.next) {
		c.next = t
	}
}

func (c *conclusion) inOrder() []*row {
	rows := make([]*row, 0, len(c.suspects))
	for r := range c.suspects {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return int(a.index) - int(b.index) })
	return rows
}

// observe begins or ends the verdict that piket itself cannot see. When it
// ends, whatever was not reported before has to be missed anew.
func (c *conclusion) observe() {
	o := &c.plan.observer
	switch {
	case o.gone() && o.firing == nil:
		c.tell(o.begin())
	case o.firing != nil && o.sees():
		c.tell(o.end(c.now))
		for r := range c.suspects {
			known := r.alarmed() || r.partOf != nil || r.gateway != nil && r.gateway.firing != nil
			if !known {
				r.health, r.partOf = r.health.well(), nil
				c.suspect(r)
			}
		}
	}
}

// row begins or ends what has to be said about one row.
func (c *conclusion) row(r *row) {
	switch {
	case r.alarmed() && !r.health.Alarm:
		c.tell(resolve(r.told.down, c.now, r.name+" "+r.words.ends+" ("+r.last.words()+")"))
		r.told.down = nil
	case r.health.Alarm && !r.alarmed() && !r.mute:
		c.weigh(r)
	}
	if r.gateway != nil {
		c.domain(r.gateway)
	}
	c.flapping(r)
	c.disputed(r)
	if r.told != nil && *r.told == (telling{}) {
		r.told = nil
	}
	if r.partOf != nil && !r.health.Alarm {
		r.partOf = nil
	}
	c.suspect(r)
}

// weigh decides whether the silence of a row is its own trouble, and reports it
// if so.
func (c *conclusion) weigh(r *row) {
	switch {
	case c.plan.observer.firing != nil:
		return
	case c.plan.observer.doubtful(), r.above != nil && r.above.unsettled():
		c.waiting = true
		return
	case r.above != nil && (r.above.health.Alarm || r.above.partOf != nil), c.explained(r):
		return
	case momentOf(c.now) < r.grace:
		c.by(r.grace.time())
		return
	case c.awaitsVotes(r), c.outvoted(r):
		return
	}
	r.health.turns = r.health.turns.with(c.now)
	alert := r.fire(r.words.alertname, r.health.Since, r.name+" "+r.words.begins+" ("+r.kind()+": "+r.last.words()+")")
	r.standing().down = alert
	c.tell(*alert)
}

// explained reports whether a domain that r stands in failed, or may turn out
// to have within a moment. Of several, the one of which the greatest part is
// silent is to blame, and of those the widest.
func (c *conclusion) explained(r *row) bool {
	if r.partOf != nil {
		return true
	}
	var blame *domain
	var part float64
	for _, d := range r.server.domains() {
		switch counted := c.count(d); {
		case !r.straggles() && d.takes(r, c.gatewayGone(d)):
			c.blame(d)
			return true
		case d.mayFail(counted) && c.now.Before(c.patience(r)):
			c.by(c.patience(r))
			c.waiting = true
			return true
		case !r.straggles() && d.failed(counted):
			if p := counted.part(); blame == nil || p > part {
				blame, part = d, p
			}
		}
	}
	if blame == nil {
		return false
	}
	if c.widen(r) {
		return true
	}
	c.blame(blame)
	return true
}

// widen has all of r's site asked before a part of it is blamed, and reports
// whether it did: what takes a rack may have taken more, and the others' turn
// to be asked has not come yet.
func (c *conclusion) widen(r *row) bool {
	site := r.server.site
	if site == nil || !site.looked.Before(r.health.Since) {
		return false
	}
	site.looked = c.now
	for _, m := range site.members {
		c.bringForward(m, c.now)
	}
	c.waiting = true
	c.by(c.now)
	return true
}

// part is how much of a domain is silent.
func (n census) part() float64 { return float64(n.down) / float64(n.listed) }

// patience is until when a row that is surely silent waits for its neighbours
// to be sure too.
func (c *conclusion) patience(r *row) time.Time {
	sure := c.cfg.Spacing * time.Duration(c.cfg.Failures)
	return r.health.Since.Add(3 * sure).Add(c.cfg.Timeout)
}

// blame makes the failure of d the explanation for all of it that is silent.
func (c *conclusion) blame(d *domain) {
	if d.firing == nil {
		c.tell(d.begin(c.gatewayGone(d), c.count(d), c.now))
		c.failing[d] = struct{}{}
	}
	gone := c.gatewayGone(d)
	for _, m := range d.members {
		if m.health.Alarm && m.partOf == nil && !m.straggles() && (gone || c.now.Sub(m.health.Since) <= together && !c.lost(m)) {
			m.partOf = d
		}
	}
}

// domain begins or ends what has to be said about a failure domain as such.
func (c *conclusion) domain(d *domain) {
	if c.plan.observer.firing != nil || c.plan.observer.doubtful() {
		return
	}
	switch {
	case d.firing == nil && c.gatewayGone(d):
		c.blame(d)
	case d.firing != nil && d.isOver():
		c.tell(d.end(c.now))
		delete(c.failing, d)
		c.by(c.now.Add(comeBack))
	}
}

// gatewayGone reports whether the way to a site is gone, for the majority of
// those who can see.
func (c *conclusion) gatewayGone(d *domain) bool {
	return d.gateway != nil && d.gateway.health.Alarm && !c.outvoted(d.gateway)
}

func (c *conclusion) count(d *domain) census {
	counted, ok := c.counts[d]
	if !ok {
		if c.counts == nil {
			c.counts = map[*domain]census{}
		}
		counted = d.count(c.now, c.lost)
		c.counts[d] = counted
	}
	return counted
}

// flapping says so when a target comes and goes.
func (c *conclusion) flapping(r *row) {
	flaps := r.words.alertname == alerts.ServerUnreachable && r.health.Flaps(c.now)
	switch {
	case flaps && (r.told == nil || r.told.flaps == nil):
		r.standing().flaps = r.fire(alerts.ServerFlapping, c.now, r.name+" goes and comes back: three times within "+flapWindow.String())
		c.tell(*r.told.flaps)
	case !flaps && r.told != nil && r.told.flaps != nil:
		c.tell(resolve(r.told.flaps, c.now, r.name+" has been steady"))
		r.told.flaps = nil
	}
}
