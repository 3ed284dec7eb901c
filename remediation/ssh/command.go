package ssh

import (
	"errors"
	"fmt"
	"strings"
)

// commandLine writes argv for the shell on the other side, which gets one
// string and splits it again: every word goes between single quotes, where a
// POSIX shell leaves everything alone but the quote itself.
func commandLine(argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", errors.New("the order carries no command")
	}
	words := make([]string, len(argv))
	for i, word := range argv {
		if strings.ContainsAny(word, "\x00\n\r") {
			return "", fmt.Errorf("word %d of the command holds a line break or a NUL, which no shell passes on safely", i+1)
		}
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(words, " "), nil
}
