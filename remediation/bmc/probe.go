package bmc

import (
	"context"
	"errors"
	"time"

	"github.com/spinware/piket/probes"
)

// Probe asks a BMC once, as a [Witness] without a memory does: what is new in
// its log is what the last day brought. It is for a look by hand; what looks
// again and again keeps a Witness.
func Probe(ctx context.Context, t probes.Target) probes.Result {
	return NewWitness(time.Now).Probe(ctx, t)
}

// weigh says what an error tells of the BMC.
func weigh(err error) weight {
	var t trouble
	if errors.As(err, &t) {
		return t.weight
	}
	return down
}

// judge makes a result of what kept us from the power state. No fact is in it:
// a BMC out of reach is no evidence that its machine is off.
func judge(err error) probes.Result {
	state := probes.Down
	if w := weigh(err); w == unproven || w == busy {
		state = probes.Unknown
	}
	return probes.Result{State: state, Reason: clause(err.Error())}
}
