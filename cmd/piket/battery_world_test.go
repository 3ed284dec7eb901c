//go:build battery || e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/lab"
)

// ward is the pretend datacenter with the real program in front of it, as a
// process that can be killed. One clock, many times faster than the machine's,
// runs in all of them.
type ward struct {
	t       *testing.T
	dir     string
	binary  string
	url     string
	anchor  time.Time
	speed   float64
	clk     *clock.Clock
	lab     *lab.Datacenter
	rng     *rand.Rand // of the loop that kills; nobody else's
	ledger  memories
	reached string       // file of the points that were reached
	roomier func() error // gives the disk room again; nil for a disk that has it
	tokens  map[string]string

	journalAt int    // which write of the journals fails, 0 for none
	store     string // where the timelines are; "" for the storage directory
	many      bool   // several replicas share them

	racks int    // beside the lab's own four, of which one server each may be broken
	gone  string // the rack that loses its switch now and then
	once  bool   // a server whose power was touched is not hung again: it would be left alone for ten minutes

	mu      sync.Mutex
	process *victim // nil while none runs
	favour  []failpoint.Point
	aside   []string // beds that stay well until their point is favoured
}

// wardSpeed is how many seconds pass in one of the machine's.
const wardSpeed = 20

// bedsRacks are the racks beside the lab's own four.
const bedsRacks = 10

const wardConf = `inventory: [lab/inventory.yml]
runbooks: [runbooks/*.yml]
storage: {path: data}
web: {external_url: "%s"}
intake: {alertmanager: {token_file: alertmanager.token}}
mail: {from: piket@piket.example.net, smtp: "%s", tls: none}
probes: {interval: 30s, timeout: 5s, failures: 2, successes: 2, bmc_interval: 30m}
%s`

// wardGuards are as quick as they may be: what the battery asks is whether a
// crash breaks a promise, and for that as much as possible must be under way.
const wardGuards = `guards:
  {hold_down: 5s, facts_fresh: 60s, in_flight: 20, per_rack: 2, per_customer: 20, per_site: 20, fleet_percent: 100,
   site_per_hour: 100, server_per_day: 100, power_per_day: 100, cooldown: 1m, together: 100, together_percent: 100, error_budget: 10}
`

// wards counts them, so that each has an address of its own: a port that is free
// now may be another ward's by the time at which the program asks for it, and
// alerts that went to that one would count as lost.
var wards atomic.Int32

// newWard builds everything and starts nothing but the lab.
func newWard(t *testing.T, seed uint64, racks int, binary string) *ward {
	t.Helper()
	return newWardAt(t, wardSpeed, seed, racks, binary)
}

// newWardAt is newWard for a ward with a clock of another speed.
func newWardAt(t *testing.T, speed float64, seed uint64, racks int, binary string) *ward {
	t.Helper()
	n := wards.Add(1)
	port, err := net.Listen("tcp", fmt.Sprintf("127.77.%d.%d:0", n/250, 1+n%250))
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	port.Close()
	w := &ward{t: t, url: "http://" + address, speed: speed, anchor: time.Now(), binary: binary, racks: bedsRacks, gone: "more-001"}
	w.clk = clock.Scaled(w.anchor, w.speed)
	w.furnish(seed, lab.Options{Clock: w.clk, Boot: 30 * time.Second, Racks: racks})
	return w
}

// furnish starts the lab, and writes the files of the program that is to stand
// before it.
func (w *ward) furnish(seed uint64, options lab.Options) {
	w.t.Helper()
	w.dir, w.rng, w.tokens = keptDir(w.t), rand.New(rand.NewPCG(seed, 0)), map[string]string{"alertmanager": "token-of-alertmanager"}
	w.reached = filepath.Join(w.dir, "reached")
	options.Dir, options.IPMI = filepath.Join(w.dir, "lab"), true
	var err error
	if w.lab, err = lab.Start(context.Background(), options); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.lab.Close)
	for _, person := range []string{"noor", "sem"} {
		token, err := os.ReadFile(w.lab.TokenFile(person))
		if err != nil {
			w.t.Fatal(err)
		}
		w.tokens[person] = strings.TrimSpace(string(token))
	}
	w.configure()
}

// keptDir is a directory for one test. It stays below the one that PIKET_KEEP
// names, for whoever wants to know what happened.
func keptDir(t *testing.T) string {
	keep := os.Getenv("PIKET_KEEP")
	if keep == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(keep, "ward-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build makes the program as the battery needs it.
func build(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piket")
	argv := append([]string{"build", "-tags", "failpoints", "-o", path}, args...)
	if out, err := exec.Command("go", append(argv, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("build piket with failpoints: %v\n%s", err, out)
	}
	return path
}

func (w *ward) configure() {
	w.write("piket.yml", fmt.Sprintf(wardConf, w.url, w.lab.SMTPAddress(), wardGuards))
	w.write("alertmanager.token", w.tokens["alertmanager"])
	files, err := filepath.Glob("../../runbooks/*.yml")
	if err != nil || len(files) < 3 {
		w.t.Fatalf("found %d runbooks (%v)", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		text = minutes.ReplaceAll(text, []byte("for: 20s"))
		w.write(filepath.Join("runbooks", filepath.Base(file)), string(verifyTime.ReplaceAll(text, []byte("verify: 2m"))))
	}
}

// What the shipped runbooks wait for, which the battery has no time to.
var (
	minutes    = regexp.MustCompile(`\bfor: \d+m\b`)
	verifyTime = regexp.MustCompile(`\bverify: \d+m\b`)
)

func (w *ward) write(name, text string) {
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// victim is one life of the program.
type victim struct {
	cmd *exec.Cmd
	end chan struct{} // closed when it has ended
}

// start begins a life that ends by itself at a point, if one is given. env is
// added to its environment.
func (w *ward) start(point string, env ...string) *victim {
	w.t.Helper()
	argv := []string{w.binary, "serve", "--config.file=" + filepath.Join(w.dir, "piket.yml"),
		"--web.listen-address=" + strings.TrimPrefix(w.url, "http://")}
	log, err := os.OpenFile(filepath.Join(w.dir, "piket.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	v := &victim{cmd: exec.Command(argv[0], argv[1:]...), end: make(chan struct{})}
	v.cmd.Stdout, v.cmd.Stderr, v.cmd.Dir = log, log, w.dir
	v.cmd.Env = append(os.Environ(), failpoint.EnvPoint+"="+point, failpoint.EnvLog+"="+w.reached,
		fmt.Sprintf("PIKET_CLOCK=%s %v", w.anchor.Format(time.RFC3339Nano), w.speed))
	v.cmd.Env = append(v.cmd.Env, env...)
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := v.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_ = v.cmd.Wait() // how it ended stands in its state
		close(v.end)
	}()
	w.mu.Lock()
	w.process = v
	w.mu.Unlock()
	w.t.Cleanup(func() { v.kill() })
	return v
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill() // it may have ended by itself, which is as good
	<-v.end
}

// dies waits for the end, and reports whether it came in time.
func (v *victim) dies(within time.Duration) bool {
	select {
	case <-v.end:
		return true
	case <-time.After(within):
		return false
	}
}

// killed reports whether it ended by SIGKILL.
func (v *victim) killed() bool {
	status, ok := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// ready waits until the program answers.
func (w *ward) ready(within time.Duration) bool {
	for end := time.Now().Add(within); time.Now().Before(end); {
		if status, _ := w.ask(http.MethodGet, "/-/ready", "", nil, nil); status == http.StatusOK {
			return true
		}
		pause()
	}
	return false
}

// pause is between two looks at a process that shares nothing but its answers.
func pause() { <-time.After(20 * time.Millisecond) }

var wardClient = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ask sends one request. The status is 0 when no whole answer came.
func (w *ward) ask(method, path, who string, in, out any) (status int, said string) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			panic("battery: what is asked is plain data: " + err.Error())
		}
	}
	request, err := http.NewRequest(method, w.url+path, &body)
	if err != nil {
		panic("battery: " + err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	if who != "" {
		request.Header.Set("Authorization", "Bearer "+w.tokens[who])
	}
	response, err := wardClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	if out != nil && response.StatusCode == http.StatusOK && json.Unmarshal(answer, out) != nil {
		return 0, "not JSON"
	}
	return response.StatusCode, string(answer)
}

func (w *ward) logTail() string {
	text, err := os.ReadFile(filepath.Join(w.dir, "piket.log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}
