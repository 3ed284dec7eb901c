// Package probes asks something whether it is well. A probe answers up, down
// or unknown, with a reason that a person can read and the evidence for it;
// trouble on piket's own side is unknown, never down.
//
//	kind, target := probes.Reachable(server, 3*time.Second)
//	result := probes.Kinds.Probe(ctx, kind, target)
//
// A [Scheduler] does so for the whole inventory, and reports as alerts what
// stops answering.
package probes

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// State is a probe's judgement.
type State string

// The three states. Unknown is our own trouble, or silence that proves nothing.
const (
	Up      State = "up"
	Down    State = "down"
	Unknown State = "unknown"
)

// Target is what to ask. It is made from the inventory, never from an alert.
type Target struct {
	Name     string         // as a person knows it: "web-07", "gateway of ams1"
	Address  string         // host or host:port, as the kind needs it
	URL      string         // for http and statuspage
	CAFile   string         // for https and tls
	HostKeys []string       // for ssh: pinned keys in authorized_keys form
	BMC      *inventory.BMC // for bmc
	SSH      *inventory.SSH // for boot
	Timeout  time.Duration  // 0 means DefaultTimeout

	Format     string              // for statuspage: one of the formats of package statuspage; "" to recognise it
	Component  string              // for statuspage: what stands for the site on the page; "" means anything
	Components map[string][]string // for statuspage: component → names of the racks that it stands for
	Rack       string              // for statuspage: whose components come first; "" for a look at the whole site

	Status      []int  // for http: what counts as well; none means 200 to 299
	Expect      string // for http: text that the body must contain; for dns: a record that must be there
	ExpectRegex string // for http: RE2 pattern that must match in the body
	Redirects   bool   // for http: follow them on the same host
	ServerName  string // for tls: whose certificate it must be; "" means the address's host
	CertWarn    int    // for https and tls: days left below which the reason says so; 0 means DefaultCertWarn

	Query, Type string        // for dns: the name, and the type of record; "" means A
	Command     []string      // for exec: what to run, complete
	Key         string        // for heartbeat: who calls, as [HeartbeatKey] writes it
	Every       time.Duration // for heartbeat: how often
}

// DefaultTimeout bounds one probe. A TCP connect whose SYN was lost is tried
// again by the kernel after one second, so less than three makes false alarms.
const DefaultTimeout = 3 * time.Second

// Result is one probe's answer.
type Result struct {
	State   State
	Reason  string         // one clause: "answers in 12 ms", "connection refused"
	Facts   map[string]any // what a runbook may ask about, by the names in [Facts]
	Latency time.Duration  // how long the answer took, on the machine's own clock

	Expiry Expiry // of the certificates behind the answer

	// Evidence is what a person may want to see beside the reason, a short line
	// each: what was asked, what came back. It is never parsed.
	Evidence []string
}

// Prober asks one target once. It never panics, never returns a zero State, and
// ends when ctx does.
type Prober func(ctx context.Context, t Target) Result

// Facts lists, for each kind of check, the facts that it yields beside "ok" and
// their types ("string", "bool", "int", "double"); a runbook's conditions are
// checked against it. What was not measured is absent from a result: icmp has
// no rtt_ms without a reply. loss is in percent; cert_days is below zero for a
// certificate that has expired. Of a bmc, task, console and panic are empty when
// there is none, and boot_event is a time as in RFC 3339.
var Facts = map[string]map[string]string{
	"icmp":      {"loss": "double", "rtt_ms": "double"},
	"tcp":       {},
	"http":      {"status": "int", "cert_days": "int"},
	"tls":       {"cert_days": "int", "version": "string"},
	"dns":       {"rcode": "string", "answers": "int"},
	"exec":      {"exit": "int"},
	"heartbeat": {"silent_seconds": "int"},
	"ssh":       {"banner": "string"},
	"bmc": {
		"state": "string", "health": "string", "sel_new": "int", "psu_lost": "bool",
		"task": "string", "console": "string", "boot_override": "string", "boot_progress": "string", "boot_event": "string", "panic": "string",
	},
	"boot":       {"id": "string", "uptime": "double", "users": "int", "who": "string"},
	"statuspage": {"incident": "bool", "indicator": "string", "title": "string", "maintenance": "bool", "until": "string", "information": "string"},
	"neighbours": {"up": "int", "asked": "int", "rack_up": "int", "rack_asked": "int", "feed_up": "int", "feed_asked": "int"},
	"references": {"up": "int", "asked": "int"},
	"vantages":   {"voters": "int", "down": "int", "up": "int", "lost": "int"},
	"reachable":  {},
	"services":   {"down": "string", "up": "int"},
}
