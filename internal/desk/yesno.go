package desk

import (
	"slices"
	"strings"
	"unicode"
)

// The first word of an answer to the question whether everything works, in the
// languages in which it is asked.
var (
	yesWords = []string{"yes", "ja"}
	noWords  = []string{"no", "nee"}
)

// hedges are the words after which a yes may be none, and a no something else
// than one: "yes, but", "ja, alleen de mail niet", "no problem". A person reads
// those.
var hedges = map[bool][]string{
	true: {
		"but", "except", "however", "not", "no", "still", "only", "almost", "mostly", "doesn't", "isn't", "don't", "can't", "cannot",
		"maar", "behalve", "echter", "niet", "nee", "nog", "alleen", "bijna", "geen", "deels",
	},
	false: {"problem", "problems", "worries", "issue", "issues", "thanks", "hoor", "probleem", "problemen", "dank", "bedankt"},
}

// yesOrNo reads an answer: its first word says it, and nothing on the same line
// takes it back. clear is false for anything else.
func yesOrNo(words string) (yes, clear bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(words), "\n")
	list := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(line, "’", "'")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
	if len(list) == 0 {
		return false, false
	}
	yes = slices.Contains(yesWords, list[0])
	if !yes && !slices.Contains(noWords, list[0]) {
		return false, false
	}
	return yes, !slices.ContainsFunc(list[1:], func(word string) bool { return slices.Contains(hedges[yes], word) })
}
