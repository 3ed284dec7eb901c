package bmc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// launcher stands where bmclib expects ipmitool. It passes reads on. Before a
// write it asks, over a pair of named pipes, and starts ipmitool only on "go";
// then with -R 1, which bmclib cannot set: when replies get lost, ipmitool
// sends its command again, by default four times, and a BMC carries out each
// (measured: four power cycles for one call; with -R 1, one; with -R 0, four).
type launcher struct {
	path    string // of the script
	dir     string
	asks    *os.File
	answers *os.File
}

// script is the launcher. bmclib starts it with the command at the end of the
// arguments, and with nothing in the environment but the password: no PATH, so
// it uses only what the shell has built in. -v makes ipmitool say why a login
// was refused; in a write bmclib would take the extra lines for an error.
const script = `#!/bin/sh
tool=%s
dir=%s
case "$*" in
*" chassis power status") exec "$tool" -v "$@" ;;
esac
echo ask >"$dir/asks" || exit 75
read -r answer <"$dir/answers" || exit 75
[ "$answer" = go ] || exit 75
exec "$tool" -R 1 "$@"
`

// newLauncher writes the script into a directory that only this user can enter.
func newLauncher(tool string) (*launcher, error) {
	dir, err := os.MkdirTemp("", "piket-ipmi-")
	if err != nil {
		return nil, trouble{unproven, fmt.Sprintf("the launcher of ipmitool cannot be written (%v)", err)}
	}
	l := &launcher{dir: dir, path: filepath.Join(dir, "ipmitool")}
	if err := l.write(tool); err != nil {
		l.close()
		return nil, trouble{unproven, fmt.Sprintf("the launcher of ipmitool cannot be written (%v)", err)}
	}
	return l, nil
}

func (l *launcher) write(tool string) (err error) {
	text := fmt.Sprintf(script, shellQuote(tool), shellQuote(l.dir))
	// A process forked meanwhile would hold the file open for writing, and
	// starting it would fail with "text file busy" (golang.org/issue/22315).
	syscall.ForkLock.RLock()
	err = os.WriteFile(l.path, []byte(text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		return err
	}
	if l.asks, err = openPipe(filepath.Join(l.dir, "asks")); err != nil {
		return err
	}
	l.answers, err = openPipe(filepath.Join(l.dir, "answers"))
	return err
}

// openPipe makes a named pipe and holds both of its ends, so that neither side
// ever blocks in opening it.
func openPipe(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("make pipe %s: %w", path, err)
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// answer lets pass decide on each write that is asked for, until stop is
// called. Stop returns the first objection.
func (l *launcher) answer(pass func() error) (stop func() error) {
	done := make(chan struct{})
	var objection error
	go func() {
		defer close(done)
		lines := bufio.NewScanner(l.asks)
		for lines.Scan() {
			err := pass()
			if err != nil && objection == nil {
				objection = err
			}
			word := "go\n"
			if err != nil {
				word = "no\n"
			}
			if _, err := l.answers.WriteString(word); err != nil {
				return
			}
		}
	}()
	return func() error {
		_ = l.asks.SetReadDeadline(time.Unix(1, 0)) // long past: ends the wait
		<-done
		return objection
	}
}

func (l *launcher) close() {
	if l.asks != nil {
		_ = l.asks.Close()
	}
	if l.answers != nil {
		_ = l.answers.Close()
	}
	_ = os.RemoveAll(l.dir)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
