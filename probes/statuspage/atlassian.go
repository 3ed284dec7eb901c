package statuspage

import (
	"cmp"
	"fmt"
)

// atlassian is a summary.json of Statuspage, version 2. Clones leave keys out
// or put null, and use words of their own.
type atlassian struct {
	Page struct {
		Name      string `json:"name"`
		URL       string `json:"url"`
		UpdatedAt moment `json:"updated_at"`
	} `json:"page"`
	Status struct {
		Indicator   string `json:"indicator"`
		Description string `json:"description"`
	} `json:"status"`
	Components   list[atlassianComponent] `json:"components"`
	Incidents    list[atlassianNotice]    `json:"incidents"`
	Maintenances list[atlassianNotice]    `json:"scheduled_maintenances"`
}

type atlassianComponent struct {
	ID      word   `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Group   bool   `json:"group"` // a heading: its status only repeats its members'
	GroupID word   `json:"group_id"`
}

// atlassianNotice is an incident or a maintenance.
type atlassianNotice struct {
	ID         word                     `json:"id"`
	Name       string                   `json:"name"`
	Status     string                   `json:"status"`
	Impact     string                   `json:"impact"`
	Shortlink  string                   `json:"shortlink"`
	Started    moment                   `json:"started_at"`
	Created    moment                   `json:"created_at"`
	Resolved   moment                   `json:"resolved_at"`
	From       moment                   `json:"scheduled_for"`
	Until      moment                   `json:"scheduled_until"`
	Components list[atlassianComponent] `json:"components"`
	Updates    list[struct {
		Affected list[named] `json:"affected_components"`
	}] `json:"incident_updates"`
}

// atlassianImpacts are the words of indicators and impacts. "maintenance" is an
// indicator too, although the format's description omits it.
var atlassianImpacts = vocabulary{
	"none": Operational, "maintenance": UnderMaintenance, "minor": Degraded, "major": PartialOutage, "critical": MajorOutage,
}

var atlassianStatuses = vocabulary{
	"operational": Operational, "undermaintenance": UnderMaintenance, "degradedperformance": Degraded,
	"partialoutage": PartialOutage, "majoroutage": MajorOutage,
}

func isAtlassian(d document) bool { return d.kind == object && d.within("status", "indicator") }

// readAtlassian demands an indicator: an empty object is not a page on which
// all is well.
func readAtlassian(d document) (Page, error) {
	in, err := decode[atlassian](d.text)
	if err != nil {
		return Page{}, err
	}
	if in.Status.Indicator == "" {
		return Page{}, fmt.Errorf("%w: it gives no status.indicator", ErrFormat)
	}
	page := Page{
		Name: in.Page.Name, URL: in.Page.URL, SourceUpdated: in.Page.UpdatedAt.Time,
		Overall: atlassianImpacts.level(in.Status.Indicator), Summary: in.Status.Description, Listed: true,
		Components: in.components(),
	}
	for _, n := range in.Incidents {
		page.Events = append(page.Events, n.incident())
	}
	for _, n := range in.Maintenances {
		page.Events = append(page.Events, n.maintenance())
	}
	return page, nil
}

func (in atlassian) components() []Component {
	headings := map[word]string{}
	for _, c := range in.Components {
		if c.Group {
			headings[c.ID] = c.Name
		}
	}
	var all []Component
	for _, c := range in.Components {
		if !c.Group {
			all = append(all, Component{
				ID: string(c.ID), Group: headings[c.GroupID], Name: c.Name, Level: atlassianStatuses.level(c.Status),
			})
		}
	}
	return all
}

func (n atlassianNotice) incident() Event {
	e := n.event(Incident)
	e.Impact = atlassianImpacts.impact(n.Impact)
	e.Starts, e.Ends = first(n.Started, n.Created), n.Resolved.Time
	return e
}

func (n atlassianNotice) maintenance() Event {
	e := n.event(Maintenance)
	e.Impact = Level{Status: UnderMaintenance, Word: cmp.Or(n.Impact, "maintenance")}
	e.Starts, e.Ends = n.From.Time, n.Until.Time
	return e
}

func (n atlassianNotice) event(k Kind) Event {
	e := Event{ID: string(n.ID), Kind: k, Title: n.Name, State: n.Status, Phase: phaseOf(n.Status), URL: n.Shortlink}
	for _, c := range n.Components {
		e.Components = append(e.Components, c.Name)
	}
	for _, u := range n.Updates {
		for _, c := range u.Affected {
			e.Components = append(e.Components, string(c.Name))
		}
	}
	return e
}
