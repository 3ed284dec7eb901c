package remediation_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// asking is a runbook whose one remedy always asks; PERSONS is 1 or 2.
const asking = `runbook: asking
title: Ask, then cut the power
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: path, check: reachable, target: site.gateway}
  - {id: power, check: bmc, target: server}
  - {id: shell, check: ssh, target: server}
remedies:
  - {id: cut, power: cycle, verify: 5m, attempts: 5, approve: {by: on-duty, within: 10m, otherwise: escalate, persons: PERSONS}}
`

// stage is what the worlds of the property test share; nothing of it changes.
// Each list holds what may be so instead of what was so.
type stage struct {
	books       []*runbooks.Runbook // one person, two persons, two persons in another text
	inventories []*inventory.Inventory
	limits      []remediation.Limits
}

func newStage(t testing.TB) stage {
	t.Helper()
	var s stage
	one := strings.Replace(asking, "PERSONS", "1", 1)
	two := strings.Replace(asking, "PERSONS", "2", 1)
	for _, text := range []string{one, two, two + "# mended\n"} {
		book, err := runbooks.Parse("asking.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.books = append(s.books, book)
	}
	for _, change := range []func(*inventory.Server){
		func(*inventory.Server) {},
		func(s *inventory.Server) { s.Protected, s.ProtectedWhy = true, "piket runs on it" },
		func(s *inventory.Server) { s.Serial = "SN9999" },
		func(s *inventory.Server) { s.BMC.Address = "192.0.2.99" },
	} {
		content := *world(t)
		content.Servers = slices.Clone(content.Servers)
		bmc := *content.Servers[0].BMC
		content.Servers[0].BMC = &bmc
		change(&content.Servers[0])
		content.People = append(slices.Clone(content.People),
			inventory.Person{Name: "eva", Email: "eva@example.net", Roles: []inventory.Role{inventory.Engineer}},
			inventory.Person{Name: "omar", Email: "omar@example.net", Roles: []inventory.Role{inventory.Engineer}})
		content.Teams = []inventory.Team{
			{Name: "network-and-server", Members: []string{"noor", "eva", "ravi", "sem"}, OnDuty: []string{"noor", "eva", "sem"}},
			{Name: "storage", Members: []string{"omar"}, OnDuty: []string{"omar"}},
		}
		inv, err := inventory.New(content)
		if err != nil {
			t.Fatal(err)
		}
		s.inventories = append(s.inventories, inv)
	}
	usual, other := remediation.DefaultLimits, remediation.DefaultLimits
	usual.HoldDown, other.HoldDown, other.InFlight = time.Second, time.Second, 4
	s.limits = []remediation.Limits{usual, other}
	return s
}

// circumstances is everything that a yes is for, by its place in the lists of
// the stage. It is kept apart from the hashes that piket computes.
type circumstances struct{ book, inventory, limits, evidence, attempt int }

// asked is what the test remembers of one question.
type asked struct {
	circumstances
	expires time.Time
	needed  int
	yes     map[string]bool // persons who may, in time
	no      bool
	paged   bool // the others of the team have been asked
	used    bool // an intent has been written for it
}

// forum is one world in which people are asked.
type forum struct {
	*stage
	choose func(n int) int
	fail   func(format string, args ...any)

	now     time.Time
	is      circumstances // what is so
	seen    int           // the evidence that piket has looked at last
	inc     *incident.Incident
	look    remediation.Look
	frozen  string
	askers  map[string]bool
	asked   map[string]*asked // by approval
	plans   []string          // every hash that was ever asked about
	answer  remediation.Answer
	history []incident.Payload
	tally   map[string]int
}

func newForum(s *stage, choose func(int) int, tally map[string]int) *forum {
	f := &forum{stage: s, choose: choose, tally: tally, now: three, inc: incident.Fold(nil), askers: map[string]bool{}, asked: map[string]*asked{}}
	f.is.book, f.is.inventory = choose(3), choose(2)
	book := s.books[f.is.book]
	f.write(
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		incident.Assigned{Team: "network-and-server"},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash})
	f.now = f.now.Add(time.Minute)
	return f
}

func (f *forum) write(payloads ...incident.Payload) {
	for _, p := range payloads {
		f.inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: f.inc.Version + 1, At: f.now, Actor: incident.Piket, Payload: p})
		f.history = append(f.history, p)
	}
}

// upset lets people and the world do one thing, or nothing.
func (f *forum) upset() {
	switch f.choose(18) {
	case 0:
		f.is.evidence = f.choose(3)
	case 1:
		f.is.limits = 1 - f.is.limits
	case 2:
		f.is.inventory = f.choose(len(f.inventories))
	case 3:
		f.is.book = f.choose(len(f.books))
		f.write(incident.RunbookPinned{Name: "asking", Hash: f.books[f.is.book].Hash})
	case 4:
		f.look = remediation.Look{} // piket was killed and started again
	case 5:
		f.frozen = map[bool]string{true: "", false: "by hand"}[f.frozen != ""]
	case 6:
		f.now = f.now.Add(time.Duration(f.choose(700)) * time.Second)
	case 7:
		f.report([]string{"noor", "eva", "ravi", "sem"}[f.choose(4)])
	case 8:
		f.page()
	case 9:
		f.say(f.answer) // the same thing once more
	case 10:
	default:
		f.say(f.someAnswer())
	}
}

func (f *forum) report(by string) {
	f.askers[by] = true
	f.write(incident.AlertReceived{Alert: alerts.Alert{Source: "person", Status: alerts.Firing, StartsAt: three,
		Labels: alerts.Labels{"server": "web-01"}, Annotations: alerts.Labels{"reporter": by}}})
}

// page asks the others of the team, as the desk does when nobody answers.
func (f *forum) page() {
	if a := f.inc.Approval; a != nil {
		f.asked[a.Approval].paged = true
		f.write(incident.MessageQueued{Message: fmt.Sprint("M", f.inc.Version), Topic: a.Approval, People: []string{"ravi"}})
	}
}

// someAnswer is mostly a yes to what is asked now, by somebody.
func (f *forum) someAnswer() remediation.Answer {
	a := remediation.Answer{By: []string{"noor", "eva", "noor", "eva", "ravi", "omar", "sem", "nobody", ""}[f.choose(9)], Yes: f.choose(12) > 0}
	if now := f.inc.Approval; now != nil {
		a.Approval, a.PlanHash = now.Approval, now.PlanHash
	}
	switch f.choose(10) {
	case 0:
		a.PlanHash = "another plan"
	case 1:
		if len(f.plans) > 0 { // what was asked before
			a.PlanHash = f.plans[f.choose(len(f.plans))]
		}
	case 2:
		a.Approval = fmt.Sprintf("INC-2026-0001/A%d", f.choose(30))
	}
	return a
}

// say judges an answer in its own words, beside the real judgement.
func (f *forum) say(a remediation.Answer) {
	f.answer = a
	payload, err := a.Payload(f.inc, f.inventories[f.is.inventory], f.now)
	q := f.asked[a.Approval]
	may := q != nil && (a.By == "noor" || a.By == "eva" || a.By == "ravi" && q.paged)
	if err != nil {
		f.tally["refused"]++
		return
	}
	switch p := payload.(type) {
	case incident.Approved:
		if !may || !f.now.Before(q.expires) || q.needed > 1 && f.askers[a.By] || q.yes[a.By] || q.no {
			f.fail("a yes was taken that must not count: %+v", a)
		}
		q.yes[a.By] = true
		f.tally["yes"]++
	case incident.Denied:
		if !may {
			f.fail("a no was taken from somebody who may not: %+v (%v)", a, p)
		}
		q.no = true
	}
	f.write(payload)
}

// turn lets piket decide until it waits.
func (f *forum) turn() {
	for range 8 {
		m := remediation.Next(remediation.Facts{
			Incident: f.inc, Runbook: f.books[f.is.book], Inventory: f.inventories[f.is.inventory], Limits: f.limits[f.is.limits],
			Frozen: f.frozen, Goal: f.look, Diagnosis: f.look, Now: f.now, JustWatched: f.look.At.Equal(f.now), JustDiagnosed: f.look.At.Equal(f.now),
		})
		switch m := m.(type) {
		case remediation.Watch, remediation.Diagnose:
			f.watch()
		case remediation.Decide:
			f.decide(m.Payloads)
		case remediation.Intend:
			f.check("planned", m.Intent, true)
			f.write(m.Intent)
			return // and something may happen before it is sent
		case remediation.Send:
			f.check("sent", m.Intent, false)
			f.write(incident.Claimed{Intent: m.Intent.Intent}, incident.OutcomeRecorded{Intent: m.Intent.Intent, Outcome: incident.OutcomeRefused},
				incident.StepFailed{Step: m.Intent.Step})
			return
		default:
			return
		}
	}
}

func (f *forum) watch() {
	power, shell := "on", incident.Down
	switch f.is.evidence {
	case 1:
		shell = incident.Unknown
	case 2:
		power = "off"
	}
	f.seen = f.is.evidence
	f.look = remediation.Look{At: f.now, Ended: f.now, Checks: []incident.Check{
		{ID: "reachable", Kind: "reachable", Target: "server", State: incident.Down},
		{ID: "services", Kind: "services", Target: "server", State: incident.Down, Facts: map[string]any{"down": "shop", "up": 0}},
		{ID: "path", Kind: "reachable", Target: "site.gateway", State: incident.Up},
		{ID: "power", Kind: "bmc", Target: "server", State: incident.Up, Facts: map[string]any{"state": power}},
		{ID: "shell", Kind: "ssh", Target: "server", State: shell},
	}}
}

func (f *forum) decide(payloads []incident.Payload) {
	f.write(payloads...)
	for _, p := range payloads {
		switch p := p.(type) {
		case incident.ApprovalRequested:
			q := &asked{circumstances: f.so(p.Attempt), expires: p.Expires, needed: 1, yes: map[string]bool{}}
			if f.is.book > 0 || f.inventories[f.is.inventory].Servers[0].Protected {
				q.needed = 2
			}
			f.asked[p.Approval], f.plans = q, append(f.plans, p.PlanHash)
			f.tally["asked"]++
		case incident.ApprovalLapsed:
			f.tally["lapsed: "+strings.Join(strings.Fields(p.Reason)[:2], " ")]++
		case incident.Voided:
			f.tally["voided"]++
		case incident.Intended:
			f.fail("an intent outside its transaction: %+v", p)
		}
	}
}

// so is what holds now, as far as piket has looked.
func (f *forum) so(attempt int) circumstances {
	c := f.is
	c.evidence, c.attempt = f.seen, attempt
	return c
}

// check is the promise: no intent without enough different, allowed, timely
// persons who agreed to exactly this plan, on this evidence, under this policy.
func (f *forum) check(what string, i incident.Intended, first bool) {
	q := f.asked[i.Approval]
	switch {
	case q == nil:
		f.fail("%s without a question: %+v", what, i)
	case first && q.used:
		f.fail("%s on a leave that was used before: %+v", what, i)
	case q.no:
		f.fail("%s although somebody said no: %+v", what, i)
	case q.circumstances != f.so(i.Attempt):
		f.fail("%s under %+v, and asked under %+v", what, f.so(i.Attempt), q.circumstances)
	case i.Serial != f.inventories[q.inventory].Servers[0].Serial:
		f.fail("%s for another machine: %+v", what, i)
	case f.now.After(q.expires):
		f.fail("%s %v after the leave had run out", what, f.now.Sub(q.expires))
	case f.frozen != "":
		f.fail("%s while frozen", what)
	}
	people := 0
	for name := range q.yes {
		if q.needed == 1 || !f.askers[name] || !first { // a report that comes after the intent takes nothing back
			people++
		}
	}
	if people < q.needed {
		f.fail("%s with %d of %d persons: %+v", what, people, q.needed, q.yes)
	}
	q.used = true
	f.tally[fmt.Sprint(what, " by ", q.needed)]++
}

// TestNoApprovalLeaksInAnySequence plays seeded sequences around the real
// judgement of answers and the real Next; a failing seed plays the same again.
func TestNoApprovalLeaksInAnySequence(t *testing.T) {
	sequences := 100_000
	if testing.Short() {
		sequences = 5_000
	}
	s := newStage(t)
	tally := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			own := map[string]int{}
			for seed := w; seed < sequences && !t.Failed(); seed += workers {
				playForum(t, &s, uint64(seed), own)
			}
			mu.Lock()
			defer mu.Unlock()
			for what, n := range own {
				tally[what] += n
			}
		})
	}
	wg.Wait()
	t.Log(sequences, "sequences:", tally)
	// Sequences in which nothing is ever asked, done or taken back prove nothing.
	for what, least := range map[string]int{
		"asked": sequences, "yes": sequences / 2, "refused": sequences / 2, "planned by 1": sequences / 20, "planned by 2": sequences / 100,
		"sent by 1": sequences / 50, "sent by 2": sequences / 200, "voided": sequences / 100, "lapsed: the evidence": sequences / 500,
		"lapsed: the policy": sequences / 10, "lapsed: nobody answered": sequences / 50, "lapsed: only noor": sequences / 1000,
	} {
		if tally[what] < least {
			t.Errorf("%q came %d times, want %d at least", what, tally[what], least)
		}
	}
}

// leak ends a sequence that broke the promise.
type leak string

func playForum(t *testing.T, s *stage, seed uint64, tally map[string]int) {
	f := newForum(s, rand.New(rand.NewPCG(seed, 11)).IntN, tally)
	f.fail = func(format string, args ...any) { panic(leak(fmt.Sprintf(format, args...))) }
	defer func() {
		if broken := recover(); broken != nil {
			for _, p := range f.history {
				t.Logf("%T %s", p, p.Text())
			}
			t.Errorf("seed %d: %v", seed, broken)
		}
	}()
	f.turn()
	for range 12 {
		for range 1 + f.choose(3)/2 { // sometimes two things happen before piket looks
			f.upset()
		}
		f.turn()
		if !f.inc.Ongoing() || f.inc.Order != nil {
			return
		}
	}
}

func FuzzNoApprovalLeaks(f *testing.F) {
	s := newStage(f)
	f.Add([]byte{0, 0, 11, 0, 1, 5, 11, 1, 1, 5, 1, 10, 10})
	f.Fuzz(func(t *testing.T, script []byte) {
		at := 0
		forum := newForum(&s, func(n int) int {
			if at >= len(script) {
				return n - 1
			}
			at++
			return int(script[at-1]) % n
		}, map[string]int{})
		forum.fail = t.Fatalf
		for range 40 {
			forum.turn()
			forum.upset()
		}
	})
}
