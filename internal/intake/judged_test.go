package intake_test

import (
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// [2.2] How bad it is can be said by a person who reports it, and by nobody else's
// alert.
func TestOnlyAPersonsReportSaysHowBadItIs(t *testing.T) {
	for source, want := range map[string]incident.Priority{"person": incident.P1, "alertmanager": incident.P3, "probe": incident.P3} {
		p := newPlace(t)
		a := firing("DiskFull", "server", "web-07")
		a.Source, a.Annotations = source, alerts.Labels{"summary": "the disk", "impact": "high", "urgency": "high", "reporter": "sam"}
		p.take(a)
		if got := p.only().Priority; got != want {
			t.Errorf("said by %s: %s, want %s", source, got, want)
		}
	}
	p := newPlace(t)
	a := firing("DiskFull", "server", "web-07")
	a.Source, a.Annotations = "person", alerts.Labels{"impact": "catastrophic", "urgency": "now"}
	p.take(a)
	if got := p.only().Priority; got != incident.P3 {
		t.Errorf("words that are no levels: %s", got)
	}
}

// [2.2] What a person has judged stands against more of what they knew, and not
// against something worse.
func TestAPersonsJudgementStandsAgainstWhatTheyKnew(t *testing.T) {
	p := newPlace(t)
	service, again := firing(alerts.ServiceDown, "server", "web-07", "service", "shop"), firing(alerts.ServiceDown, "server", "web-07", "service", "mail")
	p.take(service)
	p.record(p.only().ID, incident.Classified{Impact: incident.Low, Urgency: incident.Low, Priority: incident.P4, Reason: "nobody uses it", By: "sam"})
	p.take(again)
	if got := p.only(); got.Priority != incident.P4 || len(got.Alerts) != 2 {
		t.Errorf("after more of the same: %s, %d alerts", got.Priority, len(got.Alerts))
	}
	p.take(firing(alerts.ServerUnreachable, "server", "web-07"))
	if got := p.only(); got.Priority != incident.P1 {
		t.Errorf("after something worse: %s", got.Priority)
	}
}
