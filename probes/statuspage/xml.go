package statuspage

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// strictXML reads XML without document types, and so without entities of its
// own: those are how a few hundred bytes unfold into gigabytes, and how a
// document asks for files.
type strictXML struct {
	decoder *xml.Decoder
	depth   int
	tokens  int
}

// maxTokens bounds a document, as maxEntries does a list.
const maxTokens = 50 * maxEntries

func newStrictXML(text []byte) *strictXML {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Entity = xml.HTMLEntity
	d.CharsetReader = charsetReader
	if utf8.Valid(text) { // it was read before, and its declaration is a leftover
		d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	}
	return &strictXML{decoder: d}
}

// Token implements xml.TokenReader.
func (s *strictXML) Token() (xml.Token, error) {
	token, err := s.decoder.Token()
	if s.tokens++; s.tokens > maxTokens {
		return nil, fmt.Errorf("it has more than %d parts", maxTokens)
	}
	switch token.(type) {
	case xml.Directive:
		return nil, errors.New("it brings a document type, and that is never read")
	case xml.StartElement:
		if s.depth++; s.depth > maxDepth {
			return nil, fmt.Errorf("it nests deeper than %d levels", maxDepth)
		}
	case xml.EndElement:
		s.depth--
	}
	return token, err
}

// charsetReader is asked for what is not UTF-8.
func charsetReader(label string, in io.Reader) (io.Reader, error) {
	label = strings.ToLower(label)
	if table, ok := charsets[label]; ok {
		return table.NewDecoder().Reader(in), nil
	}
	return nil, fmt.Errorf("the character set %q is not one of those that are read", clause(label))
}

// rootOf returns the name of the outermost element, in small letters.
func rootOf(text []byte) string {
	d := xml.NewDecoder(bytes.NewReader(text[:min(len(text), 16<<10)]))
	d.Strict, d.CharsetReader = false, func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		token, err := d.RawToken()
		if err != nil {
			return ""
		}
		switch t := token.(type) {
		case xml.Directive:
			if strings.HasPrefix(strings.ToLower(string(t)), "doctype html") {
				return "html"
			}
		case xml.StartElement:
			return strings.ToLower(t.Name.Local)
		}
	}
}
