package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// TestMain lets scripts run the real main as the command piket.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"piket": main})
}

// Each script is what a person types and what they see. They share one place
// that answers, one that refuses, and the shipped example.
func TestCommandLine(t *testing.T) {
	example, err := filepath.Abs("../../deploy/example")
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(listener.Close)
	refused := closedPort(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLE", example)
			env.Setenv("LISTENER", strings.TrimPrefix(listener.URL, "http://"))
			env.Setenv("REFUSED", refused)
			env.Setenv("NOBODY", "http://"+refused)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"store": makeStore, "tamper": tamper, "status": exitStatus,
		},
	})
}

// closedPort returns an address that refuses: it is bound, so that nobody else
// gets it, and nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) }) // nothing was ever written to it
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
}

// makeStore DIR N makes a store with N incidents of three events each.
func makeStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: store DIR N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(fillStore(ts.MkAbs(args[0]), n))
}

func fillStore(dir string, incidents int) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s, err := store.Open(dir, clock.Jumping(time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for n := range incidents {
		name := fmt.Sprintf("web-%02d", n+1)
		opened := incident.Opened{Title: name + " does not answer", Subject: incident.Subject{Kind: "server", Name: name}}
		_, err := s.Create(context.Background(), event(opened),
			event(incident.Assigned{Team: "network-and-server"}), event(incident.Note{By: "noor", Words: "I am looking"}))
		if err != nil {
			return err
		}
	}
	return nil
}

func event(p incident.Payload) incident.Event {
	return incident.Event{Actor: incident.Piket, Payload: p}
}

// tamper DIR SQL does to a record what somebody could do who may write to the
// file.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tamper DIR SQL")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.Join(args[0], store.FileName)))
	ts.Check(err)
	defer db.Close()
	result, err := db.Exec(args[1])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		ts.Fatalf("%s changed %d rows (%v), not one", args[1], n, err)
	}
}

// exitStatus N COMMAND runs a command that must end with exactly that status.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("%q ended with %v, not with status %d", args[1:], err, want)
	}
}
