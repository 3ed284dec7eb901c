package statuspage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxDepth bounds how deep a document nests. No format needs more than eight.
const maxDepth = 32

// document is one body as UTF-8, with what its beginning says of its kind.
type document struct {
	text []byte
	kind kind
	keys map[string]json.RawMessage // of a JSON object, or of the first entry of a JSON array
	none bool                       // an array without entries
	root string                     // name of the outermost element of XML: "rss", "feed"
}

// kind is what sort of document it is.
type kind int

const (
	plain kind = iota
	object
	array
	markup
	calendar
)

// documentOf looks at a body. HTML with a status of 200 is the usual answer of
// a site that does not have the document, so that it is a kind of its own here
// and not broken JSON.
func documentOf(body []byte, contentType string) (document, error) {
	doc := document{text: bytes.TrimSpace(toUTF8(body, contentType))}
	switch {
	case bytes.HasPrefix(doc.text, []byte("{")):
		return doc.asObject()
	case bytes.HasPrefix(doc.text, []byte("[")):
		return doc.asArray()
	case bytes.HasPrefix(doc.text, []byte("<")):
		doc.kind, doc.root = markup, rootOf(doc.text)
	case len(doc.text) >= 15 && strings.EqualFold(string(doc.text[:15]), "BEGIN:VCALENDAR"):
		doc.kind = calendar
	}
	return doc, nil
}

func (d document) asObject() (document, error) {
	d.kind = object
	if err := checkDepth(d.text); err != nil {
		return d, err
	}
	if err := json.Unmarshal(d.text, &d.keys); err != nil {
		return d, fmt.Errorf("%w: it sends JSON that cannot be read: %w", ErrBroken, err)
	}
	return d, nil
}

func (d document) asArray() (document, error) {
	d.kind = array
	if err := checkDepth(d.text); err != nil {
		return d, err
	}
	var entries list[json.RawMessage]
	if err := json.Unmarshal(d.text, &entries); err != nil {
		return d, fmt.Errorf("%w: it sends JSON that cannot be read: %w", ErrBroken, err)
	}
	d.none = len(entries) == 0
	if !d.none {
		_ = json.Unmarshal(entries[0], &d.keys) // not an object: it has no keys, and is no format's
	}
	return d, nil
}

// checkDepth keeps a few bytes of brackets from costing seconds.
func checkDepth(text []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: it nests deeper than %d levels", ErrBroken, maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// has reports whether the document has all these keys.
func (d document) has(keys ...string) bool {
	for _, key := range keys {
		if _, ok := d.keys[key]; !ok {
			return false
		}
	}
	return true
}

// within reports whether the object under key has the inner key.
func (d document) within(key, inner string) bool {
	var below map[string]json.RawMessage
	_ = json.Unmarshal(d.keys[key], &below) // not an object: it has no keys
	_, ok := below[inner]
	return ok
}

// toUTF8 reads the letters. AWS sends UTF-16 with a byte order mark; where
// neither mark nor server says anything, it is UTF-8 unless it cannot be.
func toUTF8(body []byte, contentType string) []byte {
	switch {
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}):
		return fromUTF16(body[2:], true)
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}):
		return fromUTF16(body[2:], false)
	case bytes.HasPrefix(body, []byte{0xef, 0xbb, 0xbf}):
		return body[3:]
	case len(body) > 1 && body[0] == 0 && body[1] != 0:
		return fromUTF16(body, true)
	case len(body) > 1 && body[0] != 0 && body[1] == 0:
		return fromUTF16(body, false)
	}
	_, parameters, _ := mime.ParseMediaType(contentType) // a type that cannot be read says nothing
	if table, ok := charsets[strings.ToLower(parameters["charset"])]; ok && !utf8.Valid(body) {
		if text, err := table.NewDecoder().Bytes(body); err == nil {
			return text
		}
	}
	return body
}

// charsets are the old ones that feeds and pages of Europe still use.
var charsets = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.Windows1252, "latin1": charmap.Windows1252, "windows-1252": charmap.Windows1252,
	"iso-8859-15": charmap.ISO8859_15,
}

// fromUTF16 drops half a character at the end, as of a body that was cut off.
func fromUTF16(body []byte, bigEndian bool) []byte {
	units := make([]uint16, len(body)/2)
	for i := range units {
		high, low := uint16(body[2*i]), uint16(body[2*i+1])
		if !bigEndian {
			high, low = low, high
		}
		units[i] = high<<8 | low
	}
	return []byte(string(utf16.Decode(units)))
}
