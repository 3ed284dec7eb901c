package statuspage_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/spinware/piket/probes/statuspage"
)

// page writes a summary.json around the parts that a case is about.
func page(indicator, components, incidents, maintenances string) string {
	return fmt.Sprintf(`{"page": {"id": "p1", "name": "Example Hosting"},
		"status": {"indicator": %q, "description": "Some Trouble"},
		"components": [%s], "incidents": [%s], "scheduled_maintenances": [%s]}`,
		indicator, components, incidents, maintenances)
}

const (
	quietAMS = `{"id": "g1", "name": "Netherlands", "status": "operational", "group": true},
		{"id": "c1", "name": "AMS1", "status": "operational", "group_id": "g1"},
		{"id": "c2", "name": "FRA2", "status": "operational", "group_id": null}`
	cutAMS = `{"id": "c1", "name": "AMS1", "status": "partial_outage"}, {"id": "c2", "name": "FRA2", "status": "operational"}`
	oddAMS = `{"id": "c1", "name": "AMS1", "status": "brownout"}`

	uplinkAMS  = `{"name": "Uplink lost in AMS1", "status": "identified", "impact": "major", "components": [{"name": "AMS1", "status": "operational"}]}`
	uplinkFRA  = `{"name": "Uplink lost in FRA2", "status": "investigating", "impact": "critical", "components": [{"name": "FRA2"}]}`
	unnamed    = `{"name": "Network trouble", "status": "monitoring", "impact": "minor", "components": []}`
	viaUpdate  = `{"name": "Cooling", "status": "identified", "impact": "critical", "incident_updates": [{"affected_components": null}, {"affected_components": [{"code": "c1", "name": "Netherlands - AMS1"}]}]}`
	solved     = `{"name": "Old", "status": "resolved", "impact": "critical", "components": [{"name": "AMS1"}]}`
	harmless   = `{"name": "Looking into it", "status": "investigating", "impact": "none", "components": [{"name": "AMS1"}]}`
	workingAMS = `{"name": "Switch upgrade", "status": "in_progress", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	checkAMS   = `{"name": "Switch upgrade", "status": "verifying", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	plannedAMS = `{"name": "Switch upgrade", "status": "scheduled", "impact": "maintenance", "components": [{"name": "AMS1"}]}`
	newWord    = `{"name": "Switch upgrade", "status": "begonnen", "components": [{"name": "AMS1"}]}`
)

func TestAPageSaysWhatIsAnnouncedForTheComponent(t *testing.T) {
	cases := []struct {
		name, component, body string
		incident              bool
		indicator, title      string
	}{
		{"all quiet", "AMS1", page("none", quietAMS, "", ""), false, "none", ""},
		{"all quiet anywhere", "", page("none", quietAMS, "", ""), false, "none", ""},
		{"incident here", "AMS1", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"name in other case", " ams1 ", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"incident elsewhere", "AMS1", page("critical", quietAMS, uplinkFRA, ""), false, "none", ""},
		{"incident anywhere", "", page("critical", quietAMS, uplinkFRA, ""), true, "critical", "Uplink lost in FRA2"},
		{"incident that names nothing", "AMS1", page("minor", quietAMS, unnamed, ""), true, "minor", "Network trouble"},
		{"named in an update only", "AMS1", page("critical", quietAMS, viaUpdate, ""), true, "critical", "Cooling"},
		{"gravest of two", "", page("none", quietAMS, unnamed+","+uplinkFRA, ""), true, "critical", "Uplink lost in FRA2"},
		{"over", "AMS1", page("none", quietAMS, solved, ""), false, "none", ""},
		{"without impact", "AMS1", page("none", quietAMS, harmless, ""), true, "minor", "Looking into it"},
		{"group of components", "Netherlands", page("major", quietAMS, uplinkAMS, ""), true, "major", "Uplink lost in AMS1"},
		{"maintenance under way", "AMS1", page("maintenance", quietAMS, "", workingAMS), true, "maintenance", "Switch upgrade"},
		{"maintenance being checked", "AMS1", page("none", quietAMS, "", checkAMS), true, "maintenance", "Switch upgrade"},
		{"maintenance to come", "AMS1", page("none", quietAMS, "", plannedAMS), false, "none", ""},
		{"maintenance in a new word", "AMS1", page("none", quietAMS, "", newWord), true, "maintenance", "Switch upgrade"},
		{"component only", "AMS1", page("none", cutAMS, "", ""), true, "major", "AMS1: partial_outage"},
		{"component graver than its incident", "AMS1", page("none", cutAMS, unnamed, ""), true, "major", "Network trouble"},
		{"component in a new word", "AMS1", page("none", oddAMS, "", ""), true, "brownout", "AMS1: brownout"},
		{"page only", "", page("SOMEMAJOROUTAGE", quietAMS, "", ""), true, "SOMEMAJOROUTAGE", "Some Trouble"},
		{"page only, another component", "AMS1", page("critical", quietAMS, "", ""), false, "none", ""},
		{"keys left out", "", `{"status": {"indicator": "none"}, "incidents": null}`, false, "none", ""},
		{"hostile title", "", page("none", "", `{"name": "a\u001b[2J\nb", "status": "identified", "impact": "major"}`, ""), true, "major", "a [2J b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			said, err := parsed(t, c.body).About(asking(c.component))
			if err != nil || said.Incident != c.incident || said.Indicator != c.indicator || said.Title != c.title {
				t.Errorf("got %+v (%v), want %t %s %q", said, err, c.incident, c.indicator, c.title)
			}
		})
	}
}

func parsed(t *testing.T, body string) statuspage.Page {
	t.Helper()
	page, err := statuspage.Parse("statuspage", []byte(body), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// asking is the query for a component, or for anything.
func asking(component string) statuspage.Query {
	if component == "" {
		return statuspage.Query{}
	}
	return statuspage.Query{Names: []string{component}}
}

func TestSilenceAboutAComponentIsNoGoodNews(t *testing.T) {
	cases := []struct {
		name, components string
		is               error
	}{
		{"a name that is not there", quietAMS, statuspage.ErrComponent},
		{"a component without a status", `{"name": "AMS9"}`, statuspage.ErrSilent},
		{"no components at all", "", statuspage.ErrComponent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			said, err := parsed(t, page("none", c.components, "", "")).About(asking("AMS9"))
			if !errors.Is(err, c.is) || said != (statuspage.Announcement{}) {
				t.Errorf("got %+v (%v), want %v", said, err, c.is)
			}
		})
	}
	if _, err := (statuspage.Page{}).About(statuspage.Query{}); !errors.Is(err, statuspage.ErrSilent) {
		t.Errorf("a page that was never read: %v", err)
	}
}

func TestMaintenanceIsInForceBetweenItsTimes(t *testing.T) {
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	never := time.Time{}
	cases := []struct {
		name         string
		phase        statuspage.Phase
		starts, ends time.Time
		inForce      bool
	}{
		{"planned for later", statuspage.Ahead, hour(1), hour(2), false},
		{"planned, and its time has come", statuspage.Ahead, hour(-1), hour(1), true},
		{"planned, and its time has passed", statuspage.Ahead, hour(-2), hour(-1), false},
		{"planned, without times", statuspage.Ahead, never, never, false},
		{"planned, begun without an end", statuspage.Ahead, hour(-1), never, true},
		{"planned, begun two days ago without an end", statuspage.Ahead, hour(-48), never, false},
		{"at its first moment", statuspage.Ahead, noon, hour(1), true},
		{"at its last moment", statuspage.Ahead, hour(-1), noon, false},
		{"under way", statuspage.Underway, hour(-1), hour(1), true},
		{"under way, without times", statuspage.Underway, never, never, true},
		{"begun early", statuspage.Underway, hour(1), hour(2), true},
		{"running late", statuspage.Underway, hour(-3), hour(-1), true},
		{"forgotten on the page", statuspage.Underway, hour(-30), hour(-24), false},
		{"over before its end", statuspage.Over, hour(-1), hour(1), false},
		{"in an unknown word, to come", statuspage.PhaseUnknown, hour(1), hour(2), false},
		{"in an unknown word, without times", statuspage.PhaseUnknown, never, never, true},
		{"in an unknown word, past", statuspage.PhaseUnknown, never, hour(-1), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			work := statuspage.Event{Kind: statuspage.Maintenance, Title: "Work", Phase: c.phase, Starts: c.starts, Ends: c.ends}
			said, err := (statuspage.Page{At: noon, Complete: true, Events: []statuspage.Event{work}}).About(statuspage.Query{})
			if err != nil || said.Incident != c.inForce || said.Maintenance != c.inForce {
				t.Errorf("got %+v (%v), want in force %t", said, err, c.inForce)
			}
		})
	}
}

func TestWorkLastsUntilAllOfItHasEnded(t *testing.T) {
	work := func(hours int) statuspage.Event {
		return statuspage.Event{Kind: statuspage.Maintenance, Title: "Work", Phase: statuspage.Underway, Ends: noon.Add(time.Duration(hours) * time.Hour)}
	}
	open := statuspage.Event{Kind: statuspage.Maintenance, Title: "Work", Phase: statuspage.Underway}
	cases := []struct {
		name   string
		events []statuspage.Event
		until  time.Time
	}{
		{"two ends", []statuspage.Event{work(3), work(1)}, noon.Add(3 * time.Hour)},
		{"one without an end", []statuspage.Event{work(3), open, work(1)}, time.Time{}},
		{"one that runs late", []statuspage.Event{work(-1)}, time.Time{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			said, err := (statuspage.Page{At: noon, Complete: true, Events: c.events}).About(statuspage.Query{})
			if err != nil || !said.Until.Equal(c.until) {
				t.Errorf("got until %v (%v), want %v", said.Until, err, c.until)
			}
		})
	}
}

func TestAnEntryWithoutAStateIsInformationWhileItIsRecent(t *testing.T) {
	day := 24 * time.Hour
	entry := func(title string, age time.Duration) statuspage.Event {
		return statuspage.Event{Kind: statuspage.Information, Title: title, Starts: noon.Add(-age)}
	}
	page := statuspage.Page{At: noon, Stateless: true, Events: []statuspage.Event{
		entry("last month", 30*day), entry("yesterday in AMS1", day), entry("today in FRA2", time.Hour), {Kind: statuspage.Information, Title: "never"},
	}}
	for component, want := range map[string]string{"": "today in FRA2", "AMS1": "yesterday in AMS1", "LHR3": ""} {
		said, err := page.About(asking(component))
		if err != nil || said.Incident || said.Information != want {
			t.Errorf("for %q: %+v (%v), want %q", component, said, err, want)
		}
	}
}

func TestTroubleOfOthersIsLeftOut(t *testing.T) {
	cutFRA := `{"id": "c1", "name": "AMS1", "status": "operational"}, {"id": "c2", "name": "FRA2", "status": "major_outage"}`
	cases := []struct {
		name, body string
		except     string
		incident   bool
	}{
		{"an outage of the others", page("critical", cutFRA, uplinkFRA, ""), "FRA2", false},
		{"an outage of ours", page("critical", cutFRA, uplinkFRA, ""), "AMS1", true},
		{"an outage of nobody in particular", page("minor", quietAMS, unnamed, ""), "FRA2", true},
		{"only the page as a whole", page("critical", quietAMS, "", ""), "FRA2", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			said, err := parsed(t, c.body).About(statuspage.Query{Except: []string{c.except}})
			if err != nil || said.Incident != c.incident {
				t.Errorf("got %+v (%v), want %t", said, err, c.incident)
			}
		})
	}
	if _, err := parsed(t, page("none", quietAMS, "", "")).About(statuspage.Query{Except: []string{"FRA9"}}); !errors.Is(err, statuspage.ErrComponent) {
		t.Errorf("a misspelt exception: %v", err)
	}
}
