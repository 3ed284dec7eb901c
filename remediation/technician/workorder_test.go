package technician_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/technician"
	"github.com/spinware/piket/runbooks"
)

var now = time.Date(2026, 11, 23, 3, 40, 0, 0, time.UTC)

func story() (inventory.Server, inventory.Site, *incident.Incident) {
	server := inventory.Server{
		Name: "web-07", Title: "Shop front", Rack: "A12", Unit: 17, Serial: "SN-0017", AssetTag: "A-4711", UUID: "00112233-4455-6677-8899-aabbccddeeff", Model: "R1",
		BMC: &inventory.BMC{Address: "192.0.2.107", Username: "piket"},
	}
	site := inventory.Site{
		Name: "ams1", Title: "Amsterdam 1", Racks: []inventory.Rack{{Name: "A11", Room: "Hall 9"}, {Name: "A12", Room: "Hall 2"}},
		RemoteHands: &inventory.RemoteHands{Name: "hands", Reference: "contract 4711", CallBack: "+31 20 000 0100", HourlyRate: 95, CostLimit: 200},
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

// write composes an order without a page.
func write(server inventory.Server, site inventory.Site, inc *incident.Incident, asks string, now time.Time) (subject, body string) {
	o := order(technician.Writer{}, server, site, inc, asks, now)
	return o.Subject, o.Body
}

func order(w technician.Writer, server inventory.Server, site inventory.Site, inc *incident.Incident, asks string, now time.Time) incident.WorkOrdered {
	if site.RemoteHands == nil {
		site.RemoteHands = &inventory.RemoteHands{Name: "hands"}
	}
	return w.Order(remediation.Assignment{
		Order: incident.WorkOrdered{
			Order: inc.ID + "/W9", Step: "escalate-1", State: incident.OrderApproved, AcknowledgeBy: now.Add(15 * time.Minute), ArriveBy: now.Add(2 * time.Hour),
		},
		Server: server, Site: site, Incident: inc, Asks: asks, Now: now,
	})
}

func TestWorkOrderSaysEverythingThatATechnicianAsks(t *testing.T) {
	server, site, inc := story()
	subject, body := write(server, site, inc, "restart-and-diagnose", now)
	if want := "Work order for web-07, rack A12, Amsterdam 1 (INC-2026-0001)"; subject != want {
		t.Errorf("subject is %q, want %q", subject, want)
	}
	for _, want := range []string{
		"Site:    Amsterdam 1", "Room:    Hall 2", "Rack:    A12", "Unit:    17", "Serial:  SN-0017", "Asset:   A-4711", "Up to 200 EUR", "Call us at +31 20 000 0100.", "Shop front (web-07)", "contract 4711",
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
	subject, body := write(server, site, inc, "look\nand pull", now)
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
	subject, body := write(inventory.Server{Name: "web-07"}, inventory.Site{Name: "ams1"}, inc, "look-only", now)
	for _, want := range []string{"rack unknown, ams1", "not known: go by the serial number", "not known: call us first", "Nothing."} {
		if !strings.Contains(subject+body, want) {
			t.Errorf("the order does not say %q:\n%s\n%s", want, subject, body)
		}
	}
}

// Every order that a runbook can give has its words here, and no other.
func TestEveryOrderOfTheRunbooksHasItsWords(t *testing.T) {
	for _, order := range runbooks.Orders {
		_, body := write(inventory.Server{Name: "web-07"}, inventory.Site{Name: "ams1"}, incident.Fold(nil), order, now)
		if strings.Contains(body, "1. "+order) {
			t.Errorf("order %s has no words of its own:\n%s", order, body)
		}
	}
}

func TestAnOrderForAWholeSiteNamesNoServer(t *testing.T) {
	site := inventory.Site{Name: "ams1", Title: "Amsterdam 1", Racks: []inventory.Rack{{Name: "ams1-a01", Room: "hall 1"}}}
	subject, body := write(inventory.Server{}, site, incident.Fold(nil), "look-at-site", now)
	if !strings.HasPrefix(subject, "Work order for site Amsterdam 1") || strings.Contains(body, "Serial:") || !strings.Contains(body, "ams1-a01 hall 1") {
		t.Errorf("%s\n%s", subject, body)
	}
}

// The door's code is a secret: it stands on no timeline, whatever way the order goes.
func TestTheAccessCodeIsNeverInAnOrder(t *testing.T) {
	t.Setenv("DOOR", "4711-door")
	server, site, inc := story()
	site.RemoteHands.AccessCode = secret.Ref{Env: "DOOR"}
	for _, w := range []technician.Writer{{}, {ExternalURL: "https://piket.example.net"}} {
		o := order(w, server, site, inc, "look-only", now)
		data, err := json.Marshal(o)
		if err != nil || strings.Contains(string(data), "4711-door") {
			t.Errorf("the order holds the code (%v):\n%s", err, data)
		}
		if marked := strings.Contains(o.Body, incident.AccessCodeMark); marked != (w.ExternalURL == "") {
			t.Errorf("with the page at %q the mark of the code is there: %v", w.ExternalURL, marked)
		}
	}
}

func TestWhatCostsMoreThanAgreedWaitsForAYes(t *testing.T) {
	for name, c := range map[string]struct {
		rate, limit int
		visit       time.Duration
		want        string
		cost        int
	}{
		"unknown cost":               {0, 0, 0, incident.OrderApproved, 0},
		"unknown cost under a limit": {0, 100, 0, incident.OrderApproved, 0},
		"under the limit":            {95, 100, 0, incident.OrderApproved, 95},
		"exactly the limit":          {100, 100, 0, incident.OrderApproved, 100},
		"above the limit":            {101, 100, 0, incident.OrderDraft, 101},
		"a long visit":               {40, 100, 3 * time.Hour, incident.OrderDraft, 120},
		"no limit, and it costs":     {1, 0, 0, incident.OrderDraft, 1},
		"part of an hour is rounded": {95, 47, 30 * time.Minute, incident.OrderDraft, 48},
	} {
		t.Run(name, func(t *testing.T) {
			server, site, inc := story()
			site.RemoteHands.HourlyRate, site.RemoteHands.CostLimit, site.RemoteHands.Visit = c.rate, c.limit, c.visit
			if o := order(technician.Writer{}, server, site, inc, "look-only", now); o.State != c.want || o.Cost != c.cost {
				t.Errorf("it is %s and costs %d", o.State, o.Cost)
			}
		})
	}
}

func TestAnOrderForAVendorSaysWhatIsAskedOfWhichMachine(t *testing.T) {
	server, _, inc := story()
	v := inventory.Vendor{Name: "maker", Contract: "C-1", Acknowledge: time.Hour, Arrive: 4 * time.Hour}
	o := technician.Writer{}.ForVendor(v, server, inc, technician.Asked{Words: "a new\nboard", Part: "X-12"}, now)
	for _, want := range []string{"C-1", "Serial:  SN-0017", "1. a new board", "2. Spare part: X-12", "Acknowledge by 2026-11-23 04:40 UTC"} {
		if !strings.Contains(o.Body, want) {
			t.Errorf("it does not say %q:\n%s", want, o.Body)
		}
	}
	if none := (technician.Writer{}).ForVendor(v, server, inc, technician.Asked{Words: " "}, now); none.Body != "" {
		t.Errorf("nothing is asked, and it says\n%s", none.Body)
	}
}
