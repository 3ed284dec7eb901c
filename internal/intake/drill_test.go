package intake_test

import (
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// [5.1] A drill never swallows what is really wrong with its server, whichever
// came first.
func TestRealTroubleDuringADrillIsAnIncidentOfItsOwn(t *testing.T) {
	drill := firing(alerts.DrillDue, "server", "web-07", "story", "server-hangs")
	drill.Source, drill.Annotations = alerts.Calendar, alerts.Labels{"summary": "web-07 hangs", "by": "hanne"}
	real := firing(alerts.ServerUnreachable, "server", "web-07")
	for name, order := range map[string][]alerts.Alert{"the drill first": {drill, real}, "the trouble first": {real, drill}} {
		p := newPlace(t)
		p.take(order[0])
		p.take(order[1])
		inc := p.only()
		if inc.Subject != (incident.Subject{Kind: "server", Name: "web-07"}) || inc.IsDrill() || len(inc.Alerts) != 1 {
			t.Errorf("%s: in earnest there is %+v", name, inc.Subject)
		}
		drills, err := p.db.List(t.Context(), store.Filter{Calendar: true})
		if err != nil || len(drills) != 1 || drills[0].Subject != "drill:web-07" || drills[0].Priority != incident.P1 {
			t.Errorf("%s: of drills there is %+v, %v", name, drills, err)
		}
	}
}

// A sender from outside cannot begin a drill, nor call its trouble one.
func TestNobodyOutsideBeginsADrill(t *testing.T) {
	for _, source := range []string{"alertmanager", "probe", "person"} {
		p := newPlace(t)
		a := firing(alerts.DrillDue, "server", "web-07", "story", "server-hangs")
		a.Source = source
		p.take(a)
		if inc := p.only(); inc.IsDrill() {
			t.Errorf("%s began a drill", source)
		}
	}
}
