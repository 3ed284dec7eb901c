package desk_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// over is an incident whose closure check has passed, and whose customers have
// heard of it.
func over(t *testing.T, customers ...string) *history {
	t.Helper()
	h := newHistory(t, incident.P1, customers...)
	h.policy.ExternalURL = "https://piket.example.net"
	h.happens(incident.RunbookPinned{Name: "r", Hash: "h"}, incident.GoalSeen{Holds: false})
	h.settle()
	h.now = h.now.Add(20 * time.Minute)
	h.happens(incident.GoalSeen{Holds: true}, incident.Restored{How: "it answers"})
	h.settle()
	h.now = h.now.Add(time.Minute)
	h.happens(incident.ClosureChecked{Passed: true})
	return h
}

// says has a customer answer, and writes it down.
func (h *history) says(customer string, yes bool, words string) []incident.Payload {
	h.t.Helper()
	list, err := desk.CustomerAnswered(h.incident(), customer, yes, words, "link")
	if err != nil {
		h.t.Fatal(err)
	}
	h.happens(list...)
	return list
}

func kinds(list []incident.Payload) []incident.Kind {
	var names []incident.Kind
	for _, p := range list {
		names = append(names, p.Kind())
	}
	return names
}

// pagedTo lists the people who are mailed about topics that begin so.
func pagedTo(list []incident.Payload, topic string) []string {
	var people []string
	for _, p := range list {
		if m, ok := p.(incident.MessageQueued); ok && strings.HasPrefix(m.Topic, topic) {
			people = append(people, m.People...)
		}
	}
	return people
}

func TestCustomersAreAskedRemindedAndThenTheManagerCloses(t *testing.T) { // [6.6]
	h := over(t, "acme", "bakker", "caller")
	duties, next := h.settle()
	want(t, duties, "mail confirm acme", "mail confirm bakker", "call confirm caller")
	asked := h.now
	if !next.Equal(asked.Add(24 * time.Hour)) {
		t.Errorf("next at %v", next)
	}
	h.says("acme", true, "")
	h.now = asked.Add(24*time.Hour - time.Second)
	duties, _ = h.settle()
	want(t, duties)
	h.now = asked.Add(24 * time.Hour)
	duties, _ = h.settle()
	want(t, duties, "mail confirm-again bakker", "call confirm-again caller")
	h.now = asked.Add(72 * time.Hour)
	duties, _ = h.settle()
	want(t, duties)
	if got := pagedTo(duties, "unconfirmed"); !slices.Equal(got, []string{"mila"}) {
		t.Errorf("called %q to close it", got)
	}
	h.now = asked.Add(30 * 24 * time.Hour)
	if duties, next := h.settle(); len(duties) > 0 || !next.IsZero() {
		t.Errorf("asked again: %v at %v", duties, next)
	}
}

func TestWhoWasNeverToldIsNotAsked(t *testing.T) { // [6.6]
	h := newHistory(t, incident.P3, "acme")
	h.happens(incident.Restored{How: "h"}, incident.ClosureChecked{Passed: true})
	duties, next := h.settle()
	want(t, duties)
	if !next.IsZero() || !h.incident().Confirmed() {
		t.Errorf("something is due at %v", next)
	}
}

func TestClosingNeedsTheCustomersYesOrAReason(t *testing.T) { // [2.5, 6.6]
	full := incident.Resolution{Cause: "c", Solution: "s", Prevention: "p"}
	why := full
	why.Unconfirmed = "they are on holiday"
	for name, c := range map[string]struct {
		needs string
		yes   []string
		said  incident.Resolution
		want  error
		kept  string
	}{
		"all have said yes":        {"", []string{"acme", "bakker"}, full, nil, ""},
		"one has not":              {"", []string{"acme"}, full, desk.ErrNotNow, ""},
		"nobody has":               {"", nil, full, desk.ErrNotNow, ""},
		"nobody has, with reason":  {"", nil, why, nil, why.Unconfirmed},
		"a reason nobody needs":    {"", []string{"acme", "bakker"}, why, nil, ""},
		"one is enough":            {incident.ConfirmedByOne, []string{"bakker"}, full, nil, ""},
		"one is enough, none said": {incident.ConfirmedByOne, nil, full, desk.ErrNotNow, ""},
		"none is needed":           {incident.ConfirmedByNone, nil, full, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := over(t, "acme", "bakker")
			h.policy.Confirmation.Needs = c.needs
			h.settle()
			for _, customer := range c.yes {
				h.says(customer, true, "")
			}
			got, err := desk.Close(h.incident(), manager, c.said)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && got[0].(incident.Resolution).Unconfirmed != c.kept {
				t.Errorf("the reason kept is %q", got[0].(incident.Resolution).Unconfirmed)
			}
		})
	}
}

func TestBeforeTheyWereAskedNobodyClosesWithoutAReason(t *testing.T) { // [6.6]
	h := over(t, "acme")
	if _, err := desk.Close(h.incident(), engineer, incident.Resolution{Cause: "c", Solution: "s", Prevention: "p"}); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("got %v", err)
	}
}

func TestANoOpensTheIncidentAgainAndCallsWhoIsOnDuty(t *testing.T) { // [6.6]
	h := over(t, "acme", "bakker")
	h.settle()
	h.says("bakker", true, "")
	h.now = h.now.Add(time.Hour)
	list := h.says("acme", false, "the till is dead")
	if got := kinds(list); !slices.Equal(got, []incident.Kind{"customer_answered", "relapsed", "attention"}) {
		t.Fatalf("written down: %q", got)
	}
	inc := h.incident()
	if inc.Status != incident.Open || inc.Goal.Known || !strings.Contains(list[1].Text(), "the till is dead") {
		t.Errorf("it is %s, goal %+v: %s", inc.Status, inc.Goal, list[1].Text())
	}
	duties, _ := h.settle()
	want(t, duties, "mail update acme", "call update acme") // and nothing to who is content
	if !contains(duties, "acme", "You told us that not everything works") {
		t.Errorf("they read %s", told(t, duties, "update"))
	}
	if got := pagedTo(duties, "complaint-acme"); !slices.Equal(got, []string{"noor"}) {
		t.Errorf("called %q", got)
	}
	if _, err := desk.Close(inc, engineer, incident.Resolution{Cause: "c", Solution: "s", Prevention: "p", Unconfirmed: "u"}); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("closed over a complaint: %v", err)
	}
}

func TestASettledNoEndsWithAnotherQuestionToThemAlone(t *testing.T) { // [6.6]
	h := over(t, "acme", "bakker")
	h.settle()
	h.says("bakker", true, "")
	h.says("acme", false, "the till is dead")
	h.settle()
	for name, c := range map[string]struct {
		by              inventory.Person
		customer, words string
		want            error
	}{
		"by support": {support, "acme", "w", desk.ErrRole}, "nothing said": {engineer, "acme", " ", desk.ErrIncomplete},
		"who is content": {engineer, "bakker", "w", desk.ErrNotNow},
	} {
		if _, err := desk.SettleComplaint(h.incident(), c.by, c.customer, c.words); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := desk.SettleComplaint(h.incident(), engineer, "acme", "their own switch was off")
	if err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Hour)
	h.happens(append(list, incident.GoalSeen{Holds: true}, incident.Restored{How: "h"}, incident.ClosureChecked{Passed: true})...)
	duties, _ := h.settle()
	want(t, duties, "mail restored acme", "call restored acme", "mail confirm acme")
	h.says("acme", true, "")
	if !h.incident().Confirmed() {
		t.Error("it is not confirmed")
	}
}

func TestWhenServiceFailsAfterANoEverybodyHearsSo(t *testing.T) { // [3.1]
	h := over(t, "acme", "bakker")
	h.settle()
	h.says("acme", false, "")
	h.settle()
	h.now = h.now.Add(time.Minute)
	h.happens(incident.GoalSeen{Holds: false})
	duties, _ := h.settle()
	want(t, duties, "mail update bakker", "call update bakker")
	h.now = h.now.Add(time.Minute)
	h.happens(incident.ComplaintSettled{Customer: "acme", Words: "w", By: "noor"}, incident.GoalSeen{Holds: true}, incident.Restored{How: "h"})
	duties, _ = h.settle()
	want(t, duties, "mail restored acme", "call restored acme", "mail restored bakker", "call restored bakker")
}

func TestAnswersAreTakenWhenTheyMeanSomething(t *testing.T) { // [6.6]
	before := newHistory(t, incident.P1, "acme")
	before.settle()
	ended := over(t, "acme")
	ended.happens(incident.Closed{By: "noor"})
	gone := over(t, "acme")
	gone.happens(incident.Merged{Into: "INC-2026-0002"})
	for name, c := range map[string]struct {
		h        *history
		customer string
		yes      bool
		want     error
	}{
		"yes while it is down":    {before, "acme", true, desk.ErrNotNow},
		"no while it is down":     {before, "acme", false, desk.ErrNotNow},
		"yes":                     {over(t, "acme"), "acme", true, nil},
		"no":                      {over(t, "acme"), "acme", false, nil},
		"somebody it is not told": {over(t, "acme"), "bakker", true, desk.ErrNotNow},
		"nobody we know":          {over(t, "acme"), "../../etc", false, desk.ErrNotNow},
		"after closing":           {ended, "acme", false, desk.ErrNotNow},
		"after merging":           {gone, "acme", false, desk.ErrNotNow},
	} {
		if _, err := desk.CustomerAnswered(c.h.incident(), c.customer, c.yes, "", "mail"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSameWordIsWrittenDownOnceAndNeverWithoutEnd(t *testing.T) {
	h := over(t, "acme")
	h.settle()
	h.says("acme", true, "fine")
	if again := h.says("acme", true, "fine "); len(again) > 0 {
		t.Errorf("said twice: %v", again)
	}
	var err error
	for n := 0; n < 100 && err == nil; n++ {
		var list []incident.Payload
		list, err = desk.CustomerAnswered(h.incident(), "acme", true, strings.Repeat("x", n+1), "link")
		h.happens(list...)
	}
	if !errors.Is(err, desk.ErrEnough) || len(h.events) > 60 {
		t.Errorf("%d events, %v", len(h.events), err)
	}
}

func TestWhatNoRunbookChecksIsAskedWhenNobodyReportsItAnyMore(t *testing.T) { // [6.6]
	h := newHistory(t, incident.P1, "acme")
	h.happens(alert(t, "firing"))
	h.settle()
	h.now = h.now.Add(10 * time.Minute)
	h.happens(alert(t, "resolved"))
	duties, _ := h.settle()
	want(t, duties, "mail confirm acme")
	h.now = h.now.Add(time.Hour)
	duties, _ = h.settle()
	want(t, duties) // and no word that it goes on
	h.says("acme", false, "still broken")
	if _, err := desk.Close(h.incident(), engineer, incident.Resolution{Cause: "c", Solution: "s", Prevention: "p", Unconfirmed: "u"}); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("closed: %v", err)
	}
}

func TestFeedbackIsOneToFiveAfterClosingAndTheLatestCounts(t *testing.T) { // [2.5]
	h := over(t, "acme")
	h.settle()
	if _, err := desk.GiveFeedback(h.incident(), "acme", 5, "", "link"); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("before closing: %v", err)
	}
	h.happens(incident.Closed{By: "noor"})
	for score, want := range map[int]error{0: desk.ErrIncomplete, 6: desk.ErrIncomplete, -1: desk.ErrIncomplete, 1: nil, 5: nil} {
		if _, err := desk.GiveFeedback(h.incident(), "acme", score, "", "link"); !errors.Is(err, want) {
			t.Errorf("%d: %v", score, err)
		}
	}
	if _, err := desk.GiveFeedback(h.incident(), "bakker", 5, "", "link"); !errors.Is(err, desk.ErrNotNow) {
		t.Errorf("by who was never told: %v", err)
	}
	for _, score := range []int{2, 4, 4} {
		list, err := desk.GiveFeedback(h.incident(), "acme", score, "quick", "link")
		if err != nil {
			t.Fatal(err)
		}
		h.happens(list...)
	}
	if got := h.incident().Confirmation; got.Feedback["acme"].Score != 4 || got.Heard["acme"] != 2 {
		t.Errorf("kept %+v", got)
	}
}
