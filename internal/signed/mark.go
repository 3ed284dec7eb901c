package signed

import (
	"crypto/hmac"
	"encoding/hex"
)

// markRunes is how many characters of a token a mark has: 96 bits, and short
// enough for a header line.
const markRunes = 24

// Mark returns what cannot be guessed of a message that piket sends. It is part
// of its Message-ID, so that a mail that brings it is an answer of somebody who
// had that message. No link has one.
func (k Key) Mark(message string) string {
	return hex.EncodeToString(k.sum("message " + message))[:markRunes]
}

// Marked reports whether a mark is that of a message. The comparison takes as
// long whatever the mark is.
func (k Key) Marked(message, mark string) bool {
	return hmac.Equal([]byte(mark), []byte(k.Mark(message)))
}
