package remediation

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// watch keeps the look at the goal fresh. After a start there is none, so
// looking is the first thing that happens to every incident.
func watch(f Facts) Move {
	if !f.JustWatched && f.Goal.old(f.Now, f.poll()) {
		a := f.Incident.Action
		return Watch{Power: f.owing() || a.Live() && a.Action == "power"}
	}
	return nil
}

// old reports whether a look is at least so old. One that ended in the future
// was taken before the clock was set back: nobody knows how old it is.
func (l Look) old(now time.Time, span time.Duration) bool {
	age := now.Sub(l.Ended)
	return l.At.IsZero() || age < 0 || age >= span
}

// poll is how often to look: often while something is about to change.
func (f Facts) poll() time.Duration {
	inc := f.Incident
	changing := inc.Goal.Holds == (inc.Status == incident.Open) // coming back, or failing again
	if inc.Action.Live() || f.owing() && inc.Power != "on" || changing {
		return f.Limits.Poll
	}
	return f.Limits.IdlePoll
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
