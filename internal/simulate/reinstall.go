package simulate

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// wipingSteps reinstall, before anything milder is tried: enough of it must happen
// for the promises to mean something.
const wipingSteps = `  - id: from-network
    boot: {device: pxe, once: true}
    when: power.state == "on" && !shell.ok
    approve: {by: on-duty, within: 15m, otherwise: escalate, persons: 2}
    verify: 1m
  - id: reinstall
    power: cycle
    when: power.state == "on" && !shell.ok
    approve: {by: on-duty, within: 15m, otherwise: escalate, persons: 2}
    verify: 30m
  - id: power-cycle
`

// reinstalling is the library whose runbook for a silent server has these steps.
func reinstalling(shipped *runbooks.Library) (*runbooks.Library, error) {
	library := &runbooks.Library{}
	for _, book := range shipped.Books {
		source := book.Source
		if book.Name == "server-unreachable" {
			source = strings.Replace(source, "  - id: power-cycle\n", wipingSteps, 1)
		}
		other, err := runbooks.Parse(book.Name+".yml", []byte(source))
		if err != nil {
			return nil, fmt.Errorf("change runbook %s: %w", book.Name, err)
		}
		library.Books = append(library.Books, other)
	}
	return library, nil
}

// mute reports whether the BMC does not say from what its machine starts.
func (m *machine) mute() bool { return m.number%11 == 5 }

// unplanned says why a driver sends no power command to the machine, as it promises
// it; "" when it may.
func (m *machine) unplanned(planned string) string {
	switch {
	case m.mute() && planned == "", !m.mute() && m.override == "" && planned == "", planned != "" && !m.mute() && m.override == planned+" once":
		return ""
	}
	return "it starts from something that was not set for this: " + cmp.Or(m.override, "none")
}

// starts uses the override up: the machine starts from an installer, which wipes it.
func (w *world) starts(m *machine) {
	m.wiped++
	m.broken = false
	if strings.HasSuffix(m.override, "once") && !m.keeps {
		m.override, m.foreign = "", false
	}
	if m.keeps {
		w.happened(keptBoots)
	}
}

// setForeign has somebody set a machine to start from the network, for work of their
// own; some forget it.
func (w *world) setForeign() {
	m := w.anyMachine(func(m *machine) bool { return m.override == "" && m.hands == 0 })
	if m == nil {
		return
	}
	w.happened(foreignBoots)
	w.say(nil, "somebody sets "+m.name+" to start from the network")
	m.override, m.foreign = "pxe once", true
	if w.chance(0.5) {
		m.override = "pxe always"
	}
	w.after(w.between(20*time.Minute, 6*time.Hour), func() {
		if m.foreign {
			m.override, m.foreign = "", false
		}
	})
	if w.chance(0.6) {
		w.be(m, func() { m.hung, m.shell = true, false })
	}
}

// bootOrder is the action that sets and takes back a boot device, as the driver
// promises it: Done is what was read back.
func (w *world) bootOrder(r *replica) remediation.Action {
	return func(_ context.Context, o remediation.Order) remediation.Result {
		w.sleep(w.between(200*time.Millisecond, 3*time.Second))
		w.mayCrash(r, "before the session", 0.02)
		m := w.byRoute[o.Server.BMC.Address]
		if m == nil {
			return refused("nobody at that address")
		}
		if _, broken := m.bmcDown(r); broken || m.lie == hangs || !m.powered() {
			return refused("the BMC does not answer")
		}
		clears := o.Intent.Verb == incident.BootNone
		device, _, _ := strings.Cut(m.override, " ")
		switch {
		case m.serial != o.Intent.Serial || m.uuid != o.Intent.UUID:
			return refused("another machine answers: %s", m.serial)
		case m.mute():
			return refused("the BMC does not say from what it starts the machine")
		case clears && device != o.Intent.Boot:
			return remediation.Result{Outcome: incident.OutcomeDone, Detail: "it was gone already"}
		case !clears && m.override != "":
			return refused("somebody else has set it")
		}
		w.mayPause(r, "before the last check", 0.03)
		if err := o.Last(); err != nil {
			return refused("%v", err)
		}
		w.begins(r, o.Intent, m)
		w.mayCrash(r, "before the write", 0.04)
		w.wire(r, o.Intent, m)
		return w.setBoot(r, m, o.Intent.Verb)
	}
}

// setBoot is the one write, and what the BMC makes of it.
func (w *world) setBoot(r *replica, m *machine, verb string) remediation.Result {
	want := ""
	if verb != incident.BootNone {
		want = verb + " once"
	}
	if m.lie == refuses {
		return refused("the BMC says no")
	}
	if m.lie != doesNothing && m.lie != saysNothing {
		m.override, m.foreign = want, false
		m.keeps = want != "" && w.plan.has(keptBoots) && w.chance(0.4)
	}
	if want != "" {
		w.happened(reinstalls)
	}
	w.mayCrash(r, "after the write", 0.05)
	w.sleep(w.between(100*time.Millisecond, 4*time.Second))
	lost := m.lie == losesReply || m.lie == saysNothing || w.plan.has(lostReplies) && w.chance(0.2)
	if lost || m.override != want {
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "it does not say what was set"}
	}
	return remediation.Result{Outcome: incident.OutcomeDone, Detail: "set, and read back"}
}
