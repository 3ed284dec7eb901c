package vantage

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
)

// State is how a vantage is. Only one that sees votes.
type State string

// The states of a vantage.
const (
	Sees     State = "sees"     // reports, and its own references answer
	Blind    State = "blind"    // reports, and its own references do not answer
	Behind   State = "behind"   // reports, and looks at an older list of targets
	Lost     State = "lost"     // does not report
	Expected State = "expected" // has not reported yet, and had little time to
)

// Standing is how one vantage is, for people and for metrics.
type Standing struct {
	Name  string
	State State
	Heard time.Time     // of what moment its last report is; zero before the first
	Skew  time.Duration // how far its clock is ahead of ours, with the time on the way in it

	Unwell int     // how many targets are not plainly up for it
	Some   []Entry // a few of them
}

// Reports reports whether the vantage is heard, whatever it sees.
func (s Standing) Reports() bool { return s.State != Lost && s.State != Expected }

// maxSome bounds the targets that a standing names.
const maxSome = 5

// witness is what the hub knows of one vantage.
type witness struct {
	name   string
	since  time.Time // when it was configured, or the daemon started
	heard  time.Time // of what moment its last report is; zero before the first
	skew   time.Duration
	last   Report // without its entries
	unwell map[string]Entry
	firing *alerts.Alert // that it is lost; nil while that is not reported
}

// book takes a report over. One that was overtaken on its way by a later one
// of the same process is dropped.
func (w *witness) book(r Report, list *List, now time.Time) {
	if r.Run == w.last.Run && r.Number <= w.last.Number {
		return
	}
	at := now.Add(-r.Age)
	w.heard, w.skew, w.unwell = at, r.At.Sub(at), map[string]Entry{}
	for _, e := range r.Unwell {
		if list.knows(e.Key) {
			w.unwell[e.Key] = e
		}
	}
	w.last, w.last.Unwell = r, nil
}

// state is how the vantage is; version is that of the list as it is now.
func (w *witness) state(version string, now time.Time) State {
	switch {
	case w.heard.IsZero() && now.Sub(w.since) < TellAfter:
		return Expected
	case w.heard.IsZero(), now.Sub(w.heard).Abs() > LostAfter: // our own clock may have been set back
		return Lost
	case w.last.Sighted.IsZero():
		return Blind
	case w.last.List != version:
		return Behind
	}
	return Sees
}

// opinion is what a vantage that sees makes of a target on the list.
func (w *witness) opinion(key string) opinion {
	e, unwell := w.unwell[key]
	switch {
	case unwell:
		return w.last.of(e)
	case w.last.Cut:
		return none
	}
	return hears
}

func (w *witness) standing(version string, now time.Time) Standing {
	s := Standing{Name: w.name, State: w.state(version, now), Heard: w.heard, Skew: w.skew, Unwell: len(w.unwell)}
	for _, key := range slices.Sorted(maps.Keys(w.unwell))[:min(len(w.unwell), maxSome)] {
		s.Some = append(s.Some, w.unwell[key])
	}
	return s
}

// silentSince is from when on nothing was heard.
func (w *witness) silentSince() time.Time {
	if w.heard.After(w.since) {
		return w.heard
	}
	return w.since
}

// alert returns what begins or ends now, nil when nothing does. A vantage is
// back with its first report: whether it sees is shown, and no news.
func (w *witness) alert(now time.Time) *alerts.Alert {
	switch silent := now.Sub(w.silentSince()); {
	case w.firing == nil && silent >= TellAfter:
		labels := alerts.Labels{"alertname": alerts.VantageLost, "vantage": w.name}
		return &alerts.Alert{
			Source: "probe", Status: alerts.Firing, Labels: labels, StartsAt: w.silentSince(), Fingerprint: labels.Fingerprint(),
			Annotations: alerts.Labels{"summary": "vantage " + w.name + " " + w.silence(silent)},
		}
	case w.firing != nil && silent <= LostAfter:
		resolved := *w.firing
		resolved.Status, resolved.EndsAt = alerts.Resolved, now
		resolved.Annotations = alerts.Labels{"summary": "vantage " + w.name + " reports again"}
		return &resolved
	}
	return nil
}

func (w *witness) silence(silent time.Duration) string {
	if w.heard.IsZero() {
		return fmt.Sprintf("has not reported once in %v", silent.Round(time.Second))
	}
	return fmt.Sprintf("has not reported for %v; its vote is lost", silent.Round(time.Second))
}
