package duty_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

// entries reads a calendar with a parser: its events by their id.
func entries(t *testing.T, text []byte) map[string]*ical.Event {
	t.Helper()
	for line := range strings.SplitSeq(string(text), "\r\n") {
		if len(line) > 75 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	cal, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	all := map[string]*ical.Event{}
	for _, e := range cal.Events() {
		id := e.Props.Get(ical.PropUID).Value
		if all[id] != nil {
			t.Errorf("two events are %s", id)
		}
		all[id] = &e
	}
	return all
}

func TestTheCalendarKeepsItsIDsAndCountsItsChanges(t *testing.T) { // [2.3, 4]
	clk := clock.Jumping(night)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	inv := team(t)
	title := strings.Repeat("Netwérk ", 20)
	inv.Teams[0].Title = title
	if inv, err = inventory.New(*inv); err != nil {
		t.Fatal(err)
	}
	r := &duty.Roster{Store: s, Clock: clk, Source: func() *inventory.Inventory { return inv }, Log: slog.New(slog.DiscardHandler)}
	read := func() map[string]*ical.Event {
		t.Helper()
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := r.ICal(t.Context(), duty.Calendar{Title: "On duty", Origin: "piket.example.net", Shows: func(inventory.Team, string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		return entries(t, text)
	}
	first := read()
	november := first["network/20261101T000000Z/noor@piket.example.net"]
	if november == nil {
		t.Fatalf("got %v", first)
	}
	if words, err := november.Props.Text(ical.PropSummary); err != nil || words != "noor: on duty, "+strings.TrimSpace(title) && words != "noor: on duty, "+title {
		t.Errorf("%q, %v", words, err)
	}
	<-clk.Go(func() { clk.Wait(t.Context(), night.Add(36*time.Hour), nil) })
	for id := range read() {
		if first[id] == nil && !strings.Contains(id, "/202703") {
			t.Errorf("a day and a half later %s is new", id)
		}
	}

	record, err := s.Create(t.Context(), incident.Event{Actor: incident.Piket, Payload: incident.Opened{Title: "Duty roster of the team network", Subject: duty.Record("network")}})
	if err != nil {
		t.Fatal(err)
	}
	from := night.Add(72 * time.Hour)
	covered := incident.Covered{Cover: "D1", Team: "network", Person: "daan", From: from, Until: from.Add(24 * time.Hour), By: "noor"}
	if record, err = s.Append(t.Context(), record.ID, record.Version, incident.Event{Actor: incident.Person("noor"), Payload: covered}); err != nil {
		t.Fatal(err)
	}
	then := read()
	cover := then["network/20261126T020000Z/daan@piket.example.net"]
	if cover == nil || then["network/20261127T020000Z/noor@piket.example.net"] == nil {
		t.Fatalf("got %v", then)
	}
	before, after := november.Props.Get(ical.PropSequence).Value, then["network/20261101T000000Z/noor@piket.example.net"].Props.Get(ical.PropSequence).Value
	if before != "0" || after != fmt.Sprint(record.Version) {
		t.Errorf("sequence %s, then %s, want 0, then %d", before, after, record.Version)
	}
	if end, err := then["network/20261101T000000Z/noor@piket.example.net"].DateTimeEnd(nil); err != nil || !end.Equal(from) {
		t.Errorf("it ends at %v, %v", end, err)
	}

	text, err := r.ICal(t.Context(), duty.Calendar{Title: "daan", Origin: "piket", Shows: func(_ inventory.Team, who string) bool { return who == "daan" }})
	if err != nil || len(entries(t, text)) != 1 {
		t.Errorf("%v: daan's own is %s", err, text)
	}
	text, err = r.ICal(t.Context(), duty.Calendar{Title: "none", Origin: "piket", Shows: func(inventory.Team, string) bool { return false }})
	if err != nil || len(entries(t, text)) != 0 {
		t.Errorf("%v: a calendar without shifts is %s", err, text)
	}
}
