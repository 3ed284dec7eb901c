package incident

import (
	"fmt"
	"strings"
	"time"
)

// sentence words one line that ends with a mark. What people write and what
// machines answer is in it: a note of several lines, an SMTP reply that spans
// four, a reason that brings its own full stop.
func sentence(format string, args ...any) string {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	text = strings.TrimRight(text, ". ")
	if text == "" || !strings.ContainsRune("!?…", []rune(text)[len([]rune(text))-1]) {
		return text + "."
	}
	return text
}

// clockTime is how a time of day stands in a text: with its zone, because the
// reader may be in another.
func clockTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
