package incident_test

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// The policy's table [1.3], and what lies between its rows.
func TestPriorityFollowsFromImpactAndUrgency(t *testing.T) {
	const high, medium, low = incident.High, incident.Medium, incident.Low
	for _, c := range []struct {
		impact, urgency incident.Level
		want            incident.Priority
		word            string
	}{
		{high, high, "P1", "critical"}, // a customer's server unreachable
		{high, medium, "P2", "high"},   // a server fails that has redundancy
		{high, low, "P2", "high"},
		{medium, high, "P2", "high"},
		{medium, medium, "P3", "medium"}, // some software function fails
		{medium, low, "P3", "medium"},
		{low, high, "P3", "medium"},
		{low, medium, "P4", "low"},
		{low, low, "P4", "low"}, // small bug, user support
		// What was not judged is not waved through.
		{"", "", "P1", "critical"},
		{high, "", "P1", "critical"},
		{"", low, "P1", "critical"},
		{"severe", low, "P1", "critical"},
	} {
		got := incident.PriorityOf(c.impact, c.urgency)
		if got != c.want || got.Word() != c.word {
			t.Errorf("impact %q and urgency %q give %s %s, want %s %s", c.impact, c.urgency, got, got.Word(), c.want, c.word)
		}
	}
}

func TestLevelIsReadByItsNameOnly(t *testing.T) {
	for _, level := range incident.Levels {
		var got incident.Level
		if err := got.UnmarshalText([]byte(level)); err != nil || got != level {
			t.Errorf("%s reads as %q, %v", level, got, err)
		}
	}
	for _, word := range []string{"", "High", "critical", "1"} {
		var got incident.Level
		if err := got.UnmarshalText([]byte(word)); err == nil || got != "" {
			t.Errorf("%q was taken as %q", word, got)
		}
	}
}
