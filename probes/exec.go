package probes

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxPluginBytes = 8 << 10                // kept of what a plug-in says; the rest is read and forgotten
	pluginLinger   = 250 * time.Millisecond // for its output, once it has ended or been killed
)

// pluginEnv is all that a plug-in is told of this machine. None of piket's own
// variables is among them: some hold secrets.
var pluginEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}

// Exec runs t.Command, a monitoring plug-in in the manner of Nagios, without a
// shell and with nothing on its input. Exit status 0 is Up, 1 is Up with a
// warning, 2 is Down, and everything else Unknown: a plug-in that is not there,
// that is killed, that does not end in time, or that says with 2 that it was
// called wrongly, which shows in its having nothing to say. The first line of
// its output is the reason, and the performance data are evidence. Whatever it
// has started in its process group is killed when it ends. Its fact is the exit
// status.
func Exec(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	if len(t.Command) == 0 {
		return unknown("no command is given")
	}
	run, err := runPlugin(ctx, t.Command)
	var result Result
	switch {
	case ended(ctx) && run.killed():
		result = unknown("the plug-in did not end within %v and was killed", t.limit())
		if context.Cause(ctx) != errTimeout {
			result = t.silent(ctx)
		}
	case err != nil:
		result = unknown("run plug-in: %v", err)
	default:
		result = run.judge()
	}
	result.note("ran %q", t.Command)
	run.note(&result)
	return result
}

// plugin is what one run left behind.
type plugin struct {
	exit   int // -1 when it did not exit by itself
	signal syscall.Signal
	out    bounded
	err    bounded
}

func (p *plugin) killed() bool { return p.exit < 0 }

// runPlugin runs a command to its end. The error is of what kept it from
// starting, or from being waited for.
func runPlugin(ctx context.Context, command []string) (*plugin, error) {
	p := &plugin{exit: -1}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir = pluginEnv, "/"
	cmd.Stdout, cmd.Stderr = &p.out, &p.err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = pluginLinger
	if err := cmd.Start(); err != nil {
		return p, err
	}
	awaitEnd(cmd.Process.Pid)
	_ = killGroup(cmd.Process.Pid) // what it left running; mostly nothing
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		p.exit, p.signal = status.ExitStatus(), status.Signal()
	}
	exited, _ := errors.AsType[*exec.ExitError](err)
	if exited != nil || errors.Is(err, exec.ErrWaitDelay) || ctx.Err() != nil {
		err = nil // how it ended says it all
	}
	return p, err
}

// awaitEnd waits until a child has ended and leaves it unburied, so that its
// number, which is also that of its group, cannot be somebody else's yet.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// bounded keeps the beginning of what is written to it. It does not embed the
// buffer, whose ReadFrom would read without a bound.
type bounded struct{ kept []byte }

// Write takes everything and keeps what fits: a plug-in must not stand still
// because nobody reads.
func (b *bounded) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), maxPluginBytes-len(b.kept))]...)
	return len(p), nil
}

func (p *plugin) judge() Result {
	said := readPluginOutput(string(p.out.kept))
	var result Result
	switch {
	case p.killed():
		return unknown("the plug-in was killed by signal %v", p.signal)
	case said.status == "" && (p.exit == 1 || p.exit == 2):
		// So end interpreters and shells that never got to the check.
		result = unknown("the plug-in ends with status %d and says nothing", p.exit)
	case said.status == "":
		result = verdict(pluginState(p.exit), "the plug-in ends with status %d and says nothing", []any{p.exit})
	case p.exit == 1:
		result = up("warning: %s", said.status)
	case p.exit > 3:
		result = unknown("status %d is none of a plug-in's (%s)", p.exit, said.status)
	default:
		result = verdict(pluginState(p.exit), "%s", []any{said.status})
	}
	result.Facts = map[string]any{"exit": p.exit}
	return result
}

// pluginState is what the exit status of a plug-in means.
func pluginState(exit int) State {
	switch exit {
	case 0, 1:
		return Up
	case 2:
		return Down
	}
	return Unknown
}

func (p *plugin) note(result *Result) {
	if !p.killed() {
		result.note("exit status %d", p.exit)
	}
	said := readPluginOutput(string(p.out.kept))
	for _, line := range append([]string{said.status}, said.more...) {
		if line != "" {
			result.note("said %s", line)
		}
	}
	if complaint := firstLine(p.err.kept); complaint != "" {
		result.note("complained %s", complaint)
	}
	for _, m := range parsePerfdata(said.perfdata) {
		result.note("%s", m)
	}
}

// String writes a measurement as a person reads it: "load1 = 0.5 (warning 1,
// critical 2)".
func (m measurement) String() string {
	text := fmt.Sprintf("%s = %s%s", m.label, m.value, m.unit)
	switch {
	case m.warning != "" && m.critical != "":
		text += fmt.Sprintf(" (warning %s, critical %s)", m.warning, m.critical)
	case m.warning != "":
		text += fmt.Sprintf(" (warning %s)", m.warning)
	case m.critical != "":
		text += fmt.Sprintf(" (critical %s)", m.critical)
	}
	return text
}
