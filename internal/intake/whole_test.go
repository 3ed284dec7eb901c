package intake_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// What piket says of something that is more than one server, or of itself, is
// about exactly that, and whoever is without service hears of it.
func TestWholesAreWhatTheyAreCalled(t *testing.T) {
	listed := firing(alerts.RackUnreachable, "site", "ams1", "rack", "a12")
	listed.Annotations = alerts.Labels{"servers": "web-07"}
	elsewhere := firing(alerts.RackUnreachable, "site", "ams1", "rack", "a12")
	elsewhere.Annotations = alerts.Labels{"servers": "web-08, no-such; rm -rf"}
	for name, c := range map[string]struct {
		send      alerts.Alert
		subject   incident.Subject
		title     string
		priority  incident.Priority
		runbook   string
		customers []string
	}{
		"a rack":                {firing(alerts.RackUnreachable, "site", "ams1", "rack", "a12"), incident.Subject{Kind: "rack", Name: "a12"}, "Rack a12 does not answer", incident.P2, "rack-unreachable", []string{"acme"}},
		"a rack, by its silent": {listed, incident.Subject{Kind: "rack", Name: "a12"}, "Rack a12 does not answer", incident.P2, "rack-unreachable", []string{"acme"}},
		"a rack, and only others are listed as silent": {elsewhere, incident.Subject{Kind: "rack", Name: "a12"}, "Rack a12 does not answer", incident.P2, "rack-unreachable", nil},
		"a site":                 {firing(alerts.SiteUnreachable, "site", "ams1"), incident.Subject{Kind: "site", Name: "ams1"}, "Site ams1 does not answer", incident.P1, "site-unreachable", []string{"acme"}},
		"an announcement":        {firing(alerts.ProviderIncident, "site", "ams1"), incident.Subject{Kind: "site", Name: "ams1"}, "The provider of site ams1 announces trouble", incident.P3, "provider-incident", nil},
		"a path to a site":       {firing(alerts.PathTrouble, "site", "ams1"), incident.Subject{Kind: "site", Name: "ams1"}, "Site ams1 does not answer from here", incident.P4, "path-trouble", nil},
		"a path to a server":     {firing(alerts.PathTrouble, "site", "ams1", "server", "web-07"), incident.Subject{Kind: "server", Name: "web-07"}, "Server web-07 does not answer from here", incident.P4, "path-trouble", []string{"acme"}},
		"a server that flaps":    {firing(alerts.ServerFlapping, "site", "ams1", "server", "web-07"), incident.Subject{Kind: "server", Name: "web-07"}, "Server web-07 goes and comes back", incident.P3, "server-flapping", []string{"acme"}},
		"piket itself":           {firing(alerts.ObserverCutOff), incident.Subject{Kind: "observer", Name: "piket"}, "Piket itself cannot see", incident.P2, "observer-cut-off", nil},
		"a vantage that is lost": {firing(alerts.VantageLost, "vantage", "fra1"), incident.Subject{Kind: "alert", Name: firing(alerts.VantageLost, "vantage", "fra1").Fingerprint}, "Vantage fra1 does not report", incident.P4, "vantage-lost", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(c.send)
			inc := p.only()
			if inc.Subject != c.subject || inc.Title != c.title || inc.Priority != c.priority || inc.Runbook.Name != c.runbook || !slices.Equal(inc.Customers, c.customers) {
				t.Errorf("got %v %q %s with %s for %v", inc.Subject, inc.Title, inc.Priority, inc.Runbook.Name, inc.Customers)
			}
		})
	}
}

// A server that is still silent when its site is back has a trouble of its own,
// with a ladder of its own, also while the site's incident is not over.
func TestStragglerGetsAnIncidentOfItsOwn(t *testing.T) {
	p := newPlace(t)
	site := firing(alerts.SiteUnreachable, "site", "ams1")
	back := site
	back.Status, back.EndsAt = alerts.Resolved, start.Add(10*time.Minute)
	p.take(site, back, firing(alerts.ServerUnreachable, "server", "web-07", "site", "ams1"))
	all := p.all()
	if len(all) != 2 || all[1].Subject != (incident.Subject{Kind: "server", Name: "web-07"}) || all[1].Runbook.Name != "server-unreachable" {
		t.Fatalf("%d incidents, the last about %v", len(all), all[len(all)-1].Subject)
	}
	if all[0].Status != incident.Open || len(all[0].Parts) != 0 {
		t.Errorf("the site's incident is %s with the parts %v", all[0].Status, all[0].Parts)
	}
}
