package remediation

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// watch keeps the look at the goal fresh. After a start there is none, so
// looking is the first thing that happens to every incident.
func watch(f Facts) Move {
	if !f.JustWatched && f.Goal.old(f.Now, f.poll()) {
		return f.look()
	}
	return nil
}

// look is a look at the goal, and at the power while that may change.
func (f Facts) look() Move {
	a := f.Incident.Action
	return Watch{Power: f.owing() || a.Live() && a.Action == "power"}
}

// old reports whether a look is at least so old. One that ended in the future
// was taken before the clock was set back: nobody knows how old it is.
func (l Look) old(now time.Time, span time.Duration) bool {
	age := now.Sub(l.Ended)
	return l.At.IsZero() || age < 0 || age >= span
}

// poll is how often to look: often while something is about to change or an
// alert has come since the last look, and else the more seldom the longer nothing
// has changed. What changes meanwhile is an event, and brings a visit at once.
func (f Facts) poll() time.Duration {
	inc := f.Incident
	changing := inc.Goal.Holds == (inc.Status == incident.Open) // coming back, or failing again
	if inc.Action.Live() || f.owing() && inc.Power != "on" || changing || inc.AlertedAt.After(f.Goal.At) {
		return f.Limits.Poll
	}
	const share = 10
	return max(f.Limits.IdlePoll, min((f.quiet()/share).Truncate(time.Second), f.Limits.IdleMost))
}

// quiet is for how long nothing has changed by which the trouble could end.
func (f Facts) quiet() time.Duration {
	inc := f.Incident
	last := inc.OpenedAt
	for _, t := range []time.Time{inc.AlertedAt, inc.PinnedAt, inc.VerdictAt, inc.Goal.Since, inc.RestoredAt} {
		if t.After(last) {
			last = t
		}
	}
	if o := inc.Order; o != nil && o.ChangedAt.After(last) {
		last = o.ChangedAt
	}
	return f.Now.Sub(last)
}

// asleep reports whether nothing but time, a look or a person can move the
// incident now, so that it does not matter what others do: what was sent shows
// its effect or does not, a look comes first, service is there, or it waits for
// an answer or for hands on site.
func (f Facts) asleep() bool {
	inc := f.Incident
	switch {
	case inc.Action.Live():
		return !inc.Action.ClaimedAt.IsZero()
	case inc.Goal.Holds || inc.Order.Open() || watch(f) != nil:
		return true
	}
	a := inc.Approval
	return inc.Status == incident.Open && a != nil && a.GrantedBy == "" && f.Now.Before(a.Expires)
}

// stayedOnFor is how long a machine must have stayed on before it is no longer
// expected to go off because of what piket did to it.
const stayedOnFor = time.Hour

// owing reports whether power that piket may have cut must still be watched.
func (f Facts) owing() bool {
	inc := f.Incident
	stayedOn := inc.Power == "on" && f.Now.Sub(inc.PowerAt) > stayedOnFor && !inc.Action.Live()
	return inc.Owes != nil && !stayedOn
}

// nextLook waits until the goal must be looked at again.
func (f Facts) nextLook() Move { return Wait{Until: f.Goal.Ended.Add(f.poll())} }

// waitUntil waits for a moment, but not past the next look.
func (f Facts) waitUntil(t time.Time) Move {
	if look := f.Goal.Ended.Add(f.poll()); look.Before(t) {
		t = look
	}
	return Wait{Until: t}
}
