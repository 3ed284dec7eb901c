package inventory_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// Whatever is asked for, a turn is the same one: calendars know it by when it
// begins.
func TestATurnIsWholeWhereverTheCalendarBegins(t *testing.T) { // [4]
	path := filepath.Join(t.TempDir(), "inventory.yml")
	text := `people: [{name: noor}, {name: daan}]
teams:
  - {name: turning, members: [noor, daan], rotation: {people: [noor, daan], from: 2026-03-16, location: Europe/Amsterdam}}
  - {name: alone, members: [noor], rotation: {people: [noor], from: 2026-03-16, location: Europe/Amsterdam}}
  - {name: standing, members: [noor], on_duty: [noor]}
  - {name: nobody, members: [noor]}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	covers := []inventory.Cover{{Team: "turning", Shift: inventory.Shift{Person: "daan", From: at("2026-03-18 12:00"), Until: at("2026-03-19 12:00")}}}
	for team, want := range map[string][]string{
		"turning":  {"noor 03-16 08:00 03-18 12:00", "daan 03-18 12:00 03-19 12:00", "noor 03-19 12:00 03-23 08:00", "daan 03-23 08:00 03-30 07:00", "noor 03-30 07:00 04-06 07:00"},
		"alone":    {"noor 03-16 08:00 03-23 08:00", "noor 03-23 08:00 03-30 07:00", "noor 03-30 07:00 04-06 07:00"},
		"standing": {"noor 03-01 00:00 04-01 00:00"},
		"nobody":   {" 03-01 00:00 04-01 00:00"},
		"none":     nil,
	} {
		var last []string
		for from := at("2026-03-17 03:00"); from.Before(at("2026-03-18 09:00")); from = from.Add(7 * time.Hour) {
			var got []string
			for _, s := range inv.Turns(team, from, at("2026-03-31 00:00"), covers) {
				got = append(got, fmt.Sprint(s.Person, " ", s.From.UTC().Format("01-02 15:04"), " ", s.Until.UTC().Format("01-02 15:04")))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s from %v: %q, want %q", team, from, got, want)
			}
			if last != nil && !slices.Equal(last, got) {
				t.Errorf("%s: the calendar moves with the day", team)
			}
			last = got
		}
	}
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}
