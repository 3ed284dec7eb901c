package intake_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// Every way in which a sender repeats, reorders or omits, one sequence each:
// what each message ended as, and how many incidents there are afterwards.
func TestWhatSendersDoIsTakenAsItIsMeant(t *testing.T) {
	down, disk := firing(alerts.ServerUnreachable, "server", "web-07"), firing("DiskFull", "instance", "192.0.2.7:9100")
	other, site := firing(alerts.ServerUnreachable, "server", "web-08"), firing(alerts.SiteUnreachable, "site", "ams1")
	probe := down
	probe.Source = "probe"
	for name, c := range map[string]struct {
		send      []alerts.Alert
		want      []string
		incidents int
	}{
		"delivered twice":                     {[]alerts.Alert{down, down}, []string{"opened", "duplicate"}, 1},
		"repeated after repeat_interval":      {[]alerts.Alert{down, down, down}, []string{"opened", "duplicate", "duplicate"}, 1},
		"resolved":                            {[]alerts.Alert{down, resolved(down)}, []string{"opened", "joined"}, 1},
		"resolved twice":                      {[]alerts.Alert{down, resolved(down), resolved(down)}, []string{"opened", "joined", "duplicate"}, 1},
		"resolved without firing":             {[]alerts.Alert{resolved(down)}, []string{"unmatched"}, 0},
		"firing that comes after resolved":    {[]alerts.Alert{down, resolved(down), down}, []string{"opened", "joined", "late"}, 1},
		"a new episode while open":            {[]alerts.Alert{down, resolved(down), later(down, time.Hour)}, []string{"opened", "joined", "joined"}, 1},
		"a peer saw it begin later":           {[]alerts.Alert{down, later(down, 15*time.Second)}, []string{"opened", "joined"}, 1},
		"resolved by the other peer only":     {[]alerts.Alert{down, resolved(later(down, time.Second))}, []string{"opened", "unmatched"}, 1},
		"two alerts on one server":            {[]alerts.Alert{down, disk}, []string{"opened", "joined"}, 1},
		"our probe and theirs on one server":  {[]alerts.Alert{probe, down}, []string{"opened", "joined"}, 1},
		"two servers":                         {[]alerts.Alert{down, other}, []string{"opened", "opened"}, 2},
		"a server of a site in trouble":       {[]alerts.Alert{site, down, other}, []string{"opened", "joined", "joined"}, 1},
		"a site after one of its servers":     {[]alerts.Alert{down, site}, []string{"opened", "opened"}, 2},
		"an unknown server, twice":            {[]alerts.Alert{firing("X", "server", "db-9"), firing("X", "server", "db-9")}, []string{"opened", "duplicate"}, 1},
		"two alerts that name nothing we own": {[]alerts.Alert{firing("X"), firing("Y")}, []string{"opened", "opened"}, 2},
		"an empty message":                    {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if got := p.take(c.send...); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := len(p.all()); got != c.incidents {
				t.Errorf("%d incidents, want %d", got, c.incidents)
			}
		})
	}
}

func TestDuplicateLeavesNoTrace(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	before := p.only().Version
	p.take(down, down)
	if after := p.only().Version; after != before {
		t.Errorf("version %d, was %d", after, before)
	}
	p.take(resolved(down), down)
	if inc := p.only(); len(inc.Firing()) != 0 || inc.Version != before+1 {
		t.Errorf("late firing was believed: %v, version %d", inc.Firing(), inc.Version)
	}
}

func TestTimelineBeginsWithWhatIsKnown(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.ServerUnreachable, "server", "web-07"))
	inc := p.only()
	if want := []string{"opened", "alert", "classified", "assigned", "runbook_pinned"}; !slices.Equal(p.kinds(inc.ID), want) {
		t.Errorf("events %v, want %v", p.kinds(inc.ID), want)
	}
	if inc.Priority != incident.P1 || inc.Team != "network-and-server" || inc.Runbook.Name != "server-unreachable" ||
		inc.Site != "ams1" || !slices.Equal(inc.Customers, []string{"acme"}) || inc.Title != "Server web-07 does not answer" {
		t.Errorf("got %+v", inc)
	}
	if !strings.Contains(inc.Runbook.Source, "runbook: server-unreachable") {
		t.Error("the runbook's text did not travel with the timeline")
	}
}

func TestTroubleThatOutlivesItsIncidentOpensANewOne(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	p.record(p.only().ID, incident.Closed{By: "noor"})
	if got := p.take(down, down); !slices.Equal(got, []string{"opened", "duplicate"}) {
		t.Errorf("got %v", got)
	}
	if all := p.all(); len(all) != 2 || !all[1].Ongoing() || len(all[1].Firing()) != 1 {
		t.Errorf("got %d incidents", len(all))
	}
}

func TestResolvedAfterClosingIsWrittenDownAndOpensNothing(t *testing.T) {
	p := newPlace(t)
	down := firing(alerts.ServerUnreachable, "server", "web-07")
	p.take(down)
	p.record(p.only().ID, incident.Closed{By: "noor"})
	p.take(resolved(down), down)
	if inc := p.only(); len(inc.Firing()) != 0 || inc.Status != incident.Finished {
		t.Errorf("got %+v", inc)
	}
}

func TestWordAboutAPartGoesToTheWhole(t *testing.T) {
	p := newPlace(t)
	down, site := firing(alerts.ServerUnreachable, "server", "web-07"), firing(alerts.SiteUnreachable, "site", "ams1")
	p.take(down, site)
	all := p.all()
	part, whole := all[0], all[1]
	p.record(whole.ID, incident.Absorbed{From: part.ID, Subject: part.Subject, Customers: part.Customers})
	p.record(part.ID, incident.Merged{Into: whole.ID, Reason: "its site is in trouble"})
	if got := p.take(down, resolved(down), later(down, time.Hour)); !slices.Equal(got, []string{"duplicate", "joined", "joined"}) {
		t.Errorf("got %v", got)
	}
	all = p.all()
	if len(all) != 2 || all[0].Version != part.Version+1 || len(all[1].Alerts) != 3 || len(all[1].Parts) != 1 {
		t.Errorf("the part has version %d, the whole has alerts %v and parts %v", all[0].Version, all[1].Alerts, all[1].Parts)
	}
}

func TestServerOfASiteInTroubleIsPartOfThat(t *testing.T) {
	p := newPlace(t)
	p.take(firing(alerts.SiteUnreachable, "site", "ams1"), firing(alerts.ServerUnreachable, "server", "web-07"), firing("DiskFull", "server", "web-07"))
	inc := p.only()
	if inc.Subject.Kind != "site" || !slices.Equal(inc.Parts, []incident.Subject{{Kind: "server", Name: "web-07"}}) {
		t.Errorf("subject %v, parts %v", inc.Subject, inc.Parts)
	}
	if !slices.Equal(inc.Customers, []string{"acme"}) || inc.Runbook.Name != "site-unreachable" {
		t.Errorf("customers %v, runbook %s", inc.Customers, inc.Runbook.Name)
	}
}

func TestPriorityIsRaisedByAWorseAlertAndNeverLowered(t *testing.T) {
	service, down := firing(alerts.ServiceDown, "server", "web-07"), firing(alerts.ServerUnreachable, "server", "web-07")
	unknown := firing("DiskFull", "server", "web-07")
	for name, c := range map[string]struct {
		send    []alerts.Alert
		want    incident.Priority
		runbook string
	}{
		"service, then server":      {[]alerts.Alert{service, down}, incident.P1, "server-unreachable"},
		"server, then service":      {[]alerts.Alert{down, service}, incident.P1, "server-unreachable"},
		"nobody's, then service":    {[]alerts.Alert{unknown, service}, incident.P2, "service-down"},
		"service, then nobody's":    {[]alerts.Alert{service, unknown}, incident.P2, "service-down"},
		"nobody's":                  {[]alerts.Alert{unknown}, incident.P3, ""},
		"all, the worst in between": {[]alerts.Alert{unknown, down, service}, incident.P1, "server-unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.take(c.send...)
			inc := p.only()
			if inc.Priority != c.want || inc.Runbook.Name != c.runbook {
				t.Errorf("got %s with runbook %q, want %s with %q", inc.Priority, inc.Runbook.Name, c.want, c.runbook)
			}
			_, called := inc.Attentions["no-runbook"]
			if called != (c.send[0].Name() == "DiskFull") {
				t.Errorf("a person was called for the missing runbook: %v", called)
			}
		})
	}
}

func TestUnknownServerIsOpenedAboutTheAlertWithTheReason(t *testing.T) {
	for want, a := range map[string]alerts.Alert{
		`the inventory has no server for server="db-9", instance="192.0.2.99:9100"; add it, or an alias`: firing("X", "instance", "192.0.2.99:9100", "server", "db-9"),
		`the alert has none of the labels that name a server (server, instance, host)`:                   firing("X", "job", "node"),
	} {
		p := newPlace(t)
		p.take(a)
		inc := p.only()
		if inc.Subject != (incident.Subject{Kind: "alert", Name: a.Fingerprint}) || inc.Site != "" || len(inc.Customers) != 0 {
			t.Errorf("got %+v", inc)
		}
		events, err := p.db.Events(t.Context(), inc.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(events, func(e incident.Event) bool {
			return e.Payload == incident.Payload(incident.Attention{Topic: "not-in-inventory", Why: want})
		}) {
			t.Errorf("%q is not on the timeline", want)
		}
	}
}

func TestWhatTheSenderCutOffIsWrittenDown(t *testing.T) {
	p := newPlace(t)
	hook := body(t, "am0.25-truncated-max_alerts2-of5")
	p.takeCut(hook.Truncated, hook.Alerts...)
	hidden := body(t, "am0.25-truncated-hides-resolved")
	p.takeCut(hidden.Truncated, hidden.Alerts...)
	for _, inc := range p.all() {
		events, err := p.db.Events(t.Context(), inc.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if received, ok := events[1].Payload.(incident.AlertReceived); !ok || received.Cut != 3 {
			t.Errorf("%s: %+v", inc.ID, events[1].Payload)
		}
		if len(inc.Firing()) != 1 {
			t.Errorf("%s: absence was read as resolved", inc.ID)
		}
	}
}

// Bodies that a real Alertmanager sent, in the order in which it sent them.
func TestRealNotificationsAreTakenIn(t *testing.T) {
	for name, c := range map[string]struct {
		bodies []string
		want   []string
	}{
		"fires and resolves":        {[]string{"am0.25-firing-single", "am0.25-resolved-single"}, []string{"opened", "joined"}},
		"a group":                   {[]string{"am0.25-firing-group2", "am0.25-resolved-group2"}, []string{"opened", "opened", "joined", "joined"}},
		"the same group twice":      {[]string{"am0.25-firing-group2", "am0.25-firing-group2"}, []string{"opened", "opened", "duplicate", "duplicate"}},
		"one still fires":           {[]string{"am0.25-mixed-2firing-1resolved"}, []string{"opened", "unmatched", "opened"}},
		"after a restart, the peer": {[]string{"am0.25-firing-group2", "am0.25-after-restart-group-resolved-but-peer-still-firing", "am0.25-after-restart-next-firing"}, []string{"opened", "opened", "joined", "joined"}},
		"flapping":                  {[]string{"am0.25-flap", "am0.25-flap"}, []string{"opened", "duplicate"}},
		"version 0.34":              {[]string{"am0.34-firing-first", "am0.34-resolved"}, []string{"opened", "opened", "unmatched"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			var got []string
			for _, b := range c.bodies {
				hook := body(t, b)
				got = append(got, p.takeCut(hook.Truncated, hook.Alerts...)...)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
