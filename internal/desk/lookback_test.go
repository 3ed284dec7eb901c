package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// newLookback is a closed P1 of a firm that has a manager.
func newLookback(t *testing.T, priority incident.Priority) *history {
	t.Helper()
	h := newHistory(t, priority)
	h.policy = desk.Policy{Review: desk.DefaultReview, ExternalURL: "https://piket.example.net"}
	inv, err := inventory.New(inventory.Inventory{
		People: []inventory.Person{
			{Name: "mila", Email: "mila@example.net", Roles: []inventory.Role{inventory.Manager}},
			{Name: "noor", Email: "noor@example.net", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "sam", Roles: []inventory.Role{inventory.Support}},
		},
		Teams: []inventory.Team{{Name: "network-and-server", Members: []string{"noor"}, OnDuty: []string{"noor"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.inv = inv
	h.settle()
	h.happens(incident.Restored{How: "it answers"}, incident.Resolution{Cause: "c", Solution: "s", By: "noor"}, incident.Closed{By: "noor"})
	return h
}

// person is one of the inventory.
func (h *history) person(name string) inventory.Person {
	h.t.Helper()
	p, ok := h.inv.Person(name)
	if !ok {
		h.t.Fatalf("there is no %s", name)
	}
	return p
}

// ruled writes down what a person was allowed to say.
func (h *history) ruled(payloads []incident.Payload, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	h.happens(payloads...)
}

// mails lists the mails to people among duties: "mila: the subject".
func mails(list []incident.Payload) []string {
	var found []string
	for _, p := range list {
		if m, ok := p.(incident.MessageQueued); ok {
			found = append(found, strings.Join(m.People, ",")+": "+m.Subject)
		}
	}
	return found
}

// through returns the mails of some days, each with the day it went out on.
func (h *history) through(days int) []string {
	var found []string
	began := h.now
	for ; h.now.Before(began.Add(time.Duration(days) * 24 * time.Hour)); h.now = h.now.Add(time.Hour) {
		duties, _ := h.settle()
		for _, m := range mails(duties) {
			found = append(found, fmt.Sprintf("day %d %s", int(h.now.Sub(start)/(24*time.Hour)), m))
		}
	}
	return found
}

// [2.6, 6.7]: the review of a P1 and a P2 falls due, and the managers hear when
// it is late, week after week, until it is shared.
func TestAReviewFallsDueAndItsManagersHearWhenItIsLate(t *testing.T) {
	for priority, want := range map[incident.Priority]bool{incident.P1: true, incident.P2: true, incident.P3: false, incident.P4: false} {
		h := newLookback(t, priority)
		duties, next := h.settle()
		if due := slices.Contains(duties, incident.Payload(incident.ReviewDue{By: start.Add(5 * 24 * time.Hour)})); due != want {
			t.Errorf("%s: a review is due: %v", priority, due)
		}
		if !want {
			continue
		}
		if !next.Equal(start.Add(5 * 24 * time.Hour)) {
			t.Errorf("next look at %v", next)
		}
		got := h.through(14)
		if late := []string{"day 5 mila: [INC-2026-0001] The review is overdue", "day 12 mila: [INC-2026-0001] The review is overdue"}; !slices.Equal(got, late) {
			t.Errorf("%s: mails are %q", priority, got)
		}
		if _, raised := h.incident().Attentions["review-overdue"]; !raised {
			t.Errorf("%s: nobody is called", priority)
		}
		h.ruled(desk.WriteReview(h.incident(), h.inv, h.person("noor"), incident.ReviewWritten{Causes: "a driver"}))
		h.ruled(desk.ShareReview(h.incident(), h.inv, h.person("noor"), "the review", ""))
		if got := h.through(30); got != nil {
			t.Errorf("%s: after it was shared: %q", priority, got)
		}
		if h.incident().Unfinished() {
			t.Errorf("%s: something is still owed", priority)
		}
	}
}

// [2.6]: findings are fed back as action items that somebody owns until they are
// done.
func TestAnActionItemIsCalledToMindUntilItIsDone(t *testing.T) {
	h := newLookback(t, incident.P1)
	h.policy.Review = 0
	h.ruled(desk.WriteReview(h.incident(), h.inv, h.person("mila"), incident.ReviewWritten{Causes: "a driver", Actions: []incident.ActionItem{
		{What: "a newer kernel", Owner: "noor", Due: "2026-01-15"}, {What: "a longer cable", Owner: "sam", Due: "2026-01-06"},
	}}))
	got := h.through(28)
	want := []string{ // sam has no mail address: the managers hear
		"day 0 mila: [INC-2026-0001] Action item A2 is due by 2026-01-06", "day 1 mila: [INC-2026-0001] Action item A2 was due by 2026-01-06",
		"day 6 noor: [INC-2026-0001] Action item A1 is due by 2026-01-15", "day 8 mila: [INC-2026-0001] Action item A2 was due by 2026-01-06",
		"day 10 noor: [INC-2026-0001] Action item A1 was due by 2026-01-15", "day 15 mila: [INC-2026-0001] Action item A2 was due by 2026-01-06",
		"day 17 noor: [INC-2026-0001] Action item A1 was due by 2026-01-15", "day 22 mila: [INC-2026-0001] Action item A2 was due by 2026-01-06",
		"day 24 noor: [INC-2026-0001] Action item A1 was due by 2026-01-15",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	h.ruled(desk.FinishAction(h.incident(), h.person("noor"), "A1", "rolled out"))
	h.ruled(desk.FinishAction(h.incident(), h.person("mila"), "A2", ""))
	if got := h.through(30); got != nil {
		t.Errorf("after they were done: %q", got)
	}
}

func TestReviewIsRefusedWithAReason(t *testing.T) {
	h := newLookback(t, incident.P1)
	noor, write := h.person("noor"), func(by string, r incident.ReviewWritten) error {
		_, err := desk.WriteReview(h.incident(), h.inv, h.person(by), r)
		return err
	}
	action := func(a incident.ActionItem) incident.ReviewWritten {
		return incident.ReviewWritten{Actions: []incident.ActionItem{a}}
	}
	_, unwritten := desk.ShareReview(h.incident(), h.inv, noor, "", "")
	for name, c := range map[string]struct{ got, want error }{
		"support may not":          {write("sam", incident.ReviewWritten{Causes: "x"}), desk.ErrRole},
		"nothing in it":            {write("noor", incident.ReviewWritten{Causes: " "}), desk.ErrIncomplete},
		"an old version":           {write("noor", incident.ReviewWritten{Version: 3, Causes: "x"}), desk.ErrOutrun},
		"nobody owns it":           {write("noor", action(incident.ActionItem{What: "x", Due: "2026-01-15"})), desk.ErrIncomplete},
		"no date":                  {write("noor", action(incident.ActionItem{What: "x", Owner: "noor", Due: "soon"})), desk.ErrIncomplete},
		"a number there never was": {write("noor", action(incident.ActionItem{ID: "A7", What: "x", Owner: "noor", Due: "2026-01-15"})), desk.ErrNotNow},
		"shared before written":    {unwritten, desk.ErrNotNow},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
	h.ruled(desk.WriteReview(h.incident(), h.inv, noor, incident.ReviewWritten{WentWell: "x"}))
	if _, err := desk.ShareReview(h.incident(), h.inv, noor, "", ""); !errors.Is(err, desk.ErrIncomplete) {
		t.Errorf("shared without causes: %v", err)
	}
	h.ruled(desk.WriteReview(h.incident(), h.inv, noor, incident.ReviewWritten{Version: 1, Causes: "x", Actions: []incident.ActionItem{{What: "y", Owner: "noor", Due: "2026-01-15"}}}))
	if r := h.incident().Review; r.Latest.Version != 2 || r.Latest.Actions[0].ID != "A1" || r.State() != "draft" {
		t.Errorf("%+v", r)
	}
	if _, err := desk.FinishAction(h.incident(), h.person("sam"), "A1", ""); !errors.Is(err, desk.ErrRole) {
		t.Errorf("somebody else's item: %v", err)
	}
}

// NIS2, article 23: 24 hours, 72 hours, a month, each with a draft, a reminder
// before and an alarm after.
func TestNIS2ClocksRemindAndThenAlarm(t *testing.T) {
	h := newLookback(t, incident.P1)
	h.policy.Review = 0
	if got := h.through(1); got != nil {
		t.Errorf("nobody called it significant, and %q went out", got)
	}
	h.now = start
	h.ruled(desk.MarkSignificant(h.incident(), h.person("mila"), incident.Significant{Is: true, Why: "all customers of a site"}, h.now))
	got := h.through(2)
	want := []string{
		"day 0 mila: [INC-2026-0001] NIS2: the early-warning is due by 2026-01-06 03:00 UTC",
		"day 1 mila,noor: [INC-2026-0001] NIS2: the early-warning is OVERDUE since 2026-01-06 03:00 UTC",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	h.ruled(desk.ReportDuty(h.incident(), h.person("mila"), incident.EarlyWarning, "NCSC-1"))
	got = h.through(1)
	if want := []string{"day 2 mila: [INC-2026-0001] NIS2: the notification is due by 2026-01-08 03:00 UTC"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	h.ruled(desk.ReportDuty(h.incident(), h.person("mila"), incident.Notification, ""))
	if due := h.incident().Duty.Due(incident.FinalReport); due.Format(time.DateOnly) != "2026-02-05" {
		t.Errorf("the final report is due by %v", due)
	}
	if _, err := desk.ReportDuty(h.incident(), h.person("mila"), incident.EarlyWarning, ""); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("sent twice: %v", err)
	}
	h.ruled(desk.MarkSignificant(h.incident(), h.person("noor"), incident.Significant{Why: "one customer only"}, h.now))
	if got := h.through(60); got != nil {
		t.Errorf("not significant after all, and %q went out", got)
	}
}

func TestADutyDraftSaysWhatIsKnownAndAsksForTheRest(t *testing.T) {
	h := newLookback(t, incident.P1)
	h.ruled(desk.MarkSignificant(h.incident(), h.person("mila"), incident.Significant{Is: true, Why: "a whole site"}, h.now))
	for stage, wants := range map[incident.DutyStage][]string{
		incident.EarlyWarning: {"What happened: Server web-07 does not answer, since 2026-01-05 03:00 UTC", "Unlawful or malicious: to be filled in"},
		incident.Notification: {"Severity: priority P1 critical", "Service: back since", "Customers touched: n/a"},
		incident.FinalReport:  {"Root cause: c", "Mitigation: s", "Prevention: n/a"},
	} {
		text := desk.DutyDraft(h.incident(), stage, h.now, time.UTC)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", stage, want, text)
			}
		}
	}
}

// dated is a record that fell due by the calendar.
func dated(t *testing.T, kind, name string) *history {
	t.Helper()
	h := newLookback(t, incident.P4)
	h.events = nil
	h.happens(incident.Opened{Title: "Incidents of " + name, Subject: incident.Subject{Kind: kind, Name: name}},
		incident.AlertReceived{Alert: alerts.Alert{Source: alerts.Calendar, Status: alerts.Firing, StartsAt: start, Fingerprint: "f", Annotations: alerts.Labels{alerts.Figures: "There was no incident."}}},
		incident.Classified{Priority: incident.P4})
	return h
}

// [5.2]: the report is always sent, also when there is nothing in it.
func TestAReportGoesToTheManagersOnceAndItsRecordCloses(t *testing.T) {
	h := dated(t, "report", "month/2025-12")
	duties, _ := h.settle()
	m, ok := duties[0].(incident.MessageQueued)
	if !ok || !slices.Equal(m.To, []string{"mila@example.net"}) || !strings.Contains(m.Body, "There was no incident.") || !strings.Contains(m.Body, "https://piket.example.net/reports/month/2025-12") {
		t.Errorf("got %+v", duties)
	}
	if got := h.through(40); got != nil || h.incident().Status != incident.Finished {
		t.Errorf("%s, and %q went out after", h.incident().Status, got)
	}
}

func TestAReportThatNobodyCanGetCallsForAPerson(t *testing.T) {
	h := dated(t, "report", "month/2025-12")
	h.inv, _ = inventory.New(inventory.Inventory{})
	h.settle()
	if _, raised := h.incident().Attentions["nobody-to-remind"]; !raised {
		t.Error("nobody is called")
	}
	h.now = h.now.Add(48 * time.Hour)
	if h.settle(); h.incident().Status != incident.Open {
		t.Error("it was closed and nobody ever got it")
	}
}

// [5.3]: the policy is evaluated every year, by people.
func TestTheYearlyEvaluationRemindsMonthlyUntilAPersonClosesIt(t *testing.T) {
	h := dated(t, "policy", "year/2025")
	if got := h.through(65); len(got) != 3 || !strings.HasPrefix(got[1], "day 30 mila: ") || !strings.HasPrefix(got[2], "day 60 mila: ") {
		t.Errorf("got %q", got)
	}
	if _, err := desk.Evaluate(h.incident(), h.person("sam"), "fine"); !errors.Is(err, desk.ErrRole) {
		t.Errorf("support closed it: %v", err)
	}
	if _, err := desk.Evaluate(h.incident(), h.person("mila"), " "); !errors.Is(err, desk.ErrIncomplete) {
		t.Errorf("closed without a word: %v", err)
	}
	h.ruled(desk.Evaluate(h.incident(), h.person("mila"), "updates every 20 minutes"))
	if got := h.through(90); got != nil || h.incident().Status != incident.Finished {
		t.Errorf("%s, and %q went out after", h.incident().Status, got)
	}
}
