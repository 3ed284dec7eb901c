package probes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// summary is the part of a Statuspage v2 summary.json that matters here. The
// format is described on the page's own /api; clones leave keys out or put
// null, and use words of their own.
type summary struct {
	Status struct {
		Indicator   string `json:"indicator"`
		Description string `json:"description"`
	} `json:"status"`
	Components   []component `json:"components"`
	Incidents    []notice    `json:"incidents"`
	Maintenances []notice    `json:"scheduled_maintenances"`
}

type component struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Group   bool   `json:"group"` // a heading: its status only repeats its members'
	GroupID string `json:"group_id"`
}

// notice is an incident or a maintenance.
type notice struct {
	Name       string      `json:"name"`
	Status     string      `json:"status"`
	Impact     string      `json:"impact"`
	Components []component `json:"components"`
	Updates    []struct {
		Affected []struct {
			Name string `json:"name"`
		} `json:"affected_components"`
	} `json:"incident_updates"`
}

// announcement is what a page says about one component, or about all.
type announcement struct {
	incident  bool
	indicator string // none, maintenance, minor, major, critical, or the page's own word
	title     string // of the gravest notice, "" without any
}

// String says it as the end of a sentence.
func (a announcement) String() string {
	if !a.incident {
		return "no trouble"
	}
	return fmt.Sprintf("%s (%s)", a.title, a.indicator)
}

// gravity ranks the words of indicators and impacts. A word that is not here
// ranks as minor: something is said to be wrong, and nobody knows how much.
// "maintenance" is an indicator too, although the description omits it.
var gravity = map[string]int{"none": 0, "maintenance": 1, "minor": 2, "major": 3, "critical": 4}

// indicators translates a component's status into the page's indicators.
var indicators = map[string]string{
	"operational":          "none",
	"under_maintenance":    "maintenance",
	"degraded_performance": "minor",
	"partial_outage":       "major",
	"major_outage":         "critical",
}

// over and ahead are the states of a notice that is not in force. Every other
// word, known or not, means that it is.
var (
	over  = []string{"resolved", "postmortem", "completed"}
	ahead = []string{"scheduled"}
)

// parseSummary reads a summary.json. JSON of another kind is an error, as is
// HTML: an empty object is not a page on which all is well.
func parseSummary(body []byte) (summary, error) {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return summary{}, fmt.Errorf("%w sends something other than JSON (is it in Statuspage's format?)", errPage)
	}
	var page summary
	if err := json.Unmarshal(body, &page); err != nil {
		return summary{}, fmt.Errorf("%w sends JSON that cannot be read: %w", errPage, err)
	}
	if page.Status.Indicator == "" {
		return summary{}, fmt.Errorf("%w gives no status.indicator (is it in Statuspage's format?)", errPage)
	}
	return page, nil
}

// announces adds up what is said about the component of that name, or of a
// group of that name. A component that the page does not have is an error:
// silence about a misspelt name would look like good news.
func (p summary) announces(name string) (announcement, error) {
	said := announcement{indicator: "none"}
	names, err := p.covered(name)
	if err != nil {
		return announcement{}, err
	}
	for _, n := range p.Incidents {
		if n.inForce(over) && n.touches(names) {
			said.add(n.gravest("minor"), n.Name)
		}
	}
	for _, n := range p.Maintenances {
		if n.inForce(over, ahead) && n.touches(names) {
			said.add("maintenance", n.Name)
		}
	}
	noticed := said.title // tells more than a component's status, and stays
	for _, c := range p.Components {
		if !c.Group && (names == nil || slices.Contains(names, normal(c.Name))) && c.indicator() != "none" {
			said.add(c.indicator(), cmp.Or(noticed, c.Name+": "+c.Status))
		}
	}
	if name == "" && p.Status.Indicator != "none" {
		said.add(p.Status.Indicator, cmp.Or(said.title, p.Status.Description))
	}
	return said, nil
}

// add takes the graver of what was said and what is said now. Words are the
// page's; they are made safe to show here, once.
func (a *announcement) add(indicator, title string) {
	if a.incident && rank(indicator) <= rank(a.indicator) {
		return
	}
	a.incident, a.indicator, a.title = true, clause(indicator), clause(title)
	if a.indicator == "" {
		a.indicator = "minor"
	}
	if a.title == "" {
		a.title = "trouble without a title"
	}
}

func rank(word string) int {
	if r, ok := gravity[word]; ok {
		return r
	}
	return gravity["minor"]
}

// covered returns the names that count as name, nil for all of them.
func (p summary) covered(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	want := normal(name)
	var names, groups []string
	for _, c := range p.Components {
		if normal(c.Name) == want {
			names = append(names, want)
			groups = append(groups, c.ID)
		}
	}
	if names == nil {
		return nil, fmt.Errorf("%w has %d components and none is called %q", errPage, len(p.Components), name)
	}
	for _, c := range p.Components {
		if c.GroupID != "" && slices.Contains(groups, c.GroupID) {
			names = append(names, normal(c.Name))
		}
	}
	return names, nil
}

func normal(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func (c component) indicator() string {
	if word, ok := indicators[c.Status]; ok {
		return word
	}
	return c.Status
}

func (n notice) inForce(except ...[]string) bool {
	return !slices.Contains(slices.Concat(except...), n.Status)
}

// touches reports whether n concerns one of names. A notice that names no
// component at all may concern every one of them: providers forget to tick
// the boxes, and piket had better hold back than restart into their outage.
func (n notice) touches(names []string) bool {
	if names == nil {
		return true
	}
	named := false
	for _, affected := range n.affected() {
		named = true
		for _, name := range names {
			// An update writes a member of a group as "Group - Member".
			if affected == name || strings.HasSuffix(affected, " - "+name) {
				return true
			}
		}
	}
	return !named
}

func (n notice) affected() []string {
	var names []string
	for _, c := range n.Components {
		names = append(names, normal(c.Name))
	}
	for _, u := range n.Updates {
		for _, c := range u.Affected {
			names = append(names, normal(c.Name))
		}
	}
	return names
}

// gravest returns the notice's impact, or otherwise when it claims to have
// none: an incident in force is never nothing.
func (n notice) gravest(otherwise string) string {
	if n.Impact == "" || n.Impact == "none" {
		return otherwise
	}
	return n.Impact
}
