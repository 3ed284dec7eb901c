package mailbox

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// unquoted returns what somebody wrote themselves: without the lines that quote
// another mail, in the ways in which mail programs do, and without a signature.
func unquoted(text string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	var own []string
	for n := 0; n < len(lines); n++ {
		line := strings.TrimSpace(lines[n])
		if line == "--" && strings.HasPrefix(lines[n], "--") || beginsForward(lines, n) {
			break
		}
		if strings.HasPrefix(line, ">") {
			continue
		}
		if skip := attribution(lines, n); skip > 0 {
			n += skip - 1
			continue
		}
		own = append(own, strings.TrimRight(lines[n], " \t"))
	}
	return strings.TrimSpace(blankLines.ReplaceAllString(strings.Join(own, "\n"), "\n\n"))
}

var (
	blankLines = regexp.MustCompile(`\n{3,}`)
	// The line above a quoted mail: "-----Original Message-----", or a rule.
	original = regexp.MustCompile(`(?i)^(-{3,}\s*(original message|oorspronkelijk bericht|forwarded message|doorgestuurd bericht)\s*-{3,}|_{20,})$`)
	fromLine = regexp.MustCompile(`(?i)^\*?(from|van)\s*:\*?\s`)
	sentLine = regexp.MustCompile(`(?i)^\*?(sent|date|verzonden|datum)\s*:\*?\s`)
	wrote    = regexp.MustCompile(`(?i)^(on|op)\s.*\b(wrote|schreef|geschreven)\b.*:$`)
)

// headLines is within how many lines of "From:" the "Sent:" of a quoted header
// stands.
const headLines = 4

// beginsForward reports whether the rest of the lines is another mail, quoted
// without a mark on each line.
func beginsForward(lines []string, n int) bool {
	line := strings.TrimSpace(lines[n])
	if original.MatchString(line) {
		return true
	}
	if !fromLine.MatchString(line) {
		return false
	}
	for _, next := range lines[n+1 : min(len(lines), n+1+headLines)] {
		if sentLine.MatchString(strings.TrimSpace(next)) {
			return true
		}
	}
	return false
}

// attribution returns how many lines say who wrote what is quoted below them, 0
// for none. Programs break that line where it is long.
func attribution(lines []string, n int) int {
	joined := ""
	for count := 1; count <= 3 && n+count <= len(lines); count++ {
		line := strings.TrimSpace(lines[n+count-1])
		if line == "" {
			return 0
		}
		if joined = strings.TrimSpace(joined + " " + line); wrote.MatchString(joined) {
			return count
		}
	}
	return 0
}

// hidden are the elements whose text nobody sees.
var hidden = map[string]bool{"script": true, "style": true, "head": true, "title": true, "noscript": true}

// breaks are the elements that begin a line.
var breaks = map[string]bool{
	"br": true, "p": true, "div": true, "tr": true, "li": true, "table": true, "blockquote": true, "hr": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "ul": true, "ol": true, "pre": true,
}

// fromHTML returns what a reader of HTML sees, with quotes marked as in plain text.
func fromHTML(source string) string {
	var b textBuilder
	z := html.NewTokenizer(strings.NewReader(source))
	z.SetMaxBuf(maxHTMLBytes)
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken: // its end, or one token without one
			return b.String()
		case html.TextToken:
			b.text(string(z.Text()))
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			b.tag(string(name), kind)
		}
	}
}

// textBuilder puts the text of HTML into lines.
type textBuilder struct {
	lines  strings.Builder
	hidden int
	quoted int
	fresh  bool // a line has begun and has nothing on it
	spaced bool // what came last on the line ended with a space
	inside bool // anything was written
}

func (b *textBuilder) tag(name string, kind html.TokenType) {
	step := map[html.TokenType]int{html.StartTagToken: 1, html.EndTagToken: -1}[kind]
	if hidden[name] {
		b.hidden = max(0, b.hidden+step)
	}
	if name == "blockquote" {
		b.quoted = max(0, b.quoted+step)
	}
	if breaks[name] {
		if name == "br" && b.fresh || b.inside && !b.fresh {
			b.lines.WriteByte('\n')
		}
		b.fresh = true
	}
}

func (b *textBuilder) text(text string) {
	if b.hidden > 0 {
		return
	}
	words := strings.Join(strings.Fields(text), " ")
	switch {
	case words == "":
		b.spaced = b.spaced || text != ""
		return
	case b.fresh || !b.inside:
		b.lines.WriteString(strings.Repeat(">", min(b.quoted, 1)))
	case b.spaced || strings.TrimLeftFunc(text, unicode.IsSpace) != text:
		b.lines.WriteByte(' ')
	}
	b.lines.WriteString(words)
	b.fresh, b.inside, b.spaced = false, true, strings.TrimRightFunc(text, unicode.IsSpace) != text
}

func (b *textBuilder) String() string { return b.lines.String() }
