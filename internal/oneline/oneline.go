// Package oneline makes text that strangers wrote fit to be shown: in a reason, in
// a table, on a terminal.
package oneline

import (
	"strings"
	"unicode"
)

// Of makes one line of text of at most so many characters, and an ellipsis
// where it was longer: no line breaks, no control characters (they move cursors
// and break tables), white space single. Bytes that are no UTF-8 become "?".
func Of(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	runes := 0
	for i := range text {
		if runes++; runes > most {
			return text[:i] + "…"
		}
	}
	return text
}
