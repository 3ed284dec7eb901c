package runbooks

import (
	"maps"
	"slices"
)

// Checks lists what a diagnosis may ask, of which targets, and which facts
// conditions may use beside "ok". The names and types of the facts are those
// of the probes; a test holds the two lists together.
var Checks = map[string]struct {
	Targets []string
	Facts   map[string]string
}{
	"reachable": {Targets: []string{"server", "site.gateway"}},
	"services":  {Targets: []string{"server"}, Facts: map[string]string{"down": "string", "up": "int"}},
	"icmp":      {Targets: []string{"server", "site.gateway"}, Facts: map[string]string{"loss": "double", "rtt_ms": "double"}},
	"ssh":       {Targets: []string{"server"}, Facts: map[string]string{"banner": "string"}},
	"bmc": {Targets: []string{"server"}, Facts: map[string]string{
		"state": "string", "health": "string", "sel_new": "int", "psu_lost": "bool",
		"task": "string", "console": "string", "boot_override": "string", "boot_progress": "string", "boot_event": "string", "panic": "string",
	}},
	"boot":       {Targets: []string{"server"}, Facts: map[string]string{"id": "string", "uptime": "double", "users": "int", "who": "string"}},
	"statuspage": {Targets: []string{"site.status_page"}, Facts: map[string]string{"incident": "bool", "indicator": "string", "title": "string", "maintenance": "bool", "until": "string", "information": "string"}},
	"neighbours": {Targets: []string{"site"}, Facts: map[string]string{
		"up": "int", "asked": "int", "rack_up": "int", "rack_asked": "int", "feed_up": "int", "feed_asked": "int",
	}},
	"references": {Targets: []string{"observer"}, Facts: map[string]string{"up": "int", "asked": "int"}},
	"vantages":   {Targets: []string{"server"}, Facts: map[string]string{"voters": "int", "down": "int", "up": "int", "lost": "int"}},
}

// GoalChecks lists what a goal may demand: that the subject answers, that every
// service on it does, that its BMC says whether it is on, that the status page
// of its site announces nothing, that piket itself can see, and that every
// vantage reports.
var GoalChecks = []string{"reachable", "services", "bmc", "announcement", "references", "vantages"}

// goalWords says each of them in [Runbook.Explain].
var goalWords = map[string]string{
	"reachable":    "reachable",
	"services":     "services",
	"bmc":          "the BMC",
	"announcement": "a status page that announces nothing",
	"references":   "a reference on either side of piket's uplink",
	"vantages":     "every vantage",
}

// Verbs lists what may be asked of a BMC. "reset" is not among them: through
// Redfish it has been seen to end with the machine off and report success.
var Verbs = []string{"on", "off", "soft", "cycle"}

// Devices lists from what a machine may be started once: the network, and its
// virtual drive.
var Devices = []string{"pxe", "cdrom"}

// deviceWords says each of them in [Runbook.Explain].
var deviceWords = map[string]string{"pxe": "the network (PXE)", "cdrom": "its virtual drive"}

// Trusts lists how far piket may go with a remedy, the least first.
var Trusts = []string{string(Observe), string(Propose), string(Asks), string(Auto)}

// Evidence lists how well it can be proved that a remedy was carried out, the
// weakest first: the command was accepted, the power changed, the BMC saw the
// machine start, it answers on the network, it says itself that it has started.
var Evidence = []string{"accepted", "power", "boot", "network", "boot-id"}

// Orders lists what hands on site may be asked; remediation/technician has the
// words for each, and a test there holds the two together.
var Orders = []string{"restart-and-diagnose", "look-only", "look-at-site"}

// Placeholders lists what a command may contain; each is replaced by a value
// of the inventory, never by one of an alert.
var Placeholders = []string{"service.name", "service.unit", "server.name"}

// Recipients lists who a work order can go to.
var Recipients = []string{"site.remote_hands"}

var (
	levels     = []string{"high", "medium", "low"}
	otherwises = []string{"escalate"}
)

// checkNames returns the kinds of check a diagnosis may use, sorted.
func checkNames() []string { return slices.Sorted(maps.Keys(Checks)) }
