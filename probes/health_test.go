package probes

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

var answersByLetter = map[rune]State{'U': Up, 'D': Down, '?': Unknown}

func TestHealthTurnsOnlyOnEnoughAnswersInARow(t *testing.T) {
	cases := []struct {
		name    string
		limits  Limits
		answers string // one letter per answer
		turns   string // below each: ! alarm begins, . nothing, / alarm ends
		since   int    // answer in which the row began that stands at the end, 0 for none
	}{
		{"enough failures", Limits{3, 2}, "UDDD", "...!", 2},
		{"one too few", Limits{3, 2}, "DDUDD", ".....", 4},
		{"flapping", Limits{3, 2}, "DUDUDUDU", "........", 0},
		{"says it once", Limits{2, 2}, "DDDDDD", ".!....", 1},
		{"recovers", Limits{3, 2}, "DDDUU", "..!./", 0},
		{"nearly recovers", Limits{3, 2}, "DDDUDUU", "..!.../", 0},
		{"unknown does not count as failure", Limits{3, 2}, "D?D??D", ".....!", 1},
		{"unknown alone never alarms", Limits{1, 1}, "??????", "......", 0},
		{"unknown does not count as success", Limits{2, 2}, "DD?U?U", ".!.../", 0},
		{"unknown keeps the alarm", Limits{1, 1}, "D????", "!....", 1},
		{"again after recovery", Limits{2, 1}, "DDUDD", ".!/.!", 4},
		{"limits of nothing count as one", Limits{}, "DU", "!/", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var h Health
			var turns strings.Builder
			for i, letter := range c.answers {
				before := h.Alarm
				var turned bool
				h, turned = c.limits.Next(h, answersByLetter[letter], start.Add(time.Duration(i+1)*time.Minute))
				turns.WriteByte(turnLetter(turned, h.Alarm))
				if turned != (before != h.Alarm) {
					t.Errorf("answer %d: turned %t, but the alarm went from %t to %t", i+1, turned, before, h.Alarm)
				}
			}
			if got := turns.String(); got != c.turns {
				t.Errorf("%s gave %s, want %s", c.answers, got, c.turns)
			}
			if want := sinceAnswer(c.since); !h.Since.Equal(want) {
				t.Errorf("row began at %v, want %v", h.Since, want)
			}
		})
	}
}

func turnLetter(turned, alarm bool) byte {
	switch {
	case turned && alarm:
		return '!'
	case turned:
		return '/'
	}
	return '.'
}

func sinceAnswer(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return start.Add(time.Duration(n) * time.Minute)
}
