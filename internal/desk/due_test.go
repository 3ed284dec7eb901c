package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
)

func TestFirstWordGoesOutAtOnceByPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		priority incident.Priority
		updates  map[incident.Priority]time.Duration
		want     []string
	}{
		"P1 by mail and telephone [3.1]": {incident.P1, desk.DefaultUpdates, []string{"mail first acme", "call first acme", "call first caller"}},
		"P2 is not told":                 {incident.P2, desk.DefaultUpdates, nil},
		"P3 is not told":                 {incident.P3, desk.DefaultUpdates, nil},
		"P4 is not told":                 {incident.P4, desk.DefaultUpdates, nil},
		"P2 where the policy says so":    {incident.P2, map[incident.Priority]time.Duration{incident.P2: time.Hour}, []string{"mail first acme", "call first caller"}},
		"an empty policy":                {incident.P1, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, c.priority, "acme", "caller")
			h.policy.Updates = c.updates
			h.happens(incident.Acknowledged{By: "noor"}) // or the next of the team would be paged
			duties, next := h.settle()
			want(t, duties, c.want...)
			if due := start.Add(c.updates[c.priority]); c.want != nil && !next.Equal(due) {
				t.Errorf("next look at %v, want %v", next, due)
			}
		})
	}
}

func TestClockThatWasSetBackKeepsNobodyWaiting(t *testing.T) {
	for back, updates := range map[time.Duration]int{time.Second: 1, 50 * time.Second: 1, time.Hour: 2, 365 * 24 * time.Hour: 2} {
		h := newHistory(t, incident.P1, "acme")
		h.settle()
		h.now = h.now.Add(-back)
		mails := 0
		for began := h.now; h.now.Before(began.Add(35 * time.Minute)); h.now = h.now.Add(30 * time.Second) {
			duties, _ := h.settle()
			mails += strings.Count(strings.Join(words(duties), ","), "mail update")
		}
		if mails != updates {
			t.Errorf("set back by %v: %d updates in 35 minutes, want %d", back, mails, updates)
		}
	}
}

func TestUpdateComesEvery30MinutesAndNeverEarly(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	var mails, calls []time.Duration
	for ; h.now.Before(start.Add(3 * time.Hour)); h.now = h.now.Add(time.Second) {
		duties, next := h.settle()
		for _, w := range words(duties) {
			if strings.HasPrefix(w, "mail") {
				mails = append(mails, h.now.Sub(start))
			} else {
				calls = append(calls, h.now.Sub(start))
			}
		}
		if !next.After(h.now) {
			t.Fatalf("at %v the next look is %v", h.now, next)
		}
	}
	m := time.Minute
	if every := []time.Duration{0, 30 * m, 60 * m, 90 * m, 120 * m, 150 * m}; !slices.Equal(mails, every) || !slices.Equal(calls, every) {
		t.Errorf("mails at %v, calls at %v, want %v", mails, calls, every)
	}
}

func TestAfterDowntimeOneUpdateGoesOutAndNotSix(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	h.settle()
	h.now = start.Add(3 * time.Hour)
	duties, next := h.settle()
	want(t, duties, "mail update acme", "call update acme")
	if !next.Equal(h.now.Add(30 * time.Minute)) {
		t.Errorf("next look at %v", next)
	}
}

func TestReturnToServiceIsToldImmediatelyAndOnce(t *testing.T) {
	h := newHistory(t, incident.P1, "acme", "caller")
	h.settle()
	h.now = start.Add(7 * time.Minute)
	h.happens(incident.Restored{How: "it answers"})
	duties, next := h.settle()
	want(t, duties, "mail restored acme", "call restored acme", "call restored caller")
	if !next.IsZero() {
		t.Errorf("something falls due at %v although service is back", next)
	}
	h.now = start.Add(24 * time.Hour)
	duties, _ = h.settle()
	want(t, duties)
}

func TestRelapseIsToldAtOnceAndItsEndToo(t *testing.T) {
	h := newHistory(t, incident.P1, "acme", "caller")
	h.settle()
	told := func(minute int, p incident.Payload) []incident.Payload {
		h.now = start.Add(time.Duration(minute) * time.Minute)
		h.happens(p)
		duties, _ := h.settle()
		return duties
	}
	told(5, incident.Restored{How: "it answers"})
	want(t, told(6, incident.Relapsed{Reason: "no answer"}), "mail update acme", "call update acme", "call update caller")
	want(t, told(10, incident.Restored{How: "it answers"}), "mail restored acme", "call restored acme", "call restored caller")
}

func TestWhoNeverHeardOfItIsNotToldThatItIsOver(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	h.happens(incident.Restored{How: "it answers"})
	duties, _ := h.settle()
	want(t, duties)
}

func TestSummaryFollowsClosing(t *testing.T) {
	h := newHistory(t, incident.P1, "acme", "caller")
	h.settle()
	h.happens(incident.Restored{How: "it answers"})
	h.settle()
	h.happens(incident.Resolution{Cause: "a fan", Solution: "a new fan"}, incident.Closed{By: "noor"})
	duties, _ := h.settle()
	want(t, duties, "mail summary acme", "call summary caller")
	h.now = start.Add(24 * time.Hour)
	duties, _ = h.settle()
	want(t, duties)
}

func TestClosedBeforeTheDeskLookedStillTellsBoth(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	h.settle()
	h.happens(incident.Restored{How: "it answers"}, incident.Resolution{Cause: "c", Solution: "s"}, incident.Closed{By: "noor"})
	duties, _ := h.settle()
	want(t, duties, "mail restored acme", "call restored acme", "mail summary acme")
}

func TestClosedWithoutALookIsNotCalledBack(t *testing.T) {
	h := newHistory(t, incident.P1, "acme")
	h.settle()
	h.now = start.Add(90 * time.Minute)
	h.happens(incident.Resolution{Cause: "c", Solution: "s"}, incident.Closed{By: "noor"})
	duties, _ := h.settle()
	want(t, duties, "mail summary acme")
	if body := duties[0].(incident.MessageQueued).Body; !strings.Contains(body, "from 03:00 UTC to 04:30 UTC (90 minutes)") {
		t.Errorf("the summary does not say how long it took:\n%s", body)
	}
}

func TestMergedIncidentIsSilentAndItsCustomersAreNotGreetedTwice(t *testing.T) {
	h := newHistory(t, incident.P1, "bakker")
	h.settle()
	h.now = start.Add(10 * time.Minute)
	h.happens(incident.Absorbed{From: "INC-2026-0002", Subject: incident.Subject{Kind: "server", Name: "web-08"},
		Customers: []string{"acme"}, Told: map[string]time.Time{"acme": start.Add(5 * time.Minute)}})
	duties, next := h.settle()
	want(t, duties)
	if !next.Equal(start.Add(30 * time.Minute)) {
		t.Errorf("next look at %v", next)
	}
	h.now = start.Add(35 * time.Minute)
	duties, _ = h.settle()
	want(t, duties, "mail update bakker", "call update bakker", "mail update acme", "call update acme")
	h.happens(incident.Merged{Into: "INC-2026-0003", Reason: "its site is in trouble"})
	h.now = start.Add(5 * time.Hour)
	if duties, next := h.due(); len(duties) > 0 || !next.IsZero() {
		t.Errorf("a merged incident still owes %v at %v", duties, next)
	}
}

func TestCustomerWithoutAnAddressCallsForAPerson(t *testing.T) {
	h := newHistory(t, incident.P1, "nobody", "not-in-inventory")
	h.happens(incident.Acknowledged{By: "noor"})
	duties, _ := h.settle()
	want(t, duties)
	call := incident.Attention{Topic: "no-address-nobody", Why: "customer nobody must be told, and the inventory has neither mail address nor telephone number"}
	if !slices.Contains(duties, incident.Payload(call)) {
		t.Errorf("got %v", duties)
	}
	h.now = start.Add(2 * time.Hour)
	if duties, _ := h.settle(); len(duties) > 0 {
		t.Errorf("said twice: %v", duties)
	}
}

func TestEveryDutyIsNumberedByItsPlaceOnTheTimeline(t *testing.T) {
	h := newHistory(t, incident.P1, "acme", "bakker")
	h.settle()
	for _, e := range h.events {
		switch p := e.Payload.(type) {
		case incident.MessageQueued:
			if p.Message != fmt.Sprintf("INC-2026-0001/M%d", e.Seq) {
				t.Errorf("event %d is message %s", e.Seq, p.Message)
			}
		case incident.CallTask:
			if p.Task != fmt.Sprintf("INC-2026-0001/T%d", e.Seq) {
				t.Errorf("event %d is task %s", e.Seq, p.Task)
			}
		}
	}
}

// What only a person has reported waits for piket's own look: one wrong click
// must not announce an outage that is not there.
func TestAPersonsReportIsLookedAtBeforeCustomersHearOfIt(t *testing.T) {
	report := incident.AlertReceived{Alert: alerts.Alert{Source: "person", Status: alerts.Firing, Labels: alerts.Labels{"server": "web-01"}, StartsAt: start}}
	pin := incident.RunbookPinned{Name: "server-unreachable", Hash: "h"}
	for name, c := range map[string]struct {
		seen []incident.Payload
		wait time.Duration
		want []string
	}{
		"nobody has looked yet":         {nil, 0, nil},
		"looking takes too long":        {nil, time.Minute, []string{"mail first acme", "call first acme"}},
		"it is down":                    {[]incident.Payload{incident.GoalSeen{Holds: false}}, 0, []string{"mail first acme", "call first acme"}},
		"everything answers":            {[]incident.Payload{incident.GoalSeen{Holds: true}}, time.Hour, nil},
		"a machine says the same thing": {[]incident.Payload{incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: alerts.Labels{"a": "b"}, StartsAt: start}}}, 0, []string{"mail first acme", "call first acme"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1, "acme")
			h.happens(append([]incident.Payload{report, pin}, c.seen...)...)
			h.now = h.now.Add(c.wait)
			duties, _ := h.settle()
			want(t, duties, c.want...)
		})
	}
}
