package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

var morning = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// lived adds up a history in which one thing happens each minute.
func lived(t *testing.T, payloads ...incident.Payload) history {
	t.Helper()
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	book, ok := library.Book("server-unreachable")
	if !ok {
		t.Fatal("the runbook of the worked example is gone")
	}
	start := []incident.Payload{
		incident.Opened{Title: "Server web-07 does not answer", Subject: incident.Subject{Kind: "server", Name: "web-07"}, Customers: []string{"bakery"}},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		incident.RunbookPinned{Name: book.Name, Hash: book.Hash, Source: book.Source},
	}
	h := history{book: book}
	for n, p := range append(start, payloads...) {
		at := morning.Add(time.Duration(n) * time.Minute)
		h.events = append(h.events, incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: at, Recorded: at, Actor: incident.Piket, Payload: p})
	}
	h.inc = incident.Fold(h.events)
	return h
}

var (
	diagnosed = incident.Diagnosed{Checks: []incident.Check{{ID: "path", Kind: "reachable", Target: "site.gateway", State: incident.Up}}}
	concluded = incident.Concluded{Verdict: incident.VerdictServer, Reason: "only it is silent"}
	asking    = incident.ApprovalRequested{Approval: "A1", Step: "power-cycle", Action: "power cycle web-07", PlanHash: "h", By: "on-duty", Expires: morning.Add(time.Hour)}
	granted   = incident.Approved{Approval: "A1", PlanHash: "h", By: "noor"}
	intended  = incident.Intended{Intent: "I1", Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle"}
	claimed   = incident.Claimed{Intent: "I1"}
	ordering  = incident.WorkOrdered{Order: "W1", Step: "escalate-1", To: "remote hands", AcknowledgeBy: morning.Add(15 * time.Minute), ArriveBy: morning.Add(2 * time.Hour)}
)

func outcome(o incident.Outcome) incident.Payload {
	return incident.OutcomeRecorded{Intent: "I1", Outcome: o, Detail: "it said so"}
}

func TestTheStandingIsTheMostTellingFact(t *testing.T) {
	type events = []incident.Payload
	cases := []struct {
		name   string
		events events
		want   standing
	}{
		{"just opened", nil, standing{toneLook, "Looking for the cause, touching nothing"}},
		{"judged", events{diagnosed, concluded}, standing{toneLook, "The trouble is in the server itself"}},
		{"site", events{diagnosed, incident.Concluded{Verdict: incident.VerdictSite}}, standing{toneLook, "The trouble is at the site or on the way to it; no server is touched"}},
		{"held", events{incident.Blocked{Step: "power-cycle", Guard: "freeze", Why: "piket is frozen."}}, standing{toneHold, "Held back: piket is frozen"}},
		{"asked", events{asking}, standing{toneAsk, "Waits for a yes or no: power cycle web-07"}},
		{"approved", events{asking, granted}, standing{toneAct, "noor approved; about to power cycle web-07"}},
		{"intended", events{intended}, standing{toneAct, "About to power cycle web-07"}},
		{"sent", events{intended, claimed}, standing{toneAct, "Being carried out: power cycle web-07"}},
		{"done", events{intended, claimed, outcome(incident.OutcomeDone)}, standing{toneLook, "Done: power cycle web-07. Watching whether it comes back"}},
		{"unknown", events{intended, claimed, outcome(incident.OutcomeUnknown)}, standing{toneHold, "Not known whether it was carried out: power cycle web-07. Looking, not sending again"}},
		{"refused", events{intended, claimed, outcome(incident.OutcomeRefused)}, standing{toneHold, "Refused: power cycle web-07"}},
		{"ordered", events{ordering}, standing{toneAsk, "Waits for remote hands to acknowledge the work order"}},
		{"on site", events{ordering, incident.OrderProgress{Order: "W1", State: "on_site"}}, standing{toneAct, "remote hands is at the machine"}},
		{"stuck", events{incident.Attention{Topic: "ladder-used-up", Why: "nothing left"}}, standing{toneAsk, "Waits for a person"}},
		{"back", events{incident.Restored{}}, standing{toneGood, "Service is back; checking everything once more"}},
		{"checked", events{incident.Restored{}, incident.ClosureChecked{Passed: true}}, standing{toneGood, "Service is back; an engineer closes it"}},
		{"not quite", events{incident.Restored{}, incident.ClosureChecked{}}, standing{toneHold, "Service is back, but the closure check failed"}},
		{"closed", events{incident.Closed{By: "noor"}}, standing{toneQuiet, "Closed after 3 min"}},
		{"merged", events{incident.Merged{Into: "INC-2026-0002"}}, standing{toneQuiet, "Part of INC-2026-0002"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := standingOf(lived(t, c.events...)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestThePhasesFollowThePolicyAndNeverGoBack(t *testing.T) {
	cases := []struct {
		now    string
		events []incident.Payload
	}{
		{"Analyse", nil},
		{"Resolve", []incident.Payload{diagnosed, concluded}},
		{"Close", []incident.Payload{incident.Restored{}}},
		{"Resolve", []incident.Payload{diagnosed, concluded, incident.Restored{}, incident.Relapsed{}}},
		{"Review", []incident.Payload{incident.Restored{}, incident.Closed{}}},
	}
	for _, c := range cases {
		list := phases(lived(t, c.events...))
		if len(list) != 6 {
			t.Fatalf("%d phases", len(list))
		}
		for n, p := range list {
			if p.Now != (p.Name == c.now) || p.Now && slices.ContainsFunc(list[n:], func(later phase) bool { return later.Done }) {
				t.Errorf("now %s: %+v", c.now, list)
				break
			}
		}
	}
}

func TestTheLadderShowsWhatBecameOfEachRung(t *testing.T) {
	h := lived(t, diagnosed, concluded,
		incident.Skipped{Step: "restart-service", Reason: "SSH is silent"},
		incident.StepFailed{Step: "power-on", Reason: "still off", Final: true}, asking)
	var got []string
	for _, r := range ladderOf(h, setting{}).Rungs {
		got = append(got, r.Name+": "+r.State)
	}
	want := []string{"look: done", "restart-service: does not apply", "power-on: did not help", "power-cycle: asked", "technician: "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestEveryKindOfEventHasItsLook(t *testing.T) {
	for kind := range incident.Kinds {
		how, known := kindLooks[kind]
		if !known {
			t.Errorf("%s has no look", kind)
		}
		if !strings.Contains(iconSprite(t), `id="`+how.icon+`"`) {
			t.Errorf("%s wants the icon %q, which is not in the sprite", kind, how.icon)
		}
	}
	for kind := range kindLooks {
		if _, known := incident.Kinds[kind]; !known {
			t.Errorf("%s is no kind of event", kind)
		}
	}
}

func iconSprite(t *testing.T) string {
	t.Helper()
	data, err := staticFiles.ReadFile("static/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCustomersHearAgainWhenTheFirstOfThemIsDue(t *testing.T) {
	first := incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "bakery"}
	cases := []struct {
		name   string
		events []incident.Payload
		want   time.Time
	}{
		{"not told yet", nil, morning},
		{"told at three minutes", []incident.Payload{first}, morning.Add(33 * time.Minute)},
		{"back", []incident.Payload{first, incident.Restored{}}, time.Time{}},
		{"not so pressing", []incident.Payload{incident.Classified{Priority: incident.P3}}, time.Time{}},
	}
	for _, c := range cases {
		if got := nextUpdate(lived(t, c.events...).inc, desk.DefaultUpdates); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTheBoardSaysWhatWaitsForWhom(t *testing.T) {
	call := incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery", Due: morning}
	inv, err := inventory.New(inventory.Inventory{
		People:    []inventory.Person{{Name: "noor", Title: "Noor", Roles: []inventory.Role{inventory.Engineer}}},
		Teams:     []inventory.Team{{Name: "network-and-server", Members: []string{"noor"}, OnDuty: []string{"noor"}}},
		Customers: []inventory.Customer{{Name: "bakery", Title: "The Bakery"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	team := incident.Assigned{Team: "network-and-server"}
	cases := []struct {
		name      string
		events    []incident.Payload
		what, who string
		late      bool
	}{
		{"approval", []incident.Payload{team, asking}, "A yes or no: power cycle web-07", "Noor", false},
		{"work order", []incident.Payload{ordering}, "To acknowledge the work order", "remote hands", true},
		{"arrival", []incident.Payload{ordering, incident.OrderProgress{Order: "W1", State: "acknowledged"}}, "To arrive on site", "remote hands", false},
		{"call", []incident.Payload{call}, "To telephone The Bakery", "support", true},
		{"attention", []incident.Payload{team, incident.Attention{Topic: "x", Why: "nobody knows"}}, "Nobody knows", "Noor", false},
		{"closing", []incident.Payload{team, incident.Restored{}, incident.ClosureChecked{Passed: true}}, "To be closed, with cause and solution", "Noor", false},
	}
	for _, c := range cases {
		list := waits(lived(t, c.events...), setting{inv: inv, now: morning.Add(30 * time.Minute)})
		if len(list) != 1 || list[0].What != c.what || list[0].Who != c.who || list[0].Late != c.late {
			t.Errorf("%s: %+v", c.name, list)
		}
	}
	for name, events := range map[string][]incident.Payload{
		"answered":     {asking, granted},
		"called":       {call, incident.Called{Task: "T1", Outcome: "reached"}},
		"acknowledged": {incident.Attention{Topic: "x", Why: "y"}, incident.Acknowledged{By: "noor"}},
		"on site":      {ordering, incident.OrderProgress{Order: "W1", State: "on_site"}},
	} {
		if list := waits(lived(t, events...), setting{inv: inv, now: morning}); len(list) != 0 {
			t.Errorf("%s, and it waits: %+v", name, list)
		}
	}
}

// What expires without an answer stands first, whatever else waits.
func TestAQuestionStandsFirstOnTheBoard(t *testing.T) {
	inv, err := inventory.New(inventory.Inventory{})
	if err != nil {
		t.Fatal(err)
	}
	pressing := incident.Classified{Priority: incident.P1}
	called := lived(t, pressing, incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery", Due: morning})
	asked := lived(t, incident.Classified{Priority: incident.P2}, asking)
	b := boardOf([]history{called, asked}, nil, setting{inv: inv, now: morning})
	if len(b.Waiting) != 2 || b.Waiting[0].Panel != "question" || b.Waiting[1].Panel != "calls" {
		t.Errorf("waiting are %+v", b.Waiting)
	}
}

func TestMilestonesOfAnOrderAreLateOnlyWhenNothingLaterWasReached(t *testing.T) {
	inv, err := inventory.New(inventory.Inventory{})
	if err != nil {
		t.Fatal(err)
	}
	after := setting{inv: inv, now: morning.Add(3 * time.Hour)}
	late := func(payloads ...incident.Payload) (names []string) {
		for _, m := range ordersOf(lived(t, payloads...), after).Orders[0].Milestones {
			if m.Late {
				names = append(names, m.Title)
			}
		}
		return names
	}
	if got := late(ordering); !slices.Equal(got, []string{"Acknowledged", "On site"}) {
		t.Errorf("unanswered: late are %q", got)
	}
	if got := late(ordering, incident.OrderProgress{Order: "W1", State: "on_site"}); got != nil {
		t.Errorf("on site: late are %q", got)
	}
	if got := late(ordering, incident.OrderProgress{Order: "W1", State: "refused"}); got != nil {
		t.Errorf("refused: late are %q", got)
	}
}

func TestLengthsOfTimeAreSaidAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 45 * time.Second: "45 s", 5 * time.Minute: "5 min", 89 * time.Minute: "89 min",
		185 * time.Minute: "3 h 05 min", 72 * time.Hour: "3 days",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestOneCustomersAddressesCountAsOneForGuessing(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:4711": "192.0.2.7", "[::ffff:192.0.2.7]:4711": "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:4711": "2001:db8:1:2::/64", "[2001:db8:1:2::9%eth0]:80": "2001:db8:1:2::/64", "@": "@",
	} {
		a := &app{Server: &Server{Config: func() Config { return Config{} }}}
		if got := network(a.address(&http.Request{RemoteAddr: remote})); got != want {
			t.Errorf("%s is %q, want %q", remote, got, want)
		}
	}
}

func TestManyNamesFromOneAddressAreSlowedToo(t *testing.T) {
	a := newAttempts()
	for n := range maxGuessesPerAddress {
		if a.begin("192.0.2.7", strings.Repeat("n", n+1), morning) > 0 {
			t.Fatalf("slowed after %d", n)
		}
	}
	if a.begin("192.0.2.7", "fresh", morning) == 0 {
		t.Error("one address may try names for ever")
	}
	if a.begin("192.0.2.8", "fresh", morning) > 0 {
		t.Error("another address is slowed")
	}
	if a.begin("192.0.2.7", "fresh", morning.Add(guessWindow)) > 0 {
		t.Error("it is slowed for ever")
	}
}

func TestARightPasswordIsNotCountedAsAGuess(t *testing.T) {
	a := newAttempts()
	for range 10 * maxGuessesPerAddress {
		if a.begin("192.0.2.7", "noor", morning) > 0 {
			t.Fatal("slowed for signing in")
		}
		a.forgive("192.0.2.7", "noor")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions()
	first := s.begin("first", morning, time.Minute)
	for range maxSessions {
		s.begin("more", morning, time.Hour)
	}
	if _, ok := s.find(first, morning); ok || len(s.byID) > maxSessions {
		t.Errorf("%d are remembered", len(s.byID))
	}
	s.begin("later", morning.Add(time.Hour), time.Hour)
	if len(s.byID) != 1 {
		t.Errorf("%d are remembered after all but one ended", len(s.byID))
	}
}
