package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// asKept is what a store says of actions, at whatever age of its memory.
func asKept(t *testing.T, s *store.Store, since time.Time) (list []any) {
	t.Helper()
	touches, err := s.Touches(ctx, since)
	if err != nil {
		t.Fatal(err)
	}
	for _, touch := range touches {
		list = append(list, *touch)
	}
	for _, class := range []string{"R1", "R2"} {
		for _, limit := range []int{2, 100} {
			results, err := s.Results(ctx, "server-unreachable", "power-cycle", class, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, touch := range results {
				list = append(list, fmt.Sprint(class, limit), *touch)
			}
		}
	}
	return list
}

// asStored is what one says that has just begun to look.
func asStored(t *testing.T, where string, since time.Time) []any {
	t.Helper()
	look, err := store.OpenReadOnly(where)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	return asKept(t, look, since)
}

func TestWhatIsRememberedOfActionsIsWhatIsStored(t *testing.T) {
	onEach(t, testWhatIsRememberedOfActionsIsWhatIsStored)
}

func testWhatIsRememberedOfActionsIsWhatIsStored(t *testing.T, where string) {
	s := open(t, where)
	choose, since := rand.New(rand.NewPCG(1, 2)), time.Now().Add(-time.Hour)
	all := make([]*incident.Incident, 8)
	for n := range all {
		all[n] = create(t, s, fmt.Sprintf("web-%02d", n))
	}
	stopped := errors.New("not now")
	for step := range 60 {
		n := choose.IntN(len(all))
		inc, name := all[n], fmt.Sprintf("web-%02d", n)
		switch a := inc.Action; {
		case choose.IntN(5) == 0:
			all[n] = add(t, s, inc, note("nothing to do with an action"))
		case choose.IntN(5) == 0 && !a.Live(): // what a transaction saw and did not commit is not kept
			_, err := s.AppendIf(ctx, inc.ID, inc.Version, func([]*incident.Touch) error { return stopped }, since, event(intended(inc, name)))
			if !errors.Is(err, stopped) {
				t.Fatal(err)
			}
		case !a.Live():
			i := intended(inc, name)
			i.Class = []string{"R1", "R2"}[choose.IntN(2)]
			all[n] = add(t, s, inc, event(i))
		case a.ClaimedAt.IsZero():
			all[n] = add(t, s, inc, event(incident.Claimed{Intent: a.Intent}), event(incident.OutcomeRecorded{Intent: a.Intent, Outcome: incident.OutcomeDone}))
		default:
			all[n] = add(t, s, inc, event(incident.StepFailed{Step: a.Step}))
		}
		if got, want := asKept(t, s, since), asStored(t, where, since); !reflect.DeepEqual(got, want) {
			t.Fatalf("after %d steps the store says\n%v\nand has\n%v", step, got, want)
		}
	}
	if list, err := s.Touches(ctx, time.Now().Add(time.Hour)); err != nil || len(list) == 0 {
		t.Errorf("none is under way any more: the test shows little (%v)", err)
	}
}

// A failover that lost commits, after which others were made in their place.
func TestActionsThatADatabaseForgotAreNotRemembered(t *testing.T) {
	onEach(t, testActionsThatADatabaseForgotAreNotRemembered)
}

func testActionsThatADatabaseForgotAreNotRemembered(t *testing.T, where string) {
	s, since := open(t, where), time.Now().Add(-time.Hour)
	first, second := create(t, s, "web-07"), create(t, s, "web-08")
	add(t, s, first, event(intended(first, "web-07")))
	if got := touched(t, s, since); len(got) != 1 {
		t.Fatalf("touched are %q", got)
	}
	for _, tamper := range []string{`DELETE FROM events WHERE seq = 2`, `DELETE FROM intents`, `UPDATE incidents SET held = NULL, version = 1, head = (SELECT hash FROM events WHERE incident = id)`} {
		if _, err := raw(t, where).Exec(tamper); err != nil {
			t.Fatal(err)
		}
	}
	if got := touched(t, s, since); len(got) != 0 {
		t.Errorf("what the database forgot is remembered as %q", got)
	}
	add(t, s, second, event(intended(second, "web-08")))
	if got, want := asKept(t, s, since), asStored(t, where, since); len(got) != 1 || !reflect.DeepEqual(got, want) {
		t.Errorf("it says %v, and has %v", got, want)
	}
}
