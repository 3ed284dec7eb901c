package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

// at is a payload at a number of minutes after the start.
type at struct {
	minute  int
	payload incident.Payload
}

// timeline numbers what happened, as a store would.
func timeline(list ...at) []incident.Event {
	events := make([]incident.Event, len(list))
	for n, a := range list {
		when := start.Add(time.Duration(a.minute) * time.Minute)
		events[n] = incident.Event{
			Incident: "INC-2026-0001", Seq: n + 1, At: when, Recorded: when, Actor: incident.Piket, Payload: a.payload,
		}
	}
	return events
}

func fold(list ...at) *incident.Incident { return incident.Fold(timeline(list...)) }

var (
	asked = incident.ApprovalRequested{
		Approval: "A1", Step: "power-cycle", Attempt: 1, PlanHash: "p1", Expires: start.Add(10 * time.Minute),
	}
	yes      = incident.Approved{Approval: "A1", PlanHash: "p1", By: "noor"}
	intended = incident.Intended{Intent: "I1", Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle"}
)

func TestApprovalCountsForItsRequestItsPlanAndItsTimeOnly(t *testing.T) {
	cases := map[string]struct {
		minute int
		said   incident.Approved
		want   string
	}{
		"right and in time":     {9, yes, "noor"},
		"another request":       {1, incident.Approved{Approval: "A2", PlanHash: "p1", By: "noor"}, ""},
		"another plan":          {1, incident.Approved{Approval: "A1", PlanHash: "p2", By: "noor"}, ""},
		"no plan":               {1, incident.Approved{Approval: "A1", By: "noor"}, ""},
		"at the very end":       {10, yes, ""},
		"after it had run out":  {11, yes, ""},
		"no request and no sum": {1, incident.Approved{By: "noor"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inc := fold(at{0, asked}, at{c.minute, c.said})
			if inc.Approval == nil || inc.Approval.GrantedBy != c.want {
				t.Errorf("got %+v, want granted by %q", inc.Approval, c.want)
			}
		})
	}
}

func TestTwoYesesAreThoseOfTwoPeopleWhoDidNotAskForIt(t *testing.T) {
	two := asked
	two.Persons = 2
	says := func(minute int, by string) at {
		return at{minute, incident.Approved{Approval: "A1", PlanHash: "p1", By: by}}
	}
	reports := func(minute int, by string) at {
		return at{minute, incident.AlertReceived{Alert: alerts.Alert{Source: "person", Status: alerts.Firing, Annotations: alerts.Labels{"reporter": by}}}}
	}
	for name, c := range map[string]struct {
		events []at
		want   string
	}{
		"one":                           {[]at{{0, two}, says(1, "noor")}, ""},
		"the same one twice":            {[]at{{0, two}, says(1, "noor"), says(2, "noor")}, ""},
		"two":                           {[]at{{0, two}, says(1, "noor"), says(2, "eva")}, "noor and eva"},
		"the second too late":           {[]at{{0, two}, says(9, "noor"), says(10, "eva")}, ""},
		"nobody in particular":          {[]at{{0, two}, says(1, "noor"), says(2, "")}, ""},
		"one of them reported it":       {[]at{reports(0, "eva"), {0, two}, says(1, "noor"), says(2, "eva")}, ""},
		"one of them reports it later":  {[]at{{0, two}, says(1, "noor"), says(2, "eva"), reports(3, "eva")}, ""},
		"another one comes in for them": {[]at{{0, two}, says(1, "noor"), says(2, "eva"), reports(3, "eva"), says(4, "ravi")}, "noor and ravi"},
		"two report and one agrees":     {[]at{reports(0, "eva"), reports(0, "noor"), {0, two}, says(1, "noor"), says(2, "eva"), says(3, "ravi")}, ""},
		"one is enough, and reported":   {[]at{reports(0, "noor"), {0, asked}, says(1, "noor")}, "noor"},
	} {
		t.Run(name, func(t *testing.T) {
			if inc := fold(c.events...); inc.Approval == nil || inc.Approval.GrantedBy != c.want {
				t.Errorf("got %+v, want granted by %q", inc.Approval, c.want)
			}
		})
	}
}

func TestApprovalIsUsedUpOrDropped(t *testing.T) {
	cases := map[string]struct {
		then incident.Payload
		done string // how the step was left
	}{
		"by the intent":           {intended, ""},
		"by a no":                 {incident.Denied{Approval: "A1", By: "noor", Reason: "firmware update"}, "denied"},
		"when it runs out":        {incident.ApprovalLapsed{Approval: "A1", Reason: "no answer", Expired: true}, "expired"},
		"when the facts change":   {incident.ApprovalLapsed{Approval: "A1", Reason: "it is off now"}, ""},
		"when the step is left":   {incident.StepFailed{Step: "power-cycle", Reason: "it did not help", Final: true}, "failed"},
		"when it does not apply":  {incident.Skipped{Step: "power-cycle", Reason: "does not apply"}, "skipped"},
		"by a request for anew":   {incident.ApprovalRequested{Approval: "A2", Step: "power-cycle"}, ""},
		"by a question elsewhere": {incident.ApprovalRequested{Approval: "A2", Step: "power-off"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inc := fold(at{0, asked}, at{1, yes}, at{2, c.then})
			if inc.Approval != nil && inc.Approval.GrantedBy != "" {
				t.Errorf("the yes outlived %T: %+v", c.then, inc.Approval)
			}
			if got := inc.StepOf("power-cycle").Done; got != c.done {
				t.Errorf("the step is %q, want %q", got, c.done)
			}
		})
	}
}

func TestAnswerToAnOlderQuestionChangesNothing(t *testing.T) {
	second := asked
	second.Approval, second.PlanHash = "A2", "p2"
	for _, late := range []incident.Payload{
		yes,
		incident.Denied{Approval: "A1", By: "noor"},
		incident.ApprovalLapsed{Approval: "A1", Reason: "no answer", Expired: true},
	} {
		inc := fold(at{0, asked}, at{1, second}, at{2, late})
		if inc.Approval == nil || inc.Approval.Approval != "A2" || inc.Approval.GrantedBy != "" {
			t.Errorf("%T: the question is now %+v", late, inc.Approval)
		}
		if s := inc.StepOf("power-cycle"); s.Done != "" {
			t.Errorf("%T: the step is %q", late, s.Done)
		}
	}
}

func TestVoidedIntentGivesItsAttemptBack(t *testing.T) {
	inc := fold(at{0, intended}, at{1, incident.Voided{Intent: "I1", Reason: "identity does not match"}})
	if got := inc.StepOf("power-cycle").Attempts; got != 0 {
		t.Errorf("%d attempts count", got)
	}
	if !inc.Action.Voided || inc.Action.Live() || inc.Held() != "" {
		t.Errorf("the intent still holds its server: %+v", inc.Action)
	}
}

func TestSentIntentCountsAndHoldsItsServerUntilJudged(t *testing.T) {
	sent := []at{{0, intended}, {1, incident.Claimed{Intent: "I1", Owner: "host-1"}},
		{2, incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeUnknown, Detail: "time-out"}}}
	inc := fold(sent...)
	if inc.StepOf("power-cycle").Attempts != 1 || inc.Held() != "web-07" || inc.Action.Outcome != incident.OutcomeUnknown {
		t.Errorf("after an unknown outcome: %+v, held %q", inc.Action, inc.Held())
	}
	for _, end := range []incident.Payload{
		incident.StepFailed{Step: "power-cycle", Reason: "no answer in time"}, incident.Restored{How: "it answers"},
	} {
		inc := fold(append(slices.Clone(sent), at{3, end})...)
		if inc.Held() != "" || inc.StepOf("power-cycle").Attempts != 1 {
			t.Errorf("after %T: held %q, %d attempts", end, inc.Held(), inc.StepOf("power-cycle").Attempts)
		}
	}
}

func TestWordsAboutAnotherIntentChangeNothing(t *testing.T) {
	for _, p := range []incident.Payload{
		incident.Claimed{Intent: "I0", Owner: "host-2"},
		incident.Voided{Intent: "I0", Reason: "late"},
		incident.OutcomeRecorded{Intent: "I0", Outcome: incident.OutcomeDone, Detail: "accepted"},
	} {
		inc := fold(at{0, intended}, at{1, p})
		if a := inc.Action; !a.Live() || !a.ClaimedAt.IsZero() || a.Outcome != "" || a.Voided {
			t.Errorf("%T moved the intent to %+v", p, a)
		}
	}
}

func TestSecondClaimDoesNotTakeTheSendOver(t *testing.T) {
	inc := fold(at{0, intended}, at{1, incident.Claimed{Intent: "I1", Owner: "a"}}, at{2, incident.Claimed{Intent: "I1", Owner: "b"}})
	if want := start.Add(time.Minute); !inc.Action.ClaimedAt.Equal(want) {
		t.Errorf("claimed at %v, want %v", inc.Action.ClaimedAt, want)
	}
}

func TestStepIsLeftForGoodOnlyWhenItsFailureIsFinal(t *testing.T) {
	for _, final := range []bool{false, true} {
		inc := fold(at{0, intended}, at{1, incident.StepFailed{Step: "power-cycle", Reason: "no answer", Final: final}})
		if left := inc.StepOf("power-cycle").Done == "failed"; left != final {
			t.Errorf("final %v: the step is %q", final, inc.StepOf("power-cycle").Done)
		}
		if inc.Action.Live() {
			t.Errorf("final %v: the intent is still live", final)
		}
	}
}

// The door keeps out what came too late; what is on the timeline is believed.
func TestTheLastWordOnAnEpisodeCounts(t *testing.T) {
	firing := alerts.Alert{Source: "alertmanager", Fingerprint: "f", StartsAt: start, Status: alerts.Firing}
	resolved := firing
	resolved.Status = alerts.Resolved
	later := firing
	later.StartsAt = start.Add(time.Hour)
	inc := fold(at{0, incident.AlertReceived{Alert: firing}}, at{1, incident.AlertReceived{Alert: resolved}},
		at{2, incident.AlertReceived{Alert: firing}})
	if len(inc.Alerts) != 1 || len(inc.Firing()) != 1 {
		t.Errorf("alerts %+v", inc.Alerts)
	}
	inc.Apply(incident.Event{Incident: inc.ID, Seq: 4, At: later.StartsAt, Payload: incident.AlertReceived{Alert: later}})
	if len(inc.Alerts) != 2 || len(inc.Firing()) != 2 {
		t.Errorf("a new episode is not seen: %+v", inc.Alerts)
	}
}

func TestTroubleBeganWithTheEarliestAlert(t *testing.T) {
	early := alerts.Alert{Fingerprint: "a", StartsAt: start.Add(-5 * time.Minute), Status: alerts.Firing}
	late := alerts.Alert{Fingerprint: "b", StartsAt: start.Add(-time.Minute), Status: alerts.Firing}
	inc := fold(at{0, incident.Opened{Title: "t"}}, at{0, incident.AlertReceived{Alert: late}}, at{0, incident.AlertReceived{Alert: early}})
	if !inc.StartedAt.Equal(early.StartsAt) || !inc.OpenedAt.Equal(start) {
		t.Errorf("began %v, opened %v", inc.StartedAt, inc.OpenedAt)
	}
}

func TestRelapseOpensAgainAndMakesTheNextWordDue(t *testing.T) {
	inc := fold(
		at{0, incident.Opened{Title: "t", Customers: []string{"acme", "later"}}},
		at{1, incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "acme"}},
		at{1, incident.CallTask{Task: "T1", Purpose: "first", Customer: "later"}},
		at{5, incident.Restored{How: "it answers"}},
		at{5, incident.MessageQueued{Message: "M2", Purpose: "restored", Customer: "acme"}},
		at{6, incident.ClosureChecked{Passed: true}},
		at{7, incident.Relapsed{Reason: "no answer"}},
	)
	if inc.Status != incident.Open || !inc.RestoredAt.IsZero() || inc.Relapses != 1 || inc.Closure != nil || len(inc.ToldBack) != 0 {
		t.Errorf("after a relapse: %+v", inc)
	}
	if told, ok := inc.Told["acme"]; !ok || !told.IsZero() {
		t.Errorf("the customer who was told \"back\" counts as told of the trouble at %v (%v)", told, ok)
	}
	if !inc.Told["later"].Equal(start.Add(time.Minute)) {
		t.Errorf("the customer who was not told \"back\" counts as told at %v", inc.Told["later"])
	}
}

func TestAbsorbingTwiceCountsOnce(t *testing.T) {
	part := incident.Absorbed{From: "INC-2026-0002", Subject: incident.Subject{Kind: "server", Name: "web-07"},
		Customers: []string{"acme", "acme", "bakery"}, Told: map[string]time.Time{"acme": start.Add(time.Minute)}}
	older := part
	older.Told = map[string]time.Time{"acme": start}
	inc := fold(at{0, incident.Opened{Title: "t", Customers: []string{"bakery"}}}, at{1, part}, at{2, part}, at{3, older})
	if len(inc.Parts) != 1 || !slices.Equal(inc.Customers, []string{"bakery", "acme"}) {
		t.Errorf("parts %v, customers %v", inc.Parts, inc.Customers)
	}
	if !inc.Told["acme"].Equal(start.Add(time.Minute)) {
		t.Errorf("told at %v: an older word took the place of a newer one", inc.Told["acme"])
	}
}

func TestMessageIsTriedUntilDeliveredOrGivenUp(t *testing.T) {
	queued := at{0, incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "acme"}}
	failed := at{1, incident.Undelivered{Message: "M1", Try: 1, Reason: "busy", RetryAt: start.Add(2 * time.Minute)}}
	if m := fold(queued, failed).Message("M1"); m.Delivered || m.GivenUp || m.Tries != 1 || !m.RetryAt.Equal(start.Add(2*time.Minute)) {
		t.Errorf("after one failure: %+v", m)
	}
	if m := fold(queued, failed, at{2, incident.Delivered{Message: "M1"}}).Message("M1"); !m.Delivered || m.GivenUp || m.Tries != 2 {
		t.Errorf("after delivery: %+v", m)
	}
	if m := fold(queued, at{1, incident.Undelivered{Message: "M1", Try: 12}}).Message("M1"); !m.GivenUp {
		t.Errorf("after the last try: %+v", m)
	}
	if m := fold(queued, at{1, incident.Delivered{Message: "M9"}}).Message("M1"); m.Delivered {
		t.Error("another message's delivery counted")
	}
}

func TestWorkOrderFollowsItsOwnReportsOnly(t *testing.T) {
	inc := fold(at{0, incident.WorkOrdered{Order: "W1"}}, at{1, incident.OrderProgress{Order: "W1", State: "on_site", By: "noor"}},
		at{2, incident.OrderProgress{Order: "W0", State: "done", By: "noor"}})
	if inc.Order.State != "on_site" || !inc.Order.ChangedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("order %+v", inc.Order)
	}
}

// What a work order's next word answers no longer calls for a person.
func TestWordOfAnOrderEndsTheCallForAPerson(t *testing.T) {
	inc := fold(at{0, incident.Opened{Title: "t"}}, at{1, incident.WorkOrdered{Order: "W1"}},
		at{20, incident.Attention{Topic: "W1-unacknowledged"}}, at{20, incident.Attention{Topic: "left-off"}},
		at{25, incident.OrderProgress{Order: "W1", State: "acknowledged", By: "sem"}})
	if _, still := inc.Attentions["W1-unacknowledged"]; still || len(inc.Attentions) != 1 {
		t.Errorf("attentions %v", inc.Attentions)
	}
}

// A call that was never made is replaced by the newer one to the same customer.
func TestANewerCallReplacesTheOneThatWasNeverMade(t *testing.T) {
	inc := fold(at{0, incident.Opened{Title: "t"}},
		at{0, incident.CallTask{Task: "T1", Customer: "acme", Purpose: "first"}},
		at{0, incident.CallTask{Task: "T2", Customer: "bikes", Purpose: "first"}},
		at{30, incident.CallTask{Task: "T3", Customer: "acme", Purpose: "update"}})
	var waiting []string
	for _, c := range inc.CallTasks {
		if c.Outcome == "" {
			waiting = append(waiting, c.Task)
		}
	}
	if !slices.Equal(waiting, []string{"T2", "T3"}) {
		t.Errorf("waiting are %v", waiting)
	}
}

func TestWhatFailsAgainWithinTheHourHasNotHelped(t *testing.T) {
	for minute, want := range map[int]incident.Result{4: incident.ShortLived, 61: incident.ShortLived, 62: incident.Helped, 500: incident.Helped} {
		inc := fold(at{0, intended}, at{1, incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeDone}},
			at{2, incident.Restored{Step: "power-cycle"}}, at{minute, incident.Relapsed{Reason: "no answer"}})
		if got := inc.Action.Result; got != want {
			t.Errorf("after %d minutes: %q, want %q", minute-2, got, want)
		}
	}
	inc := fold(at{0, intended}, at{1, incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeUnknown}},
		at{2, incident.Restored{}}, at{4, incident.Relapsed{Reason: "no answer"}})
	if got := inc.Action.Result; got != incident.Unclear {
		t.Errorf("nobody knew whether it had helped: %q", got)
	}
}

func TestActionKnowsWhatItWasGoodFor(t *testing.T) {
	intent := incident.Intended{Intent: "INC-1/I1", Step: "power-cycle", Attempt: 1, Server: "web-07"}
	for _, c := range []struct {
		name string
		end  []incident.Payload
		want incident.Result
		took time.Duration
	}{
		{"service came back by it", []incident.Payload{incident.OutcomeRecorded{Intent: "INC-1/I1", Outcome: incident.OutcomeDone}, incident.Restored{Step: "power-cycle"}}, incident.Helped, time.Minute},
		{"nobody knows by what", []incident.Payload{incident.OutcomeRecorded{Intent: "INC-1/I1", Outcome: incident.OutcomeUnknown}, incident.Restored{}}, incident.Unclear, 0},
		{"it did not help", []incident.Payload{incident.OutcomeRecorded{Intent: "INC-1/I1", Outcome: incident.OutcomeDone}, incident.StepFailed{Step: "power-cycle"}}, incident.Failed, 0},
		{"it was refused", []incident.Payload{incident.OutcomeRecorded{Intent: "INC-1/I1", Outcome: incident.OutcomeRefused}, incident.StepFailed{Step: "power-cycle"}}, "", 0},
		{"it was never sent", []incident.Payload{incident.Voided{Intent: "INC-1/I1"}, incident.Restored{}}, "", 0},
	} {
		inc := incident.Fold(nil)
		at := start
		for n, p := range append([]incident.Payload{intent}, c.end...) {
			at = at.Add(time.Minute)
			inc.Apply(incident.Event{Incident: "INC-1", Seq: n + 1, At: at, Payload: p})
		}
		if inc.Action.Result != c.want || inc.Action.Took != c.took {
			t.Errorf("%s: %q after %v, want %q after %v", c.name, inc.Action.Result, inc.Action.Took, c.want, c.took)
		}
	}
}

// A customer's word is no silence: it must not make a crowd of servers that fell
// together. What is then seen is.
func TestWhatOnlyACustomerSaysIsNoFallUntilItIsSeen(t *testing.T) {
	var events []incident.Event
	at := func(minutes int, p incident.Payload) *incident.Incident {
		events = append(events, incident.Event{Incident: "INC-2026-0001", Seq: len(events) + 1, At: start.Add(time.Duration(minutes) * time.Minute), Payload: p})
		return incident.Fold(events)
	}
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	at(0, incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-07"}})
	at(10, incident.Restored{})
	if inc := at(60, incident.Relapsed{Customer: "acme"}); !inc.FellAt.Equal(minute(60)) || !inc.SilentAt.Equal(minute(0)) {
		t.Errorf("after the word: fell at %v, silent at %v", inc.FellAt, inc.SilentAt)
	}
	if inc := at(61, incident.GoalSeen{Holds: true}); !inc.SilentAt.Equal(minute(0)) {
		t.Errorf("it answers, and is silent at %v", inc.SilentAt)
	}
	if inc := at(70, incident.GoalSeen{Holds: false}); !inc.SilentAt.Equal(minute(70)) {
		t.Errorf("seen down, and silent at %v", inc.SilentAt)
	}
	if inc := at(71, incident.GoalSeen{Holds: false}); !inc.SilentAt.Equal(minute(70)) {
		t.Errorf("seen again, and silent at %v", inc.SilentAt)
	}
	at(80, incident.Restored{})
	if inc := at(90, incident.Relapsed{}); !inc.SilentAt.Equal(minute(90)) {
		t.Errorf("relapsed, and silent at %v", inc.SilentAt)
	}
}
