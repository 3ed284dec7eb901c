package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// policyPlaces lists every numbered point of the incident policy, in its order,
// and the tests that show it. Those of [6] and most others are also shown by the
// scenario customer-calls, which fails when one is missing.
var policyPlaces = map[string][]string{ // directory and name
	"1.1": {"internal/intake TestTimelineBeginsWithWhatIsKnown", "cmd/piket TestEveryScenarioEndsAsItSays"},
	"1.2": {"internal/desk TestJudgingFollowsTheMatrixAndSaysWhatItWas"},
	"1.3": {"internal/incident TestPriorityFollowsFromImpactAndUrgency"},
	"2.1": {"internal/web TestAReportBecomesAnIncident", "internal/intake TestOnlyAPersonsReportSaysHowBadItIs"},
	"2.2": {"internal/web TestPeopleJudgeAnew", "internal/desk TestClocksFollowAJudgementAtOnce"},
	"2.3": {"internal/desk TestAnIncidentThatNobodyTakesGoesUpUntilSomebodyDoes", "internal/web TestAShiftIsTakenOverAndGivenBack"},
	"2.4": {"internal/desk TestUpdateSaysWhatIsBeingDone", "internal/desk TestWorkOrderMovesByThoseWhoMayAndForwardOnly"},
	"2.5": {"internal/desk TestClosingNeedsTheCustomersYesOrAReason", "internal/web TestFeedbackIsTakenAndReplaced"},
	"2.6": {"internal/desk TestAReviewFallsDueAndItsManagersHearWhenItIsLate", "internal/web TestAReviewIsWrittenSharedAndItsActionsFinished"},
	"3.1": {"internal/desk TestFirstWordGoesOutAtOnceByPolicy", "internal/desk TestWhoDoesNotAnswerIsCalledThreeTimes"},
	"3.2": {"internal/desk TestUpdateComesEvery30MinutesAndNeverEarly", "internal/report TestEveryPromisedMomentIsHeldAgainstWhatWasTold"},
	"3.3": {"internal/report TestEveryPromisedMomentIsHeldAgainstWhatWasTold", "cmd/piket TestEveryScenarioEndsAsItSays"},
	"3.4": {"internal/desk TestSummaryFollowsClosing"},
	"4.1": {"internal/desk TestCustomersAreAskedRemindedAndThenTheManagerCloses", "internal/desk TestALateWordCallsTheManagerOnce"},
	"4.2": {"internal/desk TestEngineersOnDutyArePagedOncePerTopic"},
	"4.3": {"internal/desk TestAnUpdateWaitsForANodAndThenGoesByItself"},
	"5.1": {"cmd/piket TestADrillOnRealPeopleTouchesNoMachineAndSaysDrillEverywhere"},
	"5.2": {"internal/report TestTheWorkedExampleInFigures", "internal/desk TestAReportGoesToTheManagersOnceAndItsRecordCloses"},
	"5.3": {"internal/desk TestTheYearlyEvaluationRemindsMonthlyUntilAPersonClosesIt"},
	"6.1": {"cmd/piket TestEveryScenarioEndsAsItSays"},
	"6.2": {"cmd/piket TestEveryScenarioEndsAsItSays"},
	"6.3": {"cmd/piket TestEveryScenarioEndsAsItSays", "runbooks TestShippedRunbooksAskBeforeTheyCutPower"},
	"6.4": {"cmd/piket TestEveryScenarioEndsAsItSays"},
	"6.5": {"cmd/piket TestEveryScenarioEndsAsItSays"},
	"6.6": {"internal/web TestACustomerSaysYesBehindTheirLink", "internal/web TestACustomersNoReopensWithTheirWords"},
	"6.7": {"internal/report TestAReviewTellsWhatTheTimelineKnowsAndWhatPeopleWrote"},
}

// policyPoints is how many points each chapter of the policy has.
var policyPoints = []int{3, 6, 4, 3, 3, 7}

func TestEveryPolicyPointHasAPlace(t *testing.T) {
	numbers := map[string]bool{}
	for chapter, points := range policyPoints {
		for n := range points {
			numbers[fmt.Sprintf("%d.%d", chapter+1, n+1)] = true
		}
	}
	for number := range numbers {
		if len(policyPlaces[number]) == 0 {
			t.Errorf("no test shows [%s]", number)
		}
	}
	known := map[string]map[string]bool{}
	for number, tests := range policyPlaces {
		if !numbers[number] {
			t.Errorf("the policy has no [%s]", number)
		}
		for _, test := range tests {
			dir, name, _ := strings.Cut(test, " ")
			if known[dir] == nil {
				known[dir] = testsIn(t, filepath.Join("..", "..", filepath.FromSlash(dir)))
			}
			if !known[dir][name] {
				t.Errorf("[%s] is shown by %s, which does not exist", number, test)
			}
		}
	}
	for _, p := range workedExample.points {
		if !numbers[p.number] {
			t.Errorf("the story shows [%s], which the policy does not have", p.number)
		}
	}
}

// testsIn lists the tests of a directory, by their source.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = true
			}
		}
	}
	return tests
}

// A story in which nothing of the kind happened shows no point of the policy.
func TestAnEmptyStoryShowsNoPointOfThePolicy(t *testing.T) {
	for _, p := range workedExample.points {
		if places := p.shown(timeline{}); len(places) > 0 {
			t.Errorf("[%s] is shown by %v", p.number, places)
		}
	}
}

// [3.2] One word that is a second late is found, by either way.
func TestALateWordShowsNoPunctuality(t *testing.T) {
	began := time.Date(2026, 10, 1, 10, 0, 0, 0, time.UTC)
	told := func(gap time.Duration) timeline {
		var s timeline
		for n, purpose := range []string{"first", "update", "restored"} {
			when := began.Add(time.Duration(n) * gap)
			for _, p := range []incident.Payload{
				incident.MessageQueued{Customer: "acme", Purpose: purpose}, incident.CallTask{Customer: "acme", Purpose: purpose},
			} {
				s.events = append(s.events, incident.Event{Incident: "INC-2026-0001", Seq: len(s.events) + 1, At: when, Payload: p})
			}
		}
		return s
	}
	for _, way := range []func(timeline, string) []string{words, calls} {
		if len(punctual(told(30*time.Minute), way)) != 3 {
			t.Error("every 30 minutes is not late")
		}
		if places := punctual(told(30*time.Minute+time.Second), way); places != nil {
			t.Errorf("30 minutes and a second is punctual: %v", places)
		}
	}
}

// What comes before its turn is not what the policy says.
func TestWhatHappenedInTheWrongOrderShowsNothing(t *testing.T) {
	s := timeline{events: []incident.Event{
		{Incident: "INC-2026-0001", Seq: 1, Payload: incident.Closed{By: "hanne"}},
		{Incident: "INC-2026-0001", Seq: 2, Payload: incident.ClosureChecked{Passed: true}},
	}}
	if places := inOrder(s, passed(s), of[incident.Closed](s, nil)); places != nil {
		t.Errorf("closed before the check, and shown by %v", places)
	}
	if places := inOrder(s, of[incident.Closed](s, nil), passed(s)); len(places) != 2 {
		t.Errorf("in order, and shown by %v", places)
	}
}
