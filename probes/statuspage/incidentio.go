package statuspage

// incidentIO is what a page of incident.io answers to its own widget. It lists
// what is wrong and nothing else: on a good day all its lists are empty. The
// page's own data, which some installations hand out, stand under "summary"
// and have the components too.
type incidentIO struct {
	PageTitle string                    `json:"page_title"`
	PageURL   string                    `json:"page_url"`
	Name      string                    `json:"name"`
	Ongoing   list[incidentIONotice]    `json:"ongoing_incidents"`
	Working   list[incidentIONotice]    `json:"in_progress_maintenances"`
	Scheduled list[incidentIONotice]    `json:"scheduled_maintenances"`
	All       list[incidentIOComponent] `json:"components"`
	Affected  list[incidentIOComponent] `json:"affected_components"`
}

type incidentIONotice struct {
	ID         word                      `json:"id"`
	Name       string                    `json:"name"`
	Status     string                    `json:"status"`
	URL        string                    `json:"url"`
	Worst      string                    `json:"current_worst_impact"`
	Started    moment                    `json:"started_at"`
	StartsAt   moment                    `json:"starts_at"`
	Until      moment                    `json:"scheduled_end_at"`
	EndsAt     moment                    `json:"ends_at"`
	Components list[incidentIOComponent] `json:"affected_components"`
}

type incidentIOComponent struct {
	ID          word   `json:"id"`
	ComponentID word   `json:"component_id"`
	Name        string `json:"name"`
	Group       string `json:"group_name"`
	Current     string `json:"current_status"`
	Status      string `json:"status"`
}

var incidentIOWords = vocabulary{
	"operational": Operational, "undermaintenance": UnderMaintenance, "degradedperformance": Degraded,
	"partialoutage": PartialOutage, "fulloutage": MajorOutage, "majoroutage": MajorOutage,
}

func isIncidentIO(d document) bool {
	return d.kind == object && (d.has("ongoing_incidents") || d.within("summary", "ongoing_incidents"))
}

func readIncidentIO(d document) (Page, error) {
	text := d.text
	if !d.has("ongoing_incidents") {
		text = d.keys["summary"]
	}
	in, err := decode[incidentIO](text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: in.PageTitle, URL: in.PageURL, Complete: true, Listed: len(in.All) > 0}
	if page.Name == "" {
		page.Name = in.Name
	}
	for _, n := range in.Ongoing {
		e := n.event(Incident)
		e.Impact = incidentIOWords.impact(n.Worst)
		page.Events = append(page.Events, e)
		page.Components = append(page.Components, n.components()...)
	}
	for _, n := range append(in.Working, in.Scheduled...) {
		e := n.event(Maintenance)
		e.Impact = Level{Status: UnderMaintenance}
		page.Events = append(page.Events, e)
	}
	if page.Listed {
		page.Components = in.listed()
	}
	return page, nil
}

// listed are all components; those that are not affected are well.
func (in incidentIO) listed() []Component {
	affected := map[word]string{}
	for _, c := range in.Affected {
		affected[c.ComponentID] = c.Status
	}
	var all []Component
	for _, c := range in.All {
		status, ok := affected[c.ID]
		if !ok {
			status = "operational"
		}
		all = append(all, Component{ID: string(c.ID), Name: c.Name, Group: c.Group, Level: incidentIOWords.level(status)})
	}
	return all
}

func (n incidentIONotice) components() []Component {
	var all []Component
	for _, c := range n.Components {
		all = append(all, Component{ID: string(c.ID), Name: c.Name, Group: c.Group, Level: incidentIOWords.level(c.Current)})
	}
	return all
}

func (n incidentIONotice) event(k Kind) Event {
	e := Event{
		ID: string(n.ID), Kind: k, Title: n.Name, State: n.Status, Phase: phaseOf(n.Status), URL: n.URL,
		Starts: first(n.Started, n.StartsAt), Ends: first(n.Until, n.EndsAt),
	}
	for _, c := range n.Components {
		e.Components = append(e.Components, c.Name)
		if c.Group != "" {
			e.Components = append(e.Components, c.Group)
		}
	}
	return e
}
