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
	// set asks for the change, with c.pass called right before the one write.
	set(ctx context.Context, c *change) error
	close()
}

// Power carries out a power order. It reads identity and power first, refuses
// what does not fit, and sends at most one command. An error before the write
// is Refused; after it, only an answer that proves that nothing was done is.
// It returns soon after ctx ends.
func Power(ctx context.Context, o remediation.Order) remediation.Result {
	ctx, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	c, err := newChange(o)
	if err != nil {
		return refused(err)
	}
	s, err := open(ctx, o.Server.BMC)
	if err != nil {
		return refused(err)
	}
	defer s.close()
	failpoint.Reach(failpoint.SendSessionOpen)
	m, err := s.look(ctx)
	if err != nil {
		return refused(err)
	}
	if err := c.fits(m); err != nil {
		return refused(err)
	}
	failpoint.Reach(failpoint.SendIdentified)
	return c.result(s.set(ctx, c))
}

func newChange(o remediation.Order) (*change, error) {
	verb := Verb(o.Intent.Verb)
	if !slices.Contains(Verbs, verb) {
		return nil, fmt.Errorf("%q is not a power command that piket sends (on, off, soft, cycle)", o.Intent.Verb)
	}
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
	return &change{verb: verb, want: want, last: o.Last}, nil
}

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
