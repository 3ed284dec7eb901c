// Package lab is a pretend datacenter on loopback, for the demo, for drills and
// for tests: servers that boot, hang and die, management controllers that
// speak Redfish over TLS (and IPMI), SSH, services, gateways, status pages and
// a mail sink. Everything speaks its real protocol, and a log of what arrived
// on the wire says afterwards what was really sent.
//
//	world, err := lab.Start(ctx, lab.Options{Clock: clk, Dir: dir})
//	defer world.Close()
//	inv, err := inventory.Load(world.InventoryFile())
//	err = world.Break("web-01", lab.Hung)
//	… world.PowerSends() …
package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/clock"
)

// Errors that callers tell apart. Neither is cured by trying again.
var (
	// ErrUnknown is returned for a server, site or fault that does not exist.
	ErrUnknown = errors.New("unknown")
	// ErrNoIPMITool is returned by Start when IPMI is asked for without ipmitool.
	ErrNoIPMITool = errors.New("ipmitool is not installed (on Debian: apt-get install ipmitool), so nothing could talk to IPMI")
)

// DefaultBoot is how long a pretend machine takes from power-on to services
// answering, when Options does not say.
const DefaultBoot = 90 * time.Second

// Options says how to start the datacenter.
type Options struct {
	Clock *clock.Clock  // machines boot and sessions end by this clock; clock.Real() when nil
	Dir   string        // where the inventory, secrets, keys and certificates are written
	IPMI  bool          // some servers speak IPMI instead of Redfish; needs ipmitool
	Boot  time.Duration // from power-on to services answering; DefaultBoot when 0
	Racks int           // this many racks more, two servers in each
}

// Datacenter is the running lab. Its methods are safe for concurrent use.
type Datacenter struct {
	clock *clock.Clock
	dir   string
	boot  time.Duration

	ca, stranger *authority
	userKey      ssh.PublicKey // the one key that may log in over SSH
	mail         mailbox
	order        []string // names of the servers as they stand in the plan

	plan plan // what stands where

	mu      sync.Mutex
	servers map[string]*server
	sites   map[string]*site
	wire    wire

	references []reference
	switchless map[string]bool // racks whose switch is gone
	blind      bool            // piket's own uplink is cut

	imagesPort int  // of the server of disk images
	imagesGone bool // it does not answer

	running sync.WaitGroup
	closing sync.Mutex
	closed  bool
	started int
	closers map[int]func() // of the goroutines that run
	detach  func() bool    // from the context of Start
}

// Start builds the datacenter and opens its ports on loopback. It stops when
// ctx ends or Close is called. It returns ErrNoIPMITool when Options asks for
// IPMI on a machine that has no ipmitool.
func Start(ctx context.Context, o Options) (*Datacenter, error) {
	if _, err := exec.LookPath("ipmitool"); o.IPMI && err != nil {
		return nil, fmt.Errorf("start the lab with IPMI: %w", ErrNoIPMITool)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the lab's directory %s: %w", o.Dir, err)
	}
	d := &Datacenter{
		clock: o.Clock, dir: dir, boot: o.Boot, plan: planOf(o.Racks),
		servers: map[string]*server{}, sites: map[string]*site{}, switchless: map[string]bool{}, closers: map[int]func(){},
	}
	if d.clock == nil {
		d.clock = clock.Real()
	}
	if d.boot == 0 {
		d.boot = DefaultBoot
	}
	if err := d.build(o.IPMI); err != nil {
		return nil, err
	}
	for _, step := range []func() error{d.serveReferences, d.serveImages, d.serveSites, d.serveServers, d.serveMail, d.writeFiles} {
		if err := step(); err != nil {
			d.Close()
			return nil, err
		}
	}
	d.detach = context.AfterFunc(ctx, d.stop)
	return d, nil
}

// build makes sites and servers out of the plan, with new keys.
func (d *Datacenter) build(ipmi bool) (err error) {
	if d.ca, err = newAuthority("piket lab"); err != nil {
		return err
	}
	if d.stranger, err = newAuthority("a stranger"); err != nil {
		return err
	}
	for _, p := range d.plan.sites {
		d.sites[p.Name] = &site{sitePlan: p, faults: map[SiteFault]bool{}}
	}
	for _, p := range d.plan.servers {
		s, err := d.newServer(p, ipmi && p.SpeaksIPMI)
		if err != nil {
			return err
		}
		d.servers[p.Name] = s
		d.order = append(d.order, p.Name)
	}
	return nil
}

func (d *Datacenter) newServer(p serverPlan, ipmi bool) (s *server, err error) {
	sum := sha256.Sum256([]byte("board of " + p.Name))
	s = &server{
		serverPlan: p, uuid: formatUUID(sum[:]), site: d.sites[p.Site], ipmi: ipmi,
		machine: newMachine(p.Name, d.boot, d.clock.Now()),
		faults:  map[Fault]bool{}, sessions: map[string]session{},
		password: newPassword(), newPassword: newPassword(),
	}
	if s.cert, err = d.ca.issue(p.Name + " bmc"); err != nil {
		return nil, err
	}
	if s.strangerCert, err = d.stranger.issue(p.Name + " bmc"); err != nil {
		return nil, err
	}
	if s.hostKey, err = newSigner(); err != nil {
		return nil, fmt.Errorf("host key of %s: %w", p.Name, err)
	}
	if s.otherHostKey, err = newSigner(); err != nil {
		return nil, fmt.Errorf("second host key of %s: %w", p.Name, err)
	}
	return s, nil
}

func (d *Datacenter) serveSites() error {
	for _, p := range d.plan.sites {
		s := d.sites[p.Name]
		if err := d.serveGateway(s); err != nil {
			return err
		}
		if err := d.serveStatusPage(s); err != nil {
			return err
		}
	}
	return nil
}

func (d *Datacenter) serveServers() error {
	for _, name := range d.order {
		s := d.servers[name]
		bmc := d.serveRedfish
		if s.ipmi {
			bmc = d.serveIPMI
		}
		for _, serve := range []func(*server) error{bmc, d.serveSSH, d.serveService} {
			if err := serve(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close stops the datacenter and returns when its goroutines have ended.
func (d *Datacenter) Close() {
	if d.detach != nil {
		d.detach()
	}
	d.stop()
	d.running.Wait()
}
