package telephone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/telephone"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

func people(t *testing.T) *inventory.Inventory {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Customers: []inventory.Customer{{Name: "bakery", Language: "nl", Telephone: "+31 20 000 0900"}},
		People: []inventory.Person{
			{Name: "noor", Email: "noor@example.net", Telephone: "+31 20 000 0101", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "daan", Email: "daan@example.net", Telephone: "+31 20 000 0102", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "sem", Email: "sem@example.net", Roles: []inventory.Role{inventory.Engineer}}, // no telephone
			{Name: "mila", Email: "mila@example.net", Telephone: "+31 20 000 0103", Roles: []inventory.Role{inventory.Manager}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// line is what happened, and how long after the beginning.
type line struct {
	after time.Duration
	what  incident.Payload
}

// pressing is a P1 that nobody has, about which some people were mailed.
func pressing(names ...string) []line {
	return []line{
		{0, incident.Opened{Title: "Server web-07 does not answer"}},
		{0, incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1}}, {0, incident.Assigned{Team: "t"}},
		{0, incident.MessageQueued{Message: "M1", Purpose: "page open", Topic: "open", People: names}},
	}
}

func fold(lines []line) *incident.Incident {
	var events []incident.Event
	for n, l := range lines {
		events = append(events, incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: start.Add(l.after), Payload: l.what})
	}
	return incident.Fold(events)
}

func rings(after time.Duration, ring, person string, topics ...string) line {
	return line{after, incident.Ringing{Ring: ring, Person: person, Topics: topics}}
}

func over(after time.Duration, ring string, o incident.RingOutcome) line {
	return line{after, incident.Rang{Ring: ring, Outcome: o}}
}

func presses(after time.Duration, ring, key string) line {
	return line{after, incident.KeyPressed{Ring: ring, By: "somebody", Key: key}}
}

// said writes what Next decides: "noor open! A1" (! for the last time), and when
// it looks again.
func said(due []telephone.Due, next time.Time) string {
	var list []string
	for _, d := range due {
		words := []string{d.Person + d.Customer}
		for _, topic := range d.Topics {
			if slices.Contains(d.Final, topic) {
				topic += "!"
			}
			words = append(words, topic)
		}
		if d.Task != "" {
			words = append(words, d.Task, d.Language, d.Number)
		}
		list = append(list, strings.Join(words, " "))
	}
	if !next.IsZero() {
		list = append(list, fmt.Sprint("at ", next.Sub(start)))
	}
	return strings.Join(list, ", ")
}

const minute = time.Minute

func TestWhoIsRungAndWhen(t *testing.T) {
	asked := incident.ApprovalRequested{Approval: "A1", Action: "power cycle web-07", By: "on-duty", Expires: start.Add(time.Hour)}
	mailA := line{0, incident.MessageQueued{Message: "M2", Purpose: "page A1", Topic: "A1", People: []string{"noor"}}}
	task := incident.CallTask{Task: "T1", Customer: "bakery", Telephone: "+31 20 000 0900", Due: start}
	with := func(lines []line, more ...line) []line { return append(slices.Clone(lines), more...) }
	noor := pressing("noor")
	for name, c := range map[string]struct {
		lines  []line
		at     time.Duration
		change func(*telephone.Policy)
		want   string
	}{
		"who was mailed":                  {noor, 0, nil, "noor open"},
		"all who were mailed together":    {pressing("noor", "sem", "daan"), 0, nil, "noor open, daan open"},
		"nobody without a telephone":      {pressing("sem", "nobody"), 0, nil, ""},
		"after a while, if so configured": {noor, 0, func(p *telephone.Policy) { p.After = minute }, "at 1m0s"},
		"and then":                        {noor, minute, func(p *telephone.Policy) { p.After = minute }, "noor open"},
		"once, if so configured":          {noor, 0, func(p *telephone.Policy) { p.Tries = 1 }, "noor open!"},
		"not for a P2":                    {with(noor, line{0, incident.Classified{Priority: incident.P2}}), 0, nil, ""},
		"for a P2, if so configured":      {with(noor, line{0, incident.Classified{Priority: incident.P2}}), 0, func(p *telephone.Policy) { p.Priorities = []incident.Priority{"P2"} }, "noor open"},
		"not when somebody has it":        {with(noor, line{0, incident.Acknowledged{By: "sem"}}), 0, nil, ""},
		"not when service is back":        {with(noor, line{0, incident.Restored{}}), 0, nil, ""},
		"not when it is closed":           {with(noor, line{0, incident.Closed{By: "sem"}}), 0, nil, ""},
		"not twice at once":               {with(noor, rings(0, "R1", "noor", "open")), minute, nil, ""},
		"again when nobody answered":      {with(noor, rings(0, "R1", "noor", "open"), over(30*time.Second, "R1", incident.RingNoAnswer)), 30 * time.Second, nil, "at 1m30s"},
		"for the last time":               {with(noor, rings(0, "R1", "noor", "open"), over(30*time.Second, "R1", incident.RingVoicemail)), 90 * time.Second, nil, "noor open!"},
		"a call without a key is none":    {with(noor, rings(0, "R1", "noor", "open"), presses(1, "R1", ""), over(30*time.Second, "R1", incident.RingAnswered)), 90 * time.Second, nil, "noor open!"},
		"not a third time":                {with(noor, rings(0, "R1", "noor", "open"), over(1, "R1", incident.RingBusy), rings(2, "R2", "noor", "open"), over(3, "R2", incident.RingBusy)), time.Hour, nil, ""},
		"not after key 1":                 {with(noor, rings(0, "R1", "noor", "open"), presses(1, "R1", "1"), over(2, "R1", incident.RingAnswered)), time.Hour, nil, ""},
		"not after key 3":                 {with(noor, rings(0, "R1", "noor", "open"), presses(1, "R1", "3"), over(2, "R1", incident.RingAnswered)), time.Hour, nil, ""},
		"again after key 2":               {with(noor, rings(0, "R1", "noor", "open"), presses(1, "R1", "2"), over(2, "R1", incident.RingAnswered)), time.Hour, nil, "noor open!"},
		"at once when piket died":         {with(noor, rings(0, "R1", "noor", "open"), over(minute, "R1", incident.RingUnknown)), minute, nil, "noor open"},
		"soon when the trunk was away":    {with(noor, rings(0, "R1", "noor", "open"), over(minute, "R1", incident.RingFailed)), minute, nil, "at 1m15s"},
		"which is no try":                 {with(noor, rings(0, "R1", "noor", "open"), over(minute, "R1", incident.RingFailed)), time.Hour, nil, "noor open"},
		"anew when it failed again":       {with(noor, rings(0, "R1", "noor", "open"), presses(1, "R1", "3"), over(2, "R1", incident.RingAnswered), line{minute, incident.Restored{}}, line{2 * minute, incident.Relapsed{}}, line{2 * minute, incident.MessageQueued{Message: "M9", Purpose: "page open, relapse 1", Topic: "open", People: []string{"noor"}}}), 2 * minute, nil, "noor open"},
		"what is asked as well":           {with(noor, line{0, asked}, mailA), 0, nil, "noor open A1"},
		"what is asked of who has it":     {with(noor, line{0, incident.Acknowledged{By: "noor"}}, line{0, asked}, mailA), 0, nil, "noor A1"},
		"what is asked at any priority":   {with(noor, line{0, incident.Classified{Priority: incident.P3}}, line{0, asked}, mailA), 0, nil, "noor A1"},
		"not who has said yes":            {with(noor, line{0, incident.Acknowledged{By: "noor"}}, line{0, asked}, mailA, line{0, incident.Approved{Approval: "A1", By: "noor"}}), 0, nil, ""},
		"not when the time is up":         {with(noor, line{0, incident.Acknowledged{By: "noor"}}, line{0, asked}, mailA), time.Hour, nil, ""},
		"no call of its own for a point":  {with(noor, line{0, incident.Attention{Topic: "ladder-used-up", Why: "y"}}, line{0, incident.MessageQueued{Message: "M3", Topic: "ladder-used-up", People: []string{"daan"}}}), 0, nil, "noor open"},

		"customers are for people":         {[]line{{0, incident.Opened{}}, {0, task}}, 0, nil, ""},
		"unless piket may":                 {[]line{{0, incident.Opened{}}, {0, task}}, 0, customers, "bakery T1 nl +31 20 000 0900"},
		"not whom somebody calls":          {[]line{{0, incident.Opened{}}, {0, task}, {0, incident.CallTaken{Task: "T1", By: "sem", Until: start.Add(minute)}}}, 0, customers, "at 1m0s"},
		"not who was called by a person":   {[]line{{0, incident.Opened{}}, {0, task}, {0, incident.Called{Task: "T1", Outcome: "reached"}}}, 0, customers, ""},
		"not twice for one word":           {[]line{{0, incident.Opened{}}, {0, task}, {0, incident.Ringing{Ring: "R1", Customer: "bakery", Task: "T1"}}, over(1, "R1", incident.RingUnknown)}, 0, customers, ""},
		"not twice, whatever became of it": {[]line{{0, incident.Opened{}}, {0, task}, {0, incident.Ringing{Ring: "R1", Customer: "bakery", Task: "T1"}}, over(1, "R1", incident.RingFailed)}, minute, customers, ""},
		"not with words of yesterday":      {[]line{{0, incident.Opened{}}, {0, task}}, 20 * minute, customers, ""},
		"not before it is due":             {[]line{{0, incident.Opened{}}, {0, incident.CallTask{Task: "T1", Customer: "bakery", Telephone: "1", Due: start.Add(minute)}}}, 0, customers, "at 1m0s"},
	} {
		policy := telephone.Policy{Tries: 2, Pause: minute, Priorities: []incident.Priority{incident.P1}}
		if c.change != nil {
			c.change(&policy)
		}
		got := said(telephone.Next(telephone.Facts{Incident: fold(c.lines), Inventory: people(t), Policy: policy, Now: start.Add(c.at)}))
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func customers(p *telephone.Policy) { p.Customers = true }
