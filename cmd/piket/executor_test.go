package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/executor"
)

// apart is an executor as a process of its own, in front of the pretend
// datacenter.
type apart struct {
	dir  string
	lab  *lab.Datacenter
	inv  *inventory.Inventory
	held chan struct{} // closed when a BMC's answer to a power command is held back
	cmd  *exec.Cmd
	log  bytes.Buffer
}

func startApart(t *testing.T) *apart {
	t.Helper()
	dir := t.TempDir()
	d, err := lab.Start(t.Context(), lab.Options{Dir: filepath.Join(dir, "lab")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	inv, err := inventory.Load(d.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	a := &apart{dir: dir, lab: d, inv: inv, held: make(chan struct{})}
	config := "inventory: [lab/inventory.yml]\nsocket: x.sock\nstorage: {path: .}\nfreeze_file: frozen\n"
	if err := os.WriteFile(filepath.Join(dir, "executor.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// run starts the program and waits until it listens.
func (a *apart) run(t *testing.T) {
	t.Helper()
	a.cmd = exec.Command("piket", "executor", "--config.file", filepath.Join(a.dir, "executor.yml"))
	a.cmd.Stderr, a.cmd.SysProcAttr = &a.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.kill() })
	deadline := time.After(30 * time.Second)
	for {
		conn, err := net.Dial("unix", a.socket())
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatal("the executor does not listen")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a *apart) kill() {
	_ = a.cmd.Process.Kill() // may have ended
	_ = a.cmd.Wait()
}

func (a *apart) socket() string { return filepath.Join(a.dir, "x.sock") }

func (a *apart) order(name, server string) remediation.Order {
	s, _ := a.inv.Server(server)
	return remediation.Order{Server: s, Last: func() error { return nil }, Intent: incident.Intended{
		Intent: name, Server: server, Action: "power", Verb: "cycle", Serial: s.Serial, UUID: s.UUID, NotAfter: time.Now().Add(time.Minute),
	}}
}

// holdAnswers puts a relay before the BMC of a server. From the moment a power
// command has arrived there, no answer comes back.
func (a *apart) holdAnswers(t *testing.T, server string) {
	t.Helper()
	s, _ := a.inv.Server(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go a.relay(conn, fmt.Sprintf("%s:%d", s.BMC.Address, s.BMC.Port))
		}
	}()
	text := string(readFile(t, a.lab.InventoryFile()))
	was, is := fmt.Sprintf("port: %d", s.BMC.Port), fmt.Sprintf("port: %d", l.Addr().(*net.TCPAddr).Port)
	if strings.Count(text, was) != 1 {
		t.Fatalf("%q stands %d times in the inventory", was, strings.Count(text, was))
	}
	if err := os.WriteFile(a.lab.InventoryFile(), []byte(strings.Replace(text, was, is, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *apart) relay(conn net.Conn, to string) {
	defer conn.Close()
	bmc, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer bmc.Close()
	go io.Copy(bmc, conn)
	buffer := make([]byte, 32<<10)
	for {
		n, err := bmc.Read(buffer)
		if err != nil {
			return
		}
		if a.lab.PowerSends() > 0 {
			close(a.held)
			_, _ = io.Copy(io.Discard, bmc) // and nothing goes back
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAnExecutorThatIsKilledInsideASendDoesNotSendAgain(t *testing.T) {
	a := startApart(t)
	a.holdAnswers(t, "web-01")
	a.run(t)
	client, o := executor.Dial(a.socket()), a.order("INC-1/I4", "web-01")
	first := make(chan remediation.Result, 1)
	go func() { first <- client.Do(t.Context(), o) }()
	select {
	case <-a.held:
	case r := <-first:
		t.Fatalf("it did not get to the wire: %+v\n%s", r, a.log.String())
	}
	a.kill()
	if r := <-first; r.Outcome != incident.OutcomeUnknown {
		t.Errorf("killed in the middle: %+v", r)
	}
	a.run(t)
	for range 5 {
		if r := client.Do(t.Context(), o); r.Outcome != incident.OutcomeUnknown {
			t.Errorf("after the restart: %+v", r)
		}
	}
	if n := a.lab.PowerSends(); n != 1 {
		t.Errorf("%d commands on the wire", n)
	}
}

// keyless makes a daemon whose inventory refers to no secret of a machine that
// is there.
func (a *apart) keyless(t *testing.T, config string) *Daemon {
	t.Helper()
	dir := t.TempDir()
	text := string(readFile(t, a.lab.InventoryFile()))
	text = strings.ReplaceAll(text, ".bmc", ".bmc-of-nobody")
	text = strings.ReplaceAll(text, "ssh_key", "ssh_key-of-nobody")
	text = strings.ReplaceAll(text, "lab-ca.pem", filepath.Join(a.dir, "lab", "lab-ca.pem"))
	text = strings.ReplaceAll(text, "secrets/", filepath.Join(a.dir, "lab", "secrets")+"/")
	for name, content := range map[string]string{"inventory.yml": text, "piket.yml": least + config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDaemon(filepath.Join(dir, "piket.yml"), clock.Real(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestADaemonWithoutSecretsSendsThroughTheExecutor(t *testing.T) {
	a := startApart(t)
	a.run(t)
	alone := a.keyless(t, "")
	if r := alone.hands.do(t.Context(), a.order("INC-1/I1", "web-01")); r.Outcome != incident.OutcomeRefused || !strings.Contains(r.Detail, "password") {
		t.Fatalf("without an executor: %+v, so this test proves nothing", r)
	}
	d := a.keyless(t, "executor: {socket: "+a.socket()+"}\n")
	server, _ := d.inventory().Server("web-01")
	o := a.order("INC-1/I2", "web-01")
	o.Server = server
	if r := d.hands.do(t.Context(), o); r.Outcome != incident.OutcomeDone || a.lab.PowerSends() != 1 {
		t.Errorf("got %+v, %d commands on the wire", r, a.lab.PowerSends())
	}
	other, _ := d.inventory().Server("web-02") // the first is still on its way up
	seen := d.hands.look[executor.Probe](t.Context(), probes.Target{Name: "BMC of web-02", BMC: other.BMC, Timeout: 10 * time.Second})
	if seen.State != probes.Up {
		t.Errorf("its BMC is seen as %+v", seen)
	}
	a.showsNoSecret(t)
}

// showsNoSecret looks for every password and the key where others may look.
func (a *apart) showsNoSecret(t *testing.T) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", a.cmd.Process.Pid)
	places := map[string][]byte{
		"environment": readFile(t, proc+"environ"), "command line": readFile(t, proc+"cmdline"),
		"journal": readFile(t, filepath.Join(a.dir, executorJournalName)),
	}
	a.kill()
	places["log"] = a.log.Bytes()
	if len(places["log"]) == 0 || len(places["environment"]) == 0 {
		t.Error("there is no log, or no environment: nothing was looked at")
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "lab", "secrets", "*.bmc"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no secrets: %v", err)
	}
	for _, file := range append(files, filepath.Join(a.dir, "lab", "secrets", "ssh_key")) {
		secret := bytes.TrimSpace(readFile(t, file))
		for place, text := range places {
			if bytes.Contains(text, secret) {
				t.Errorf("%s shows in the %s", filepath.Base(file), place)
			}
		}
	}
}

// The database is put back to a copy from before a send, as after a restored
// backup; the journal beside it stays.
func TestADaemonWhoseDatabaseWasPutBackStartsFrozen(t *testing.T) {
	d := newTestDaemon(t, least)
	if why := d.freeze.Why(); why != "" {
		t.Fatalf("frozen at first: %s", why)
	}
	if err := d.about("INC-1", incident.Intended{Intent: "INC-1/I4", Server: "web-01", Action: "power", Verb: "cycle"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := NewDaemon(d.path, clock.Jumping(d.clk.Now()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if why := again.freeze.Why(); !strings.Contains(why, "INC-1/I4 (power cycle web-01") || !strings.Contains(again.button.Why(), "INC-1/I4") {
		t.Errorf("it starts with %q", why)
	}
}
