//go:build e2e

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a part that runs beside the test, with its output in a file.
type process struct {
	cmd *exec.Cmd
	log string
	end chan struct{} // closed when it has ended
}

// endTime is how long a process may take to end once it is told to.
const endTime = 20 * time.Second

// startProcess starts a program that ends with the test at the latest. Output
// of several starts under one name is kept in one file.
func startProcess(t *testing.T, dir, name string, argv ...string) *process {
	t.Helper()
	log := filepath.Join(dir, name+".log")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), log: log, end: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, out, dir
	// A test that is killed leaves nothing behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its log; that it ended is what counts
		close(p.end)
	}()
	t.Cleanup(func() {
		p.stop(t, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("end of %s:\n%s", filepath.Base(p.log), p.tail(t))
		}
	})
	return p
}

// stop sends a signal and waits for the end.
func (p *process) stop(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("stop %s: %v", p.cmd.Path, err)
	}
	select {
	case <-p.end:
	case <-time.After(endTime):
		t.Fatalf("%s did not end within %v of %v", p.cmd.Path, endTime, signal)
	}
}

// tailBytes is how much of a log is shown.
const tailBytes = 3000

func (p *process) tail(t *testing.T) []byte {
	text := read(t, p.log)
	return bytes.TrimSpace(text[max(0, len(text)-tailBytes):])
}

// patience bounds every wait that has no better bound: this machine may be
// busy, and a story waits for three programs' rounds one after the other.
const patience = 90 * time.Second

// until waits for something to become true. What it waits for is said when it
// does not.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	began := time.Now()
	if !eventually(patience, so) {
		t.Fatalf("not within %v: %s", patience, what)
	}
	t.Logf("%6.1fs  %s", time.Since(began).Seconds(), what)
}

// eventually asks ten times a second.
func eventually(bound time.Duration, so func() bool) bool {
	over := time.After(bound)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			return false
		}
	}
	return true
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// put writes a file that only this user can read and execute.
func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
