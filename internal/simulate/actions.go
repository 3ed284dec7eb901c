package simulate

import (
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

func refused(format string, args ...any) remediation.Result {
	return remediation.Result{Outcome: incident.OutcomeRefused, Detail: fmt.Sprintf(format, args...)}
}

// power is the action that sends power commands, as the driver promises it:
// who the machine is, and whether it is on, is read in the session in which the
// one command is sent.
func (w *world) power(r *replica) remediation.Action {
	return func(_ context.Context, o remediation.Order) remediation.Result {
		w.sleep(w.between(200*time.Millisecond, 3*time.Second))
		w.mayCrash(r, "before the session", 0.02)
		if o.Server.BMC == nil {
			return refused("no BMC")
		}
		m := w.byRoute[o.Server.BMC.Address]
		if m == nil {
			return refused("nobody at that address")
		}
		if _, broken := m.bmcDown(r); broken || m.lie == hangs || !m.powered() {
			w.lied(m, hangs)
			w.sleep(10 * time.Second)
			return refused("the BMC does not answer")
		}
		if m.serial != o.Intent.Serial || m.uuid != o.Intent.UUID {
			w.happened(swaps)
			return refused("another machine answers: %s", m.serial)
		}
		state := m.reported()
		if state == o.Intent.Verb || o.Intent.Verb == "cycle" && state != "on" {
			return refused("the machine is %s", state)
		}
		if no := m.unplanned(o.Intent.Boot); no != "" {
			return refused("%s", no)
		}
		w.mayPause(r, "before the last check", 0.06)
		w.mayCrash(r, "before the last check", 0.03)
		if err := o.Last(); err != nil {
			return refused("%v", err)
		}
		w.begins(r, o.Intent, m)
		w.mayPause(r, "between the last check and the write", 0.05)
		w.mayCrash(r, "before the write", 0.04)
		return w.command(r, o.Intent, m)
	}
}

// command is the one write, and what the BMC makes of it.
func (w *world) command(r *replica, i incident.Intended, m *machine) remediation.Result {
	w.wire(r, i, m)
	ok := remediation.Result{Outcome: incident.OutcomeDone, Detail: "accepted"}
	unknown := remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "no answer"}
	act := func() { w.obey(m, i.Verb, m.lie == onlyOff) }
	w.lied(m, m.lie)
	switch m.lie {
	case refuses:
		return refused("the BMC says no")
	case doesNothing:
	case actsLate:
		w.after(w.between(time.Minute, 4*time.Minute), act)
	case saysNothing:
		ok = unknown
	case losesReply:
		w.happened(lostReplies)
		act()
		ok = unknown
	default:
		act()
	}
	w.mayCrash(r, "after the write", 0.05)
	w.sleep(w.between(100*time.Millisecond, 4*time.Second))
	w.mayCrash(r, "before the outcome is recorded", 0.04)
	if ok == unknown {
		w.sleep(8 * time.Second)
	} else if w.plan.has(lostReplies) && w.chance(0.2) {
		w.happened(lostReplies)
		return unknown
	}
	return ok
}

// obey does what a power command says.
func (w *world) obey(m *machine, verb string, half bool) {
	switch {
	case verb == "on" && !m.on:
		w.boot(m)
	case verb == "cycle" && m.on && !half:
		w.boot(m)
	case verb == "cycle" && m.on, verb == "off", verb == "soft":
		w.be(m, func() { m.on = false })
		m.cutAt, m.patience = max(w.now, 1), 0
	}
}

// shell is the action that runs commands on servers.
func (w *world) shell(r *replica) remediation.Action {
	return func(_ context.Context, o remediation.Order) remediation.Result {
		w.sleep(w.between(100*time.Millisecond, 2*time.Second))
		m := w.byName[o.Server.Name]
		if m == nil {
			return refused("no such host")
		}
		_, broken := m.wayDown(r)
		if broken || !m.on || !m.powered() || m.hung && !m.shell || w.now < m.booting || m.broken {
			return refused("no connection")
		}
		w.mayPause(r, "before the last check", 0.03)
		if err := o.Last(); err != nil {
			return refused("%v", err)
		}
		w.begins(r, o.Intent, m)
		w.mayCrash(r, "before the write", 0.04)
		w.wire(r, o.Intent, m)
		switch {
		case o.Intent.Command[1] == "reboot":
			w.boot(m)
		case w.chance(0.6):
			w.be(m, func() { m.stopped = false })
		}
		w.mayCrash(r, "before the outcome is recorded", 0.05)
		w.sleep(w.between(100*time.Millisecond, 10*time.Second))
		if w.plan.has(lostReplies) && w.chance(0.2) {
			w.happened(lostReplies)
			return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the connection broke"}
		}
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "exit status 0"}
	}
}

// others says who else is at work: hands in the rack.
func (w *world) others(s inventory.Server, _ time.Time) remediation.Others {
	for _, inc := range w.db.ongoing() {
		if inc.InRack() {
			if m := w.byName[inc.Subject.Name]; m != nil && m.rack.name == s.Rack {
				return remediation.Others{Hands: inc.ID, InRack: inc.ID}
			}
		}
	}
	return remediation.Others{}
}

func workOrder(a remediation.Assignment) incident.WorkOrdered {
	o, to := a.Order, a.Site.RemoteHands
	o.To, o.Email = to.Name, to.Email
	o.Subject, o.Body = "["+a.Incident.ID+"] "+a.Asks, "Please go to "+a.Site.Name+" and look at "+a.Server.Name+"."
	return o
}
