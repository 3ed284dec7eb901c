package probes

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Registry knows how to ask, by kind of check.
type Registry map[string]Prober

// Kinds are the checks that need nothing but a target. Three are added where the
// program is put together: "bmc", which needs the drivers of the management
// controllers, "boot", which logs in, and "heartbeat", which must remember who
// called.
var Kinds = Registry{
	"icmp":       ICMP,
	"tcp":        TCP,
	"http":       HTTP,
	"tls":        TLS,
	"dns":        DNS,
	"ssh":        SSH,
	"exec":       Exec,
	"statuspage": StatusPage,
}

// maxOvertime is how far past its time a probe may end and still be believed
// when it says down.
const maxOvertime = 500 * time.Millisecond

// Probe asks t once, within its time. It always gives a State, a Reason and a
// Latency; a kind that r does not know is Unknown.
func (r Registry) Probe(ctx context.Context, kind string, t Target) Result {
	ask, ok := r[kind]
	if !ok {
		return unknown("there is no check %q, only %s", kind, strings.Join(slices.Sorted(maps.Keys(r)), ", "))
	}
	began := time.Now()
	ctx, cancel := t.within(ctx)
	defer cancel()
	result := ask(ctx, t)
	took := time.Since(began)
	if result.Latency == 0 {
		result.Latency = took
	}
	return doubtOvertime(result, took, t.limit())
}

// doubtOvertime looks at piket first. A probe that ends long after its time
// was not waiting for the target but for this machine: a stopped process, a
// migrated guest, a used-up CPU quota. Replies that came meanwhile are lost.
func doubtOvertime(result Result, took, limit time.Duration) Result {
	if result.State != Down || took <= limit+maxOvertime {
		return result
	}
	late := unknown("piket itself stood still: the probe took %v of %v (%s)", took.Round(time.Millisecond), limit, result.Reason)
	late.Facts, late.Latency = result.Facts, result.Latency
	return late
}
