package store

import (
	"context"
	"errors"
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
	if _, err := pragma(s, "max_page_count = 60"); err != nil {
		t.Fatal(err)
	}
	version, err := fill(t, s, inc)
	if !strings.HasPrefix(err.Error(), "append to "+inc.ID+": ") || !strings.Contains(err.Error(), "database or disk is full") {
		t.Errorf("got %v", err)
	}
	sound(t, s, inc.ID, version)
	if _, err := pragma(s, "max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, inc.ID, version, big()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	sound(t, s, inc.ID, version+1)
}

// inChild runs the test that calls it once more in a process of its own, and
// returns true in that one.
func inChild(t *testing.T, attributes *syscall.SysProcAttr) bool {
	t.Helper()
	const child = "PIKET_TEST_CHILD"
	if os.Getenv(child) == t.Name() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env, cmd.SysProcAttr = append(os.Environ(), child+"="+t.Name()), attributes
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// A limit on the size of files makes writes fail as a broken disk does, for one
// process alone.
func TestDiskThatFailsUnderACommitEndsAllWriting(t *testing.T) {
	if !inChild(t, nil) {
		return
	}
	dir := t.TempDir()
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
	if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "commit: disk I/O error") {
		t.Errorf("the commit that failed: %v", err)
	}
	sound(t, s, inc.ID, version)
	limit(t, ^uint64(0))
	if _, err := s.Append(ctx, inc.ID, version, big()); !errors.Is(err, ErrBroken) {
		t.Errorf("there is room, and nobody knows what is on the disk: %v", err)
	}
	if err := s.Writable(ctx); !errors.Is(err, ErrBroken) {
		t.Errorf("Writable: %v", err)
	}
	s.Close()
	if s, err = Open(dir, clock.Real()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sound(t, s, inc.ID, version)
	if _, err := s.Append(ctx, inc.ID, version, big()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// A file system of its own that is really full. What found no room has not
// happened, and when there is room again all goes on.
func TestFullDiskLosesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		unable(t, "only root makes a file system")
	}
	if !inChild(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}) {
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		unable(t, err)
	}
	if err := syscall.Mount("piket", dir, "tmpfs", 0, "size=2m"); err != nil {
		unable(t, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Open(dir, clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inc, err := s.Create(ctx, opened("web-07"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := fill(t, s, inc)
	if errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "database or disk is full") {
		t.Errorf("got %v", err)
	}
	sound(t, s, inc.ID, version)
	if err := s.Writable(ctx); err != nil && !strings.HasPrefix(err.Error(), "the store cannot be written: ") {
		t.Errorf("Writable on a full disk: %v", err)
	}
	if err := syscall.Mount("piket", dir, "tmpfs", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, inc.ID, version, big()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	sound(t, s, inc.ID, version+1)
}

// unable leaves out what this machine does not let a test do, and fails where
// PIKET_REQUIRE_PEERS asks for all of it.
func unable(t *testing.T, why any) {
	t.Helper()
	if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
		t.Fatalf("%v, and PIKET_REQUIRE_PEERS asks for it", why)
	}
	t.Skip(why)
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
