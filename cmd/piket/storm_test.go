//go:build battery

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/store"
)

// stormResult is what the storm amounted to.
type stormResult struct {
	Alerts    int      `json:"alerts"`
	Seconds   float64  `json:"seconds"`
	Accepted  int      `json:"accepted"`
	Refused   int      `json:"refused"` // with 503, and not sent again
	Lost      int      `json:"lost"`    // accepted firing alerts that are on no timeline
	Incidents int      `json:"incidents"`
	Sends     int      `json:"sends"`
	AnswerP50 *float64 `json:"answer_us_p50"` // of what was accepted
	AnswerP99 *float64 `json:"answer_us_p99"`
	PeakKB    int      `json:"rss_kb_max"`
}

// maxStormKB is what piket may use of memory while all is down.
const maxStormKB = 512 << 10

// A tenth as many servers as alerts go down at the rate of 100,000 alerts in a
// minute; PIKET_STORM says how many alerts. Nothing leaves loopback.
func TestStormLosesNoAcceptedAlertAndTouchesNothing(t *testing.T) {
	total := 10_000
	if n, err := strconv.Atoi(os.Getenv("PIKET_STORM")); err == nil {
		total = n
	}
	dir := t.TempDir()
	url, stop := startForStorm(t, dir, total/10)
	r, firing := rage(t, url, stormOf(total, time.Now().UTC().Truncate(time.Millisecond)))
	r.Alerts, r.PeakKB = total, stop()
	s, err := store.OpenReadOnly(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for episode := range firing {
		if e, err := s.Episode(t.Context(), episode); err != nil || e.Incident == "" {
			r.Lost++
		}
	}
	list, err := s.List(t.Context(), store.Filter{Limit: maxBenchTargets})
	if err != nil {
		t.Fatal(err)
	}
	touched, err := s.Touches(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r.Incidents, r.Sends = len(list), len(touched)
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("battery storm %s\n", line)
	if r.Lost > 0 || r.Sends > 0 || r.PeakKB > maxStormKB || r.Accepted == 0 {
		t.Errorf("got %s", line)
	}
}

// stormOf makes the alerts of a storm: each server's first alert, the same word
// again, a resolved that comes before its firing, and new symptoms.
func stormOf(total int, at time.Time) (batches [][]alerts.Alert) {
	servers := total / 10
	var all []alerts.Alert
	for turn := range 10 {
		for n := range servers {
			status, number := alerts.Firing, turn
			switch turn {
			case 3, 7: // a duplicate
				number = turn - 1
			case 4: // resolved first
				status, number = alerts.Resolved, 5
			case 8: // and one that ends
				status, number = alerts.Resolved, 6
			}
			name := "Symptom"
			if number == 0 {
				name = alerts.ServiceDown
			}
			all = append(all, benchAlert(name, number, benchServer(n), status, at))
		}
	}
	for len(all) > 0 {
		size := min(benchBatch, len(all))
		batches, all = append(batches, all[:size]), all[size:]
	}
	return batches
}

// rage sends batches at their rate and returns the episodes that were accepted
// as firing.
func rage(t *testing.T, url string, batches [][]alerts.Alert) (r stormResult, firing map[string]bool) {
	const pace, senders = 60 * time.Millisecond, 16 // 100,000 in 60 s
	firing = map[string]bool{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: time.Minute}
	slots := make(chan struct{}, senders)
	var answers []time.Duration
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for n, batch := range batches {
		waitUntil(t.Context(), began.Add(time.Duration(n)*pace))
		body, err := benchNotification(batch)
		if err != nil {
			t.Fatal(err)
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			sent := time.Now()
			status, err := postAlerts(t.Context(), client, url, body)
			took := time.Since(sent)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Errorf("batch %d: %v", n, err)
			case status == http.StatusOK:
				r.Accepted += len(batch)
				answers = append(answers, took)
				for _, a := range batch {
					if a.Status == alerts.Firing {
						firing[a.Episode()] = true
					}
				}
			case status == http.StatusServiceUnavailable:
				r.Refused += len(batch)
			default:
				t.Errorf("batch %d was answered %d", n, status)
			}
		})
	}
	all.Wait()
	r.Seconds = time.Since(began).Seconds()
	r.AnswerP50, r.AnswerP99 = percentile(answers, 0.5), percentile(answers, 0.99)
	return r, firing
}

// startForStorm starts the real program for so many servers that refuse every
// connection; stop ends it and returns the most memory that it used.
func startForStorm(t *testing.T, dir string, servers int) (url string, stop func() (peakKB int)) {
	binary := filepath.Join(dir, "piket")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	gateway, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	for name, text := range map[string]string{
		"piket.yml":          stormConf,
		"alertmanager.token": benchToken, "inventory.yml": stormInventory(servers, gateway.Addr().String()),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(binary, "serve", "--config.file", "piket.yml", "--web.listen-address", address, "--log.level", "error")
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = dir, &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url = "http://" + address + "/api/alertmanager"
	awaitListener(t, address)
	return url, func() int {
		peak := peakOf(t, cmd.Process.Pid)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatalf("it has died: %v\n%s", err, &log)
		}
		_ = cmd.Wait() // what counts is in the store
		return peak
	}
}

const stormConf = `inventory: [inventory.yml]
storage: {path: data}
intake: {alertmanager: {token_file: alertmanager.token}}
probes: {interval: 1h, timeout: 1s}
`

func stormInventory(servers int, gateway string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "people:\n  - {name: noor, email: noor@example.net, roles: [engineer]}\n")
	fmt.Fprintf(&text, "teams:\n  - {name: network-and-server, members: [noor], on_duty: [noor]}\nsites:\n")
	for n := 0; n < servers; n += benchServersPerSite {
		fmt.Fprintf(&text, "  - {name: site-%d, gateway: {check: tcp, address: %q}}\n", n/benchServersPerSite, gateway)
	}
	fmt.Fprintf(&text, "servers:\n")
	for n := range servers {
		fmt.Fprintf(&text, `  - {name: %s, site: site-%d, address: "2001:db8::%x:%x", reachable: {check: tcp, address: "127.0.0.1:1"}}`+"\n",
			benchServer(n), n/benchServersPerSite, 1+n>>16, n&0xffff)
	}
	return text.String()
}

// awaitListener returns when somebody accepts connections at address.
func awaitListener(t *testing.T, address string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		waitUntil(ctx, time.Now().Add(20*time.Millisecond))
		if ctx.Err() != nil {
			t.Fatal("piket does not listen")
		}
	}
}

// peakOf returns the most memory that a process has used, in kB.
func peakOf(t *testing.T, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}
