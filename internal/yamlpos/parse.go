package yamlpos

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse turns the bytes into the node tree of the one document in them. It
// returns nil after noting a problem.
func (d *decoder) parse(data []byte) *yaml.Node {
	if len(data) > MaxFileBytes {
		d.problems.Add(Pos{d.file, 1, 1}, "the file is larger than %d MiB", MaxFileBytes>>20)
		return nil
	}
	if at := invalidUTF8(data); at >= 0 {
		d.problems.Add(d.posOfByte(data, at), "the file is not UTF-8 text")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		d.problems.Add(Pos{d.file, 1, 1}, "the file is empty")
		return nil
	case err != nil:
		d.syntaxProblem(data, err)
		return nil
	}
	d.nothingMore(decoder, data)
	return doc.Content[0]
}

// nothingMore notes a second document: what stands there would be ignored.
func (d *decoder) nothingMore(decoder *yaml.Decoder, data []byte) {
	var next yaml.Node
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntaxProblem(data, err)
	default:
		d.problems.AddHint(d.pos(next.Content[0]), "remove the line ---", "the file holds more than one document")
	}
}

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

func (d *decoder) posOfByte(data []byte, at int) Pos {
	before := data[:at]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return Pos{d.file, bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[lineStart:]) + 1}
}

var saysLine = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)

// syntaxProblem says what the parser says, at the line where it first had
// reason to: the shortest beginning of the file that gets the same complaint
// ends there. The parser's own line number is not used: for a wrong indent it
// is where the enclosing block began, for others it is one too few or missing
// (go.yaml.in/yaml/v3 3.0.6, parser.fail).
func (d *decoder) syntaxProblem(data []byte, err error) {
	ends := lineEnds(data)
	line := sort.Search(len(ends)-1, func(i int) bool { return complaint(data[:ends[i]]) == err.Error() })
	start := 0
	if line > 0 {
		start = ends[line-1]
	}
	text := string(data[start:ends[line]])
	indent := len(text) - len(strings.TrimLeft(text, " "))
	pos := Pos{d.file, line + 1, indent + 1}
	if strings.HasPrefix(text[indent:], "\t") {
		d.problems.AddHint(pos, "indent with spaces", "not valid YAML: a tab stands in the indentation")
		return
	}
	d.problems.Add(pos, "not valid YAML: %s", saysLine.ReplaceAllString(err.Error(), ""))
}

// lineEnds returns where each line ends, the newline included.
func lineEnds(data []byte) []int {
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] != len(data) {
		ends = append(ends, len(data))
	}
	return ends
}

// complaint returns the parser's error for data, "" when there is none.
func complaint(data []byte) string {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		switch err := decoder.Decode(&n); {
		case errors.Is(err, io.EOF):
			return ""
		case err != nil:
			return err.Error()
		}
	}
}
