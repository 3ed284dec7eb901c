// Package freeze is the big red button: a file in the storage directory. While
// it is there, no new action begins, through whichever door; it needs no
// database, and it survives a restart.
//
//	f := freeze.Switch{Path: "data/frozen"}
//	if why := f.Why(); why != "" { /* touch nothing */ }
package freeze

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spinware/piket/internal/failpoint"
)

// FileName is the file's name in the storage directory. Making it by hand
// freezes as well; what is in it is shown as the reason.
const FileName = "frozen"

// Switch is one freeze file.
type Switch struct{ Path string }

// In returns the switch of a storage directory.
func In(dir string) Switch { return Switch{filepath.Join(dir, FileName)} }

// How much of a reason is shown, and how many of them.
const (
	maxReasonRunes = 200
	maxReasons     = 8
)

// Why returns the reasons for the freeze, the newest first, or "" when there is
// none. A file that is there and cannot be read freezes, too: in doubt nothing is
// touched.
func (s Switch) Why() string {
	data, err := s.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return fmt.Sprintf("the freeze file cannot be read (%v)", err)
	}
	if list := reasons(string(data)); len(list) > 0 {
		return strings.Join(list, "; before that ")
	}
	return "piket is frozen"
}

// maxFileBytes bounds what is read: whatever made the file, it holds words.
const maxFileBytes = 64 << 10

func (s Switch) read() ([]byte, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileBytes))
}

// reasons are the lines of a freeze file, each fit to be shown.
func reasons(text string) (list []string) {
	for line := range strings.Lines(text) {
		reason := []rune(strings.Join(strings.Fields(line), " "))
		if len(reason) > 0 && len(list) < maxReasons {
			list = append(list, string(reason[:min(len(reason), maxReasonRunes)]))
		}
	}
	return list
}

// ErrReasonLost says that the freeze holds, but who froze and why could not be
// written down: the disk is full.
var ErrReasonLost = errors.New("frozen, but who and why could not be written down")

// Freeze stops every new action from now on. It returns once the file is on
// disk; freezing twice keeps both reasons, so that nobody thaws for one of them
// what was frozen for the other. After ErrReasonLost the freeze holds; after any
// other error it does not.
func (s Switch) Freeze(by, reason string) error {
	line := strings.Join(strings.Fields(fmt.Sprintf("frozen by %s: %s", by, reason)), " ")
	before, _ := s.read() // what cannot be read is not there to be kept
	lines := []string{line}
	for _, known := range reasons(string(before)) {
		if known != line {
			lines = append(lines, known)
		}
	}
	f, err := os.OpenFile(s.Path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	failpoint.Reach(failpoint.FreezeCreated)
	_, err = fmt.Fprintln(f, strings.Join(lines, "\n"))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrReasonLost, err) // an empty file freezes as well
	}
	failpoint.Reach(failpoint.FreezeWritten)
	return nil
}

// ErrOther says that piket is frozen for something else than what was to be
// thawed: whoever thaws must have read why.
var ErrOther = errors.New("it is frozen for another reason by now")

// Thaw ends the freeze, if shown is why it is frozen, or "" for whatever it is
// frozen for; otherwise the error is ErrOther. Thawing what is not frozen is not an
// error.
func (s Switch) Thaw(shown string) error {
	if why := s.Why(); shown != "" && why != "" && shown != why {
		return fmt.Errorf("thaw: %w: %s", ErrOther, why)
	}
	if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("thaw: %w", err)
	}
	failpoint.Reach(failpoint.FreezeRemoved)
	return nil
}
