package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// sumLength is how long a sum is in hexadecimal digits.
const sumLength = 2 * sha256.Size

// sum seals a body together with everything before it.
func sum(before string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(before))
	h.Write([]byte{'\n'}) // never part of either, so that nothing can move from one to the other
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// parse reads a whole journal. good is the length of what holds; behind it there
// is at most one torn record, which is one that has no end of line. A record with
// an end that does not hold was on disk once, and is an error like every other
// damage: to cut it off would be to forget it.
func parse(data []byte) (lines []line, good int64, err error) {
	before := ""
	for number := 1; ; number++ {
		end := bytes.IndexByte(data[good:], '\n')
		if end < 0 {
			return lines, good, nil
		}
		text := data[good : good+int64(end)+1]
		l, err := parseLine(before, text, number == 1)
		if err != nil {
			return nil, good, fmt.Errorf("%w: line %d, at byte %d: %w", ErrDamaged, number, good, err)
		}
		if before = l.sum; number == 1 && l.record.Continues != "" {
			before = l.record.Continues
		}
		lines, good = append(lines, l), good+int64(len(text))
	}
}

func parseLine(before string, text []byte, first bool) (line, error) {
	if len(text) > maxLineBytes {
		return line{}, fmt.Errorf("it is longer than %d bytes", maxLineBytes)
	}
	stated, body, ok := bytes.Cut(bytes.TrimSuffix(text, []byte("\n")), []byte(" "))
	if !ok || len(stated) != sumLength {
		return line{}, fmt.Errorf("it does not begin with a sum")
	}
	if string(stated) != sum(before, body) {
		return line{}, fmt.Errorf("its sum does not fit, so it or the line before it was changed")
	}
	l := line{text: bytes.Clone(text), sum: string(stated)}
	if err := json.Unmarshal(body, &l.record); err != nil {
		return line{}, fmt.Errorf("it is no record: %w", err)
	}
	if (l.record.Kind == Began) != first {
		return line{}, fmt.Errorf("a journal has one beginning, in its first line")
	}
	return l, nil
}
