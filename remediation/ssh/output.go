package ssh

import (
	"strings"

	"github.com/spinware/piket/remediation"
)

// Bounds of what is kept of a command's output.
const (
	maxOutputBytes = 64 << 10
	maxTail        = 200 // characters of a command's last words
	maxReason      = 400 // characters of a reason of ours: two fingerprints and what to do
)

// output keeps the last part of one stream of a command. Read it once the
// session's Wait has returned.
type output struct{ kept []byte }

// Write never fails and never holds the command up.
func (o *output) Write(p []byte) (int, error) {
	o.kept = append(o.kept, p...)
	if over := len(o.kept) - maxOutputBytes; over > 0 {
		o.kept = append(o.kept[:0], o.kept[over:]...)
	}
	return len(p), nil
}

// tail returns the last line that says something.
func (o *output) tail() string {
	lines := strings.Split(strings.ToValidUTF8(string(o.kept), "?"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := remediation.Clause(lines[i], maxTail); line != "" {
			return line
		}
	}
	return ""
}

// detail joins what became of a command and its last words.
func detail(what, tail string) string {
	if tail == "" {
		return what
	}
	return what + ": " + tail
}
