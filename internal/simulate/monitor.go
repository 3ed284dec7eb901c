package simulate

import (
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/alerts"
)

// The monitor stands for the probes that run all the time and for an
// Alertmanager beside them: it notices what is silent and says so through the
// door of some replica until that has taken it in.

// view is one thing that the monitor looks at: a name, and what of it.
type view struct{ name, of string }

// watched is what the monitor has said of one view.
type watched struct {
	silent  int // looks in a row
	heard   int
	firing  bool
	episode alerts.Alert
	changes []time.Duration
}

const (
	monitorEvery = 20 * time.Second
	monitorFails = 3
)

func (w *world) monitor() {
	w.after(monitorEvery, w.monitor)
	r := w.anyEyes()
	if r == nil {
		return
	}
	w.notice(view{name: "observer"}, r.uplink.down, func() alerts.Labels { return alerts.Labels{"alertname": alerts.ObserverCutOff} })
	if r.uplink.down {
		return // who cannot see judges nothing
	}
	explained := map[*rack]bool{}
	for _, s := range w.sites {
		w.notice(view{name: s.name}, s.state.down, func() alerts.Labels { return alerts.Labels{"alertname": alerts.SiteUnreachable, "site": s.name} })
		w.notice(view{s.name, "page"}, w.now < s.announced, func() alerts.Labels { return alerts.Labels{"alertname": alerts.ProviderIncident, "site": s.name} })
		for _, k := range w.racks {
			if k.site == s && s.state.down {
				explained[k] = true
			}
		}
	}
	for _, f := range w.feeds {
		if s := w.siteOf(f); !s.state.down {
			w.notice(view{name: f.name}, f.state.down, func() alerts.Labels {
				return alerts.Labels{"alertname": alerts.FeedUnreachable, "site": s.name, "feed": f.name}
			})
		}
	}
	for _, k := range w.racks {
		if !explained[k] {
			w.notice(view{name: k.name}, k.state.down, func() alerts.Labels {
				return alerts.Labels{"alertname": alerts.RackUnreachable, "site": k.site.name, "rack": k.name}
			})
		}
		explained[k] = explained[k] || k.state.down || len(k.feeds) == 1 && k.feeds[0].state.down
	}
	for _, m := range w.machines {
		if explained[m.rack] && !w.crude { // an Alertmanager that knows nothing of racks reports all of them
			continue
		}
		w.watchMachine(r, m)
	}
}

func (w *world) watchMachine(r *replica, m *machine) {
	label := func(name, service string) func() alerts.Labels {
		return func() alerts.Labels {
			labels := alerts.Labels{"alertname": name, "server": m.name, "site": m.rack.site.name}
			if service != "" {
				labels["service"] = service
			}
			return labels
		}
	}
	answers := m.answers(r, w.now)
	w.notice(view{name: m.name}, !answers, label(alerts.ServerUnreachable, ""))
	w.notice(view{m.name, "service"}, answers && m.stopped, label(alerts.ServiceDown, "service"))
	if flaps := w.seen[view{name: m.name}].flaps(w.now); flaps != w.isFlapping(m) {
		w.notice(view{m.name, "flaps"}, flaps, label(alerts.ServerFlapping, ""))
	}
}

func (w *world) isFlapping(m *machine) bool {
	s := w.seen[view{m.name, "flaps"}]
	return s != nil && s.firing
}

// flaps reports whether something went and came back four times within half an
// hour.
func (s *watched) flaps(now time.Duration) bool {
	n := 0
	for _, at := range s.changes {
		if now-at < 30*time.Minute {
			n++
		}
	}
	return n >= 4
}

// anyEyes is the replica whose probes are believed at this moment.
func (w *world) anyEyes() *replica {
	for _, r := range w.replicas {
		if r.alive && w.now >= r.pausedUntil {
			return r
		}
	}
	return nil
}

func (w *world) siteOf(f *feed) *site {
	for _, k := range w.racks {
		for _, of := range k.feeds {
			if of == f {
				return k.site
			}
		}
	}
	panic("simulate: a feed without a rack: " + f.name)
}

// notice counts looks at one view and reports what changed, with these labels:
// they are only made for that, as nearly every look changes nothing.
func (w *world) notice(key view, silent bool, label func() alerts.Labels) {
	s := w.seen[key]
	if s == nil {
		s = &watched{}
		w.seen[key] = s
	}
	if silent {
		s.silent, s.heard = s.silent+1, 0
	} else {
		s.silent, s.heard = 0, s.heard+1
	}
	switch {
	case !s.firing && s.silent >= monitorFails:
		s.firing = true
		s.changes = append(s.changes, w.now)
		labels := label()
		s.episode = w.alert("probe", labels)
		w.deliver(s.episode)
		if w.chance(0.3) { // somebody else has noticed as well
			w.deliver(w.alert("alertmanager", labels))
		}
	case s.firing && s.heard >= 2:
		s.firing = false
		over := s.episode
		over.Status, over.EndsAt = alerts.Resolved, w.wall()
		w.deliver(over)
	}
}

// alert makes a firing alert that begins now.
func (w *world) alert(source string, labels alerts.Labels) alerts.Alert {
	return alerts.Alert{
		Source: source, Status: alerts.Firing, Labels: labels, Fingerprint: labels.Fingerprint(), StartsAt: w.wall(),
		Annotations: alerts.Labels{"summary": fmt.Sprintf("%s %s", labels["alertname"], labels["server"])},
	}
}

// deliver brings an alert to some replica until one says that it has it; now
// and then to two, or twice.
func (w *world) deliver(a alerts.Alert) {
	copies := 1
	if w.plan.has(duplicates) && w.chance(0.3) {
		w.happened(duplicates)
		copies += 1 + w.rng.IntN(3)
	}
	for range copies {
		w.bring(a, 0)
	}
}

// maxDelivery is how often an alert is brought before its sender gives up.
const maxDelivery = 400

func (w *world) bring(a alerts.Alert, tries int) {
	again := func() {
		if tries < maxDelivery {
			w.after(w.between(5*time.Second, 30*time.Second), func() { w.bring(a, tries+1) })
		}
	}
	r := w.anyWorking()
	if r == nil {
		again()
		return
	}
	done := false
	life := r.life
	w.start(r, func() {
		err := w.receive(context.Background(), r, []alerts.Alert{a})
		done = true
		if err == nil {
			w.accepted(a)
		} else {
			again()
		}
	}, func() {})
	w.after(30*time.Second, func() { // who sent it waits no longer
		if !done && r.life != life {
			again()
		}
	})
}
