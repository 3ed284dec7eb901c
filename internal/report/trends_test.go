package report_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// figures adds up timelines of October 2026 as of the first of November.
func figures(timelines ...[]incident.Event) report.Figures {
	month := report.At("month", opened)
	trends := report.NewTrends(month, updates, month.To)
	for _, events := range timelines {
		trends.Add(events)
	}
	return trends.Figures()
}

// [5.2]: the worked example of the policy [6], in figures.
func TestTheWorkedExampleInFigures(t *testing.T) {
	f := figures(wholeIncident())
	for what, pair := range map[string][2]any{
		"incidents":   {f.Incidents, 1},
		"priority":    {f.Priorities[0], report.Count{Name: "P1", Count: 1}},
		"sites":       {fmt.Sprint(f.Sites), "[{ams1 1}]"},
		"servers":     {fmt.Sprint(f.Servers), "[{web-07 1}]"},
		"customers":   {fmt.Sprint(f.Customers), "[{bakery 1}]"},
		"causes":      {fmt.Sprint(f.Causes), "[{The kernel hung 1}]"},
		"verdicts":    {fmt.Sprint(f.Verdicts), "[{server 1}]"},
		"detect":      {f.Detect, report.Measure{Known: 1, Median: 5 * time.Second, P90: 5 * time.Second}},
		"acknowledge": {f.Acknowledge, report.Measure{Known: 1, Median: time.Minute, P90: time.Minute}},
		"restore":     {f.Restore.Median, 11*time.Minute + 5*time.Second},
		"alone":       {f.Alone, report.Share{Part: 0, Of: 1}}, // somebody agreed to it
		"updates":     {f.Updates, report.Share{Part: 2, Of: 2}},
		"calls":       {f.Calls, report.Share{Part: 0, Of: 1}},
		"repeated":    {len(f.Repeated), 0},
		// From the outcome to service being back.
		"steps":     {fmt.Sprint(f.Steps), "[{server-unreachable power-cycle 1 1 0 0 {1 0 0 5m59s 5m59s}}]"},
		"first day": {fmt.Sprint(f.Parts[0].Counts), "[1 0 0 0]"},
		"days":      {len(f.Parts), 31},
	} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

// [5.2]: missing is n/a and never 0, impossible is counted as such.
func TestWhatIsMissingIsNoZeroAndWhatIsImpossibleIsSaidToBe(t *testing.T) {
	subject := incident.Subject{Kind: "server", Name: "web-07"}
	never := timeline(id(1), opened, line{0, incident.Opened{Title: "x", Subject: subject}, ""})
	backwards := timeline(id(2), opened,
		line{0, incident.Opened{Title: "x", Subject: subject}, ""},
		line{0, alert(alerts.Firing, opened.Add(time.Hour)), "probe"},
		line{30 * time.Minute, incident.Restored{How: "it answers"}, ""})
	f := figures(never, backwards)
	if want := (report.Measure{Missing: 1, Invalid: 1}); f.Detect != want || f.Restore != want {
		t.Errorf("detect %+v, restore %+v, want %+v", f.Detect, f.Restore, want)
	}
	if want := (report.Measure{Missing: 2}); f.Acknowledge != want {
		t.Errorf("acknowledge %+v", f.Acknowledge)
	}
	data, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(data), `"time_to_detect":{"known":0,"missing":1,"invalid":1,"median_seconds":null,"p90_seconds":null}`) {
		t.Errorf("%s (%v)", data, err)
	}
	if !strings.Contains(string(data), `"satisfaction":{"answers":0,"mean":null}`) || !strings.Contains(string(data), `"customer_updates_on_time":{"part":0,"of":0,"percent":null}`) {
		t.Errorf("%s", data)
	}
	if f.Repeated[0] != (report.Count{Name: "server web-07", Count: 2}) {
		t.Errorf("repeated %v", f.Repeated)
	}
	if f.Alone != (report.Share{Part: 1, Of: 1}) {
		t.Errorf("alone %v", f.Alone)
	}
}

func TestOnlyTroubleOfThePeriodIsCounted(t *testing.T) {
	one := func(subject incident.Subject, at time.Time, more ...line) []incident.Event {
		return timeline(id(1), at, append([]line{{0, incident.Opened{Title: "x", Subject: subject}, ""}}, more...)...)
	}
	server := incident.Subject{Kind: "server", Name: "web-07"}
	f := figures(
		one(server, opened.AddDate(0, -1, 0)), one(server, opened.AddDate(0, 1, 0)),
		one(incident.Subject{Kind: "report", Name: "month/2026-09"}, opened), one(incident.Subject{Kind: "policy", Name: "year/2025"}, opened),
		one(server, opened, line{time.Minute, incident.Merged{Into: id(9), Reason: "the site is down"}, ""}),
	)
	if f.Incidents != 0 || f.Merged != 1 {
		t.Errorf("%d incidents, %d merged", f.Incidents, f.Merged)
	}
}

// [5.1, 5.2]: a drill is measured as the real thing is, and stands beside it.
func TestADrillIsMeasuredAndInNoOtherFigure(t *testing.T) {
	practised := wholeIncident()
	begun := practised[0].Payload.(incident.Opened)
	begun.Subject, begun.Drill = incident.Subject{Kind: incident.DrillKind, Name: begun.Subject.Name}, incident.Drill{Story: "server-hangs", By: "hanne"}
	practised[0].Payload = begun
	f, real := figures(practised), figures(wholeIncident())
	if f.Incidents != 0 || f.Priorities[0].Count != 0 || len(f.Steps) != 0 || f.Restore.Known != 0 || f.Updates.Of != 0 {
		t.Errorf("it is counted as an incident: %+v", f)
	}
	if d := f.Drills; d.Drills != 1 || d.Acknowledge != real.Acknowledge || d.Restore.Known != 1 || d.Updates != real.Updates || d.Calls != real.Calls {
		t.Errorf("it is measured as %+v, and in earnest that is %+v", d, real)
	}
	if text := f.Document(time.UTC).Text(); !strings.Contains(text, "Held, and carried through to the end") {
		t.Errorf("the report does not tell of it:\n%s", text)
	}
	if text := real.Document(time.UTC).Text(); !strings.Contains(text, "None was held.") {
		t.Errorf("the report does not say that there was none:\n%s", text)
	}
}

func TestSatisfactionIsTheMeanOfWhatCustomersGave(t *testing.T) {
	f := figures(timeline(id(1), opened, line{0, incident.Opened{Title: "x"}, ""}, line{time.Hour, incident.Feedback{Customer: "bakery", Score: 2}, ""}, line{2 * time.Hour, incident.Feedback{Customer: "bakery", Score: 4}, ""}), wholeIncident())
	if f.Satisfaction != (report.Score{Answers: 1, Sum: 4}) {
		t.Errorf("%+v", f.Satisfaction)
	}
}

func TestEveryTryOfAStepIsJudgedOnce(t *testing.T) {
	intent := func(n int) incident.Intended {
		return incident.Intended{Intent: fmt.Sprint("I", n), Runbook: "service-down", Step: "restart", Attempt: n, Server: "web-07", Action: "ssh"}
	}
	done := func(n int) incident.OutcomeRecorded {
		return incident.OutcomeRecorded{Intent: fmt.Sprint("I", n), Outcome: incident.OutcomeDone}
	}
	f := figures(timeline(id(1), opened,
		line{0, incident.Opened{Title: "x"}, ""},
		line{1 * time.Minute, intent(1), ""}, line{1 * time.Minute, done(1), ""}, line{2 * time.Minute, incident.StepFailed{Step: "restart", Reason: "still down"}, ""},
		line{3 * time.Minute, intent(2), ""}, line{3 * time.Minute, incident.Voided{Intent: "I2", Reason: "frozen"}, ""}, // never tried
		line{4 * time.Minute, intent(3), ""}, line{4 * time.Minute, done(3), ""}, line{6 * time.Minute, incident.Restored{How: "x", Step: "restart"}, ""},
	))
	want := []report.StepFigures{{Runbook: "service-down", Step: "restart", Tries: 2, Helped: 1, Failed: 1, Took: report.Measure{Known: 1, Median: 2 * time.Minute, P90: 2 * time.Minute}}}
	if fmt.Sprint(f.Steps) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", f.Steps, want)
	}
}

func TestATryThatDidNotLastCountsAsFailed(t *testing.T) { // [5.2]
	f := figures(timeline(id(1), opened,
		line{0, incident.Opened{Title: "x"}, ""},
		line{time.Minute, incident.Intended{Intent: "I1", Runbook: "service-down", Step: "restart", Attempt: 1, Server: "web-07", Action: "ssh"}, ""},
		line{time.Minute, incident.OutcomeRecorded{Intent: "I1", Outcome: incident.OutcomeDone}, ""},
		line{2 * time.Minute, incident.Restored{How: "x", Step: "restart"}, ""},
		line{30 * time.Minute, incident.Relapsed{Reason: "down again"}, ""},
	))
	if len(f.Steps) != 1 || f.Steps[0].Tries != 1 || f.Steps[0].Failed != 1 || f.Steps[0].Helped != 0 {
		t.Errorf("got %+v", f.Steps)
	}
}
