package statuspage

import "fmt"

// statusIO is the public status of Status.io. Its containers are locations, so
// that what a datacenter does stands one level below what a product does.
type statusIO struct {
	Result struct {
		Overall struct {
			Updated moment `json:"updated"`
			Status  string `json:"status"`
			Code    word   `json:"status_code"`
		} `json:"status_overall"`
		Status      list[statusIOComponent] `json:"status"`
		Incidents   list[statusIONotice]    `json:"incidents"`
		Maintenance list[struct {
			Active   list[statusIONotice] `json:"active"`
			Upcoming list[statusIONotice] `json:"upcoming"`
		}] `json:"maintenance"`
	} `json:"result"`
}

type statusIOComponent struct {
	ID         word                    `json:"id"`
	Name       string                  `json:"name"`
	Status     string                  `json:"status"`
	Code       word                    `json:"status_code"`
	Containers list[statusIOContainer] `json:"containers"`
}

type statusIOContainer struct {
	ID     word   `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Code   word   `json:"status_code"`
}

type statusIONotice struct {
	ID         word        `json:"_id"`
	Name       string      `json:"name"`
	Opened     moment      `json:"datetime_open"`
	Starts     moment      `json:"datetime_planned_start"`
	Ends       moment      `json:"datetime_planned_end"`
	Components list[named] `json:"components_affected"`
	Containers list[named] `json:"containers_affected"`
	Messages   list[struct {
		At     moment `json:"datetime"`
		State  word   `json:"state"`
		Status word   `json:"status"`
	}] `json:"messages"`
}

// statusIOCodes are the numbers; the words beside them are translated by each
// page's owner. 600 is a security event.
var statusIOCodes = vocabulary{
	"100": Operational, "200": UnderMaintenance, "300": Degraded, "400": PartialOutage, "500": MajorOutage, "600": MajorOutage,
}

// statusIOStates are the numbers of a message's state.
var statusIOStates = map[word]string{"100": "investigating", "200": "identified", "300": "monitoring", "400": "resolved"}

func isStatusIO(d document) bool { return d.kind == object && d.within("result", "status_overall") }

func readStatusIO(d document) (Page, error) {
	in, err := decode[statusIO](d.text)
	if err != nil {
		return Page{}, err
	}
	result := in.Result
	if result.Overall.Code == "" {
		return Page{}, fmt.Errorf("%w: it gives no status_overall.status_code", ErrFormat)
	}
	page := Page{
		SourceUpdated: result.Overall.Updated.Time, Listed: true,
		Overall: statusIOLevel(result.Overall.Code, result.Overall.Status),
	}
	for _, c := range result.Status {
		page.Components = append(page.Components, c.components()...)
	}
	for _, n := range result.Incidents {
		page.Events = append(page.Events, n.incident())
	}
	for _, m := range result.Maintenance {
		for _, n := range m.Active {
			page.Events = append(page.Events, n.maintenance("active"))
		}
		for _, n := range m.Upcoming {
			page.Events = append(page.Events, n.maintenance("upcoming"))
		}
	}
	return page, nil
}

// statusIOLevel ranks by the number and shows the word.
func statusIOLevel(code word, text string) Level {
	l := statusIOCodes.level(string(code))
	if !l.Strange && text != "" {
		l.Word = text
	}
	return l
}

// components returns one for each location. The product itself says no more
// than they do, unless it has none.
func (c statusIOComponent) components() []Component {
	if len(c.Containers) == 0 {
		return []Component{{ID: string(c.ID), Name: c.Name, Level: statusIOLevel(c.Code, c.Status)}}
	}
	var all []Component
	for _, at := range c.Containers {
		all = append(all, Component{
			ID: string(at.ID), Group: c.Name, Name: c.Name + " - " + at.Name, Location: at.Name, Level: statusIOLevel(at.Code, at.Status),
		})
	}
	return all
}

// incident takes its state from the newest message, wherever that stands.
func (n statusIONotice) incident() Event {
	e := n.event(Incident)
	var newest moment
	e.Impact = statusIOCodes.impact("")
	for i, m := range n.Messages {
		if i == 0 || !m.At.Before(newest.Time) {
			newest, e.State, e.Impact = m.At, statusIOStates[m.State], statusIOCodes.impact(string(m.Status))
			if e.State == "" {
				e.State = string(m.State)
			}
		}
	}
	e.Phase, e.Starts = phaseOf(e.State), n.Opened.Time
	return e
}

func (n statusIONotice) maintenance(state string) Event {
	e := n.event(Maintenance)
	e.State, e.Phase, e.Impact = state, phaseOf(state), Level{Status: UnderMaintenance}
	e.Starts, e.Ends = first(n.Starts, n.Opened), n.Ends.Time
	return e
}

// event names the locations when it has any: that a product is affected
// somewhere says nothing of elsewhere.
func (n statusIONotice) event(k Kind) Event {
	e := Event{ID: string(n.ID), Kind: k, Title: n.Name}
	affected := n.Containers
	if len(affected) == 0 {
		affected = n.Components
	}
	for _, c := range affected {
		e.Components = append(e.Components, c.words()...)
	}
	return e
}
