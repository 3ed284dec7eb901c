// Package bmc reads and changes a server's power through its management
// controller (BMC), over Redfish or IPMI. bmclib drives both; what it may do is
// fenced in here, because one of its calls can send a command many times.
//
//	actions := map[string]remediation.Action{"power": bmc.Power}
//	witness := bmc.NewWitness(clk.Now)
//	result := witness.Probe(ctx, probes.Target{BMC: server.BMC})
//
// The fence: one driver per operation, one cipher suite, TLS verified, no
// redirect, and a gate in the driver's own way out. Whatever a driver
// does, the gate lets one write through, to the machine whose identity was just
// read.
package bmc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

// Verb is what may be asked of a machine's power.
type Verb string

// The verbs. There is no "reset": on a machine that is off it is an "on", and
// bmclib's falls back to another sequence that may leave the machine off.
const (
	PowerOn  Verb = "on"
	PowerOff Verb = "off"
	Soft     Verb = "soft"
	Cycle    Verb = "cycle"
)

// Verbs lists every verb.
var Verbs = []Verb{PowerOn, PowerOff, Soft, Cycle}

// State is a machine's power as its BMC reports it.
type State string

// The states. A machine on its way (PoweringOn, PoweringOff) is Unknown, and so
// is every word that is not listed in the standard.
const (
	On      State = "on"
	Off     State = "off"
	Unknown State = "unknown"
)

// operationLimit bounds a whole operation when the caller's context does not:
// a slow Redfish controller takes about two seconds for each of seven requests.
const operationLimit = time.Minute

// session is an open way to one BMC. It lives for one operation.
type session interface {
	// look reads who the machine is and whether it is on.
	look(ctx context.Context) (machine, error)
	// power reads whether the machine is on, and nothing else.
	power(ctx context.Context) (State, error)
	// read reads what there is beside the power, after it. It ends soon after ctx
	// does; what it got by then counts.
	read(ctx context.Context) findings
	// boot returns what the answer about the power said of the last boot. It asks
	// nothing.
	boot() boot
	// standing asks what stands in the way of cutting the power. It ends soon
	// after ctx does.
	standing(ctx context.Context) standing
	// starts returns from what the machine starts next, as it was when look or
	// power was asked last, or is now.
	starts(ctx context.Context) (told, error)
	// set asks for a power verb, and setBoot for a boot device or none, with c.pass
	// called right before the one write.
	set(ctx context.Context, c *change, verb Verb) error
	setBoot(ctx context.Context, c *change, device string) error
	close()
}

// Power carries out a power order. It reads identity and power first, refuses
// what does not fit, and sends at most one command. An error before the write
// is Refused; after it, only an answer that proves that nothing was done is.
// It returns soon after ctx ends.
func Power(ctx context.Context, o remediation.Order) remediation.Result {
	ctx, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	c, err := newPowerChange(o)
	if err != nil {
		return refused(err)
	}
	s, err := openToChange(ctx, o.Server.BMC)
	if err != nil {
		return refused(err)
	}
	defer s.close()
	m, err := s.look(ctx)
	if err != nil {
		return refused(err)
	}
	if err := m.is(c.want); err != nil {
		return refused(err)
	}
	verb := Verb(o.Intent.Verb)
	if err := verb.allowed(m.state); err != nil {
		return refused(err)
	}
	identified()
	return c.result(s.set(ctx, c, verb))
}

// newPowerChange is the change of a power order. From what the machine starts is
// asked in the session of the command: who restarts one that is set to start from
// an installer wipes it.
func newPowerChange(o remediation.Order) (*change, error) {
	verb := Verb(o.Intent.Verb)
	if !slices.Contains(Verbs, verb) {
		return nil, fmt.Errorf("%q is not a power command that piket sends (on, off, soft, cycle)", o.Intent.Verb)
	}
	return newChange(o, "power "+string(verb), func(m machine) error {
		if err := verb.allowed(m.state); err != nil {
			return err
		}
		return startsAsPlanned(m.starts, o.Intent.Boot)
	})
}

func newChange(o remediation.Order, what string, may func(machine) error) (*change, error) {
	if o.Server.BMC == nil {
		return nil, fmt.Errorf("%s has no BMC in the inventory", o.Server.Name)
	}
	if o.Last == nil {
		return nil, errors.New("the order carries no last check, and without one nothing is sent")
	}
	want := identity{serial: o.Intent.Serial, uuid: o.Intent.UUID}
	if err := want.usable(); err != nil {
		return nil, err
	}
	return &change{what: what, want: want, may: may, last: o.Last}, nil
}

// openToChange opens a session in which something is to be changed, and identified
// is reached when the machine behind it has been found to be the right one: the
// battery kills at both.
func openToChange(ctx context.Context, b *inventory.BMC) (session, error) {
	s, err := open(ctx, b)
	if err == nil {
		failpoint.Reach(failpoint.SendSessionOpen)
	}
	return s, err
}

func identified() { failpoint.Reach(failpoint.SendIdentified) }

func open(ctx context.Context, b *inventory.BMC) (session, error) {
	password, err := b.Password.Read()
	if err != nil {
		return nil, trouble{unproven, fmt.Sprintf("the password of the BMC cannot be read (%v)", err)}
	}
	switch b.Protocol {
	case "redfish":
		return openRedfish(ctx, b, password)
	case "ipmi":
		return openIPMI(ctx, b, password)
	}
	return nil, trouble{unproven, fmt.Sprintf("%q is not a BMC protocol (redfish, ipmi)", b.Protocol)}
}

// allowed says why verb makes no sense for a machine in the given state; nil
// when it does. A cycle of a machine that is off means nothing on one BMC and
// "on" on another, so it is not sent.
func (v Verb) allowed(s State) error {
	switch {
	case s == Unknown:
		return errors.New("the BMC does not say clearly whether the machine is on or off")
	case v == PowerOn && s == On:
		return errors.New("already on")
	case v == Cycle && s == Off:
		return errors.New("the machine is off: a cycle needs one that is on")
	case v != PowerOn && s == Off:
		return errors.New("already off")
	}
	return nil
}

func refused(err error) remediation.Result {
	return remediation.Result{Outcome: incident.OutcomeRefused, Detail: clause(err.Error())}
}
