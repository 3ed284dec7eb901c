package clock

import (
	"errors"
	"time"
)

// Form is how a browser sends a moment by the clock on the wall.
const Form = "2006-01-02T15:04"

// Read reads a moment as people write it: with a zone, 2026-01-05T18:00:00+01:00,
// or without one, 2026-01-05T18:00, by the clock on the wall of zone.
func Read(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(Form, text, zone)
	if err != nil {
		return time.Time{}, errors.New("want a time such as 2026-01-05T18:00, or 2026-01-05T18:00:00+01:00")
	}
	return t, nil
}
