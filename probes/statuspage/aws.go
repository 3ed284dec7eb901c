package statuspage

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// awsEvent is one of the open events of the AWS health dashboard: an array of
// them is the whole document. Its format is not described anywhere; what the
// numbers mean is read off years of events.
type awsEvent struct {
	ARN      word         `json:"arn"`
	Date     moment       `json:"date"` // seconds, as a string
	Status   word         `json:"status"`
	Region   string       `json:"region_name"`
	Service  string       `json:"service"` // ec2-eu-west-1
	Name     string       `json:"service_name"`
	Summary  string       `json:"summary"`
	Log      list[awsLog] `json:"event_log"` // in no order
	Impacted map[string]struct {
		Name    string `json:"service_name"`
		Current word   `json:"current"`
	} `json:"impacted_services"`
}

type awsLog struct {
	Summary string `json:"summary"`
	Status  word   `json:"status"`
	At      moment `json:"timestamp"`
}

var awsStatuses = vocabulary{"0": Operational, "1": Operational, "2": Degraded, "3": MajorOutage}

func isAWS(d document) bool {
	return d.kind == array && (d.none || d.has("status", "service") && (d.has("event_log") || d.has("region_name")))
}

// readAWS: an array without events is how all is well looks.
func readAWS(d document) (Page, error) {
	in, err := decode[list[awsEvent]](d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Name: "AWS", Complete: true}
	for _, e := range in {
		page.Components = append(page.Components, e.components()...)
		page.Events = append(page.Events, e.event())
		if newest := e.newest(); newest.At.After(page.SourceUpdated) {
			page.SourceUpdated = newest.At.Time
		}
	}
	return page, nil
}

// region is the code at the end of a service's key, "" for a global one.
func region(service string) string {
	_, code, _ := strings.Cut(service, "-")
	return code
}

func (e awsEvent) components() []Component {
	var all []Component
	for _, key := range slices.Sorted(maps.Keys(e.Impacted)) {
		s := e.Impacted[key]
		all = append(all, Component{ID: key, Group: e.Region, Name: s.Name, Location: cmp.Or(region(key), region(e.Service)), Level: awsStatuses.level(string(s.Current))})
	}
	return all
}

func (e awsEvent) newest() awsLog {
	var newest awsLog
	for _, l := range e.Log {
		if !l.At.Before(newest.At.Time) {
			newest = l
		}
	}
	return newest
}

// event: status 1 informs, 0 says that the service is well again, as does a
// last message that begins with [RESOLVED].
func (e awsEvent) event() Event {
	newest := e.newest()
	out := Event{
		ID: cmp.Or(string(e.ARN), e.Service), Kind: Incident, Title: cmp.Or(newest.Summary, e.Summary, e.Name), State: string(e.Status),
		Impact: awsStatuses.impact(string(e.Status)), Starts: e.Date.Time, Phase: Underway,
	}
	if e.Status == "0" || strings.HasPrefix(strings.ToUpper(newest.Summary), "[RESOLVED]") {
		out.Phase = Over
	}
	if e.Status == "1" {
		out.Kind = Information
	}
	for _, name := range []string{e.Region, region(e.Service), e.Service, e.Name} {
		if name != "" {
			out.Components = append(out.Components, name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Impacted)) {
		out.Components = append(out.Components, key, e.Impacted[key].Name)
	}
	return out
}
