package statuspage

import "cmp"

// gcloudIncident is one of Google Cloud's incidents: an array of all of them,
// past and present, is the whole document. One without an end is open.
type gcloudIncident struct {
	ID        word        `json:"id"`
	Begin     moment      `json:"begin"`
	End       word        `json:"end"`
	Modified  moment      `json:"modified"`
	Text      string      `json:"external_desc"`
	Impact    string      `json:"status_impact"`
	URI       string      `json:"uri"`
	Products  list[named] `json:"affected_products"`
	Locations list[named] `json:"currently_affected_locations"`
	Latest    struct {
		Status string `json:"status"`
	} `json:"most_recent_update"`
}

var gcloudImpacts = vocabulary{
	"available": Operational, "serviceinformation": Operational, "servicedisruption": Degraded, "serviceoutage": MajorOutage,
}

func isGCloud(d document) bool {
	return d.kind == array && (d.none || d.has("begin") && (d.has("status_impact") || d.has("external_desc")))
}

// readGCloud keeps what is open. The rest is an archive of years.
func readGCloud(d document) (Page, error) {
	in, err := decode[list[gcloudIncident]](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: "Google Cloud", Complete: true}
	for _, i := range in {
		if i.Modified.After(page.SourceUpdated) {
			page.SourceUpdated = i.Modified.Time
		}
		if i.End == "" {
			page.Events = append(page.Events, i.event())
		}
	}
	return page, nil
}

func (i gcloudIncident) event() Event {
	word := cmp.Or(i.Latest.Status, i.Impact)
	e := Event{
		ID: string(i.ID), Kind: Incident, Title: i.Text, State: word, Phase: Underway,
		Impact: gcloudImpacts.impact(word), Starts: i.Begin.Time, URL: i.URI,
	}
	switch letters(word) {
	case "available":
		e.Phase = Over
	case "serviceinformation":
		e.Kind = Information
	}
	for _, affected := range append(i.Locations, i.Products...) {
		e.Components = append(e.Components, affected.words()...)
	}
	return e
}
