package probes

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestTCPTellsTheTargetsSilenceFromOurOwn(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	cases := []struct {
		name    string
		ctx     context.Context
		address string
		state   State
		reason  string
	}{
		{"accepts", t.Context(), listener(t, nil), Up, "accepts connections in"},
		{"refused", t.Context(), refused(t), Down, "connection refused"},
		{"silent", t.Context(), hung(t), Down, "no answer within 250ms"},
		{"caller went away before", gone, listener(t, nil), Unknown, "stopped before an answer"},
		{"no such name", t.Context(), "web-07.invalid:22", Unknown, "look up web-07.invalid"},
		{"no port", t.Context(), "127.0.0.1", Unknown, "missing port"},
		{"no address", t.Context(), "", Unknown, "missing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, TCP(c.ctx, Target{Address: c.address, Timeout: waitsFor(c.name, "silent", "no such name")}), c.state, c.reason)
		})
	}
}

func TestTCPShowsWhoTalkedToWhom(t *testing.T) {
	address := listener(t, nil)
	result := TCP(t.Context(), Target{Address: strings.Replace(address, "127.0.0.1", "localhost", 1)})
	want := "connected to " + address + " from 127.0.0.1:"
	if len(result.Evidence) != 1 || !strings.HasPrefix(result.Evidence[0], want) {
		t.Errorf("the evidence is %q, want %q", result.Evidence, want)
	}
}

func TestTCPWhoseCallerHasLessTimeKnowsNothing(t *testing.T) {
	address := hung(t)
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	expect(t, TCP(ctx, Target{Address: address}), Unknown, "stopped before an answer")
}

func TestOurOwnTroubleIsNeverDown(t *testing.T) {
	cases := map[syscall.Errno]State{
		syscall.ECONNREFUSED: Down, syscall.ECONNRESET: Down, syscall.ETIMEDOUT: Down, syscall.EHOSTUNREACH: Down,
		syscall.ENETUNREACH: Unknown, syscall.EACCES: Unknown, syscall.EPERM: Unknown, syscall.EMFILE: Unknown,
		syscall.ENFILE: Unknown, syscall.EADDRNOTAVAIL: Unknown, syscall.ENOBUFS: Unknown, syscall.ENOMEM: Unknown,
		syscall.EAFNOSUPPORT: Unknown, syscall.EINVAL: Unknown, // the last is in no table
	}
	for errno, want := range cases {
		err := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		if got := (Target{}).broke(t.Context(), err); got.State != want || got.Reason == "" {
			t.Errorf("%v: got %s (%s), want %s", errno, got.State, got.Reason, want)
		}
	}
}

func TestTCPRunsOutOfFilesAndSaysSo(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	address := listener(t, nil)
	expect(t, TCP(t.Context(), Target{Address: address}), Up, "accepts")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	result := TCP(t.Context(), Target{Address: address})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	expect(t, result, Unknown, "too many open files")
}

func TestReasonsAreOneShortPrintableLine(t *testing.T) {
	cases := map[string]string{
		"two\r\nlines":             "two lines",
		"\x1b[2Jcleared":           "[2Jcleared",
		"a\u202eb":                 "a b",
		"bad \xff utf-8":           "bad ? utf-8",
		"  spaces   collapse  ":    "spaces collapse",
		"Amsterdam – één storing…": "Amsterdam – één storing…",
	}
	for text, want := range cases {
		if got := clause(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	long := clause(strings.Repeat("é", 10*maxClause))
	if n := len([]rune(long)); n != maxClause+1 {
		t.Errorf("a long reason has %d characters, want %d and an ellipsis", n, maxClause)
	}
}
