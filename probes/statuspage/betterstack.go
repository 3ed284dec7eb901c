package statuspage

import "fmt"

// betterStack is the index.json of a Better Stack page, in JSON:API: the page
// itself, and everything else in one list of things that are told apart by
// their type.
type betterStack struct {
	Data struct {
		Attributes struct {
			Company   string `json:"company_name"`
			Domain    string `json:"custom_domain"`
			Aggregate string `json:"aggregate_state"`
			Updated   moment `json:"updated_at"`
		} `json:"attributes"`
	} `json:"data"`
	Included list[betterStackThing] `json:"included"`
}

type betterStackThing struct {
	ID         word   `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Name       string `json:"name"`        // of a section
		PublicName string `json:"public_name"` // of a resource
		Section    word   `json:"status_page_section_id"`
		Status     string `json:"status"`

		Title      string `json:"title"` // of a report
		ReportType string `json:"report_type"`
		Aggregate  string `json:"aggregate_state"`
		Starts     moment `json:"starts_at"`
		Ends       moment `json:"ends_at"`
		Affected   list[struct {
			Resource word   `json:"status_page_resource_id"`
			Status   string `json:"status"`
		}] `json:"affected_resources"`
	} `json:"attributes"`
}

// betterStackWords: what is not monitored is neither well nor down.
var betterStackWords = vocabulary{
	"operational": Operational, "resolved": Operational, "maintenance": UnderMaintenance,
	"degraded": Degraded, "downtime": MajorOutage, "notmonitored": Unknown,
}

func isBetterStack(d document) bool {
	if d.kind != object || !d.within("data", "attributes") {
		return false
	}
	data, err := decode[betterStack](d.text)
	return err != nil || data.Data.Attributes.Aggregate != ""
}

func readBetterStack(d document) (Page, error) {
	in, err := decode[betterStack](d.text)
	if err != nil {
		return Page{}, err
	}
	about := in.Data.Attributes
	if about.Aggregate == "" {
		return Page{}, fmt.Errorf("%w: it gives no aggregate_state", ErrFormat)
	}
	page := Page{Name: about.Company, URL: about.Domain, SourceUpdated: about.Updated.Time, Overall: betterStackWords.level(about.Aggregate), Listed: true}
	sections, names := in.names()
	for _, thing := range in.Included {
		switch thing.Type {
		case "status_page_resource":
			a := thing.Attributes
			page.Components = append(page.Components, Component{
				ID: string(thing.ID), Group: sections[a.Section], Name: a.PublicName, Level: betterStackWords.level(a.Status),
			})
		case "status_report":
			page.Events = append(page.Events, thing.event(names))
		}
	}
	return page, nil
}

// names returns what sections and resources are called, by their id.
func (in betterStack) names() (sections, resources map[word]string) {
	sections, resources = map[word]string{}, map[word]string{}
	for _, thing := range in.Included {
		switch thing.Type {
		case "status_page_section":
			sections[thing.ID] = thing.Attributes.Name
		case "status_page_resource":
			resources[thing.ID] = thing.Attributes.PublicName
		}
	}
	return sections, resources
}

func (thing betterStackThing) event(names map[word]string) Event {
	a := thing.Attributes
	e := Event{
		ID: string(thing.ID), Kind: Incident, Title: a.Title, State: a.Aggregate, Phase: phaseOf(a.Aggregate),
		Impact: betterStackWords.impact(a.Aggregate), Starts: a.Starts.Time, Ends: a.Ends.Time,
	}
	if a.ReportType == "maintenance" {
		e.Kind, e.Impact = Maintenance, Level{Status: UnderMaintenance}
	}
	for _, r := range a.Affected {
		e.Components = append(e.Components, names[r.Resource], string(r.Resource))
	}
	return e
}
