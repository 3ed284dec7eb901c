package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

func intended(inc *incident.Incident, name string) incident.Intended {
	return incident.Intended{
		Intent: fmt.Sprintf("%s/I%d", inc.ID, inc.Version+1), Step: "power-cycle", Attempt: 1, Server: name, Action: "power", Verb: "cycle",
		Runbook: "server-unreachable", Class: "R1",
	}
}

func touched(t *testing.T, s *store.Store, since time.Time) []string {
	t.Helper()
	list, err := s.Touches(ctx, since)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, touch := range list {
		names = append(names, fmt.Sprintf("%s of %s, live %v", touch.Server, touch.Incident, touch.Live()))
	}
	return names
}

func TestTouchesAreWhatIsUnderWayAndWhatWasLately(t *testing.T) {
	onEach(t, testTouchesAreWhatIsUnderWayAndWhatWasLately)
}

func testTouchesAreWhatIsUnderWayAndWhatWasLately(t *testing.T, where string) {
	clk := clock.Jumping(start)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pass := func(d time.Duration) {
		<-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(d), nil) })
	}
	first := create(t, s, "web-07")
	first = add(t, s, first, event(intended(first, "web-07")))
	pass(time.Hour)
	second := create(t, s, "web-08")
	second = add(t, s, second, event(intended(second, "web-08")))
	add(t, s, second, event(incident.Voided{Intent: second.Action.Intent, Reason: "r"}))
	pass(time.Hour)
	if got, want := touched(t, s, clk.Now()), []string{"web-07 of INC-2026-0001, live true"}; !slices.Equal(got, want) {
		t.Errorf("under way are %q, want %q", got, want)
	}
	if got, want := touched(t, s, start), []string{"web-07 of INC-2026-0001, live true", "web-08 of INC-2026-0002, live false"}; !slices.Equal(got, want) {
		t.Errorf("in all were %q, want %q", got, want)
	}
	if list, err := s.Touches(ctx, start); err != nil || fmt.Sprint(list[0].Action) != fmt.Sprint(*first.Action) || !list[1].Voided {
		t.Errorf("it is kept as %+v (%v), the timeline says %+v", list, err, first.Action)
	}
}

func TestResultsAreOfOneStepOnOneClassNewestFirst(t *testing.T) {
	onEach(t, testResultsAreOfOneStepOnOneClassNewestFirst)
}

func testResultsAreOfOneStepOnOneClassNewestFirst(t *testing.T, where string) {
	s := open(t, where)
	var helped *incident.Incident
	for n, change := range []func(*incident.Intended){
		func(i *incident.Intended) {}, func(i *incident.Intended) { i.Class = "R2" }, func(i *incident.Intended) { i.Step = "power-on" },
		func(i *incident.Intended) { i.Duty = 1 }, func(i *incident.Intended) { i.Runbook = "mine" }, func(i *incident.Intended) {},
	} {
		name := fmt.Sprintf("web-%02d", n)
		inc := create(t, s, name)
		i := intended(inc, name)
		change(&i)
		inc = add(t, s, inc, event(i), event(incident.Claimed{Intent: i.Intent}), event(incident.OutcomeRecorded{Intent: i.Intent, Outcome: incident.OutcomeDone}))
		if n < 5 {
			if inc = add(t, s, inc, event(incident.Restored{Step: i.Step})); n == 0 {
				helped = inc
			}
			continue
		}
		add(t, s, inc, event(incident.StepFailed{Step: i.Step, Final: true}))
	}
	list, err := s.Results(ctx, "server-unreachable", "power-cycle", "R1", 10)
	if err != nil || len(list) != 2 || list[0].Server != "web-05" || list[0].Result != incident.Failed || list[1].Result != incident.Helped {
		t.Errorf("%+v (%v)", list, err)
	}
	if list, err = s.Results(ctx, "server-unreachable", "power-cycle", "R1", 1); err != nil || len(list) != 1 {
		t.Errorf("limited to one: %d (%v)", len(list), err)
	}
	add(t, s, helped, event(incident.Relapsed{Reason: "reachable does not answer"}))
	if list, err = s.Results(ctx, "server-unreachable", "power-cycle", "R1", 10); err != nil || len(list) != 2 || list[1].Result != incident.ShortLived {
		t.Errorf("after it failed again: %+v (%v)", list, err)
	}
}

func TestFallenAreServersThatOpenedInBetween(t *testing.T) {
	onEach(t, testFallenAreServersThatOpenedInBetween)
}

func testFallenAreServersThatOpenedInBetween(t *testing.T, where string) {
	clk := clock.Jumping(start)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n, p := range []incident.Opened{
		{Subject: server("web-00"), Site: "ams1"}, {Subject: server("web-01"), Site: "ams1"}, {Subject: server("web-02"), Site: "rtm1"},
		{Subject: incident.Subject{Kind: "rack", Name: "r1"}, Site: "ams1"}, {Subject: server("web-04"), Site: "ams1"}, {Subject: server("web-05"), Site: "ams1"},
	} {
		inc, err := s.Create(ctx, event(p))
		if err != nil {
			t.Fatal(err)
		}
		if n == 4 {
			add(t, s, inc, event(incident.Restored{}))
		}
		<-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(time.Minute), nil) })
	}
	got, err := s.Fallen(ctx, "ams1", start.Add(time.Minute), start.Add(5*time.Minute), 10)
	if want := []string{"web-01", "web-05"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
	if got, err := s.Fallen(ctx, "ams1", start, start.Add(time.Hour), 2); err != nil || len(got) != 2 {
		t.Errorf("limited to two: %q (%v)", got, err)
	}
}

func TestReservationsSeeEachOther(t *testing.T) { onEach(t, testReservationsSeeEachOther) }

func testReservationsSeeEachOther(t *testing.T, where string) {
	s := open(t, where)
	full := errors.New("one is enough")
	var list []*incident.Incident
	for n := range 10 {
		list = append(list, create(t, s, fmt.Sprintf("web-%02d", n)))
	}
	errs := together(len(list), func(n int) error {
		_, err := s.AppendIf(ctx, list[n].ID, list[n].Version, func(touched []*incident.Touch) error {
			if len(touched) > 0 {
				return full
			}
			return nil
		}, start, event(intended(list[n], fmt.Sprintf("web-%02d", n))))
		return err
	})
	refused := 0
	for _, err := range errs {
		if errors.Is(err, full) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != len(list)-1 || len(touched(t, s, start)) != 1 {
		t.Errorf("%d of %d were refused, and there are %q", refused, len(list), touched(t, s, start))
	}
}

func TestOlderStoreKnowsWhatItTouched(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"web-07", "web-08"} {
		inc := create(t, s, name)
		inc = add(t, s, inc, event(intended(inc, name)))
		inc = add(t, s, inc, event(incident.Voided{Intent: inc.Action.Intent}))
		add(t, s, inc, event(intended(inc, name)))
	}
	again := create(t, s, "web-09")
	add(t, s, again, event(incident.Restored{How: "it answers"}), event(incident.Relapsed{Reason: "it does not"}),
		event(incident.WorkOrdered{Order: "W1", Step: "escalate-1"}), event(incident.OrderProgress{Order: "W1", State: "on_site"}))
	want := touched(t, s, start)
	s.Close()
	makeOlder(t, dir, 2)
	s = open(t, dir)
	if got := touched(t, s, start); len(got) != 4 || !slices.Equal(got, want) {
		t.Errorf("after the migration %q, before %q", got, want)
	}
	if report, err := s.Verify(ctx); err != nil || len(report.Faults) > 0 {
		t.Errorf("%+v (%v)", report.Faults, err)
	}
}

func TestServersThatRelapseTogetherFellTogether(t *testing.T) {
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []*incident.Incident
	for _, name := range []string{"web-01", "web-02", "web-03"} {
		inc := create(t, s, name)
		all = append(all, add(t, s, inc, event(incident.Restored{How: "it answers"})))
		<-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(time.Hour), nil) })
	}
	hands := add(t, s, all[1], event(incident.WorkOrdered{Order: "W1", Step: "escalate-1"}))
	for state, want := range map[string]int{"": 0, "on_site": 1, "done": 0} { // service is back, and they may still be there
		if state != "" {
			hands = add(t, s, create(t, s, "hands-"+state), event(incident.WorkOrdered{Order: "W2", Step: "escalate-1"}), event(incident.OrderProgress{Order: "W2", State: state}), event(incident.Restored{How: "it answers"}))
		}
		ids, err := s.WithHands(ctx, all[0].Site)
		if err != nil || slices.Contains(ids, hands.ID) != (want == 1) {
			t.Errorf("order %q: hands are at %q (%v)", state, ids, err)
		}
	}
	all[1], _ = s.Load(ctx, all[1].ID)
	for n := range all {
		all[n] = add(t, s, all[n], event(incident.Relapsed{Reason: "the rack lost its power"}))
	}
	got, err := s.Fallen(ctx, all[0].Site, all[0].FellAt.Add(-time.Minute), all[0].FellAt.Add(time.Minute), 10)
	if want := []string{"web-01", "web-02", "web-03"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
}
