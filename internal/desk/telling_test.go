package desk_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var speaker = inventory.Person{Name: "cleo", Roles: []inventory.Role{inventory.Communications}}

func alert(t *testing.T, status string) incident.Payload {
	t.Helper()
	return incident.AlertReceived{Alert: alerts.Alert{
		Source: "alertmanager", Status: alerts.Status(status), Labels: alerts.Labels{"alertname": "x"}, StartsAt: start, Fingerprint: "f"}}
}

func TestCustomersHearOfWhatMattersToThem(t *testing.T) { // [3.1]
	no := false
	for name, c := range map[string]struct {
		notify   inventory.Notify
		priority incident.Priority
		want     string // what they are told at the beginning, an hour later, and at the end
	}{
		"nothing is said: as the configuration":    {inventory.Notify{}, incident.P1, "first, update, restored"},
		"nothing is said, a lesser priority":       {inventory.Notify{}, incident.P2, ""},
		"a priority that others do not hear of":    {inventory.Notify{Priorities: []string{"P2"}}, incident.P2, "first, restored"},
		"a priority that others hear of":           {inventory.Notify{Priorities: []string{"P2"}}, incident.P1, ""},
		"no updates":                               {inventory.Notify{Updates: &no}, incident.P1, "first, restored"},
		"not that it is over":                      {inventory.Notify{Restored: &no}, incident.P1, "first, update"},
		"only that it began":                       {inventory.Notify{Updates: &no, Restored: &no}, incident.P1, "first"},
		"both priorities, as the file may list it": {inventory.Notify{Priorities: []string{"P1", "P2"}}, incident.P1, "first, update, restored"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, c.priority, "acme")
			content := *h.inv
			content.Customers = slices.Clone(content.Customers)
			content.Customers[0].Notify = c.notify
			inv, err := inventory.New(content)
			if err != nil {
				t.Fatal(err)
			}
			h.inv = inv
			var said []string
			for n := range 3 {
				if n == 2 {
					h.happens(incident.Restored{How: "h"})
				}
				duties, _ := h.settle()
				for _, p := range duties {
					if m, ok := p.(incident.MessageQueued); ok && m.Customer != "" {
						said = append(said, m.Purpose)
					}
				}
				h.now = h.now.Add(time.Hour)
			}
			if got := strings.Join(said, ", "); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// promises looks for a next word that does not come.
func TestWhoHearsNothingInBetweenIsPromisedNothing(t *testing.T) { // [3.1]
	h := newHistory(t, incident.P2, "acme")
	h.inv.Customers[0].Notify.Priorities = []string{"P2"}
	content := *h.inv
	inv, err := inventory.New(content)
	if err != nil {
		t.Fatal(err)
	}
	h.inv = inv
	duties, _ := h.settle()
	if text := told(t, duties, "first"); !strings.Contains(text, "You will hear from us as soon as service is back.") || strings.Contains(text, "latest") {
		t.Errorf("they read\n%s", text)
	}
}

func TestALateWordCallsTheManagerOnce(t *testing.T) { // [3.2]
	h := newHistory(t, incident.P1, "acme")
	h.slow = true
	duties, _ := h.settle()
	if got := pagedTo(duties, "overdue-"); len(got) > 0 {
		t.Fatalf("called %q at once", got)
	}
	h.now = start.Add(10*time.Minute - time.Second)
	if duties, next := h.settle(); len(pagedTo(duties, "overdue-")) > 0 || !next.Equal(start.Add(10*time.Minute)) {
		t.Errorf("called early, or at %v", next)
	}
	h.now = start.Add(10 * time.Minute)
	duties, _ = h.settle()
	if got := pagedTo(duties, "overdue-"); !slices.Equal(got, []string{"mila", "mila"}) { // a mail and a call
		t.Errorf("called %q", got)
	}
	h.now = start.Add(29 * time.Minute)
	if duties, _ := h.settle(); len(duties) > 0 {
		t.Errorf("called again: %v", duties)
	}
}

func TestWithoutAManagerALateWordCallsWhoIsOnDuty(t *testing.T) { // [4.1]
	h := newHistory(t, incident.P1, "acme")
	h.slow = true
	content := *h.inv
	content.People = slices.DeleteFunc(slices.Clone(content.People), func(p inventory.Person) bool { return p.Name == "mila" })
	var err error
	if h.inv, err = inventory.New(content); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.now = start.Add(10 * time.Minute)
	duties, _ := h.settle()
	if got := pagedTo(duties, "overdue-"); !slices.Equal(got, []string{"noor", "noor"}) {
		t.Errorf("called %q", got)
	}
}

func TestACallIsOnePersonsAtATime(t *testing.T) { // [3.1]
	h := newHistory(t, incident.P1, "acme")
	h.slow = true
	h.settle()
	task := h.incident().CallTasks[0].Task
	list, err := desk.TakeCall(h.incident(), support, task, h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.happens(list...)
	h.now = h.now.Add(9 * time.Minute)
	for name, do := range map[string]func() error{
		"take":   func() error { _, err := desk.TakeCall(h.incident(), speaker, task, h.now); return err },
		"report": func() error { _, err := desk.ReportCall(h.incident(), speaker, task, "reached", h.now); return err },
	} {
		if err := do(); !errors.Is(err, desk.ErrTaken) || !strings.Contains(err.Error(), "sami has had it since 03:00:00 UTC, and keeps it until 03:10:00 UTC") {
			t.Errorf("%s by another: %v", name, err)
		}
	}
	if _, err := desk.ReportCall(h.incident(), support, task, "voicemail", h.now); err != nil {
		t.Errorf("by who has it: %v", err)
	}
	h.now = h.now.Add(time.Minute)
	if _, err := desk.TakeCall(h.incident(), speaker, task, h.now); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
	if _, err := desk.TakeCall(h.incident(), inventory.Person{Name: "x"}, task, h.now); !errors.Is(err, desk.ErrRole) {
		t.Errorf("by somebody without a role: %v", err)
	}
}

func TestWhoDoesNotAnswerIsCalledThreeTimes(t *testing.T) { // [3.1]
	h := newHistory(t, incident.P1, "acme")
	h.slow = true
	h.settle()
	task := h.incident().CallTasks[0].Task
	for n := 1; n <= 3; n++ {
		list, err := desk.ReportCall(h.incident(), support, task, "no_answer", h.now)
		if err != nil {
			t.Fatalf("call %d: %v", n, err)
		}
		h.happens(list...)
		c := h.incident().Call(task)
		if again := c.Outcome == ""; again != (n < 3) || again && !c.Due.Equal(h.now.Add(5*time.Minute)) || c.Tries != n {
			t.Fatalf("after call %d: %+v", n, c)
		}
		h.now = h.now.Add(5 * time.Minute)
	}
	if _, err := desk.ReportCall(h.incident(), support, task, "reached", h.now); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("a fourth: %v", err)
	}
}

func TestBouncedMailHasTheCustomerTelephoned(t *testing.T) { // [3.1]
	h := newHistory(t, incident.P2, "acme")
	h.policy.Updates = map[incident.Priority]time.Duration{incident.P2: time.Hour}
	h.settle()
	m := h.incident().Messages[0]
	for _, other := range h.incident().Messages {
		if other.Customer == "acme" {
			m = other
		}
	}
	facts := desk.Facts{Incident: h.incident(), Inventory: h.inv, Policy: h.policy, Now: h.now}
	list, err := desk.Bounced(facts, m.Message, "it@acme.example.net", "550 no such user\r\nfoo")
	if err != nil || !slices.Equal(kinds(list), []incident.Kind{"bounced", "attention", "call_task"}) {
		t.Fatalf("%q, %v", kinds(list), err)
	}
	h.happens(list...)
	inc := h.incident()
	if c := inc.CallTasks[0]; c.Telephone != "555 0100" || !strings.Contains(c.Script, "does not answer") || !strings.HasSuffix(c.Task, "/T"+last(inc)) {
		t.Errorf("the call is %+v", c)
	}
	if inc.Message(m.Message).Bounced == "" {
		t.Error("the mail does not show it")
	}
	facts.Incident = inc
	if again, err := desk.Bounced(facts, m.Message, "it@acme.example.net", "again"); err != nil || len(again) > 0 {
		t.Errorf("twice: %v, %v", again, err)
	}
	if _, err := desk.Bounced(facts, "nothing", "a", "r"); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("an unknown mail: %v", err)
	}
}

func last(inc *incident.Incident) string {
	_, number, _ := strings.Cut(inc.CallTasks[len(inc.CallTasks)-1].Task, "/T")
	return number
}

// nodding is an incident whose updates wait for a nod, five minutes before the
// next is due.
func nodding(t *testing.T) *history {
	t.Helper()
	h := newHistory(t, incident.P1, "acme", "bakker")
	h.policy.Nod = true
	h.happens(incident.Acknowledged{By: "noor"}) // or the next of the team would be paged
	duties, next := h.settle()
	want(t, duties, "mail first acme", "call first acme", "mail first bakker", "call first bakker") // at once, nod or not
	if !next.Equal(start.Add(25 * time.Minute)) {
		t.Fatalf("drafted at %v", next)
	}
	h.now = next
	return h
}

func TestAnUpdateWaitsForANodAndThenGoesByItself(t *testing.T) { // [4.3]
	h := nodding(t)
	duties, next := h.settle()
	want(t, duties)
	d := h.incident().Draft
	if d == nil || !slices.Equal(d.Customers, []string{"acme", "bakker"}) || len(d.Texts) != 2 || !next.Equal(start.Add(35*time.Minute)) {
		t.Fatalf("drafted %+v, next %v", d, next)
	}
	if got := pagedTo(duties, d.Draft); !slices.Equal(got, []string{"cleo"}) {
		t.Errorf("asked %q", got)
	}
	h.now = start.Add(35*time.Minute - time.Second)
	duties, _ = h.settle()
	want(t, duties)
	h.now = start.Add(35 * time.Minute)
	duties, _ = h.settle()
	want(t, duties, "mail update acme", "call update acme", "mail update bakker", "call update bakker")
}

func TestANodLetsTheUpdateGoAtOnceWithWords(t *testing.T) { // [4.3]
	h := nodding(t)
	h.settle()
	d := h.incident().Draft.Draft
	for name, c := range map[string]struct {
		by    inventory.Person
		draft string
		want  error
	}{"by an engineer": {engineer, d, desk.ErrRole}, "another draft": {speaker, "D9", desk.ErrNotNow}} {
		if _, err := desk.AgreeToUpdate(h.incident(), c.by, c.draft, "", h.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := desk.AgreeToUpdate(h.incident(), speaker, d, "The baker's dozen is safe", h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.happens(list...)
	duties, next := h.settle()
	want(t, duties, "mail update acme", "call update acme", "mail update bakker", "call update bakker")
	if !contains(duties, "acme", "The baker's dozen is safe.") || !next.Equal(h.now.Add(25*time.Minute)) {
		t.Errorf("next %v, they read\n%s", next, told(t, duties, "update"))
	}
	if _, err := desk.AgreeToUpdate(h.incident(), speaker, d, "", h.now); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("twice: %v", err)
	}
}

func TestJudgingFollowsTheMatrixAndSaysWhatItWas(t *testing.T) { // [1.2, 2.2]
	for name, c := range map[string]struct {
		by   inventory.Person
		said desk.Judgement
		want incident.Priority
		over bool
		err  error
	}{
		"both":                    {engineer, desk.Judgement{Impact: "medium", Urgency: "low", Reason: "r"}, incident.P3, false, nil},
		"impact only":             {support, desk.Judgement{Impact: "low", Reason: "r"}, incident.P3, false, nil},
		"urgency only":            {manager, desk.Judgement{Urgency: "low", Reason: "r"}, incident.P2, false, nil},
		"an override":             {manager, desk.Judgement{Priority: "P4", Reason: "a test machine"}, incident.P4, true, nil},
		"what the matrix says":    {manager, desk.Judgement{Urgency: "low", Priority: "P2", Reason: "r"}, incident.P2, false, nil},
		"no reason":               {engineer, desk.Judgement{Impact: "low", Reason: " "}, "", false, desk.ErrIncomplete},
		"an unknown level":        {engineer, desk.Judgement{Impact: "huge", Reason: "r"}, "", false, desk.ErrIncomplete},
		"an unknown priority":     {engineer, desk.Judgement{Priority: "P0", Reason: "r"}, "", false, desk.ErrIncomplete},
		"nothing new":             {engineer, desk.Judgement{Impact: "high", Reason: "r"}, "", false, desk.ErrNotNow},
		"by who only telephones":  {speaker, desk.Judgement{Impact: "low", Reason: "r"}, "", false, desk.ErrRole},
		"by somebody without one": {inventory.Person{Name: "x"}, desk.Judgement{Impact: "low", Reason: "r"}, "", false, desk.ErrRole},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1, "acme")
			got, err := desk.Classify(h.incident(), c.by, c.said)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			p := got[0].(incident.Classified)
			if p.Priority != c.want || p.Override != c.over || p.By != c.by.Name || p.Was != "P1, impact high, urgency high" {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestClocksFollowAJudgementAtOnce(t *testing.T) { // [2.2, 3.2]
	h := newHistory(t, incident.P3, "acme")
	duties, _ := h.settle()
	want(t, duties)
	judge := func(impact incident.Level) []incident.Payload {
		t.Helper()
		list, err := desk.Classify(h.incident(), engineer, desk.Judgement{Impact: impact, Urgency: impact, Reason: "r"})
		if err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(time.Minute)
		h.happens(list...)
		duties, _ := h.settle()
		return duties
	}
	duties = judge(incident.Medium)
	want(t, duties)
	duties = judge(incident.High)
	want(t, duties, "mail first acme", "call first acme")
	if got := pagedTo(duties, "open"); !slices.Equal(got, []string{"noor"}) {
		t.Errorf("called %q", got)
	}
	duties = judge(incident.Low)
	want(t, duties)
	h.now = h.now.Add(5 * time.Hour)
	duties, _ = h.settle()
	want(t, duties) // no updates of a P4
	h.happens(incident.Restored{How: "h"})
	duties, _ = h.settle()
	want(t, duties, "mail restored acme") // but who heard that it began hears that it is over
}
