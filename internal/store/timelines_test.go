package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

func TestTimelinesComeOneByOneCutDownToWhatIsAskedFor(t *testing.T) { onEach(t, testTimelines) }

func testTimelines(t *testing.T, where string) {
	clk := clock.Jumping(start)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	before := create(t, s, "web-01")
	forward(clk, time.Hour)
	mail := incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "acme", To: []string{"it@acme.example.net"}, Subject: `,"body":"`, Body: "long", Topic: "x"}
	first := create(t, s, "web-02", note("left out"), event(mail), incident.Event{Actor: "person:noor", Payload: incident.Note{By: "noor", Words: "a person's"}})
	second := create(t, s, "web-03", event(incident.Restored{How: "it answers"}))
	forward(clk, time.Hour)
	after := create(t, s, "web-04")

	var got []string
	for events, err := range s.Timelines(ctx, first.OpenedAt, after.OpenedAt, []incident.Kind{"opened", "restored", "message"}) {
		if err != nil {
			t.Fatal(err)
		}
		line := events[0].Incident + ":"
		for _, e := range events {
			line += " " + string(e.Payload.Kind())
			mail.Body, mail.Topic = "", ""
			if m, ok := e.Payload.(incident.MessageQueued); ok && !reflect.DeepEqual(m, mail) {
				t.Errorf("the message is %+v, want %+v", m, mail)
			}
		}
		got = append(got, line)
	}
	want := []string{first.ID + ": opened message note", second.ID + ": opened restored"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q; %s was opened before", got, want, before.ID)
	}

	for range s.Timelines(ctx, time.Time{}, clk.Now().Add(time.Hour), []incident.Kind{"opened"}) {
		break // whoever has seen enough gives the connection back
	}
	if _, err := raw(t, where).Exec(`UPDATE events SET kind = 'from_the_future' WHERE incident = $1 AND seq = 1`, second.ID); err != nil {
		t.Fatal(err)
	}
	var broken error
	for _, err := range s.Timelines(ctx, time.Time{}, clk.Now().Add(time.Hour), []incident.Kind{"opened", "from_the_future"}) {
		broken = errors.Join(broken, err)
	}
	if broken == nil {
		t.Error("a timeline that cannot be read was passed over")
	}
}

func TestTheRecordBeganWithItsFirstEventOrWhenFirstAsked(t *testing.T) { onEach(t, testBegun) }

func testBegun(t *testing.T, where string) {
	clk := clock.Jumping(start)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for range 2 {
		if begun, err := s.Begun(ctx); err != nil || !begun.Equal(start) {
			t.Errorf("an empty store began at %v (%v)", begun, err)
		}
		forward(clk, time.Hour)
	}
}

// A restart a month after closing must not forget what people owe [2.6].
func TestAClosedIncidentThatIsUnfinishedIsStillSomebodysWork(t *testing.T) { onEach(t, testUnfinished) }

func testUnfinished(t *testing.T, where string) {
	clk := clock.Jumping(start)
	s, err := store.Open(where, clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	closed := event(incident.Closed{By: "noor"})
	owed := create(t, s, "web-01", closed, event(incident.ReviewDue{By: start.Add(24 * time.Hour)}))
	create(t, s, "web-02", closed)
	shared := create(t, s, "web-03", closed, event(incident.ReviewDue{By: start.Add(24 * time.Hour)}), event(incident.ReviewShared{Version: 1}))
	forward(clk, 30*24*time.Hour)
	if _, err := s.Enter(ctx, "b", time.Minute); err != nil {
		t.Fatal(err)
	}
	ids, err := s.Take(ctx, "b", 10)
	if err != nil || fmt.Sprint(ids) != fmt.Sprint([]string{owed.ID}) {
		t.Errorf("work is %q (%v), want %s and not %s", ids, err, owed.ID, shared.ID)
	}
	if report, err := s.Verify(ctx); err != nil || len(report.Faults) > 0 {
		t.Errorf("verify: %v %v", report.Faults, err)
	}
}

// forward lets time pass.
func forward(clk *clock.Clock, d time.Duration) {
	<-clk.Go(func() { clk.Wait(ctx, clk.Now().Add(d), nil) })
}
