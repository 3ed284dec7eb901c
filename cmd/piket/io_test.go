//go:build battery

package main

import (
	"context"
	"encoding/json"
	"fmt"
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

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// ioResult is what became of a standard scenario when writes failed.
type ioResult struct {
	Writes   int            `json:"writes_in_scenario"`
	Tried    int            `json:"faults"`
	Hit      int            `json:"faults_hit"`
	Outcomes map[string]int `json:"outcomes"` // exited, refuses, went on, finished before
	Acted    int            `json:"commands_claimed_after_fault"`
	Lost     int            `json:"alerts_lost"`
	Broken   int            `json:"records_broken"`
	Seconds  int            `json:"seconds"`
}

// faultyWrites stands in the C library under SQLite, through which all writes
// of the store go and nothing else does: the PIKET_IO_AT-th of them fails with
// PIKET_IO_ERRNO (once, or from then on), and the moment is written down.
const faultyWrites = `package libc

import (
	"os"
	"strconv"
	"sync"
	"time"
)

var (
	ioMu    sync.Mutex
	ioCount int
	ioAt, _ = strconv.Atoi(os.Getenv("PIKET_IO_AT"))
	ioErrno, _ = strconv.Atoi(os.Getenv("PIKET_IO_ERRNO"))
	ioStays = os.Getenv("PIKET_IO_STAYS") != ""
	ioFile  = os.Getenv("PIKET_IO_FILE")
)

func ioFails(n long) long {
	switch n {
	case SYS_write, SYS_pwrite64, SYS_fsync, SYS_fdatasync, SYS_ftruncate:
	default:
		return 0
	}
	ioMu.Lock()
	defer ioMu.Unlock()
	ioCount++
	if ioAt == 0 {
		os.WriteFile(ioFile, []byte(strconv.Itoa(ioCount)), 0o600)
	}
	if ioAt == 0 || ioCount < ioAt || ioCount > ioAt && !ioStays {
		return 0
	}
	if ioCount == ioAt {
		os.WriteFile(ioFile, []byte(time.Now().Format(time.RFC3339Nano)), 0o600)
	}
	return -long(ioErrno)
}
`

// faulty builds the program with that library.
func faulty(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "modernc.org/libc").Output()
	if err != nil {
		t.Fatal(err)
	}
	libc, dir := strings.TrimSpace(string(out)), t.TempDir()
	text, err := os.ReadFile(filepath.Join(libc, "syscall_musl.go"))
	if err != nil {
		t.Fatal(err)
	}
	changed := string(text)
	for _, head := range []string{"func ___syscall_cp(tls *TLS, n, a, b, c, d, e, f long) long {\n", "func X__syscall2(tls *TLS, n, a1, a2 long) long {\n"} {
		if strings.Count(changed, head) != 1 {
			t.Fatalf("the C library under SQLite has changed: no %q", head)
		}
		changed = strings.Replace(changed, head, head+"\tif e := ioFails(n); e != 0 {\n\t\treturn e\n\t}\n", 1)
	}
	// Files of the module cache cannot be overlaid; a module beside it can stand
	// in its place, of links to all that stays the same.
	own := map[string]string{"syscall_musl.go": changed, "faulty_writes.go": faultyWrites}
	entries, err := os.ReadDir(libc)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if own[entry.Name()] == "" {
			if err := os.Symlink(filepath.Join(libc, entry.Name()), filepath.Join(dir, entry.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, content := range own {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mod := filepath.Join(t.TempDir(), "go.mod")
	for from, to := range map[string]string{"../../go.mod": mod, "../../go.sum": strings.TrimSuffix(mod, "mod") + "sum"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "mod", "edit", "-replace", "modernc.org/libc="+dir, mod).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return build(t, "-modfile", mod, "-overlay", faultyJournal(t))
}

func TestNothingIsDoneAfterAWriteFailed(t *testing.T) {
	binary := faulty(t)
	t.Run("of the store", func(t *testing.T) { storeFails(t, binary) })
	t.Run("of a journal", func(t *testing.T) { journalFails(t, binary) })
}

// Each write of a standard scenario fails once, in turn, with EIO, and each is
// the one from which on the disk is full. piket exits or refuses all that
// follows; it plans nothing on a record of which it cannot know what is there.
func storeFails(t *testing.T, binary string) {
	began := time.Now()
	result := ioResult{Outcomes: map[string]int{}}
	whole := newWard(t, 1, 0, binary)
	if whole.scenario(&result, 0, 0) != "went on" {
		t.Fatalf("without any fault the scenario does not end:\n%s", whole.logTail())
	}
	result.Writes, result.Outcomes = number(t, "PIKET_IO_WRITES", result.Writes), map[string]int{}
	step := number(t, "PIKET_IO_STEP", max(1, result.Writes/20))
	var mu sync.Mutex
	t.Run("writes", func(t *testing.T) {
		for n := 1; n <= result.Writes; n += step {
			for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
				t.Run(fmt.Sprintf("%d %v", n, errno), func(t *testing.T) {
					t.Parallel() // most of a scenario is waiting
					w, one := newWard(t, uint64(n), 0, binary), ioResult{}
					outcome := w.scenario(&one, n, errno)
					one.judge(t, outcome)
					mu.Lock()
					defer mu.Unlock()
					result.add(one)
					result.Outcomes[errno.Error()+": "+outcome]++
				})
			}
		}
	})
	result.Seconds = int(time.Since(began).Seconds())
	if result.Hit == 0 {
		t.Error("no fault was ever hit")
	}
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("battery io %s\n", line)
}

func (r ioResult) judge(t *testing.T, outcome string) {
	t.Helper()
	if r.Acted > 0 || r.Lost > 0 || r.Broken > 0 {
		t.Errorf("piket %s: %d commands claimed afterwards, %d alerts lost, %d records broken", outcome, r.Acted, r.Lost, r.Broken)
	}
}

func (r *ioResult) add(one ioResult) {
	r.Tried++
	r.Hit += one.Hit
	r.Acted += one.Acted
	r.Lost += one.Lost
	r.Broken += one.Broken
}

// A disk that really is too small, from the first write on or in the middle of
// an incident: nothing accepted is lost, and with room again the record is
// whole. It mounts a file system, which needs root.
func TestAFullDiskLosesNothingThatWasAccepted(t *testing.T) {
	binary := build(t)
	for _, sizeKiB := range []int{64, 320, 640} {
		t.Run(fmt.Sprint(sizeKiB, " KiB"), func(t *testing.T) {
			w, result := newWard(t, uint64(sizeKiB), 0, binary), ioResult{}
			data := filepath.Join(w.dir, "data")
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", data, "tmpfs", 0, fmt.Sprintf("size=%dk", sizeKiB)); err != nil {
				t.Fatalf("mount a small disk (run this as root): %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
			w.roomier = func() error { return syscall.Mount("tmpfs", data, "tmpfs", syscall.MS_REMOUNT, "size=64m") }
			outcome := w.scenario(&result, 0, 0)
			if result.judge(t, outcome); outcome != "exited" && !strings.Contains(w.logTail(), "full") {
				t.Errorf("piket %s, and a disk of %d KiB was never full", outcome, sizeKiB)
			}
			fmt.Printf("battery disk {\"kib\":%d,\"outcome\":%q,\"sends\":%d,\"alerts_lost\":%d,\"records_broken\":%d}\n", sizeKiB, outcome, w.lab.PowerSends(), result.Lost, result.Broken)
		})
	}
}

// How long one scenario may take, and how long after the fault piket is given
// to do what it must not.
const (
	scenarioTime = 25 * time.Second
	afterFault   = 3 * time.Second
)

// scenario hangs two servers, lets the people answer, and says how piket took
// the fault. fault 0 is none.
func (w *ward) scenario(result *ioResult, fault int, errno syscall.Errno) string {
	marker := filepath.Join(w.dir, "fault")
	env := []string{fmt.Sprintf("PIKET_IO_AT=%d", fault), fmt.Sprintf("PIKET_IO_ERRNO=%d", int(errno)), "PIKET_IO_FILE=" + marker,
		fmt.Sprintf("PIKET_JOURNAL_AT=%d", w.journalAt), "PIKET_JOURNAL_FILE=" + filepath.Join(w.dir, "journal-fault")}
	if w.journalAt > 0 {
		marker = filepath.Join(w.dir, "journal-fault")
	}
	if errno == syscall.ENOSPC { // a full disk does not get room by itself
		env = append(env, "PIKET_IO_STAYS=1")
	}
	v := w.start("", env...)
	ctx, cancel := context.WithTimeout(w.t.Context(), scenarioTime)
	defer cancel()
	sick := []string{"web-01", "web-03"}
	for _, name := range sick {
		if err := w.lab.Break(name, lab.Hung); err != nil {
			w.t.Fatal(err)
		}
	}
	people := make(chan struct{})
	go func() { defer close(people); w.crowd(ctx, false) }()
	over := false
	for ctx.Err() == nil && !over && !v.dies(20*time.Millisecond) {
		at := struck(marker)
		over = w.attendTo(sick) || !at.IsZero() && time.Since(at) > afterFault
	}
	at := struck(marker)
	outcome := w.standing(v, fault, at)
	if text, err := os.ReadFile(marker); fault == 0 && err == nil {
		result.Writes, _ = strconv.Atoi(string(text))
	}
	cancel()
	<-people
	v.kill()
	if w.roomier != nil {
		if err := w.roomier(); err != nil {
			w.t.Fatal(err)
		}
	}
	if !at.IsZero() {
		result.Hit++
	}
	w.holdAgainst(result, fault, at)
	return outcome
}

// struck is when the fault happened, zero as long as it has not.
func struck(marker string) time.Time {
	text, err := os.ReadFile(marker)
	at, parseErr := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || parseErr != nil {
		return time.Time{}
	}
	return at
}

// standing says what piket does now.
func (w *ward) standing(v *victim, fault int, at time.Time) string {
	var frozen struct{ Frozen bool }
	select {
	case <-v.end:
		return "exited"
	default:
	}
	if status, _ := w.ask(http.MethodGet, "/-/ready", "", nil, nil); status != http.StatusOK {
		return "refuses"
	}
	if w.ask(http.MethodGet, "/api/freeze", "noor", nil, &frozen); frozen.Frozen {
		return "froze"
	}
	if fault > 0 && at.IsZero() {
		return "finished before"
	}
	return "went on"
}

// attendTo reports the sick until that is accepted, and says whether all is
// over.
func (w *ward) attendTo(sick []string) bool {
	w.ledger.mu.Lock()
	known := len(w.ledger.accepted)
	ready := w.ledger.accepted != nil
	w.ledger.mu.Unlock()
	if !ready {
		return false
	}
	for n := known; n < len(sick); n++ {
		alert := map[string]any{"status": "firing", "startsAt": w.anchor.UTC().Format(time.RFC3339Nano),
			"labels": map[string]string{"alertname": "ServerUnreachable", "server": sick[n], "number": fmt.Sprint(n)}}
		status, _ := w.ask(http.MethodPost, "/api/alertmanager", "alertmanager", map[string]any{"version": "4", "status": "firing", "alerts": []any{alert}}, nil)
		if status != http.StatusOK {
			return false
		}
		w.ledger.mu.Lock()
		w.ledger.accepted[fmt.Sprintf("%d firing", n)] = sick[n]
		w.ledger.mu.Unlock()
	}
	var list struct{ Incidents []struct{ Status string } }
	status, _ := w.ask(http.MethodGet, "/api/incidents", "noor", nil, &list)
	for _, m := range list.Incidents {
		if m.Status == string(incident.Open) || m.Status == string(incident.BackInService) {
			return false
		}
	}
	return status == http.StatusOK && len(list.Incidents) >= len(sick)
}

// holdAgainst reads the record on a disk that is well again.
func (w *ward) holdAgainst(result *ioResult, fault int, at time.Time) {
	s, err := store.Open(filepath.Join(w.dir, "data"), w.clk)
	if err != nil {
		result.Broken++
		w.t.Logf("write %d: the store does not open: %v", fault, err)
		return
	}
	defer s.Close()
	ctx := context.Background()
	if report, err := s.Verify(ctx); err != nil || len(report.Faults) > 0 {
		result.Broken++
		w.t.Logf("write %d: %v %v", fault, report.Faults, err)
	}
	list, err := s.List(ctx, store.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []incident.Event
	for _, m := range list {
		events, err := s.Events(ctx, m.ID, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, events...)
	}
	var f findings
	w.judgeAlerts(&f, all)
	result.Lost += f.Lost
	if at.IsZero() {
		return
	}
	moment := w.anchor.Add(time.Duration(float64(at.Sub(w.anchor)) * w.speed))
	for _, i := range intentsOf(&f, all, false) {
		if i.claimed.After(moment) {
			result.Acted++
		}
	}
}
