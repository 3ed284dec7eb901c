package probes

import (
	"context"
	"testing"
	"time"
)

func TestUnknownKindIsUnknownAndNamesTheKnownOnes(t *testing.T) {
	expect(t, Kinds.Probe(t.Context(), "pingg", Target{}), Unknown, `no check "pingg", only dns, exec, http, icmp, ssh, statuspage, tcp, tls`)
}

func TestProbeIsBoundedAndTimed(t *testing.T) {
	waits := func(ctx context.Context, target Target) Result {
		<-ctx.Done()
		return target.silent(ctx)
	}
	kinds := Registry{"waits": waits, "measures": func(context.Context, Target) Result {
		return Result{State: Up, Latency: time.Hour}
	}}
	result := kinds.Probe(t.Context(), "waits", Target{Timeout: short})
	expect(t, result, Down, "no answer within 250ms")
	if result.Latency < short || result.Latency > short+maxOvertime {
		t.Errorf("latency is %v, want about %v", result.Latency, short)
	}
	if got := kinds.Probe(t.Context(), "measures", Target{}).Latency; got != time.Hour {
		t.Errorf("latency is %v, want the probe's own", got)
	}
}

func TestProbeThatEndsLateDoubtsPiketFirst(t *testing.T) {
	cases := []struct {
		name  string
		state State
		took  time.Duration
		want  State
	}{
		{"down in time", Down, 3 * time.Second, Down},
		{"down a little late", Down, 3*time.Second + maxOvertime, Down},
		{"down much later", Down, 5 * time.Second, Unknown},
		{"up much later", Up, 5 * time.Second, Up},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := doubtOvertime(Result{State: c.state}, c.took, 3*time.Second); got.State != c.want {
				t.Errorf("got %s (%s), want %s", got.State, got.Reason, c.want)
			}
		})
	}
}
