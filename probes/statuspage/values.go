package statuspage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxEntries bounds a list. Two million empty objects fit into one body.
const maxEntries = 10_000

// list reads an array with a bound. A null and a missing key are empty lists,
// and an object is a list of its one self: exports are seen with either.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var one T
		err := json.Unmarshal(text, &one)
		*l = list[T]{one}
		return err
	}
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('[') {
		return fmt.Errorf("%.20s stands where a list should", text)
	}
	*l = list[T]{}
	for decoder.More() {
		if len(*l) == maxEntries {
			return fmt.Errorf("a list has more than %d entries", maxEntries)
		}
		var one T
		if err := decoder.Decode(&one); err != nil {
			return err
		}
		*l = append(*l, one)
	}
	return nil
}

// word reads a string, and a number or a boolean as its digits or letters:
// providers change their minds about both.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		return json.Unmarshal(text, (*string)(w))
	case '{':
		var enum struct {
			Value word `json:"value"` // an enumeration with its translation beside it
		}
		err := json.Unmarshal(text, &enum)
		*w = enum.Value
		return err
	case '[':
		return fmt.Errorf("a list stands where a word should")
	case 'n':
		*w = ""
		return nil
	}
	*w = word(text)
	return nil
}

// named reads a reference to a component: an object with a name, or just the
// name or number.
type named struct {
	ID    word `json:"id"`
	Name  word `json:"name"`
	Title word `json:"title"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *named) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return json.Unmarshal(text, &n.Name)
	}
	type object named
	return json.Unmarshal(text, (*object)(n))
}

// words are all that the reference may be called by.
func (n named) words() []string {
	var words []string
	for _, w := range []word{n.Name, n.Title, n.ID} {
		if w != "" {
			words = append(words, string(w))
		}
	}
	return words
}

// moment reads a time in any of the forms that pages use: RFC 3339, the same
// without a zone (UTC by every format's documentation), or seconds or
// milliseconds since 1970. What is none of these is no time: a date that is
// guessed at does more harm than one that is missing.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(text []byte) error {
	var w word
	if err := json.Unmarshal(text, &w); err != nil {
		return nil
	}
	m.Time = timeOf(string(w))
	return nil
}

var timeForms = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
}

func timeOf(text string) time.Time {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return sinceEpoch(seconds)
	}
	for _, form := range timeForms {
		if at, err := time.Parse(form, text); err == nil && (!strings.Contains(form, "MST") || strings.HasSuffix(text, "UTC")) {
			return plausible(at)
		}
	}
	return time.Time{}
}

func sinceEpoch(seconds float64) time.Time {
	if math.Abs(seconds) > 1e11 { // the year 5138, or milliseconds
		seconds /= 1000
	}
	if !(math.Abs(seconds) < 1e11) { // also not a number
		return time.Time{}
	}
	return plausible(time.Unix(int64(seconds), 0))
}

// plausible drops what no announcement can mean.
func plausible(at time.Time) time.Time {
	if at.Year() < 2000 || at.Year() > 2100 {
		return time.Time{}
	}
	return at.UTC()
}

// first returns the first time that is given.
func first(moments ...moment) time.Time {
	for _, m := range moments {
		if !m.IsZero() {
			return m.Time
		}
	}
	return time.Time{}
}

// decode reads JSON of one format. Other types than the format has are broken
// JSON: the document claimed to be of it.
func decode[T any](text []byte) (T, error) {
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("%w: it sends JSON that cannot be read: %w", ErrBroken, err)
	}
	return value, nil
}
