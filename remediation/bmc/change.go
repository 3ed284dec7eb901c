package bmc

import (
	"errors"
	"fmt"
	"sync"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// change is one order on its way, and the gate that it goes through.
type change struct {
	what string // in words, for what is told of it: "power cycle"
	want identity
	may  func(machine) error // why it makes no sense for a machine; nil when it does
	last func() error

	mu      sync.Mutex
	passed  bool  // the write was let through: from here on, silence is Unknown
	stopped error // why the gate stayed shut
}

// errSecond stops a driver that tries to write again.
var errSecond = errors.New("a second write was stopped: one order is one command")

// declined is an answer which proves that the command was not carried out.
type declined struct{ what string }

func (d declined) Error() string { return d.what }

// fits says why the order must not be carried out on m; nil when it may.
func (c *change) fits(m machine) error {
	if err := m.is(c.want); err != nil {
		return err
	}
	return c.may(m)
}

// pass opens the gate once, for the machine that was read a moment ago, after
// the order's last question. A driver calls it right before it writes, and
// writes nothing when it returns an error.
func (c *change) pass(m machine) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return errSecond
	}
	if c.stopped != nil {
		return c.stopped
	}
	if c.stopped = c.fits(m); c.stopped != nil {
		return c.stopped
	}
	if c.stopped = c.last(); c.stopped != nil {
		return c.stopped
	}
	c.passed = true
	return nil
}

// result judges what came of the change. err is the driver's own view, which
// counts for little: bmclib returns an error for a soft shutdown that was
// accepted, and none for a write that it left out.
func (c *change) result(err error) remediation.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	var no declined
	switch {
	case c.stopped != nil:
		return refused(c.stopped)
	case !c.passed && err == nil:
		return refused(fmt.Errorf("the driver sent no command for %s", c.what))
	case !c.passed:
		return refused(err)
	case err == nil:
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: fmt.Sprintf("the BMC took the command %s", c.what)}
	case errors.As(err, &no):
		return refused(err)
	}
	return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: clause(err.Error())}
}
