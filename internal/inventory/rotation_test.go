package inventory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

// roster is a team whose duty goes from noor to daan to sam, every Monday at
// nine in Amsterdam, with ruud behind them.
func roster(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.Load("testdata/good/rotation.yml")
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func amsterdam(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// [2.3] A record is given to whoever has the duty at that moment.
func TestDutyIsHandedOverByTheClockOnTheWall(t *testing.T) {
	inv := roster(t)
	cover := []inventory.Cover{
		{Team: "network", Shift: inventory.Shift{Person: "sam", From: amsterdam(t, "2026-01-07 18:00"), Until: amsterdam(t, "2026-01-08 08:00")}},
		{Team: "network", Shift: inventory.Shift{Person: "daan", From: amsterdam(t, "2026-01-07 20:00"), Until: amsterdam(t, "2026-01-07 22:00")}},
		{Team: "other", Shift: inventory.Shift{Person: "ruud", From: amsterdam(t, "2026-01-01 00:00"), Until: amsterdam(t, "2027-01-01 00:00")}},
	}
	for _, c := range []struct {
		name, at string
		want     string // in the order in which they are asked
	}{
		{"before it begins only who stands behind", "2026-01-05 08:59", "ruud"},
		{"the first begins", "2026-01-05 09:00", "noor ruud"},
		{"until the last minute", "2026-01-12 08:59", "noor ruud"},
		{"and hands over", "2026-01-12 09:00", "daan ruud"},
		{"the first comes again", "2026-01-26 09:00", "noor ruud"},
		{"summer begins: nine is an hour earlier", "2026-03-30 08:59", "sam ruud"},
		{"and it is nine", "2026-03-30 09:00", "noor ruud"},
		{"summer ends", "2026-10-26 08:59", "sam ruud"},
		{"and it is nine again", "2026-10-26 09:00", "noor ruud"},
		{"who covers is asked instead", "2026-01-07 18:00", "sam ruud"},
		{"who said so last covers", "2026-01-07 21:00", "daan ruud"},
		{"and then the other again", "2026-01-07 22:00", "sam ruud"},
		{"until the cover ends", "2026-01-08 08:00", "noor ruud"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := amsterdam(t, c.at)
			dressed, until := inv.On(at, cover)
			var names []string
			for _, p := range dressed.OnDuty("network") {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("at %s: %s, want %s", c.at, got, c.want)
			}
			if !until.After(at) {
				t.Errorf("it stays so until %s, which is over at %s", until, at)
			}
			if got := inv.OnDuty("network")[0].Name; got != "ruud" {
				t.Errorf("what was dressed is changed itself: %s", got)
			}
		})
	}
}

// [4] Who has the duty next week, and when nobody has it.
func TestShiftsHaveNoGapsAndSayWhereNobodyIs(t *testing.T) {
	inv := roster(t)
	cover := []inventory.Cover{
		{Team: "network", Shift: inventory.Shift{Person: "sam", From: amsterdam(t, "2026-01-07 18:00"), Until: amsterdam(t, "2026-01-08 08:00")}},
	}
	want := strings.Join([]string{
		"2026-01-01 00:00 nobody",
		"2026-01-05 09:00 noor",
		"2026-01-07 18:00 sam",
		"2026-01-08 08:00 noor",
		"2026-01-12 09:00 daan",
	}, "\n")
	var lines []string
	at := amsterdam(t, "2026-01-01 00:00")
	for _, s := range inv.Shifts("network", at, amsterdam(t, "2026-01-14 00:00"), cover) {
		if !s.From.Equal(at) {
			t.Errorf("a shift begins at %s, the one before ended at %s", s.From, at)
		}
		at = s.Until
		name := s.Person
		if name == "" {
			name = "nobody"
		}
		lines = append(lines, s.From.Format("2006-01-02 15:04")+" "+name)
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !at.Equal(amsterdam(t, "2026-01-14 00:00")) {
		t.Errorf("the last ends at %s", at)
	}
	if got := inv.Shifts("nobody-is-in-it", at, at.Add(time.Hour), nil); got != nil {
		t.Errorf("a team that is not there has %v", got)
	}
}

// Every moment of three years has exactly one shift, which holds it.
func TestNoMomentIsLeftOutOfTheRotation(t *testing.T) {
	inv := roster(t)
	for at := amsterdam(t, "2026-01-05 09:00"); at.Year() < 2029; at = at.Add(17 * time.Hour) {
		dressed, until := inv.On(at, nil)
		if len(dressed.OnDuty("network")) != 2 || !until.After(at) || until.Sub(at) > 7*24*time.Hour+time.Hour {
			t.Fatalf("at %s: %v until %s", at, dressed.OnDuty("network"), until)
		}
	}
}
