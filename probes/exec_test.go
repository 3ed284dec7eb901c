package probes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// script writes a plug-in for the shell.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check_it")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExecJudgesByTheExitStatus(t *testing.T) {
	cases := []struct {
		name, body string
		state      State
		reason     string
		exit       any
	}{
		{"ok", "echo 'DISK OK - 61% free | /=39%;80;90;0;100'", Up, "DISK OK - 61% free", 0},
		{"ok without a word", "exit 0", Up, "ends with status 0 and says nothing", 0},
		{"warning", "echo 'DISK WARNING - 12% free'; exit 1", Up, "warning: DISK WARNING - 12% free", 1},
		{"critical", "echo 'DISK CRITICAL - 1% free'; exit 2", Down, "DISK CRITICAL - 1% free", 2},
		{"unknown", "echo 'DISK UNKNOWN - no such mount'; exit 3", Unknown, "DISK UNKNOWN", 3},
		{"none of the four", "echo what; exit 4", Unknown, "status 4 is none of a plug-in's (what)", 4},
		{"called wrongly", "echo 'usage: check_it -H host' >&2; exit 2", Unknown, "status 2 and says nothing", 2},
		{"an interpreter that fell over", "echo Traceback >&2; exit 1", Unknown, "status 1 and says nothing", 1},
		{"command not found", "no-such-command-anywhere", Unknown, "status 127", 127},
		{"killed", "kill -9 $$", Unknown, "killed by signal killed", -1},
		{"killed by a fault", "kill -SEGV $$", Unknown, "killed by signal segmentation fault", -1},
		{"control characters", "printf 'OK \\033[2J\\377 red\\n'", Up, "OK [2J? red", 0},
		{"empty lines first", "printf '\\r\\n\\nOK after all\\n'", Up, "OK after all", 0},
		{"no shell in between", `[ "$1" = '$(id); "x"' ] && echo OK || exit 2`, Up, "OK", 0},
		{"nothing to read", "read line && exit 2; echo OK", Up, "OK", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := Exec(t.Context(), Target{Command: []string{script(t, c.body), `$(id); "x"`}})
			expect(t, result, c.state, c.reason)
			if c.exit != -1 && result.Facts["exit"] != c.exit {
				t.Errorf("fact exit is %v, want %v", result.Facts["exit"], c.exit)
			}
		})
	}
}

func TestExecThatCannotBeRunIsUnknown(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("echo OK\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("\x7fELF nonsense"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command []string
		reason  string
	}{
		"missing":        {[]string{plain + ".gone"}, "no such file"},
		"not executable": {[]string{plain}, "permission denied"},
		"not a program":  {[]string{garbage}, "exec format error"},
		"a directory":    {[]string{t.TempDir()}, "permission denied"},
		"no command":     {nil, "no command"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, Exec(t.Context(), Target{Command: c.command}), Unknown, c.reason)
		})
	}
}

// A plug-in may hang, fork, or leave something behind that holds its output
// open: none of it holds up piket, and none of it is the target's doing.
func TestExecEndsInTimeWhateverItsPluginDoes(t *testing.T) {
	cases := []struct {
		name, body string
		state      State
		reason     string
	}{
		{"hangs", "sleep 60", Unknown, "did not end within 250ms and was killed"},
		{"hangs without listening", "trap '' TERM INT; while :; do sleep 60; done", Unknown, "was killed"},
		{"forks and hangs", "sleep 60 & sleep 60 & wait", Unknown, "was killed"},
		{"leaves a child that holds the output", "sleep 60 & echo OK", Up, "OK"},
		{"leaves a child of its own session", "setsid sh -c \"touch $0.away; sleep 5\" & until [ -e $0.away ]; do :; done; echo OK", Up, "OK"},
		{"leaves a child and fails", "sleep 60 & echo CRITICAL; exit 2", Down, "CRITICAL"},
		{"never stops talking", "yes OK", Unknown, "was killed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			limit := DefaultTimeout
			if c.state == Unknown {
				limit = short
			}
			result := Exec(t.Context(), Target{Command: []string{script(t, c.body)}, Timeout: limit})
			expect(t, result, c.state, c.reason)
			if took := time.Since(began); took > limit+pluginLinger+maxOvertime {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestExecLeavesNobodyBehind(t *testing.T) {
	for name, ending := range map[string]string{"in time": "echo OK", "killed": "sleep 60"} {
		t.Run(name, func(t *testing.T) {
			note := filepath.Join(t.TempDir(), "pid")
			body := "sleep 20 >/dev/null 2>&1 &\necho $! > " + note + "\n" + ending
			Exec(t.Context(), Target{Command: []string{script(t, body)}, Timeout: 4 * short})
			text, err := os.ReadFile(note)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if !endsWithin(t, pid, DefaultTimeout) {
				t.Errorf("process %d still runs", pid)
			}
		})
	}
}

// endsWithin waits for the end of a process that is not our child. A signal
// takes a moment to arrive.
func endsWithin(t *testing.T, pid int, limit time.Duration) bool {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(limit.Milliseconds()))
	for errors.Is(err, unix.EINTR) {
		ready, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(limit.Milliseconds()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return ready == 1
}

func TestExecWhoseCallerGoesAwayKnowsNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	expect(t, Exec(ctx, Target{Command: []string{script(t, "sleep 60")}}), Unknown, "stopped before an answer")
}

func TestExecTellsAPluginNothingOfPiket(t *testing.T) {
	t.Setenv("PIKET_TOKEN", "secret")
	result := Exec(t.Context(), Target{Command: []string{script(t, "env | grep -c TOKEN; env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='; pwd")}})
	shown := strings.Join(result.Evidence, "\n")
	for _, want := range []string{"said 0", "said LC_ALL=C", "said PATH=/usr/local/sbin:", "said /"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %q", want, shown)
		}
	}
	if strings.Contains(shown, "HOME") || strings.Contains(shown, "secret") {
		t.Errorf("it was told more: %q", shown)
	}
}

func TestExecShowsFiguresAndALimitedAmountOfText(t *testing.T) {
	result := Exec(t.Context(), Target{Command: []string{script(t,
		"echo \"LOAD OK | 'load 1'=0.5;4;8;0 load5=1.25\"; echo more words; echo 'last | disk=17%;80;90'; echo trouble >&2")}})
	expect(t, result, Up, "LOAD OK")
	shown := strings.Join(result.Evidence, "\n")
	for _, want := range []string{
		"exit status 0", "said LOAD OK", "said more words", "said last", "complained trouble",
		"load 1 = 0.5 (warning 4, critical 8)", "load5 = 1.25", "disk = 17% (warning 80, critical 90)",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in\n%s", want, shown)
		}
	}
	long := Exec(t.Context(), Target{Command: []string{script(t, "yes 'OK and on and on' | head -c 1000000; exit 2")}})
	if expect(t, long, Down, "OK and on and on"); len(long.Evidence) > maxEvidence {
		t.Errorf("%d lines of evidence", len(long.Evidence))
	}
}
