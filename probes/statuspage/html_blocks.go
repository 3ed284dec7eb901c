package statuspage

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

const (
	maxBlock  = 2000 // bytes of a block that are looked at
	maxBlocks = 2000
)

// visibleBlocks returns the texts of a page that are neither menu nor script,
// one for each paragraph, heading, cell or the like.
func visibleBlocks(text []byte) ([]string, error) {
	z := html.NewTokenizer(bytes.NewReader(text))
	z.SetMaxBuf(MaxBytes)
	r := blockReader{}
	for {
		switch z.Next() {
		case html.ErrorToken:
			r.flush()
			return r.blocks, nil // the end, or a page that was cut off: what was said before counts
		case html.TextToken:
			r.text(string(z.Text()))
		case html.StartTagToken:
			r.open(z.Token())
		case html.EndTagToken:
			name, _ := z.TagName()
			r.close(string(name))
		}
		if len(r.blocks) > maxBlocks {
			return nil, fmt.Errorf("%w: it is a page for people of more than %d parts", ErrBroken, maxBlocks)
		}
	}
}

// blockReader cuts a page into blocks.
type blockReader struct {
	blocks  []string
	current strings.Builder
	linked  int    // bytes of the current block that stand in links
	link    bool   // in a link now
	hidden  string // the element that is being left out, "" when none
	depth   int    // of elements of that name within it
}

var (
	// leftOut never says how things are now.
	leftOut = []string{"head", "title", "nav", "header", "footer", "aside", "script", "style", "noscript", "template", "svg", "select", "button", "form", "iframe", "textarea", "object"}
	menuish = regexp.MustCompile(`(?i)\b(nav|navbar|navigation|menu|menubar|sidebar|breadcrumbs?|footer|legend|cookie|hidden)\b|display: ?none`)
	inline  = []string{"a", "b", "i", "em", "strong", "span", "small", "time", "abbr", "u", "code", "mark", "sub", "sup", "font", "label"}
	void    = []string{"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
)

func (r *blockReader) open(t html.Token) {
	switch {
	case r.hidden == t.Data:
		r.depth++
	case r.hidden != "":
	case slices.Contains(void, t.Data):
		r.flush()
	case slices.Contains(leftOut, t.Data) || aside(t.Attr):
		r.flush()
		r.hidden, r.depth = t.Data, 1
	case t.Data == "a":
		r.link = true
	case !slices.Contains(inline, t.Data):
		r.flush()
	}
}

// aside reports whether an element's attributes call it a menu or hide it.
func aside(attributes []html.Attribute) bool {
	return slices.ContainsFunc(attributes, func(a html.Attribute) bool {
		switch a.Key {
		case "hidden":
			return true
		case "aria-hidden":
			return a.Val == "true"
		case "role", "class", "id", "style":
			return menuish.MatchString(a.Val)
		}
		return false
	})
}

func (r *blockReader) close(name string) {
	switch {
	case r.hidden == name:
		if r.depth--; r.depth == 0 {
			r.hidden = ""
		}
	case r.hidden != "":
	case name == "a":
		r.link = false
	case !slices.Contains(inline, name):
		r.flush()
	}
}

func (r *blockReader) text(text string) {
	if r.hidden != "" || r.current.Len() > maxBlock {
		return
	}
	text = text[:min(len(text), maxBlock)]
	if r.link {
		r.linked += len(strings.TrimSpace(text))
	}
	r.current.WriteString(text)
}

// maxMenuWords is how long the text of a link is that is an entry of a menu,
// wherever it stands: "Storingen" is not an outage.
const maxMenuWords = 3

func (r *blockReader) flush() {
	block := strings.Join(strings.Fields(html.UnescapeString(r.current.String())), " ")
	menu := r.linked > 0 && r.linked >= len(block)*9/10 && len(strings.Fields(block)) <= maxMenuWords
	if block != "" && !menu {
		r.blocks = append(r.blocks, block)
	}
	r.current.Reset()
	r.linked = 0
}
