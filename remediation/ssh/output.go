package ssh

import (
	"strings"
	"unicode"
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
		if line := printable(lines[i], maxTail); line != "" {
			return line
		}
	}
	return ""
}

// printable makes text fit for one line of a timeline: no control characters,
// and not longer than limit.
func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return strings.TrimRight(text, ".")
}

// detail joins what became of a command and its last words.
func detail(what, tail string) string {
	if tail == "" {
		return what
	}
	return what + ": " + tail
}
