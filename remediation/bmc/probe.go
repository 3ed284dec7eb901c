package bmc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spinware/piket/probes"
)

// Probe asks a BMC whether its machine is on: fact "state" is "on" or "off". Up
// means that the BMC says so; Down, that it is silent or refuses us; Unknown,
// that the trouble is ours, or that the machine is on its way between the two.
// The fact is absent whenever the BMC did not say it: a BMC out of reach is no
// evidence that its machine is off.
func Probe(ctx context.Context, t probes.Target) probes.Result {
	if t.BMC == nil {
		return probes.Result{State: probes.Unknown, Reason: "no BMC in the inventory"}
	}
	timeout := t.Timeout
	if timeout == 0 {
		timeout = probes.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	s, err := open(ctx, t.BMC)
	if err != nil {
		return judge(err)
	}
	defer s.close()
	state, err := s.power(ctx)
	if err != nil {
		return judge(err)
	}
	return probes.Result{
		State: probes.Up, Reason: fmt.Sprintf("the BMC says that the power is %s", state),
		Facts: map[string]any{"state": string(state)}, Latency: time.Since(began),
	}
}

func judge(err error) probes.Result {
	state := probes.Down
	var t trouble
	if errors.As(err, &t) && t.weight == unproven {
		state = probes.Unknown
	}
	return probes.Result{State: state, Reason: clause(err.Error())}
}
