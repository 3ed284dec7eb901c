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

// maxReasonRunes bounds the reason that is shown.
const maxReasonRunes = 200

// Why returns the reason for the freeze, or "" when there is none. A file that
// is there and cannot be read freezes, too: in doubt nothing is touched.
func (s Switch) Why() string {
	data, err := os.ReadFile(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return fmt.Sprintf("the freeze file cannot be read (%v)", err)
	}
	reason := []rune(strings.Join(strings.Fields(string(data)), " "))
	if len(reason) == 0 {
		return "piket is frozen"
	}
	return string(reason[:min(len(reason), maxReasonRunes)])
}

// ErrReasonLost says that the freeze holds, but who froze and why could not be
// written down: the disk is full.
var ErrReasonLost = errors.New("frozen, but who and why could not be written down")

// Freeze stops every new action from now on. It returns once the file is on
// disk; freezing twice keeps the newer reason. After ErrReasonLost the freeze
// holds; after any other error it does not.
func (s Switch) Freeze(by, reason string) error {
	f, err := os.OpenFile(s.Path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	failpoint.Reach(failpoint.FreezeCreated)
	_, err = fmt.Fprintf(f, "frozen by %s: %s\n", by, reason)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrReasonLost, err) // an empty file freezes as well
	}
	failpoint.Reach(failpoint.FreezeWritten)
	return nil
}

// Thaw ends the freeze. Thawing what is not frozen is not an error.
func (s Switch) Thaw() error {
	if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("thaw: %w", err)
	}
	failpoint.Reach(failpoint.FreezeRemoved)
	return nil
}
