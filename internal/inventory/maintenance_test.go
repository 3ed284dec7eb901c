package inventory_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
)

const windows = `sites:
  - {name: ams1, racks: [{name: r1}, {name: r2}]}
  - {name: rtm1, racks: [{name: r9}]}
servers:
  - {name: web-01, rack: r1, address: 192.0.2.11}
  - {name: web-02, rack: r2, address: 192.0.2.12, protected: true, protected_why: it runs piket}
  - {name: db-01, rack: r9, address: 192.0.2.13}
maintenance:
  - {name: move, racks: [r1], from: 2026-12-01T22:00:00+01:00, until: 2026-12-02T02:00:00+01:00}
  - {name: longer, servers: [web-01], from: 2026-12-01T23:00:00+01:00, until: 2026-12-02T06:00:00+01:00}
  - name: sunday
    sites: [rtm1]
    weekly:
      - {weekdays: [saturday], from: "22:00", until: "24:00", location: Europe/Amsterdam}
      - {weekdays: [sunday], from: "00:00", until: "03:30", location: Europe/Amsterdam}
  - name: gap
    servers: [web-02]
    weekly: [{weekdays: ["friday:saturday", sunday], from: "02:00", until: "03:00", location: Europe/Amsterdam}]
`

func TestMaintenanceIsUnderWayAtItsTimesOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.yml")
	if err := os.WriteFile(file, []byte(windows), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		server, at  string // in UTC
		name, until string
	}{
		{server: "web-01", at: "2026-12-01T20:59:59Z"},
		{"web-01", "2026-12-01T21:00:00Z", "move", "2026-12-02T01:00:00Z"},
		{"web-01", "2026-12-01T22:00:00Z", "longer", "2026-12-02T05:00:00Z"}, // two at once: the one that ends last
		{"web-01", "2026-12-02T04:59:59Z", "longer", "2026-12-02T05:00:00Z"},
		{server: "web-01", at: "2026-12-02T05:00:00Z"},
		{server: "db-01", at: "2026-12-01T22:00:00Z"}, // another site
		// Winter: Amsterdam is UTC+1. Two entries that touch are one window.
		{server: "db-01", at: "2026-11-28T20:59:00Z"},
		{"db-01", "2026-11-28T21:00:00Z", "sunday", "2026-11-29T02:30:00Z"},
		{"db-01", "2026-11-29T02:29:59Z", "sunday", "2026-11-29T02:30:00Z"},
		{server: "db-01", at: "2026-11-29T02:30:00Z"},
		// Summer: UTC+2.
		{"db-01", "2026-07-04T20:00:00Z", "sunday", "2026-07-05T01:30:00Z"},
		// 29 March 2026: from 02:00 the wall goes to 03:00. The window is an hour shorter.
		{"db-01", "2026-03-28T21:00:00Z", "sunday", "2026-03-29T01:30:00Z"},
		{server: "db-01", at: "2026-03-29T01:30:00Z"},
		// 25 October 2026: from 03:00 it goes back to 02:00. The window is an hour longer.
		{"db-01", "2026-10-24T20:00:00Z", "sunday", "2026-10-25T02:30:00Z"},
		{server: "db-01", at: "2026-10-25T02:30:00Z"},
		// The hour that summer begins with is skipped, and the one that it ends with is there twice.
		{server: "web-02", at: "2026-03-29T01:00:00Z"},
		{server: "web-02", at: "2026-03-29T00:59:00Z"},
		{"web-02", "2026-10-25T00:00:00Z", "gap", "2026-10-25T02:00:00Z"},
		{"web-02", "2026-10-25T01:59:00Z", "gap", "2026-10-25T02:00:00Z"},
		{server: "web-02", at: "2026-10-25T02:00:00Z"},
		{"web-02", "2026-11-27T01:30:00Z", "gap", "2026-11-27T02:00:00Z"}, // a Friday of the range
		{server: "web-02", at: "2026-11-26T01:30:00Z"},                    // a Thursday
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		server, ok := inv.Server(tt.server)
		if !ok {
			t.Fatalf("no server %s", tt.server)
		}
		got, under := inv.Maintenance(server, at)
		if under != (tt.name != "") || got.Name != tt.name || under && got.Until.UTC().Format(time.RFC3339) != tt.until {
			t.Errorf("%s at %s: %v %q until %s, want %q until %s", tt.server, tt.at, under, got.Name, got.Until.UTC().Format(time.RFC3339), tt.name, tt.until)
		}
	}
	if s, _ := inv.Server("web-02"); !s.Protected || s.ProtectedWhy != "it runs piket" {
		t.Errorf("web-02 is not protected: %+v", s)
	}
}

func TestAMaintenanceForEverDoesNotLookForEver(t *testing.T) {
	inv, err := inventory.New(inventory.Inventory{
		Sites:   []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{{Name: "web-01", Site: "ams1", Address: "192.0.2.11"}},
		Windows: []inventory.Maintenance{{Name: "always", Sites: []string{"ams1"}, Weekly: []inventory.Weekly{
			{Weekdays: []string{"sunday:saturday"}, From: "00:00", Until: "24:00", Location: "UTC"},
		}}},
	})
	if err == nil {
		now := time.Date(2026, 11, 23, 3, 0, 30, 0, time.UTC)
		server, _ := inv.Server("web-01")
		if got, under := inv.Maintenance(server, now); !under || got.Until.Before(now.Add(47*time.Hour)) || got.Until.After(now.Add(49*time.Hour)) {
			t.Errorf("%v until %v", under, got.Until)
		}
		return
	}
	t.Fatal(err)
}
