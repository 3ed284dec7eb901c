package statuspage

import (
	"strconv"
	"time"
)

// instatus is a summary.json of Instatus, or its list of components, which is
// another document. Keys are absent when there is nothing under them.
type instatus struct {
	Page struct {
		Name   string `json:"name"`
		URL    string `json:"url"`
		Status string `json:"status"`
	} `json:"page"`
	Incidents    list[instatusNotice]    `json:"activeIncidents"`
	Maintenances list[instatusNotice]    `json:"activeMaintenances"`
	Components   list[instatusComponent] `json:"components"`
}

type instatusNotice struct {
	ID       word   `json:"id"`
	Name     string `json:"name"`
	Started  moment `json:"started"`
	Start    moment `json:"start"`
	Status   string `json:"status"`
	Impact   string `json:"impact"`
	Duration word   `json:"duration"` // minutes, as a string
	URL      string `json:"url"`
}

type instatusComponent struct {
	ID     word   `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Group  named  `json:"group"`
}

var instatusWords = vocabulary{
	"up": Operational, "operational": Operational, "undermaintenance": UnderMaintenance,
	"hasissues": Degraded, "degradedperformance": Degraded, "partialoutage": PartialOutage, "majoroutage": MajorOutage,
}

func isInstatus(d document) bool {
	return d.kind == object && !d.has("status") && (d.within("page", "status") || d.has("components") && len(d.keys) == 1)
}

func readInstatus(d document) (Page, error) {
	in, err := decode[instatus](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: in.Page.Name, URL: in.Page.URL, Overall: instatusWords.level(in.Page.Status), Listed: d.has("components")}
	for _, n := range in.Incidents {
		e := n.event(Incident)
		e.Impact, e.Starts = instatusWords.impact(n.Impact), n.Started.Time
		page.Events = append(page.Events, e)
	}
	for _, n := range in.Maintenances {
		e := n.event(Maintenance)
		e.Impact, e.Starts = Level{Status: UnderMaintenance}, n.Start.Time
		e.Ends = n.ends()
		page.Events = append(page.Events, e)
	}
	for _, c := range in.Components {
		page.Components = append(page.Components, Component{
			ID: string(c.ID), Name: c.Name, Group: string(c.Group.Name), Level: instatusWords.level(c.Status),
		})
	}
	return page, nil
}

func (n instatusNotice) event(k Kind) Event {
	return Event{ID: string(n.ID), Kind: k, Title: n.Name, State: n.Status, Phase: phaseOf(n.Status), URL: n.URL}
}

// maxMinutes is a year; what lasts longer is not maintenance.
const maxMinutes = 366 * 24 * 60

func (n instatusNotice) ends() time.Time {
	minutes, err := strconv.Atoi(string(n.Duration))
	if err != nil || minutes <= 0 || minutes > maxMinutes || n.Start.IsZero() {
		return time.Time{}
	}
	return n.Start.Add(time.Duration(minutes) * time.Minute)
}
