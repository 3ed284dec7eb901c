package remediation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// protected is the one server of the fleet on which piket itself runs.
const protected = "s1r3u3"

// fleet is an inventory with two sites, four racks on each, and four servers in
// each rack; every second server is the same customer's.
func fleet(t testing.TB) *inventory.Inventory {
	t.Helper()
	var inv inventory.Inventory
	for s := range 2 {
		site := inventory.Site{Name: fmt.Sprintf("s%d", s)}
		for r := range 4 {
			rack := fmt.Sprintf("s%dr%d", s, r)
			feed := fmt.Sprintf("s%df%d", s, r/2)
			site.Racks = append(site.Racks, inventory.Rack{Name: rack, Feeds: []string{feed}})
			if r%2 == 0 {
				site.Feeds = append(site.Feeds, inventory.Feed{Name: feed})
			}
			for u := range 4 {
				server := inventory.Server{Name: fmt.Sprintf("%su%d", rack, u), Rack: rack, Address: fmt.Sprintf("192.0.2.%d", s*100+r*10+u+1), Model: "R1"}
				if u%2 == 0 {
					server.Customers = []string{"bakery"}
				}
				server.Protected = server.Name == protected
				inv.Servers = append(inv.Servers, server)
			}
		}
		inv.Sites = append(inv.Sites, site)
	}
	inv.Customers = []inventory.Customer{{Name: "bakery", Email: []string{"office@example.net"}}}
	loaded, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// about are the facts of an incident of one server, with what was touched.
func about(t testing.TB, server string, touched ...*incident.Touch) Facts {
	inv := fleet(t)
	s, ok := inv.Server(server)
	if !ok {
		t.Fatalf("no server %s", server)
	}
	inc := incident.Fold([]incident.Event{{Incident: "INC-1", Seq: 1, At: noon, Payload: incident.Opened{
		Subject: incident.Subject{Kind: "server", Name: server}, Site: s.Site}}})
	limits := DefaultLimits
	limits.FleetPercent = 50
	return Facts{Incident: inc, Inventory: inv, Limits: limits, Now: noon, Touched: touched}
}

// touch is an action on a server so long ago; change makes it what the test
// needs.
func touch(server string, ago time.Duration, change ...func(*incident.Touch)) *incident.Touch {
	t := &incident.Touch{Incident: "INC-2", Action: incident.Action{
		Intended:  incident.Intended{Intent: "INC-2/" + server + ago.String(), Server: server, Action: "power", Verb: "cycle"},
		PlannedAt: noon.Add(-ago), Outcome: incident.OutcomeDone, Ended: true, Result: incident.Helped,
	}}
	for _, c := range change {
		c(t)
	}
	return t
}

func live(t *incident.Touch)    { t.Ended, t.Outcome, t.Result = false, "", "" }
func unknown(t *incident.Touch) { t.Outcome, t.Result = incident.OutcomeUnknown, incident.Failed }
func voided(t *incident.Touch)  { t.Voided, t.Outcome, t.Result = true, "", "" }
func refusedOne(t *incident.Touch) {
	t.Outcome, t.Result = incident.OutcomeRefused, ""
}
func duty(t *incident.Touch) { t.Duty, t.Verb = 1, "on" }
func ssh(t *incident.Touch)  { t.Action.Action, t.Verb = "ssh", "" }

// among notes where the server stood when the action was planned.
func among(rack, site, customer string) func(*incident.Touch) {
	return func(t *incident.Touch) {
		t.Among = incident.Circles{Rack: rack, Site: site, Customers: []string{customer}}
	}
}

var cycle = runbooks.Remedy{ID: "power-cycle", Power: "cycle"}

// What other incidents have touched, and which guard that wakes, "" when none.
func TestBudgetsHoldWhatOthersHaveTouched(t *testing.T) {
	const hour = time.Hour
	tests := map[string]struct {
		touched []*incident.Touch
		guard   string
	}{
		"nothing":                                 {nil, ""},
		"one in the same rack, right now":         {[]*incident.Touch{touch("s0r0u1", 0, live)}, "blast-radius"},
		"one in the same rack, ten minutes ago":   {[]*incident.Touch{touch("s0r0u1", 10*time.Minute)}, "blast-radius"},
		"one in the same rack, an hour ago":       {[]*incident.Touch{touch("s0r0u1", hour)}, ""},
		"one in the same rack, for an hour now":   {[]*incident.Touch{touch("s0r0u1", hour, live)}, "blast-radius"},
		"left unknown hours ago, and still down":  {[]*incident.Touch{touch("s0r0u1", 5*hour, unknown)}, "blast-radius"},
		"voided, in the same rack":                {[]*incident.Touch{touch("s0r0u1", 0, voided)}, ""},
		"refused, in the same rack":               {[]*incident.Touch{touch("s0r0u1", 0, refusedOne)}, ""},
		"one in another rack of the site":         {[]*incident.Touch{touch("s0r1u1", 0, live)}, ""},
		"two in other racks of the site":          {[]*incident.Touch{touch("s0r1u1", 0, live), touch("s0r2u1", 0, live)}, "blast-radius"},
		"two actions on one server of the site":   {[]*incident.Touch{touch("s0r1u1", 5*time.Minute), touch("s0r1u1", 0, live)}, ""},
		"one of the same customer, elsewhere":     {[]*incident.Touch{touch("s1r1u0", 0, live)}, "blast-radius"},
		"four at the other site":                  {[]*incident.Touch{touch("s1r0u1", 0, live), touch("s1r1u1", 0, live), touch("s1r2u1", 0, live), touch("s1r3u1", 0, live)}, ""},
		"five at the other site":                  {[]*incident.Touch{touch("s1r0u1", 0, live), touch("s1r1u1", 0, live), touch("s1r2u1", 0, live), touch("s1r3u1", 0, live), touch("s1r3u3", 0, live)}, "few-at-once"},
		"four on the site within the hour":        {[]*incident.Touch{touch("s0r1u1", 40*time.Minute), touch("s0r1u1", 42*time.Minute), touch("s0r1u1", 44*time.Minute), touch("s0r2u1", 46*time.Minute)}, ""},
		"five on the site within the hour":        {[]*incident.Touch{touch("s0r1u1", 40*time.Minute), touch("s0r1u1", 42*time.Minute), touch("s0r1u1", 44*time.Minute), touch("s0r2u1", 46*time.Minute), touch("s0r2u1", 59*time.Minute)}, "rate"},
		"itself, twice within the day":            {[]*incident.Touch{touch("s0r0u0", 5*hour), touch("s0r0u0", 9*hour)}, ""},
		"itself, three times within the day":      {[]*incident.Touch{touch("s0r0u0", 5*hour), touch("s0r0u0", 9*hour), touch("s0r0u0", 23*hour)}, "rate"},
		"itself, three times, one the day before": {[]*incident.Touch{touch("s0r0u0", 5*hour), touch("s0r0u0", 9*hour), touch("s0r0u0", 25*hour)}, ""},
		"itself, its power, 29 minutes ago":       {[]*incident.Touch{touch("s0r0u0", 29*time.Minute)}, "cooldown"},
		"itself, its power, 31 minutes ago":       {[]*incident.Touch{touch("s0r0u0", 31*time.Minute)}, ""},
		"itself, over SSH, a minute ago":          {[]*incident.Touch{touch("s0r0u0", time.Minute, ssh)}, ""},
		"itself, given its power back":            {[]*incident.Touch{touch("s0r0u0", time.Minute, duty)}, ""},
		"a server that has left the inventory":    {[]*incident.Touch{touch("gone", 0, live)}, ""},
		"it left, from another rack":              {[]*incident.Touch{touch("gone", 0, live, among("s0r1", "s0", ""))}, ""},
		"it left, from the same rack":             {[]*incident.Touch{touch("gone", 0, live, among("s0r0", "s0", ""))}, "blast-radius"},
		"it left, of the same customer":           {[]*incident.Touch{touch("gone", 0, live, among("s1r0", "s1", "bakery"))}, "blast-radius"},
		"two left, from the same site":            {[]*incident.Touch{touch("gone", 0, live, among("s0r1", "s0", "")), touch("away", 0, live, among("s0r2", "s0", ""))}, "blast-radius"},
		"it was moved away from the same rack":    {[]*incident.Touch{touch("s1r0u1", 0, live, among("s0r0", "s0", ""))}, "blast-radius"},
		"it was moved after the first of two":     {[]*incident.Touch{touch("s1r0u1", 2*time.Minute, among("s1r0", "s1", "")), touch("s1r0u1", time.Minute, among("s0r0", "s0", ""))}, "blast-radius"},
		"it was moved into the same rack":         {[]*incident.Touch{touch("s0r0u1", 0, live, among("s1r0", "s1", ""))}, "blast-radius"},
		"five on the site, moved away since": {[]*incident.Touch{touch("s1r1u1", 40*time.Minute, among("s0r1", "s0", "")), touch("s1r1u1", 42*time.Minute, among("s0r1", "s0", "")),
			touch("s1r1u1", 44*time.Minute, among("s0r1", "s0", "")), touch("s1r2u1", 46*time.Minute, among("s0r2", "s0", "")), touch("gone", 59*time.Minute, among("s0r2", "s0", ""))}, "rate"},
	}
	budgets := map[string]func(Facts, runbooks.Remedy) *refusal{
		"few-at-once": fewAtOnce, "blast-radius": smallRadius, "rate": rarely, "cooldown": cooledDown,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := about(t, "s0r0u0", test.touched...)
			for guard, check := range budgets {
				no := check(f, cycle)
				if want := guard == test.guard; (no != nil) != want && !(test.guard == "few-at-once" && guard != "few-at-once") {
					t.Errorf("%s refuses: %v (%+v), want %v", guard, no != nil, no, want)
				}
				if no != nil && !no.Until.After(f.Now) {
					t.Errorf("%s looks again at %v, and it is %v", guard, no.Until, f.Now)
				}
			}
		})
	}
}

func TestFleetIsNeverMoreThanItsShare(t *testing.T) {
	f := about(t, "s0r0u1", touch("s1r0u1", 0, live))
	for percent, refuses := range map[int]bool{1: true, 4: true, 7: false} { // of 32: one, one, two
		f.Limits.FleetPercent = percent
		if no := smallRadius(f, cycle); (no != nil) != refuses {
			t.Errorf("%d %%: %+v, want a refusal: %v", percent, no, refuses)
		}
	}
}

func TestLimitThatIsNotConfiguredRefuses(t *testing.T) {
	f := about(t, "s0r0u0")
	f.Limits = Limits{}
	for name, check := range map[string]func(Facts, runbooks.Remedy) *refusal{"few-at-once": fewAtOnce, "blast-radius": smallRadius, "rate": rarely} {
		if check(f, cycle) == nil {
			t.Errorf("%s lets everything through without a limit", name)
		}
	}
}

func TestOwnIntentDoesNotStandInItsOwnWay(t *testing.T) {
	f := about(t, "s0r0u0")
	f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: 2, At: noon, Payload: incident.Intended{Intent: "INC-1/I2", Server: "s0r0u0", Action: "power", Verb: "cycle"}})
	f.Touched = []*incident.Touch{{Incident: "INC-1", Action: *f.Incident.Action}}
	for name, check := range map[string]func(Facts, runbooks.Remedy) *refusal{"few-at-once": fewAtOnce, "blast-radius": smallRadius, "rate": rarely, "cooldown": cooledDown} {
		if no := check(f, cycle); no != nil {
			t.Errorf("%s: %+v", name, no)
		}
	}
}

// The inventory may have another place for it, or none, before the limits are
// asked the next time.
func TestAnIntentNotesWhereItsServerStands(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	f := about(t, "s0r0u0")
	f.Runbook = book
	r, _ := book.Remedy("free")
	p, why := newPlan(f, r)
	if why != "" {
		t.Fatal(why)
	}
	got := p.intent(f, r).Among
	if got.Rack != "s0r0" || got.Site != "s0" || !slices.Equal(got.Customers, []string{"bakery"}) {
		t.Errorf("%+v", got)
	}
}

// Giving power back is sent by a process that has looked, too: another one may
// have planned it.
func TestPowerIsNotGivenBackByWhoHasNotLooked(t *testing.T) {
	f := about(t, "s0r0u0")
	owed := incident.Intended{Intent: "INC-1/I9", Server: "s0r0u0", Action: "power", Verb: "on", Duty: 1}
	for ago, held := range map[time.Duration]bool{time.Second: false, time.Hour: true} {
		f.Goal.At, f.Goal.Ended = f.Now.Add(-ago), f.Now.Add(-ago)
		if why := f.forbids(owed); (why != "") != held {
			t.Errorf("it looked %v ago: %q", ago, why)
		}
	}
}

// Setting the clock ahead makes nothing longer ago: what a day, an hour and a
// cooldown allow is counted on.
func TestAClockThatIsSetAheadFreesNoRoom(t *testing.T) {
	const by = 25 * time.Hour
	touches := func() (list []*incident.Touch) {
		for n := range DefaultLimits.ServerDay {
			list = append(list, &incident.Touch{Incident: "INC-9", Action: incident.Action{
				Intended:  incident.Intended{Intent: fmt.Sprint("I", n), Server: "s0r0u0", Action: "power", Verb: "cycle"},
				PlannedAt: noon.Add(-time.Duration(n) * time.Minute), Ended: true, Outcome: incident.OutcomeDone,
			}})
		}
		return list
	}
	f := about(t, "s0r0u0")
	f.Limits = DefaultLimits
	f.Now = noon.Add(2*time.Hour + by)
	f.Touched = f.asOfNow(touches())
	if no := rarely(f, runbooks.Remedy{}); no != nil {
		t.Errorf("a day and more later: %+v", no)
	}
	f.Ahead = []clock.Step{{At: noon.Add(time.Hour + by), By: by}}
	if since := f.memory(); since.After(noon.Add(2*time.Hour - memorySpan)) {
		t.Errorf("what is looked up begins at %v", since)
	}
	recorded := touches()
	f.Touched = f.asOfNow(recorded)
	if no := rarely(f, runbooks.Remedy{}); no == nil {
		t.Error("two hours later, on a clock that was set ahead, the server may be acted on again")
	}
	if !recorded[0].PlannedAt.Equal(noon) {
		t.Error("what others share was changed")
	}
	f.Now = noon.Add(memorySpan + by)
	f.Touched = f.asOfNow(touches())
	if no := rarely(f, runbooks.Remedy{}); no != nil {
		t.Errorf("a real day later: %+v", no)
	}
	after := touches()
	for _, a := range after {
		a.PlannedAt = a.PlannedAt.Add(by + 90*time.Minute) // after the step, by the clock of then
	}
	if got := f.asOfNow(after); !got[0].PlannedAt.Equal(after[0].PlannedAt) {
		t.Errorf("what was done after the step moved from %v to %v", after[0].PlannedAt, got[0].PlannedAt)
	}
}
