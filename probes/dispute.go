package probes

import (
	"time"

	"github.com/spinware/piket/alerts"
)

// outvoted reports whether the majority of those who can see, piket included,
// hears what is silent from here.
func (c *conclusion) outvoted(r *row) bool {
	lost := c.lost(r)
	if lost && r.standing().disputed.IsZero() {
		r.told.disputed = c.now
	}
	return lost
}

// lost reports whether the majority hears r. While those who heard it cannot
// vote for a moment, they still do.
func (c *conclusion) lost(r *row) bool {
	if c.parts.Votes == nil {
		return false
	}
	votes := c.parts.Votes(r.key)
	if votes.Down+votes.Up == 0 && votes.Waiting > 0 {
		return r.told != nil && !r.told.disputed.IsZero()
	}
	return (votes.Down+1)*2 <= votes.Down+votes.Up+1
}

// votesTime is how long a verdict waits for vantages that are about to vote.
const votesTime = 20 * time.Second

// awaitsVotes reports whether vantages that cannot vote yet will in a moment.
func (c *conclusion) awaitsVotes(r *row) bool {
	until := r.health.Since.Add(votesTime)
	if c.parts.Votes == nil || !c.now.Before(until) || c.parts.Votes(r.key).Waiting == 0 {
		return false
	}
	c.by(until)
	return true
}

// disputeTime is how long the vantages may differ before that is a trouble of
// its own: they do not look at the same moment.
const disputeTime = time.Minute

// disputed says so when a target stays silent from here and is heard elsewhere.
func (c *conclusion) disputed(r *row) {
	t := r.told
	if t == nil {
		return
	}
	if !t.disputed.IsZero() && (!r.health.Alarm || !c.outvoted(r)) {
		t.disputed = time.Time{}
	}
	ripe := !t.disputed.IsZero() && !c.now.Before(t.disputed.Add(disputeTime))
	switch {
	case ripe && t.path == nil:
		t.path = r.fire(alerts.PathTrouble, r.health.Since, r.name+" does not answer from here, and does for most vantages")
		c.tell(*t.path)
	case !ripe && t.path != nil && t.disputed.IsZero():
		c.tell(resolve(t.path, c.now, r.name+" is seen alike from everywhere"))
		t.path = nil
	case !t.disputed.IsZero() && t.path == nil:
		c.by(t.disputed.Add(disputeTime))
	}
}
