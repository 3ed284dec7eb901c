package yamlpos

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1, in characters; Line 0
// means the file as a whole.
type Pos struct {
	File string
	Line int
	Col  int
}

// String writes file:line:col, as compilers do and editors understand.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Problem is one mistake: where, what, and what to do about it.
type Problem struct {
	Pos  Pos
	What string
	Hint string // may be empty
}

// String writes the problem on one line.
func (p Problem) String() string {
	text := p.What
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	if p.Pos == (Pos{}) {
		return text
	}
	return p.Pos.String() + ": " + text
}

// Problems collects mistakes, so that all of them are reported at once. The
// zero Problems is ready for use.
type Problems []Problem

// Add notes a mistake.
func (ps *Problems) Add(pos Pos, format string, args ...any) {
	ps.AddHint(pos, "", format, args...)
}

// AddHint notes a mistake together with what to do about it.
func (ps *Problems) AddHint(pos Pos, hint, format string, args ...any) {
	*ps = append(*ps, Problem{Pos: pos, What: fmt.Sprintf(format, args...), Hint: hint})
}

// maxListed bounds the valid words that a hint lists when none is near.
const maxListed = 12

// AddUnknown notes that word is not one of the valid ones, and names the
// nearest; when none is near, it lists them if they are few. The thing is what
// the word should have named, such as "site".
func (ps *Problems) AddUnknown(pos Pos, thing, word string, valid []string) {
	hint := ""
	if len(*ps) >= maxShown {
		valid = nil // what is not shown needs no hint, and looking for one takes time
	}
	if near, ok := Nearest(word, valid); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(valid) > 0 && len(valid) <= maxListed {
		hint = "want one of " + strings.Join(valid, ", ")
	}
	ps.AddHint(pos, hint, "unknown %s %s", thing, quote(word))
}

// Join notes every mistake in err: one by one if err is Problems, as a problem
// without a position otherwise. A nil err adds nothing.
func (ps *Problems) Join(err error) {
	if err == nil {
		return
	}
	if more, ok := err.(Problems); ok {
		*ps = append(*ps, more...)
		return
	}
	ps.Add(Pos{}, "%v", err)
}

// Err returns the problems as one error, sorted by position and each said
// once, or nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int { return a.Pos.compare(b.Pos) })
	// What an anchor holds is read once for each alias of it.
	return slices.Compact(sorted)
}

// maxShown bounds the lines of one error text.
const maxShown = 200

// Error writes one line for each problem.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxShown {
			fmt.Fprintf(&b, "and %d more", len(ps)-maxShown)
			break
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// quote writes a word of the file on one line and not at endless length.
func quote(word string) string {
	const most = 60
	if r := []rune(word); len(r) > most {
		word = string(r[:most]) + "…"
	}
	return strconv.Quote(word)
}
