package statuspage

// statuspal is the status or summary of a Statuspal page. What is being worked
// on now stands among the incidents, with the type "scheduled"; maintenances
// are those to come. Its times have no zone and are UTC.
type statuspal struct {
	Page struct {
		Name    string `json:"name"`
		URL     string `json:"url"`
		Current string `json:"current_incident_type"`
	} `json:"status_page"`
	Current      string                  `json:"current_status_type"`
	Services     list[statuspalService]  `json:"services"`
	Incidents    list[statuspalIncident] `json:"incidents"`
	Maintenances list[statuspalIncident] `json:"maintenances"`
	Upcoming     list[statuspalIncident] `json:"upcoming_maintenances"`
	Notices      list[statuspalIncident] `json:"info_notices"`
}

type statuspalService struct {
	ID       word                   `json:"id"`
	Name     string                 `json:"name"`
	Current  string                 `json:"current_incident_type"`
	Children list[statuspalService] `json:"children"`
}

type statuspalIncident struct {
	ID       word        `json:"id"`
	Title    string      `json:"title"`
	Type     string      `json:"type"`
	URL      string      `json:"url"`
	Starts   moment      `json:"starts_at"`
	Ends     moment      `json:"ends_at"`
	Services list[named] `json:"services"`
}

var statuspalTypes = vocabulary{"none": Operational, "scheduled": UnderMaintenance, "minor": Degraded, "major": MajorOutage}

func isStatuspal(d document) bool { return d.kind == object && d.has("services", "incidents") }

func readStatuspal(d document) (Page, error) {
	in, err := decode[statuspal](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: in.Page.Name, URL: in.Page.URL, Overall: in.overall(), Listed: true}
	for _, s := range in.Services {
		page.Components = append(page.Components, s.components("")...)
	}
	for _, i := range in.Incidents {
		if i.Type == "scheduled" {
			page.Events = append(page.Events, i.event(Maintenance, "in progress"))
		} else {
			page.Events = append(page.Events, i.event(Incident, ""))
		}
	}
	for _, i := range append(in.Maintenances, in.Upcoming...) {
		page.Events = append(page.Events, i.event(Maintenance, "upcoming"))
	}
	for _, i := range in.Notices {
		page.Events = append(page.Events, i.event(Information, ""))
	}
	return page, nil
}

// overall: no current type is the word for "all is well".
func (in statuspal) overall() Level {
	for _, word := range []string{in.Current, in.Page.Current} {
		if word != "" {
			return statuspalTypes.level(word)
		}
	}
	return Level{Status: Operational}
}

func (s statuspalService) components(group string) []Component {
	level := Level{Status: Operational, Word: "operational"}
	if s.Current != "" {
		level = statuspalTypes.level(s.Current)
	}
	all := []Component{{ID: string(s.ID), Group: group, Name: s.Name, Level: level}}
	for _, child := range s.Children {
		all = append(all, child.components(s.Name)...)
	}
	return all
}

func (i statuspalIncident) event(k Kind, state string) Event {
	e := Event{
		ID: string(i.ID), Kind: k, Title: i.Title, State: state, Phase: phaseOf(state), Impact: Level{Status: UnderMaintenance},
		Starts: i.Starts.Time, Ends: i.Ends.Time, URL: i.URL,
	}
	if k == Incident {
		e.Impact = statuspalTypes.impact(i.Type)
	}
	for _, s := range i.Services {
		e.Components = append(e.Components, s.words()...)
	}
	return e
}
