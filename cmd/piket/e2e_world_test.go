//go:build e2e

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"
)

// world is a small datacenter of parts that nobody here wrote, with the
// installed daemon in front of it.
type world struct {
	t        *testing.T
	dir      string
	names    []string
	machines map[string]*machine
	binary   string
	piket    *process
	mail     *process

	url, relay, gateway                   string
	prometheus, alertmanager, mailAddress string
	mailCert, mailKey                     string
}

// bmcPassword is looked for in everything that piket writes.
const bmcPassword = "canary-5d41402a"

// newWorld builds everything but piket. Every run has loopback addresses of its
// own, so that two of them do not meet.
func newWorld(t *testing.T) *world {
	requirePeers(t)
	net24 := fmt.Sprintf("127.%d.%d.", 64+rand.IntN(128), rand.IntN(256))
	w := &world{
		t: t, dir: t.TempDir(), machines: map[string]*machine{}, names: []string{"srv-1", "srv-2", "srv-3", "srv-4"},
		url: "http://" + net24 + "1:9490", relay: net24 + "1:9700", gateway: net24 + "2:9701",
		prometheus: net24 + "1:9190", alertmanager: net24 + "1:9193", mailAddress: net24 + "1:2525",
	}
	w.binary = filepath.Join(w.dir, "piket")
	if out, err := exec.Command("go", "build", "-o", w.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build piket: %v\n%s", err, out)
	}
	w.startGateway()
	relay(t, w.relay, w.machines)
	userKey, public := keyFile(t, filepath.Join(w.dir, "ssh-key"))
	for n, name := range w.names {
		w.addMachine(name, fmt.Sprintf("%s%d", net24, 11+n), n, public)
	}
	w.mailCert, w.mailKey = certificate(t, w.dir, strings.TrimSuffix(w.mailAddress, ":2525"))
	w.startMail(t)
	w.configure(userKey)
	w.startPrometheus(t)
	return w
}

// startGateway listens as the site's gateway does.
func (w *world) startGateway() {
	l, err := net.Listen("tcp", w.gateway)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
}

func (w *world) addMachine(name, address string, n int, publicKey string) {
	m := &machine{
		t: w.t, name: name, address: address, dir: filepath.Join(w.dir, name), parts: map[string]func(){},
		serial: fmt.Sprintf("EX%05d", 20711+n), uuid: fmt.Sprintf("6f1c1c6e-2f0a-4c55-9d3c-5a1f0d3b7e%02x", n+1),
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if os.Geteuid() == 0 { // where sshd, as root, locks up the process that reads the network
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	w.machines[name] = m
	m.configureSSHD(w.relay, publicKey)
	m.boot()
	m.startBMC(w.relay, bmcPassword)
	w.t.Cleanup(m.hang)
}

const piketConf = `inventory: [inventory.yml]
runbooks: [runbooks/*.yml]
storage: {path: data}
web: {external_url: "%s"}
intake: {alertmanager: {token_file: alertmanager.token}}
mail: {from: piket@piket.example.net, smtp: "%s", tls: starttls, ca_file: "%s"}
probes: {interval: 1s, timeout: 900ms, failures: 2, successes: 2}
guards: {hold_down: 5s, facts_fresh: 10s, per_rack: 10, per_customer: 10, per_site: 10, site_per_hour: 20, fleet_percent: 100, together: 100, together_percent: 100}
`

var inventoryConf = template.Must(template.New("inventory").Parse(`sites:
  - name: ams1
    gateway: {check: tcp, address: "{{.Gateway}}"}
    remote_hands: {name: remote hands, email: [hands@hands.example.net]}
    racks: [{name: r1}]
servers:
{{- range .Machines}}
  - name: {{.Name}}
    rack: r1
    address: {{.Address}}
    reachable: {check: tcp, address: "{{.Address}}:{{$.SSHPort}}"}
    serial: {{.Serial}}
    uuid: {{.UUID}}
    bmc: {protocol: ipmi, address: {{.Address}}, port: {{$.BMCPort}}, username: piket, password_file: bmc.password, cipher_suite: 3}
    ssh: {user: {{$.User}}, port: {{$.SSHPort}}, key_file: {{$.Key}}, host_keys: ["{{.HostKey}}"]}
    services: [{name: website, unit: web.service, probe: {check: http, url: "http://{{.Address}}:{{$.WebPort}}/", expect: all is well}}]
    customers: [bakery, bikes]
{{- end}}
customers:
  - {name: bakery, title: Bakkerij Voorbeeld, language: nl, email: [office@bakery.example.net]}
  - {name: bikes, title: Example Bikes, language: en, email: [ops@bikes.example.net]}
people:
  - {name: noor, email: noor@piket.example.net, roles: [engineer], token_file: noor.token}
  - {name: sem, email: sem@piket.example.net, roles: [support], token_file: sem.token}
teams:
  - {name: network-and-server, members: [noor], on_duty: [noor]}
`))

// entry is what the inventory says of one machine.
type entry struct{ Name, Address, Serial, UUID, HostKey string }

// configure writes everything that piket reads. The runbooks are the shipped
// ones; only the time for which the goal must hold is shorter.
func (w *world) configure(userKey string) {
	me, err := user.Current()
	if err != nil {
		w.t.Fatal(err)
	}
	var machines []entry
	for _, name := range w.names {
		m := w.machines[name]
		machines = append(machines, entry{m.name, m.address, m.serial, m.uuid, m.hostKey})
	}
	var inventory strings.Builder
	if err := inventoryConf.Execute(&inventory, map[string]any{
		"Gateway": w.gateway, "Machines": machines, "User": me.Username, "Key": userKey,
		"SSHPort": sshPort, "BMCPort": bmcPort, "WebPort": webPort,
	}); err != nil {
		w.t.Fatal(err)
	}
	for name, text := range map[string]string{
		"piket.yml":     fmt.Sprintf(piketConf, w.url, w.mailAddress, w.mailCert),
		"inventory.yml": inventory.String(), "bmc.password": bmcPassword,
		"alertmanager.token": "token-of-alertmanager-1f3870be", "noor.token": "token-of-noor-8d7d8ee0", "sem.token": "token-of-sem-73feffa4",
	} {
		put(w.t, filepath.Join(w.dir, name), text)
	}
	w.shortenGoals()
}

// goalTime is for how long a shipped runbook wants its goal to hold.
var goalTime = regexp.MustCompile(`\bfor: \d+m\b`)

// shortenGoals writes the shipped runbooks with a shorter one.
func (w *world) shortenGoals() {
	files, err := filepath.Glob("../../runbooks/*.yml")
	if err != nil || len(files) < 3 {
		w.t.Fatalf("found %d runbooks (%v)", len(files), err)
	}
	for _, file := range files {
		text := read(w.t, file)
		if !goalTime.Match(text) {
			w.t.Fatalf("%s has no goal that holds for minutes", file)
		}
		put(w.t, filepath.Join(w.dir, "runbooks", filepath.Base(file)), string(goalTime.ReplaceAll(text, []byte("for: 3s"))))
	}
}

// start starts the daemon and waits until it is ready.
func (w *world) start(t *testing.T) {
	t.Helper()
	w.piket = startProcess(w.t, w.dir, "piket", w.binary, "serve", "--config.file="+filepath.Join(w.dir, "piket.yml"),
		"--web.listen-address="+strings.TrimPrefix(w.url, "http://"))
	until(t, "piket is ready", func() bool {
		answer, err := http.Get(w.url + "/-/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// cli runs piket's command line as a person.
func (w *world) cli(person string, args ...string) (stdout, stderr string, ok bool) {
	cmd := exec.Command(w.binary, args...)
	cmd.Env = append(os.Environ(), "PIKET_URL="+w.url, "PIKET_TOKEN_FILE="+filepath.Join(w.dir, person+".token"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ok = cmd.Run() == nil
	return out.String(), errs.String(), ok
}

// must runs a command that has to succeed.
func (w *world) must(t *testing.T, person string, args ...string) string {
	t.Helper()
	out, errs, ok := w.cli(person, args...)
	if !ok {
		t.Fatalf("piket %s: %s", strings.Join(args, " "), errs)
	}
	return out
}
