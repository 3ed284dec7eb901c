package remediation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// past is one recorded incident of a hung server: what was found, and what came
// then, by the minutes after its opening.
type past struct {
	server string
	opened time.Time
	lacks  string // a kind of check that nobody had made
	alone  bool   // no machine of its rack answered either
	then   map[float64]incident.Payload
}

func (p past) events(t *testing.T) []incident.Event {
	t.Helper()
	book := shipped(t, "server-unreachable")
	look := func(id, kind, target string) incident.Check {
		c := remediation.DefaultFound(kind, target)
		c.ID, c.Kind, c.Target = id, kind, target
		return c
	}
	var diagnosis []incident.Check
	for _, d := range append(book.Diagnose, runbooks.Diagnosis{ID: "observer", Check: "references", Target: "observer"}) {
		c := look(d.ID, d.Check, d.Target)
		if p.alone && d.Check == "neighbours" {
			c.Facts = map[string]any{"up": 1, "asked": 3, "rack_up": 0, "rack_asked": 2}
		}
		if d.Check != p.lacks {
			diagnosis = append(diagnosis, c)
		}
	}
	goal := []incident.Check{look("reachable", "reachable", "server"), look("services", "services", "server")}
	goal[1].Facts = map[string]any{"down": "website", "up": 0}
	labels := alerts.Labels{"alertname": alerts.ServerUnreachable, "server": p.server}
	var list []incident.Event
	add := func(after time.Duration, payload incident.Payload) {
		data, err := incident.Encode(payload) // as a store gives it back
		if err == nil {
			payload, err = incident.Decode(payload.Kind(), data)
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, incident.Event{Incident: "INC-2026-" + p.opened.Format("0102"), Seq: len(list) + 1, At: p.opened.Add(after), Actor: incident.Piket, Payload: payload})
	}
	for _, payload := range []incident.Payload{
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: p.server}, Site: "ams1"},
		incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: labels, StartsAt: p.opened, Fingerprint: labels.Fingerprint()}},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1}, incident.Assigned{Team: book.Assign},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source},
		incident.GoalSeen{Checks: goal}, incident.Diagnosed{Checks: diagnosis},
	} {
		add(0, payload)
	}
	for minute := 0.0; minute < 600; minute += 0.5 {
		if payload, ok := p.then[minute]; ok {
			add(time.Duration(minute*float64(time.Minute)), payload)
		}
	}
	return list
}

func back(how string) incident.Payload { return incident.Restored{How: how} }

// hasty is the shipped runbook for a silent server without a question.
func hasty(t *testing.T) *runbooks.Runbook {
	t.Helper()
	source := strings.ReplaceAll(shipped(t, "server-unreachable").Source, "    approve: {by: on-duty, within: 10m, otherwise: escalate}\n", "")
	book, err := runbooks.Parse("hasty", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// A changed runbook is held against what really happened: how often it would have
// cut power, and to whom.
func TestABacktestTellsHealthyServersFromThoseThatStayedDown(t *testing.T) {
	acted := map[float64]incident.Payload{
		6: incident.Intended{Intent: "I1", Server: "web-01", Action: "power", Verb: "cycle", Step: "power-cycle"}, 6.5: incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeDone}, 12: back("after it"),
	}
	day := func(n int) time.Time { return three.AddDate(0, 0, n) }
	for name, test := range map[string]struct {
		past   past
		limits func(*remediation.Limits)
		silent bool
		want   string // of the case
	}{
		"it came back by itself":               {past: past{then: map[float64]incident.Payload{9: back("by itself")}}, want: "power cycle web-01 healthy asked 0 hold-down"},
		"it stayed down until the next day":    {past: past{then: map[float64]incident.Payload{500: back("by itself")}}, want: "power cycle web-01 down asked 0 hold-down"},
		"it was acted on in earnest":           {past: past{then: acted}, want: "power cycle web-01 not known asked 0 hold-down"},
		"the record ends soon":                 {past: past{then: map[float64]incident.Payload{6: incident.Closed{By: "noor"}}}, want: "power cycle web-01 not known asked 0 hold-down"},
		"it came back before anything is done": {past: past{then: map[float64]incident.Payload{4: back("by itself")}}, want: "  asked 0 hold-down"},
		"its whole rack was silent":            {past: past{alone: true, then: map[float64]incident.Payload{9: back("by itself")}}, want: "  asked 0 verdict"},
		"longer patience": {past: past{then: map[float64]incident.Payload{9: back("by itself")}}, want: "  asked 0 hold-down",
			limits: func(l *remediation.Limits) { l.HoldDown = 10 * time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			limits := remediation.DefaultLimits
			if test.limits != nil {
				test.limits(&limits)
			}
			test.past.server, test.past.opened = "web-01", day(0)
			b := remediation.Backtest{Runbook: hasty(t), Inventory: world(t), Limits: limits, Silent: test.silent}
			c, meant := b.Replay(test.past.events(t))
			if got := fmt.Sprintf("%s %s asked %d %s", c.Does, c.Health, c.Asked, strings.Join(c.HeldBack, ",")); !meant || got != test.want || len(c.Missing) > 0 {
				t.Errorf("got %q (%v, missing %v), want %q", got, meant, c.Missing, test.want)
			}
		})
	}
}

// What the history does not tell is said, and never guessed.
func TestABacktestDoesNotGuessWhatNobodyLookedAt(t *testing.T) {
	b := remediation.Backtest{Runbook: hasty(t), Inventory: world(t), Limits: remediation.DefaultLimits}
	var sum remediation.Backtested
	for n, lacks := range []string{"", "bmc", "ssh", ""} {
		p := past{server: "web-01", opened: three.AddDate(0, 0, n), lacks: lacks, then: map[float64]incident.Payload{9: back("by itself")}}
		c, meant := b.Replay(p.events(t))
		if !meant {
			t.Fatal("it is not meant for it")
		}
		sum.Add(c)
	}
	if sum.Incidents != 4 || sum.Unknown != 2 || sum.Cuts != (remediation.Cuts{Count: 2, Healthy: 2}) {
		t.Errorf("got %+v", sum)
	}
	if sum.Missing["bmc of server was not looked at"] != 1 || sum.Missing["ssh of server was not looked at"] != 1 {
		t.Errorf("missing %v", sum.Missing)
	}
	gone := past{server: "web-99", opened: three.AddDate(0, 0, 9)}
	if c, meant := b.Replay(gone.events(t)); !meant || len(c.Missing) == 0 || c.Does != "" {
		t.Errorf("a server that is not in the inventory: %+v", c)
	}
}

// Each incident's own runbook, with questions: who is silent cuts nothing.
func TestABacktestAsksAsTheRunbookDoes(t *testing.T) {
	for silent, want := range map[bool]string{false: "power cycle web-01 technician false", true: " technician true"} {
		b := remediation.Backtest{Inventory: world(t), Limits: remediation.DefaultLimits, Silent: silent}
		c, meant := b.Replay(past{server: "web-01", opened: three, then: map[float64]incident.Payload{500: back("by itself")}}.events(t))
		if got := fmt.Sprintf("%s technician %v", c.Does, c.Technician); !meant || got != want || c.Asked != 1 {
			t.Errorf("silent %v: %q, asked %d, want %q", silent, got, c.Asked, want)
		}
	}
}

// The limits count what the back-test itself would have done.
func TestABacktestHoldsItsOwnActionsAgainstTheLimits(t *testing.T) {
	b := remediation.Backtest{Runbook: hasty(t), Inventory: world(t), Limits: remediation.DefaultLimits}
	one := past{server: "web-01", opened: three, then: map[float64]incident.Payload{500: back("by itself")}}
	soon := one
	soon.opened = three.Add(15 * time.Minute)
	b.Replay(one.events(t))
	if c, _ := b.Replay(soon.events(t)); len(c.HeldBack) == 0 || c.HeldBack[0] == "hold-down" {
		t.Errorf("15 minutes later it is held back by %v", c.HeldBack)
	}
}

// Drills and wider trouble are no history of a server.
func TestABacktestLeavesDrillsOut(t *testing.T) {
	list := past{server: "web-01", opened: three}.events(t)
	opened := list[0].Payload.(incident.Opened)
	for _, subject := range []incident.Subject{{Kind: incident.DrillKind, Name: "web-01"}, {Kind: "site", Name: "ams1"}} {
		opened.Subject = subject
		list[0].Payload = opened
		b := remediation.Backtest{Inventory: world(t), Limits: remediation.DefaultLimits}
		if _, meant := b.Replay(list); meant {
			t.Errorf("%s was replayed", subject)
		}
	}
}

// BenchmarkBacktest prints what one incident costs; nothing but the last day's is
// kept.
func BenchmarkBacktest(b *testing.B) {
	t := &testing.T{}
	inv, book := world(t), hasty(t)
	events := past{server: "web-01", opened: three, then: map[float64]incident.Payload{9: back("by itself")}}.events(t)
	test := remediation.Backtest{Runbook: book, Inventory: inv, Limits: remediation.DefaultLimits}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range events { // each a day after the one before
			events[i].At = events[i].At.AddDate(0, 0, 1)
		}
		if c, meant := test.Replay(events); !meant || !c.Power {
			b.Fatalf("%+v", c)
		}
	}
}
