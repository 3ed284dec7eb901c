//go:build e2e

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Ports of a machine, on an address of its own. They lie below the ephemeral
// ones, so that nobody else gets one while its machine is off.
const (
	sshPort      = 2222
	exporterPort = 9100
	webPort      = 8080
	bmcPort      = 9623
)

// machine is a server: OpenSSH, an exporter and a web page for as long as its
// power is on and it does not hang. Its BMC is a real ipmi_sim, and it is told
// of nothing but what that BMC, or a command over SSH, does to it.
type machine struct {
	t                           *testing.T
	name, address, serial, uuid string
	dir                         string
	sshdConfig                  string
	hostKey                     string

	mu       sync.Mutex
	on       bool
	degraded bool // what the exporter says of its disks
	parts    map[string]func()
	calls    []string // what changed something, as its BMC and its systemctl were told
	onCall   func(call string)
}

// boot switches the machine on.
func (m *machine) boot() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = true
	m.start("sshd", m.runSSHD)
	m.start("exporter", func() func() { return m.serve(exporterPort, m.metrics) })
	m.start("web", func() func() { return m.serve(webPort, page) })
}

// start starts a part unless it runs.
func (m *machine) start(part string, run func() (stop func())) {
	if m.parts[part] == nil {
		m.parts[part] = run()
	}
}

// crash ends one part.
func (m *machine) crash(part string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(part)
}

// end ends a part if it runs.
func (m *machine) end(part string) {
	if stop := m.parts[part]; stop != nil {
		stop()
		delete(m.parts, part)
	}
}

// hang ends everything; the power stays on.
func (m *machine) hang() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halt()
}

func (m *machine) halt() {
	for _, part := range []string{"sshd", "exporter", "web"} {
		m.end(part)
	}
}

// off takes the power away, as a hand on the button does.
func (m *machine) off() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halt()
	m.on = false
}

func (m *machine) runSSHD() func() {
	p := startProcess(m.t, m.dir, "sshd", "/usr/sbin/sshd", "-D", "-e", "-f", m.sshdConfig)
	return func() { p.stop(m.t, syscall.SIGKILL) }
}

func (m *machine) serve(port int, handler http.HandlerFunc) func() {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", m.address, port))
	if err != nil {
		m.t.Errorf("%s: %v", m.name, err)
		return func() {}
	}
	server := &http.Server{Handler: handler}
	go server.Serve(l)
	return func() { server.Close() }
}

func page(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "all is well\n") }

func (m *machine) metrics(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	degraded := 0
	if m.degraded {
		degraded = 1
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, "# TYPE disks_degraded gauge\ndisks_degraded %d\n", degraded)
}

func (m *machine) setDegraded(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.degraded = yes
}

// told returns what changed, or tried to change, something about the machine.
func (m *machine) told() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// call carries out what the BMC or systemctl was told, and returns the answer.
func (m *machine) call(words []string) string {
	switch words[0] {
	case "chassis":
		return m.chassis(words[1:])
	case "systemctl":
		return m.systemctl(words[1:])
	}
	return ""
}

// chassis is ipmi_sim's script: get NAME and set NAME VALUE, any number of them
// (ipmi_lan(5), chassis_control).
func (m *machine) chassis(words []string) string {
	var answer strings.Builder
	for len(words) >= 2 {
		if words[0] == "get" {
			answer.WriteString(m.ask(words[1]))
			words = words[2:]
			continue
		}
		if len(words) < 3 {
			break
		}
		m.note("set " + words[1] + " " + words[2])
		m.set(words[1], words[2])
		words = words[3:]
	}
	return answer.String()
}

func (m *machine) ask(what string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case what == "power" && m.on:
		return "power:1\n"
	case what == "power":
		return "power:0\n"
	}
	return what + ":default\n"
}

func (m *machine) set(what, value string) {
	switch {
	case what == "power" && value == "0":
		m.off()
	case what == "power" && !m.isOn():
		m.boot()
	}
}

func (m *machine) isOn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

// systemctl knows one unit.
func (m *machine) systemctl(words []string) string {
	m.note("systemctl " + strings.Join(words, " "))
	if !slices.Equal(words, []string{"restart", "web.service"}) {
		return "Unit not found.\n"
	}
	m.crash("web")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start("web", func() func() { return m.serve(webPort, page) })
	return ""
}

// note writes a change down before it happens.
func (m *machine) note(call string) {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	watch := m.onCall
	m.mu.Unlock()
	if watch != nil {
		watch(call)
	}
}

// relayScript stands as chassis script and as systemctl: it hands its words to
// the test and prints the answer. It needs nothing but bash.
const relayScript = `#!/bin/bash
exec 3<>/dev/tcp/%s || exit 1
printf '%%s\n' "%s %s $*" >&3
while IFS= read -r line <&3; do printf '%%s\n' "$line"; done
`

// relay answers those scripts: NAME chassis|systemctl WORDS.
func relay(t *testing.T, address string, machines map[string]*machine) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	answer := func(conn net.Conn) {
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString('\n')
		words := strings.Fields(line)
		if err != nil || len(words) < 3 || machines[words[0]] == nil {
			t.Errorf("the relay was told %q (%v)", line, err)
			return
		}
		io.WriteString(conn, machines[words[0]].call(words[1:]))
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
}

// script writes the relay script under a name.
func (m *machine) script(relayAddress, kind, name string) string {
	host, port, _ := net.SplitHostPort(relayAddress)
	return put(m.t, filepath.Join(m.dir, name), fmt.Sprintf(relayScript, host+"/"+port, m.name, kind))
}

// watch calls f with every change before it happens.
func (m *machine) watch(f func(call string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onCall = f
}
