//go:build e2e

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// inNamespace tells a story in a network namespace of its own, where every
// socket of every goroutine and of every process that it starts lies: the test
// runs itself again in there. It needs root.
func inNamespace(t *testing.T, story func(*testing.T)) {
	const inside = "PIKET_TEST_INSIDE" // names the file in which the inner run says which test it is
	if ran := os.Getenv(inside); ran != "" {
		put(t, ran, t.Name())
		if err := errors.Join(lab.RaiseLoopback(), lab.AllowPing(true)); err != nil {
			t.Fatal(err)
		}
		story(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ran := put(t, filepath.Join(t.TempDir(), "ran"), "nothing")
	args := append(os.Args[1:], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0") // the last of two counts
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), inside+"="+ran)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		t.Fatalf("in a network namespace of its own (as root): %v", err)
	}
	if name := string(read(t, ran)); name != t.Name() {
		t.Fatalf("in the namespace %s ran", name)
	}
}

// What the pretend fleet looks like: sites of 250 servers in racks of 20, a
// gateway at each, and what tells piket's own trouble from the world's. A rack
// has the addresses of one prefix.
const (
	perSite, perRack, racksPerSite = 250, 20, 13

	rackBits   = 27 // 32 addresses, of which perRack are servers
	roundTrip  = 20 * time.Millisecond
	randomLoss = 0.01
)

var (
	machines   = netip.MustParsePrefix("198.18.0.0/16") // its first address is piket's own machine
	beyond     = netip.MustParsePrefix("198.19.0.0/16")
	fleetBlock = netip.MustParsePrefix("198.18.0.0/17") // all servers
	gateways   = netip.MustParsePrefix("198.18.255.0/24")

	nearReference = netip.MustParseAddr("198.18.254.1")
	farReferences = []netip.Addr{netip.MustParseAddr("198.19.0.2"), netip.MustParseAddr("198.19.0.3")}
)

// host is one server of the fleet.
type host struct {
	name, site, rack string
	address          netip.Addr
	inRack           netip.Prefix
}

// pingFleet is a network of servers that do nothing but answer pings, over real
// packets with a delay and random loss, and the daemon that looks after them.
type pingFleet struct {
	t      *testing.T
	dir    string
	api    client
	tun    *lab.TUN
	hosts  []host
	daemon *process
}

// newPingFleet makes the network and the files, and starts nothing.
func newPingFleet(t *testing.T, size int) *pingFleet {
	t.Helper()
	tun, err := lab.OpenTUN(machines, beyond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tun.Close() })
	tun.Delay(roundTrip)
	tun.Loss(randomLoss, uint64(time.Now().UnixNano()))
	f := &pingFleet{t: t, dir: t.TempDir(), tun: tun}
	for i := range size {
		f.hosts = append(f.hosts, hostAt(i))
	}
	f.configure()
	return f
}

// hostAt places the i-th server.
func hostAt(i int) host {
	site, rack := i/perSite, i%perSite/perRack
	block := 1 + site*racksPerSite + rack
	first := machines.Addr().As4()
	first[2], first[3] = byte(block>>3), byte(block<<5)
	prefix := netip.PrefixFrom(netip.AddrFrom4(first), rackBits)
	first[3] += byte(1 + i%perSite%perRack)
	return host{
		name: fmt.Sprintf("srv-%04d", i), site: fmt.Sprintf("site-%d", site), rack: fmt.Sprintf("site-%d-rack-%02d", site, rack),
		address: netip.AddrFrom4(first), inRack: prefix,
	}
}

// gatewayOf is the address of a site's way out.
func gatewayOf(site int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 255, byte(1 + site)}) }

// configure writes what piket reads. How it probes is left to the defaults.
func (f *pingFleet) configure() {
	var inv strings.Builder
	fmt.Fprintf(&inv, "references:\n  - {name: own-router, side: near, probe: {check: icmp, address: %s}}\n", nearReference)
	for n, far := range farReferences {
		fmt.Fprintf(&inv, "  - {name: resolver-%d, side: far, probe: {check: icmp, address: %s}}\n", n+1, far)
	}
	inv.WriteString("sites:\n")
	for i, h := range f.hosts {
		if i%perSite == 0 {
			fmt.Fprintf(&inv, "  - name: %s\n    gateway: {check: icmp, address: %s}\n    racks:\n", h.site, gatewayOf(i/perSite))
		}
		if i%perSite%perRack == 0 {
			fmt.Fprintf(&inv, "      - {name: %s}\n", h.rack)
		}
	}
	inv.WriteString("servers:\n")
	for _, h := range f.hosts {
		fmt.Fprintf(&inv, "  - {name: %s, rack: %s, address: %s}\n", h.name, h.rack, h.address)
	}
	inv.WriteString(`people: [{name: noor, roles: [engineer], token_file: token}]
teams: [{name: network-and-server, members: [noor], on_duty: [noor]}]
`)
	for name, text := range map[string]string{
		"piket.yml": least, "inventory.yml": inv.String(), "token": "token-of-noor-0123456789\n",
	} {
		put(f.t, filepath.Join(f.dir, name), text)
	}
}

// start starts the daemon as its own process, and waits until it has heard
// every machine once.
func (f *pingFleet) start() {
	const address = "127.0.0.1:9490" // the namespace is its own
	f.api = client{base: "http://" + address, tokenFile: filepath.Join(f.dir, "token")}
	f.daemon = startProcess(f.t, f.dir, "piket", "piket", "serve", "--config.file="+filepath.Join(f.dir, "piket.yml"), "--web.listen-address="+address)
	until(f.t, "piket has heard the whole fleet", func() bool {
		answer, err := http.Get(f.api.base + "/-/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK && f.metric(`piket_probe_targets{state="unknown"}`) == 0
	})
}

// metric reads one of the daemon's metrics.
func (f *pingFleet) metric(name string) float64 {
	f.t.Helper()
	return metricOf(f.t, f.api.base+"/metrics", name)
}

// incidents lists all that there ever were.
func (f *pingFleet) incidents() []store.Summary {
	f.t.Helper()
	var answer struct{ Incidents []store.Summary }
	if err := f.api.do(f.t.Context(), http.MethodGet, "/api/incidents", nil, &answer); err != nil {
		f.t.Fatal(err)
	}
	return answer.Incidents
}

// show reads one incident with its timeline.
func (f *pingFleet) show(id string) (s seen) {
	f.t.Helper()
	if err := f.api.do(f.t.Context(), http.MethodGet, "/api/incidents/"+id, nil, &s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// others lists the incidents that are about none of the subjects: false
// verdicts, as a line each.
func (f *pingFleet) others(subjects ...string) (lines []string) {
	f.t.Helper()
	due := map[string]bool{}
	for _, s := range subjects {
		due[s] = true
	}
	for _, inc := range f.incidents() {
		if !due[inc.Subject] {
			lines = append(lines, fmt.Sprintf("%s %s %s %q", inc.Opened.Format(time.TimeOnly), inc.ID, inc.Subject, inc.Title))
		}
		delete(due, inc.Subject) // a second one is false, too
	}
	return lines
}

// wait lets real time pass.
func (f *pingFleet) wait(d time.Duration) { wait(f.t.Context(), d) }

// wait lets real time pass, until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	clk := clock.Real()
	clk.Wait(ctx, clk.Now().Add(d), nil)
}

// metricOf reads one sample from a page in Prometheus' text format.
func metricOf(t *testing.T, url, name string) float64 {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, url, err)
			}
			return number
		}
	}
	t.Fatalf("%s has no %s", url, name)
	return 0
}
