package intake_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

var (
	ams1 = incident.Subject{Kind: "site", Name: "ams1"}
	a12  = incident.Subject{Kind: "rack", Name: "a12"}
	web7 = incident.Subject{Kind: "server", Name: "web-07"}
)

// What an alert is about, what it is called, and what the inventory lacks.
func TestAlertIsAboutNoMoreThanItSays(t *testing.T) {
	said := func(a alerts.Alert, words string) alerts.Alert {
		a.Annotations = alerts.Labels{"summary": words}
		return a
	}
	itself := incident.Subject{Kind: "alert"}
	for name, c := range map[string]struct {
		alert   alerts.Alert
		subject incident.Subject
		site    string
		title   string
		lacks   bool
	}{
		"a site is gone":           {firing(alerts.SiteUnreachable, "site", "ams1"), ams1, "ams1", "Site ams1 does not answer", false},
		"its provider says so":     {firing(alerts.ProviderIncident, "site", "ams1"), ams1, "ams1", "The provider of site ams1 announces trouble", false},
		"something on a site":      {said(firing("Watchdog", "site", "ams1"), "Temperature 31 °C"), itself, "ams1", "Temperature 31 °C (ams1)", false},
		"a person about a site":    {said(firing("ReportedByPerson", "site", "ams1", "report", "1"), "ams1 is slow"), itself, "ams1", "ams1 is slow", false},
		"a site nobody has":        {said(firing(alerts.SiteUnreachable, "site", "mars"), "gone"), itself, "", "gone", true},
		"a rack is gone":           {firing(alerts.RackUnreachable, "site", "ams1", "rack", "a12"), a12, "ams1", "Rack a12 does not answer", false},
		"a rack without its site":  {firing(alerts.RackUnreachable, "rack", "a12"), a12, "ams1", "Rack a12 does not answer", false},
		"a rack nobody has":        {said(firing(alerts.RackUnreachable, "site", "ams1", "rack", "z9"), "gone"), itself, "ams1", "gone (ams1)", true},
		"something in a rack":      {said(firing("Leak", "site", "ams1", "rack", "a12"), "water"), itself, "ams1", "water (ams1)", false},
		"a server nobody has":      {said(firing("X", "site", "ams1", "server", "db-9"), "slow"), itself, "ams1", "slow (ams1)", true},
		"some trouble of a server": {said(firing("DiskFull", "site", "ams1", "server", "web-07"), "full"), web7, "ams1", "full (web-07)", false},
		"a service nobody has":     {said(firing(alerts.ServiceDown, "server", "web-07", "service", "x"), "x"), web7, "ams1", "x (web-07)", false},
		"nothing that we know":     {said(firing("X"), "hm"), itself, "", "hm", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(c.alert)
			inc := p.only()
			if c.subject == itself {
				c.subject.Name = c.alert.Fingerprint
			}
			if inc.Subject != c.subject || inc.Site != c.site || inc.Title != c.title {
				t.Errorf("got %v on %q, called %q", inc.Subject, inc.Site, inc.Title)
			}
			if _, lacks := inc.Attentions["not-in-inventory"]; lacks != c.lacks {
				t.Errorf("the inventory is said to lack something: %v", lacks)
			}
		})
	}
}

func TestServerJoinsTheWidestTroubleThatIsOpenAndLooksAfterIt(t *testing.T) {
	site, rack := firing(alerts.SiteUnreachable, "site", "ams1"), firing(alerts.RackUnreachable, "site", "ams1", "rack", "a12")
	announced := firing(alerts.ProviderIncident, "site", "ams1")
	down, beside := firing(alerts.ServerUnreachable, "server", "web-07"), firing(alerts.ServerUnreachable, "server", "web-08")
	for name, c := range map[string]struct {
		send []alerts.Alert
		want []string
	}{
		"its site":                    {[]alerts.Alert{site, down}, []string{"opened", "joined"}},
		"its rack":                    {[]alerts.Alert{rack, down}, []string{"opened", "joined"}},
		"another's rack":              {[]alerts.Alert{rack, beside}, []string{"opened", "opened"}},
		"a rack joins its site":       {[]alerts.Alert{site, rack, down}, []string{"opened", "joined", "joined"}},
		"a site after its rack":       {[]alerts.Alert{rack, site}, []string{"opened", "opened"}},
		"the provider only announces": {[]alerts.Alert{announced, rack, down}, []string{"opened", "opened", "joined"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if got := p.take(c.send...); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// The incident of a site that is back is closed soon; a server that is still
// down, or fails again, must not go with it.
func TestServerIsNoPartOfTroubleThatIsOver(t *testing.T) {
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	for name, wide := range map[string]alerts.Alert{
		"site": firing(alerts.SiteUnreachable, "site", "ams1"), "rack": firing(alerts.RackUnreachable, "rack", "a12"),
	} {
		p := newPlace(t)
		p.take(wide)
		p.record(p.only().ID, incident.Restored{How: "it answers"})
		if got := p.take(down, resolved(wide)); !slices.Equal(got, []string{"opened", "joined"}) {
			t.Errorf("%s: got %v", name, got)
		}
		if all := p.all(); len(all) != 2 || len(all[0].Parts) != 0 || all[1].Subject != web7 || all[1].Runbook.Name != "server-unreachable" {
			t.Errorf("%s: got %+v", name, all)
		}
	}
}

// A part that is worse makes the whole more pressing; what is done for the
// whole stays what is right for the whole.
func TestWorsePartRaisesThePriorityAndKeepsTheRunbook(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.RackUnreachable, "rack", "a12"))
	if inc := p.only(); inc.Priority != incident.P2 || inc.Runbook.Name != "rack-unreachable" {
		t.Fatalf("it began as %s with %s", inc.Priority, inc.Runbook.Name)
	}
	p.take(firing(alerts.ServerUnreachable, "server", "web-07"))
	inc := p.only()
	if inc.Priority != incident.P1 || inc.Runbook.Name != "rack-unreachable" || inc.Title != "Rack a12 does not answer" {
		t.Errorf("it is %s, %q, with %s", inc.Priority, inc.Title, inc.Runbook.Name)
	}
	if got := p.kinds(inc.ID); !slices.Equal(got[len(got)-3:], []string{"alert", "absorbed", "classified"}) {
		t.Errorf("the server came in as %v", got)
	}
}

// Alertmanager takes trouble up again that it had lost sight of, with the
// moment at which it began.
func TestFiringLongAfterResolvedIsNews(t *testing.T) {
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	for name, c := range map[string]struct {
		later  time.Duration
		closed bool
		want   []string
		count  int
	}{
		"at once":             {0, false, []string{"late", "late"}, 1},
		"just before":         {10*time.Minute - time.Second, false, []string{"late", "late"}, 1},
		"long after":          {10 * time.Minute, false, []string{"joined", "duplicate"}, 1},
		"closed, and at once": {0, true, []string{"late", "late"}, 1},
		"closed long ago":     {4 * time.Hour, true, []string{"opened", "duplicate"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(down, resolved(down))
			if c.closed {
				p.record(p.only().ID, incident.Closed{By: "noor"})
			}
			p.forward(c.later)
			if got := p.take(down, down); !slices.Equal(got, c.want) || len(p.all()) != c.count {
				t.Errorf("got %v and %d incidents, want %v and %d", got, len(p.all()), c.want, c.count)
			}
		})
	}
}

func TestLabelsOfAReloadHoldFromTheNextAlert(t *testing.T) {
	p := newPlace(t)
	a := firing("X", "node", "web-07")
	p.take(a)
	p.labels = []string{"node"}
	p.take(later(a, time.Second))
	if all := p.all(); len(all) != 2 || all[0].Subject.Kind != "alert" || all[1].Subject != web7 {
		t.Errorf("got %v", all)
	}
}
