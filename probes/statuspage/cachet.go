package statuspage

import "encoding/json"

// cachet is one of three lists of Cachet: components, incidents or schedules.
// Version 3 wraps each entry in JSON:API, version 2 does not.
type cachet struct {
	Data  list[cachetEntry] `json:"data"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

type cachetEntry struct {
	ID         word            `json:"id"`
	Type       string          `json:"type"`
	Attributes json.RawMessage `json:"attributes"`
	cachetFields
}

type cachetFields struct {
	Name       string      `json:"name"`
	Status     word        `json:"status"`
	Message    string      `json:"message"`
	Occurred   moment      `json:"occurred_at"`
	Created    moment      `json:"created_at"`
	Scheduled  moment      `json:"scheduled_at"`
	Completed  moment      `json:"completed_at"`
	Components list[named] `json:"components"`
}

// cachetComponents: 5 is the page's own "unknown".
var cachetComponents = vocabulary{
	"1": Operational, "2": Degraded, "3": PartialOutage, "4": MajorOutage, "5": Unknown, "6": UnderMaintenance,
}

var (
	cachetIncidents = map[word]string{"0": "unknown", "1": "investigating", "2": "identified", "3": "watching", "4": "fixed"}
	cachetSchedules = map[word]string{"0": "upcoming", "1": "in progress", "2": "complete"}
)

func isCachet(d document) bool {
	return d.kind == object && d.has("data") && len(d.keys["data"]) > 0 && d.keys["data"][0] == '[' && (d.has("links") || d.has("meta"))
}

func readCachet(d document) (Page, error) {
	in, err := decode[cachet](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Next: in.Links.Next}
	for _, entry := range in.Data {
		if len(entry.Attributes) > 0 {
			if entry.cachetFields, err = decode[cachetFields](entry.Attributes); err != nil {
				return Page{}, err
			}
		}
		entry.addTo(&page)
	}
	return page, nil
}

// addTo tells the three lists apart by their type, or by what only one has.
func (c cachetEntry) addTo(page *Page) {
	switch {
	case c.Type == "schedules" || !c.Scheduled.IsZero():
		page.Events = append(page.Events, c.schedule())
	case c.Type == "incidents" || c.Message != "" || !c.Occurred.IsZero():
		page.Events = append(page.Events, c.incident())
	default:
		page.Listed = true
		page.Components = append(page.Components, Component{ID: string(c.ID), Name: c.Name, Level: cachetComponents.level(string(c.Status))})
	}
}

func (c cachetEntry) incident() Event {
	e := c.event(Incident, cachetIncidents)
	e.Impact = Level{Status: Degraded} // Cachet grades components, not incidents
	e.Starts = first(c.Occurred, c.Created)
	return e
}

func (c cachetEntry) schedule() Event {
	e := c.event(Maintenance, cachetSchedules)
	e.Impact = Level{Status: UnderMaintenance}
	e.Starts, e.Ends = c.Scheduled.Time, c.Completed.Time
	return e
}

func (c cachetEntry) event(k Kind, states map[word]string) Event {
	state, ok := states[c.Status]
	if !ok {
		state = string(c.Status)
	}
	e := Event{ID: string(c.ID), Kind: k, Title: c.Name, State: state, Phase: phaseOf(state)}
	for _, affected := range c.Components {
		e.Components = append(e.Components, affected.words()...)
	}
	return e
}
