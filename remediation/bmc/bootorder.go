package bmc

import (
	"context"
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// devices from which a machine can be made to start, in bmclib's words.
var devices = []string{"pxe", "cdrom"}

// Boot carries out an order about from what a machine starts the next time: a
// device, once, or none. It sends at most one command and restarts nothing. Done
// means that the BMC was asked again and says so; a BMC that says yes and then
// something else is Unknown. Taking back what is gone already is Done, and sends
// nothing.
func Boot(ctx context.Context, o remediation.Order) remediation.Result {
	ctx, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	c, err := newBootChange(o)
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
	if m.starts, err = s.starts(ctx); err != nil {
		return refused(err)
	}
	takesBack := o.Intent.Verb == incident.BootNone
	if err := m.is(c.want); err == nil && takesBack && isGone(m.starts, o.Intent.Boot) {
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "it was gone already, so nothing was sent"}
	}
	if err := c.fits(m); err != nil {
		return refused(err)
	}
	identified()
	result := c.result(s.setBoot(ctx, c, o.Intent.Verb))
	if result.Outcome != incident.OutcomeDone {
		return result
	}
	return readBack(ctx, s, o.Intent)
}

func newBootChange(o remediation.Order) (*change, error) {
	verb := o.Intent.Verb
	if verb != incident.BootNone && !slices.Contains(devices, verb) {
		return nil, fmt.Errorf("%q is not a boot device that piket sets (pxe, cdrom)", verb)
	}
	return newChange(o, "boot "+verb, func(m machine) error {
		if verb == incident.BootNone {
			return nil
		}
		return settable(m.starts)
	})
}

// readBack asks the BMC again: that it took the command is no proof.
func readBack(ctx context.Context, s session, i incident.Intended) remediation.Result {
	starts := told{}
	_, err := s.power(ctx)
	if err == nil {
		starts, err = s.starts(ctx)
	}
	switch {
	case err != nil:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: clause("the BMC took it, and could not be asked again: " + err.Error())}
	case !starts.known:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the BMC took it, and does not say from what it starts the machine"}
	case i.Verb == incident.BootNone && isGone(starts, i.Boot), starts.text == i.Verb+" once":
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: clause("the BMC took it, and says: " + starts.text)}
	}
	return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: clause(fmt.Sprintf("the BMC took it, and then says %q", starts.text))}
}
