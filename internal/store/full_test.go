package store

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
)

var ctx = context.Background()

func opened(name string) incident.Event {
	return incident.Event{Actor: "piket", Payload: incident.Opened{Title: "t", Subject: incident.Subject{Kind: "server", Name: name}}}
}

func big() incident.Event {
	return incident.Event{Actor: "piket", Payload: incident.Note{By: "noor", Words: strings.Repeat("w", 20_000)}}
}

// fill appends until an append fails, and returns how far the incident came.
func fill(t *testing.T, s *Store, inc *incident.Incident) (version int, err error) {
	t.Helper()
	for version = inc.Version; version < 1000; version++ {
		if _, err := s.Append(ctx, inc.ID, version, big(), big()); err != nil {
			return version, err
		}
		version++
	}
	t.Fatal("the disk does not fill up")
	return 0, nil
}

// sound checks that the record is whole and the incident where it was.
func sound(t *testing.T, s *Store, id string, version int) {
	t.Helper()
	report, err := s.Verify(ctx)
	if err != nil || len(report.Faults) > 0 {
		t.Errorf("the record is not whole: %q, %v", report.Faults, err)
	}
	if inc, err := s.Load(ctx, id); err != nil || inc.Version != version {
		t.Errorf("version %d, want %d: something was half written (%v)", inc.Version, version, err)
	}
}

func TestFullDatabaseRefusesClearlyAndRecovers(t *testing.T) {
	s, err := Open(t.TempDir(), clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inc, err := s.Create(ctx, opened("web-07"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("PRAGMA max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	version, err := fill(t, s, inc)
	if !strings.HasPrefix(err.Error(), "append to "+inc.ID+": ") || !strings.Contains(err.Error(), "database or disk is full") {
		t.Errorf("got %v", err)
	}
	sound(t, s, inc.ID, version)
	if _, err := s.write.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, inc.ID, version, big()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	sound(t, s, inc.ID, version+1)
}

// Once the disk itself takes no more. A limit on the size of files does that
// to one process without a file system of its own, so the test runs in a
// process of its own.
func TestFullDiskLosesNothing(t *testing.T) {
	const child = "PIKET_TEST_FULL_DISK"
	if os.Getenv(child) != "" {
		fullDisk(t, os.Getenv(child))
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestFullDiskLosesNothing$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), child+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFullDiskLosesNothing") {
		t.Errorf("%v\n%s", err, out)
	}
}

func fullDisk(t *testing.T, dir string) {
	s, err := Open(dir, clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inc, err := s.Create(ctx, opened("web-07"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Writable(ctx); err != nil {
		t.Errorf("before: %v", err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit(t, sizeOf(t, filepath.Join(dir, FileName+"-wal")))
	version, err := fill(t, s, inc)
	if !strings.HasPrefix(err.Error(), "commit: ") && !strings.HasPrefix(err.Error(), "append to "+inc.ID+": ") {
		t.Errorf("the error does not say what was being done: %v", err)
	}
	if err := s.Writable(ctx); err == nil || !strings.HasPrefix(err.Error(), "the store cannot be written: ") {
		t.Errorf("Writable on a full disk: %v", err)
	}
	sound(t, s, inc.ID, version)
	limit(t, ^uint64(0))
	if err := s.Writable(ctx); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if _, err := s.Append(ctx, inc.ID, version, big()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	sound(t, s, inc.ID, version+1)
}

func limit(t *testing.T, sizeBytes uint64) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: sizeBytes, Max: ^uint64(0)}); err != nil {
		t.Fatal(err)
	}
}

func sizeOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(info.Size())
}
