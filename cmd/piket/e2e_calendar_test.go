//go:build e2e

package main

import (
	"encoding/json"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

// readCalendar has another implementation read a calendar and print each shift
// by the clock on the wall in Amsterdam.
const readCalendar = `
import sys, json, icalendar, zoneinfo
cal = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
zone = zoneinfo.ZoneInfo("Europe/Amsterdam")
at = lambda e, name: e.decoded(name).astimezone(zone).isoformat()
json.dump({"errors": cal.errors, "name": str(cal["X-WR-CALNAME"]), "events": [
    {"uid": str(e["UID"]), "sequence": int(e["SEQUENCE"]), "summary": str(e["SUMMARY"]), "from": at(e, "DTSTART"), "until": at(e, "DTEND"), "errors": e.errors}
    for e in cal.walk("VEVENT")]}, sys.stdout)
`

// [2.3, 4] A shift is handed over at nine by the clock on the wall, before and
// after the clocks go forward, in the eyes of python3-icalendar, too.
func TestAnotherImplementationReadsTheCalendarOfTheDuty(t *testing.T) {
	if err := exec.Command("/usr/bin/python3", "-c", "import icalendar").Run(); err != nil {
		t.Fatal("python3-icalendar is not installed: apt-get install python3-icalendar")
	}
	clk := clock.Jumping(time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC))
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inv, err := inventory.Load(filepath.Join(filepath.Dir(write(t, "", `people: [{name: noor, title: "Noor, de Vries; nacht"}, {name: daan}]
teams: [{name: network, title: "`+strings.Repeat("Netwérk ", 15)+`", members: [noor, daan], rotation: {people: [noor, daan], from: 2026-03-02, location: Europe/Amsterdam}}]
`)), "inventory.yml"))
	if err != nil {
		t.Fatal(err)
	}
	r := &duty.Roster{Store: s, Clock: clk, Source: func() *inventory.Inventory { return inv }, Log: slog.New(slog.DiscardHandler)}
	text, err := r.ICal(t.Context(), duty.Calendar{Title: "On duty", Origin: "piket.example.net", Shows: func(inventory.Team, string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", readCalendar)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var read struct {
		Errors []any
		Name   string
		Events []struct {
			UID, Summary, From, Until string
			Sequence                  int
			Errors                    []any
		}
	}
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Errors) > 0 || read.Name != "On duty" || len(read.Events) != 18 {
		t.Fatalf("read %d events of %q, %v", len(read.Events), read.Name, read.Errors)
	}
	for _, e := range read.Events[2:] { // the first two are the hole before it begins
		if !strings.Contains(e.From, "T09:00:00+0") || !strings.Contains(e.Until, "T09:00:00+0") || len(e.Errors) > 0 {
			t.Errorf("%+v is not handed over at nine", e)
		}
	}
	if first := read.Events[2]; first.From != "2026-03-02T09:00:00+01:00" || !strings.HasPrefix(first.Summary, "Noor, de Vries; nacht: on duty, Netwérk Netwérk") || first.UID != "network/20260302T080000Z/noor@piket.example.net" {
		t.Errorf("got %+v", first)
	}
	if over := read.Events[5]; over.From != "2026-03-23T09:00:00+01:00" || over.Until != "2026-03-30T09:00:00+02:00" {
		t.Errorf("the week in which the clocks go forward is %+v", over)
	}
}
