//go:build battery || e2e

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// trio is several replicas of the real program on one PostgreSQL, in front of
// one pretend datacenter. People and Alertmanager reach them through one address
// behind which any replica answers. All clocks are the machine's: PostgreSQL's is.
type trio struct {
	*ward
	server   *storetest.Server
	timeline *store.Store // the test's own look at the timelines
	replicas []*peer
}

// peer is one replica, with a storage directory and a way to the database of
// its own.
type peer struct {
	name, address string
	cable         *cable

	mu     sync.Mutex
	victim *victim
	paused bool
}

const trioConf = `inventory: [lab/inventory.yml]
runbooks: [runbooks/*.yml]
storage: {path: data-%s, url: "%s"}
web: {external_url: "%s"}
intake: {alertmanager: {token_file: alertmanager.token}}
mail: {from: piket@piket.example.net, smtp: "%s", tls: none}
probes: {interval: 1s, timeout: 900ms, failures: 2, successes: 2}
guards:
  {hold_down: 5s, facts_fresh: 10s, in_flight: 20, per_rack: 2, per_customer: 20, per_site: 20, fleet_percent: 100,
   site_per_hour: 100, server_per_day: 100, power_per_day: 100, cooldown: 1m, together: 100, together_percent: 100, together_within: 1m, error_budget: 10}
`

// newTrio builds everything and starts nothing but the lab and PostgreSQL.
func newTrio(t *testing.T, seed uint64, racks int, names ...string) *trio {
	t.Helper()
	w := &ward{
		t: t, url: "http://" + freeAddress(t), speed: 1, anchor: time.Now(), many: true, binary: build(t), clk: clock.Real(),
		racks: racks, gone: fmt.Sprintf("more-%03d", racks+1), once: true,
	}
	f := &trio{ward: w, server: storetest.Own(t)}
	w.furnish(seed, lab.Options{Boot: 3 * time.Second, Racks: racks + 1}) // with the runbooks; every replica has a configuration of its own
	f.hurry()
	url, socket := f.server.Database(t), f.server.Socket()
	w.store = url
	var err error
	if f.timeline, err = store.Open(url, w.clk); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.timeline.Close() })
	for _, name := range names {
		p := &peer{name: name, address: freeAddress(t), cable: newCable(t, socket)}
		f.replicas = append(f.replicas, p)
		w.write("piket-"+name+".yml", fmt.Sprintf(trioConf, name, p.cable.url(url), w.url, w.lab.SMTPAddress()))
	}
	f.front(t)
	return f
}

// hurry makes the runbooks wait for no more than the test has.
func (f *trio) hurry() {
	files, _ := filepath.Glob(filepath.Join(f.dir, "runbooks", "*.yml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		quick := strings.NewReplacer("for: 20s", "for: 3s", "verify: 2m", "verify: 30s").Replace(string(text))
		f.write(filepath.Join("runbooks", filepath.Base(file)), quick)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	return port.Addr().String()
}

// run starts a replica and does not wait until it is ready.
func (f *trio) run(p *peer) {
	f.t.Helper()
	log, err := os.OpenFile(filepath.Join(f.dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer log.Close()
	v := &victim{end: make(chan struct{}), cmd: exec.Command(f.binary, "serve", "--config.file="+filepath.Join(f.dir, "piket-"+p.name+".yml"), "--web.listen-address="+p.address)}
	v.cmd.Stdout, v.cmd.Stderr, v.cmd.Dir = log, log, f.dir
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := v.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() {
		_ = v.cmd.Wait() // how it ended stands in its state
		close(v.end)
	}()
	p.mu.Lock()
	p.victim, p.paused = v, false
	p.mu.Unlock()
	f.t.Cleanup(v.kill)
}

// up reports whether a replica says that it can work.
func (f *trio) up(p *peer) bool {
	answer, err := wardClient.Get("http://" + p.address + "/-/ready")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (p *peer) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.victim.cmd.Process.Signal(s) // it may have ended, which is as good
	p.paused = s == syscall.SIGSTOP
}

func (p *peer) kill() {
	p.mu.Lock()
	v := p.victim
	p.mu.Unlock()
	v.kill()
}

// serves reports whether a replica may be asked something.
func (p *peer) serves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.victim == nil || p.paused {
		return false
	}
	select {
	case <-p.victim.end:
		return false
	default:
		return true
	}
}

// front is the one address: each connection goes to the next replica that lives.
func (f *trio) front(t *testing.T) {
	l, err := net.Listen("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go f.pass(conn, n)
		}
	}()
}

func (f *trio) pass(conn net.Conn, n int) {
	defer conn.Close()
	for i := range f.replicas {
		p := f.replicas[(n+i)%len(f.replicas)]
		if !p.serves() {
			continue
		}
		if other, err := net.Dial("tcp", p.address); err == nil {
			join(conn, other)
			return
		}
	}
}

// join carries bytes both ways until one side ends.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // either side may be killed
			a.Close()
			b.Close()
		})
	}
	both.Wait()
}

// cable is one replica's way to the database. It can be cut, and it can be
// blocked, so that nothing comes through and nobody is told.
type cable struct {
	listener net.Listener
	socket   string

	mu    sync.Mutex
	open  *sync.Cond
	state string // "", "cut" or "blocked"
	conns map[net.Conn]bool
}

func newCable(t *testing.T, socket string) *cable {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, socket: socket, conns: map[net.Conn]bool{}}
	c.open = sync.NewCond(&c.mu)
	t.Cleanup(func() { l.Close(); c.set("cut") })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(conn)
		}
	}()
	return c
}

// url is the database's by way of this cable.
func (c *cable) url(direct string) string {
	_, search, _ := strings.Cut(direct, "options=")
	return fmt.Sprintf("postgres://piket@%s/postgres?sslmode=disable&options=%s", c.listener.Addr(), search)
}

func (c *cable) set(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
	if state == "cut" {
		for conn := range c.conns {
			conn.Close()
		}
	}
	c.open.Broadcast()
}

// wait blocks while the cable is blocked, and reports whether it is whole.
func (c *cable) wait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.state == "blocked" {
		c.open.Wait()
	}
	return c.state == ""
}

func (c *cable) carry(near net.Conn) {
	defer near.Close()
	if !c.wait() {
		return
	}
	far, err := net.Dial("unix", c.socket)
	if err != nil {
		return
	}
	defer far.Close()
	c.mu.Lock()
	c.conns[near], c.conns[far] = true, true
	c.mu.Unlock()
	join(valve{near, c}, valve{far, c})
	c.mu.Lock()
	delete(c.conns, near)
	delete(c.conns, far)
	c.mu.Unlock()
}

// valve is a connection whose bytes wait while the cable is blocked.
type valve struct {
	net.Conn
	cable *cable
}

func (v valve) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if !v.cable.wait() {
		return 0, net.ErrClosed
	}
	return n, err
}

// owner returns the replica that has an incident, nil while nobody has it, and
// its name in the store.
func (f *trio) owner(id string) (*peer, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	work, err := f.timeline.Work(ctx)
	if err != nil {
		return nil, ""
	}
	for _, r := range work.Replicas {
		ids, err := f.timeline.Leases(ctx, r.Name)
		if err != nil {
			return nil, ""
		}
		if slices.Contains(ids, id) {
			return f.named(r.Name), r.Name
		}
	}
	return nil, ""
}

// named is the replica that calls itself so in the store.
func (f *trio) named(name string) *peer {
	for _, p := range f.replicas {
		p.mu.Lock()
		is := p.victim != nil && strings.Contains(name, fmt.Sprintf("process %d ", p.victim.cmd.Process.Pid))
		p.mu.Unlock()
		if is {
			return p
		}
	}
	return nil
}
