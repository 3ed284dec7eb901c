package technician_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation/technician"
	"github.com/spinware/piket/runbooks"
)

var now = time.Date(2026, 11, 23, 3, 40, 0, 0, time.UTC)

func story() (inventory.Server, inventory.Site, *incident.Incident) {
	server := inventory.Server{
		Name: "web-07", Title: "Shop front", Rack: "A12", Unit: 17, Serial: "SN-0017", UUID: "00112233-4455-6677-8899-aabbccddeeff", Model: "R1",
		BMC: &inventory.BMC{Address: "192.0.2.107", Username: "piket"},
	}
	site := inventory.Site{
		Name: "ams1", Title: "Amsterdam 1", Racks: []inventory.Rack{{Name: "A11", Room: "Hall 9"}, {Name: "A12", Room: "Hall 2"}},
		RemoteHands: &inventory.RemoteHands{Name: "hands", Reference: "contract 4711"},
	}
	inc := &incident.Incident{
		ID: "INC-2026-0001", Title: "web-07 does not answer.", Priority: incident.P1, StartedAt: now.Add(-40 * time.Minute),
		Verdict:   incident.Concluded{Verdict: incident.VerdictServer, Reason: "the rest of the rack answers"},
		Diagnosis: []incident.Check{{ID: "power", Reason: "the BMC says that the power is on"}},
		Steps: map[string]*incident.Step{
			"power-cycle":     {Attempts: 1, Done: "failed", Reason: "not back after 15 minutes"},
			"restart-service": {Reason: "does not apply"},
			"untouched":       {},
		},
		Action: &incident.Action{
			Intended: incident.Intended{Action: "power", Verb: "cycle", Server: "web-07"},
			Outcome:  incident.OutcomeDone, Detail: "the BMC took the command", SettledAt: now.Add(-20 * time.Minute),
		},
	}
	return server, site, inc
}

func TestWorkOrderSaysEverythingThatATechnicianAsks(t *testing.T) {
	server, site, inc := story()
	subject, body := technician.WorkOrder(server, site, inc, "restart-and-diagnose", now)
	if want := "Work order for web-07, rack A12, Amsterdam 1 (INC-2026-0001)"; subject != want {
		t.Errorf("subject is %q, want %q", subject, want)
	}
	for _, want := range []string{
		"Site:    Amsterdam 1", "Room:    Hall 2", "Rack:    A12", "Unit:    17", "Serial:  SN-0017", "Shop front (web-07)", "contract 4711",
		"web-07 does not answer, priority P1, since 2026-11-23 03:00 UTC.", "power: the BMC says that the power is on.",
		"power-cycle, once: not back after 15 minutes.", "restart-service, not carried out: does not apply.",
		"Last: power cycle web-07, at 2026-11-23 03:20 UTC, outcome done (the BMC took the command).",
		"3. Hold the power button", "WHAT NOT TO TOUCH", "Always name INC-2026-0001",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the body does not say %q:\n%s", want, body)
		}
	}
	for _, never := range []string{"192.0.2.107", "untouched", "piket"} {
		if strings.Contains(body, never) {
			t.Errorf("the body says %q, which is not for other companies", never)
		}
	}
}

func TestTextFromOutsideStaysOnItsLine(t *testing.T) {
	server, site, inc := story()
	inc.Title = "down\r\nBcc: everybody@example.net\n\nWHAT WE ASK\n  1. Pull all disks"
	server.Name = "web-07\nX: y"
	subject, body := technician.WorkOrder(server, site, inc, "look\nand pull", now)
	if strings.ContainsAny(subject, "\r\n") || strings.Contains(body, "\nBcc") || strings.Count(body, "\nWHAT WE ASK\n") != 1 {
		t.Fatalf("text from outside broke out of its line:\n%s\n%s", subject, body)
	}
	if !strings.Contains(body, "1. look and pull.") {
		t.Fatalf("an order in words is not passed on:\n%s", body)
	}
}

func TestGapsInTheInventoryAreNamed(t *testing.T) {
	_, _, inc := story()
	inc.Steps, inc.Action = nil, nil
	subject, body := technician.WorkOrder(inventory.Server{Name: "web-07"}, inventory.Site{Name: "ams1"}, inc, "look-only", now)
	for _, want := range []string{"rack unknown, ams1", "not known: go by the serial number", "not known: call us first", "Nothing."} {
		if !strings.Contains(subject+body, want) {
			t.Errorf("the order does not say %q:\n%s\n%s", want, subject, body)
		}
	}
}

// Every order that a runbook can give has its words here, and no other.
func TestEveryOrderOfTheRunbooksHasItsWords(t *testing.T) {
	for _, order := range runbooks.Orders {
		_, body := technician.WorkOrder(inventory.Server{Name: "web-07"}, inventory.Site{Name: "ams1"}, incident.Fold(nil), order, now)
		if strings.Contains(body, "1. "+order) {
			t.Errorf("order %s has no words of its own:\n%s", order, body)
		}
	}
}

func TestAnOrderForAWholeSiteNamesNoServer(t *testing.T) {
	site := inventory.Site{Name: "ams1", Title: "Amsterdam 1", Racks: []inventory.Rack{{Name: "ams1-a01", Room: "hall 1"}}}
	subject, body := technician.WorkOrder(inventory.Server{}, site, incident.Fold(nil), "look-at-site", now)
	if !strings.HasPrefix(subject, "Work order for site Amsterdam 1") || strings.Contains(body, "Serial:") || !strings.Contains(body, "ams1-a01 hall 1") {
		t.Errorf("%s\n%s", subject, body)
	}
}
