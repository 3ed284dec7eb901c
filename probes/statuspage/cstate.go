package statuspage

// cState is the index.json of a cState page.
type cState struct {
	Title   string `json:"title"`
	URL     string `json:"baseURL"`
	Built   moment `json:"buildTime"`
	Summary string `json:"summaryStatus"`
	Systems list[struct {
		Name     string            `json:"name"`
		Category string            `json:"category"`
		Status   string            `json:"status"`
		Issues   list[cStateIssue] `json:"unresolvedIssues"`
	}] `json:"systems"`
}

type cStateIssue struct {
	Title     string      `json:"title"`
	Severity  string      `json:"severity"`
	Resolved  bool        `json:"resolved"`
	Affected  list[named] `json:"affected"`
	Permalink string      `json:"permalink"`
	Created   moment      `json:"createdAt"`
}

// cStateWords: "notice" is how cState announces work.
var cStateWords = vocabulary{"ok": Operational, "notice": UnderMaintenance, "disrupted": PartialOutage, "down": MajorOutage}

func isCState(d document) bool { return d.kind == object && d.has("summaryStatus", "systems") }

func readCState(d document) (Page, error) {
	in, err := decode[cState](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: in.Title, URL: in.URL, SourceUpdated: in.Built.Time, Overall: cStateWords.level(in.Summary), Listed: true}
	seen := map[string]bool{} // an issue stands under every system that it affects
	for _, s := range in.Systems {
		page.Components = append(page.Components, Component{Group: s.Category, Name: s.Name, Level: cStateWords.level(s.Status)})
		for _, i := range s.Issues {
			if key := i.Permalink + "\x00" + i.Title; !seen[key] {
				seen[key] = true
				page.Events = append(page.Events, i.event(s.Name))
			}
		}
	}
	return page, nil
}

func (i cStateIssue) event(system string) Event {
	e := Event{ID: i.Permalink, Kind: Incident, Title: i.Title, State: "unresolved", Impact: cStateWords.impact(i.Severity), Starts: i.Created.Time, URL: i.Permalink}
	if i.Resolved {
		e.State, e.Phase = "resolved", Over
	}
	if e.Impact.Status == UnderMaintenance {
		e.Kind = Maintenance
	}
	for _, affected := range i.Affected {
		e.Components = append(e.Components, affected.words()...)
	}
	if len(e.Components) == 0 {
		e.Components = []string{system}
	}
	return e
}
