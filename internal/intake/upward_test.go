package intake_test

import (
	"slices"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// A BMC that is silent, or an announcement, is open for hours and days. What
// really goes down meanwhile must not drown in it.
func TestLesserIncidentGivesWayToWhatReallyGoesDown(t *testing.T) {
	bmc, down := firing(alerts.BMCUnreachable, "server", "web-07", "site", "ams1"), firing(alerts.ServerUnreachable, "server", "web-07", "site", "ams1")
	warns, cut := firing(alerts.ProviderIncident, "site", "ams1"), firing(alerts.SiteUnreachable, "site", "ams1")
	disk, otherBMC := firing("DiskFull", "server", "web-07"), firing(alerts.BMCUnreachable, "server", "web-08", "site", "ams1")
	type expected struct {
		title    string
		priority incident.Priority
		runbook  string
		alerts   int
	}
	for name, c := range map[string]struct {
		send []alerts.Alert
		want []expected
	}{
		"a BMC": {[]alerts.Alert{bmc}, []expected{
			{"BMC of server web-07 does not answer", incident.P4, "bmc-unreachable", 1}}},
		"a BMC, then its server": {[]alerts.Alert{bmc, down}, []expected{
			{"Server web-07 does not answer", incident.P1, "server-unreachable", 2}}},
		"a server, then its BMC": {[]alerts.Alert{down, bmc}, []expected{
			{"Server web-07 does not answer", incident.P1, "server-unreachable", 2}}},
		"a BMC, then what no runbook judges": {[]alerts.Alert{bmc, disk}, []expected{
			{`DiskFull {alertname="DiskFull", server="web-07"}`, incident.P3, "bmc-unreachable", 2}}},
		"an announcement": {[]alerts.Alert{warns}, []expected{
			{"The provider of site ams1 announces trouble", incident.P3, "provider-incident", 1}}},
		"an announcement, then the site": {[]alerts.Alert{warns, cut}, []expected{
			{"Site ams1 does not answer", incident.P1, "site-unreachable", 2}}},
		"a site, then the announcement": {[]alerts.Alert{cut, warns}, []expected{
			{"Site ams1 does not answer", incident.P1, "site-unreachable", 2}}},
		"an announcement, then a server": {[]alerts.Alert{warns, down}, []expected{
			{"The provider of site ams1 announces trouble", incident.P3, "provider-incident", 1},
			{"Server web-07 does not answer", incident.P1, "server-unreachable", 1}}},
		"a site, then a BMC on it": {[]alerts.Alert{cut, otherBMC}, []expected{
			{"Site ams1 does not answer", incident.P1, "site-unreachable", 1},
			{"BMC of server web-08 does not answer", incident.P4, "bmc-unreachable", 1}}},
		"an announcement, the site, then a server": {[]alerts.Alert{warns, cut, down}, []expected{
			{"Site ams1 does not answer", incident.P1, "site-unreachable", 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(c.send...)
			var got []expected
			for _, inc := range p.all() {
				got = append(got, expected{inc.Title, inc.Priority, inc.Runbook.Name, len(inc.Alerts)})
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestWhatNobodyJudgesCallsAPersonAlsoWhenItJoinsSomethingLesser(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.BMCUnreachable, "server", "web-07"), firing("DiskFull", "server", "web-07"))
	if _, called := p.only().Attentions["no-runbook"]; !called {
		t.Error("nobody was called")
	}
}
