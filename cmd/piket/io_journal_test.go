//go:build battery

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/ledger"
)

// faultyFile stands around the file of a journal: the PIKET_JOURNAL_AT-th of
// all writes and syncs of the process fails, and the moment is written down.
const faultyFile = `package journal

import (
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var (
	ioMu    sync.Mutex
	ioCount int
	ioAt, _ = strconv.Atoi(os.Getenv("PIKET_JOURNAL_AT"))
	ioFile  = os.Getenv("PIKET_JOURNAL_FILE")
)

func ioFails() error {
	ioMu.Lock()
	defer ioMu.Unlock()
	ioCount++
	if ioAt == 0 && ioFile != "" {
		os.WriteFile(ioFile, []byte(strconv.Itoa(ioCount)), 0o600)
	}
	if ioAt == 0 || ioCount != ioAt {
		return nil
	}
	os.WriteFile(ioFile, []byte(time.Now().Format(time.RFC3339Nano)), 0o600)
	return syscall.EIO
}

type faulty struct{ *os.File }

func (f faulty) Write(b []byte) (int, error) {
	if err := ioFails(); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f faulty) Sync() error {
	if err := ioFails(); err != nil {
		return err
	}
	return f.File.Sync()
}
`

// faultyJournal makes the overlay that puts it there.
func faultyJournal(t *testing.T) (overlay string) {
	t.Helper()
	dir, err := filepath.Abs("../../internal/journal")
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(dir, "journal.go")
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const opened = "j.file, j.lines, j.size = f, "
	if n := strings.Count(string(text), opened); n != 2 {
		t.Fatalf("the journal has changed: it holds %q %d times, not twice", opened, n)
	}
	own, replace := t.TempDir(), map[string]string{}
	for name, content := range map[string]string{
		original: strings.ReplaceAll(string(text), opened, "j.file, j.lines, j.size = faulty{f}, "), filepath.Join(dir, "faulty.go"): faultyFile,
	} {
		replace[name] = filepath.Join(own, filepath.Base(name))
		if err := os.WriteFile(replace[name], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	overlay = filepath.Join(own, "overlay.json")
	if err == nil {
		err = os.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return overlay
}

// Each write and each sync of the journals fails, in turn. Nothing is on the
// wire that does not stand in both, and no alert is lost.
func journalFails(t *testing.T, binary string) {
	began := time.Now()
	result := ioResult{Outcomes: map[string]int{}}
	whole := newWard(t, 1, 0, binary)
	if whole.scenario(&ioResult{}, 0, 0) != "went on" {
		t.Fatalf("without any fault the scenario does not end:\n%s", whole.logTail())
	}
	text, err := os.ReadFile(filepath.Join(whole.dir, "journal-fault"))
	if _, scanErr := fmt.Sscan(string(text), &result.Writes); err != nil || scanErr != nil {
		t.Fatalf("how often the journals are written to: %v, %v", err, scanErr)
	}
	var mu sync.Mutex
	t.Run("writes", func(t *testing.T) {
		for n := 1; n <= result.Writes; n += number(t, "PIKET_IO_STEP", max(1, result.Writes/12)) {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				w, one := newWard(t, uint64(n), 0, binary), ioResult{}
				w.journalAt = n
				outcome := w.scenario(&one, 0, syscall.EIO)
				one.Acted = w.unjournaled()
				one.judge(t, outcome)
				mu.Lock()
				defer mu.Unlock()
				result.add(one)
				result.Outcomes[outcome]++
			})
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
	fmt.Printf("battery journal %s\n", line)
}

// unjournaled counts the commands on the wire that a journal does not hold.
func (w *ward) unjournaled() int {
	missing := 0
	for name, kind := range map[string]string{journalName: ledger.Intent, executorJournalName: "begun"} {
		j, err := journal.Open(filepath.Join(w.dir, "data", name), journal.LeastKept, w.clk.Now())
		if err != nil {
			w.t.Errorf("open %s: %v", name, err)
			continue
		}
		held := map[string]int{}
		for _, r := range j.All() {
			if r.Kind == kind {
				held[r.Server]++
			}
		}
		_ = j.Close() // it was only read
		for _, e := range w.lab.WireLog() {
			if !e.Power {
				continue
			}
			if held[e.Server]--; held[e.Server] < 0 {
				missing++
				w.t.Logf("%s was told %s, and %s does not hold it", e.Server, e.What, name)
			}
		}
	}
	return missing
}
