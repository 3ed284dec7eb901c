package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/yamlpos"
)

// Fault is something that can be wrong with one server.
type Fault string

// The faults of a machine.
const (
	Hung    Fault = "hung"
	Off     Fault = "off"
	Dead    Fault = "dead"
	Crashed Fault = "crashed"

	NoSystem Fault = "no-system"
)

// The faults of parts that a machine survives, and its controller sees.
const (
	PSUFailed Fault = "psu-failed"
	FanFailed Fault = "fan-failed"
)

// The faults of a management controller and of SSH, which the machine itself
// may or may not survive.
const (
	BMCLies          Fault = "bmc-lies"
	BMCDropsReply    Fault = "bmc-drops-reply"
	BMCWrongIdentity Fault = "bmc-wrong-identity"
	BMCBadPassword   Fault = "bmc-bad-password"
	BMCBadCert       Fault = "bmc-bad-certificate"
	BMCUnreachable   Fault = "bmc-unreachable"
	BMCSlowOff       Fault = "bmc-slow-off"
	BMCForgetsBoot   Fault = "bmc-forgets-boot"
	BMCKeepsBoot     Fault = "bmc-keeps-boot"
	BootStuck        Fault = "boot-stuck"
	NoBootEvidence   Fault = "no-boot-evidence"
	FirmwareJob      Fault = "firmware-job"
	ConsoleOpen      Fault = "console-open"
	LooseCable       Fault = "loose-cable"
	SSHKeyChanged    Fault = "ssh-key-changed"
	SSHDropsReply    Fault = "ssh-drops-reply"
)

// Faults says what each fault does, in a sentence.
var Faults = map[Fault]string{
	Hung:             "The kernel stops: nothing answers, the BMC says On; a power cycle cures it.",
	Off:              "Somebody pressed the button: the machine is off; power on cures it.",
	Dead:             "A part is broken: no power command brings it back, only a technician does.",
	Crashed:          "The service's process is gone: SSH works; systemctl restart cures it.",
	NoSystem:         "Nothing on the disk starts: no restart brings it back; an installer does, and wipes the disk.",
	PSUFailed:        "One of two power supplies lost its input: the machine runs on, its BMC says Critical.",
	FanFailed:        "A fan turns too slowly: the machine runs on, its BMC says Critical.",
	BMCLies:          "The machine hangs, and its BMC says OK to every reset and does nothing.",
	BMCDropsReply:    "The BMC carries out a reset and breaks the connection without an answer.",
	BMCWrongIdentity: "The BMC's cable leads to another machine: it answers for that one and resets that one.",
	BMCBadPassword:   "The BMC's password was changed: it refuses ours.",
	BMCBadCert:       "The BMC shows a certificate that nobody vouches for (Redfish only).",
	BMCUnreachable:   "The BMC does not answer at all.",
	BMCSlowOff:       "A restart through the BMC goes off slowly and does not come on again.",
	BMCForgetsBoot:   "The BMC says yes to a boot device or an image, and to taking it back, and does nothing.",
	BMCKeepsBoot:     "A boot device that was set once stays set: every restart is one into the installer, until it is taken back.",
	BootStuck:        "The next boot gets through the firmware's tests and no further: the system never starts.",
	NoBootEvidence:   "The BMC neither logs boots nor tells how far one has come.",
	FirmwareJob:      "A job is writing firmware on the machine: whoever cuts the power now may break it for good.",
	ConsoleOpen:      "Somebody has the machine's console open, and is logged in there.",
	LooseCable:       "The network cable is loose: the server answers for a minute, and is silent for a minute.",
	SSHKeyChanged:    "The SSH server shows another host key than the one on record.",
	SSHDropsReply:    "The SSH server carries out a command and breaks the connection without an exit status.",
}

// SiteFault is something that can be wrong with a whole site.
type SiteFault string

// The faults of a site. Both can be there at once.
const (
	Cut       SiteFault = "cut"
	Announced SiteFault = "announced"
)

// SiteFaults says what each fault of a site does, in a sentence.
var SiteFaults = map[SiteFault]string{
	Cut:       "The path to the site is cut: gateway, servers and BMCs stop answering; the machines go on.",
	Announced: "The provider's status page announces an outage of the site.",
}

// machineFaults are the faults that are states of the machine itself. What
// cures the machine removes them.
var machineFaults = map[Fault]func(*machine, time.Time){
	Hung:     func(m *machine, now time.Time) { m.run(now); m.hung = true },
	Off:      func(m *machine, now time.Time) { m.phases = []phase{{now, powerOff}} },
	Dead:     func(m *machine, now time.Time) { m.run(now); m.dead = true },
	Crashed:  func(m *machine, now time.Time) { m.run(now); m.failed = true },
	NoSystem: noSystem,
	BMCLies:  func(m *machine, now time.Time) { m.run(now); m.hung = true },
}

// ParseFault reads a fault by its name. The error names the nearest one.
func ParseFault(word string) (Fault, error) { return parse("fault", word, Faults) }

// ParseSiteFault reads a site's fault by its name. The error names the nearest.
func ParseSiteFault(word string) (SiteFault, error) {
	return parse("fault of a site", word, SiteFaults)
}

func parse[F ~string](kind, word string, known map[F]string) (F, error) {
	if _, ok := known[F(word)]; ok {
		return F(word), nil
	}
	return "", unknown(kind, word, slices.Collect(maps.Keys(known)))
}

// unknown is the error for a word that is not in the list.
func unknown[W ~string](kind, word string, known []W) error {
	names := make([]string, len(known))
	for i, w := range known {
		names[i] = string(w)
	}
	slices.Sort(names)
	list := "there are " + strings.Join(names, ", ")
	if nearest, ok := yamlpos.Nearest(word, names); ok {
		list = fmt.Sprintf("did you mean %q? %s", nearest, list)
	}
	return fmt.Errorf("%w %s %q: %s", ErrUnknown, kind, word, list)
}
