package lab

import (
	"crypto/tls"
	"time"

	"golang.org/x/crypto/ssh"
)

// The accounts that the inventory uses.
const (
	bmcUser = "piket"
	sshUser = "piket"
)

// server is one machine and what stands around it. The Datacenter's lock
// guards everything that changes after Start.
type server struct {
	serverPlan
	uuid         string
	site         *site
	machine      *machine
	faults       map[Fault]bool // of parts, of the controller and of SSH
	log          sel            // of the controller
	password     string         // of the controller
	newPassword  string         // after somebody changed it
	sessions     map[string]session
	cert         *tls.Certificate
	strangerCert *tls.Certificate // nobody vouches for it
	hostKey      ssh.Signer
	otherHostKey ssh.Signer
	bmcPort      int
	sshPort      int
	servicePort  int
	ipmi         bool
	account      *ipmi // of an IPMI controller, nil for Redfish
}

// site is one pretend datacenter.
type site struct {
	sitePlan
	faults      map[SiteFault]bool
	announced   time.Time // when the provider's incident began
	incidents   int       // how many there have been
	gatewayPort int
	pageAddress string // of the provider's status page
}

// bmcPassword is the one that the controller accepts now.
func (s *server) bmcPassword() string {
	if s.faults[BMCBadPassword] {
		return s.newPassword
	}
	return s.password
}

// protocol is what the controller speaks.
func (s *server) protocol() string {
	if s.ipmi {
		return "ipmi"
	}
	return "redfish"
}

// made is the day on which the board was made; an IPMI controller tells it.
func (serverPlan) made() time.Time { return time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC) }

func (d *Datacenter) has(s *server, f Fault) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.faults[f]
}

// bmcAnswers reports whether the controller of s can be reached.
func (d *Datacenter) bmcAnswers(s *server) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.blind && !s.site.faults[Cut] && !s.faults[BMCUnreachable]
}

// systemAnswers reports whether the operating system of s can be reached.
func (d *Datacenter) systemAnswers(s *server) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.silent(s) && s.machine.systemAnswers(d.clock.Now())
}

// serviceAnswers reports whether the service on s can be reached.
func (d *Datacenter) serviceAnswers(s *server) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.silent(s) && s.machine.condition(d.clock.Now()) == IsRunning
}

// siteAnswers reports whether the path to the site is there.
func (d *Datacenter) siteAnswers(s *site) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.blind && !s.faults[Cut]
}

// wired returns the server at the other end of the controller's cable. The
// lock is held.
func (d *Datacenter) wired(s *server) *server {
	if s.faults[BMCWrongIdentity] {
		return d.servers[s.CabledInstead]
	}
	return s
}

// sight is what a controller sees of a machine.
type sight struct {
	plan     serverPlan
	uuid     string
	power    power
	began    time.Time // of the last boot
	progress string    // Redfish's BootProgress.LastState, "" when it is not told
	hardware hardware
	working  bool // a job writes firmware
	console  bool // somebody has the console open
}

// seen returns what the controller of s sees.
func (d *Datacenter) seen(s *server) sight {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	t := d.wired(s)
	out := sight{plan: t.serverPlan, uuid: t.uuid, power: t.machine.power(now), hardware: t.hardware(now)}
	if !t.faults[NoBootEvidence] {
		out.began, out.progress = t.machine.lastReset(now), t.machine.progress(now)
	}
	out.working, out.console = t.faults[FirmwareJob], t.faults[ConsoleOpen]
	return out
}

// power lets the controller of s carry out one power command, and books it. It
// reports whether the controller answers the command, and with which error.
func (d *Datacenter) power(s *server, door, what, verb string) (answered bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	target := d.wired(s)
	entry := WireEntry{At: now, Server: s.Name, Machine: target.Name, Door: door, What: what, Result: "done", Power: true}
	switch {
	case s.faults[BMCLies]:
		entry.Machine, entry.Result = "", "said yes, did nothing"
	case s.faults[BMCSlowOff] && (verb == "ForceRestart" || verb == "PowerCycle") && target.machine.power(now) != powerOff:
		target.machine.stop(now, 6*target.machine.settle())
		entry.Result = "went off and stays off"
	default:
		if err = switches[verb](target.machine, now); err != nil {
			entry.Machine, entry.Result = "", "refused: "+err.Error()
		}
	}
	answered = !s.faults[BMCDropsReply]
	if !answered {
		entry.Result += "; the reply was dropped"
	}
	d.wire.add(entry)
	return answered, err
}

// refused books a power command that was turned away at the door.
func (d *Datacenter) refused(s *server, door, what, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wire.add(WireEntry{At: d.clock.Now(), Server: s.Name, Door: door, What: what, Result: why, Power: true})
}
