package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Document writes the figures for people, with the times of a zone.
func (f Figures) Document(zone *time.Location) Document {
	d := Document{
		Title: "Incidents of " + f.Period.Title(), Subtitle: f.words(),
		Facts: [][2]string{
			{"From", moment(f.Period.From, zone)}, {"To", moment(f.Period.To, zone)}, {"As of", moment(f.Until, zone)},
		},
	}
	d.add(Section{Title: "Incidents", Bars: f.Bars(), Table: countTable("Priority", f.Priorities), Note: f.merged()})
	d.add(Section{Title: "Times", Table: Table{Head: []string{"Time to", "Median", "90 % within", "Known", "n/a", "Invalid"}, Rows: [][]string{
		f.Detect.row("detect"), f.Acknowledge.row("acknowledge"), f.Restore.row("restore"),
	}}, Note: "Detecting and restoring are counted from when the trouble began, acknowledging from when the record was opened. Invalid is what ended before it began."})
	d.add(f.drillSection())
	d.add(Section{Title: "How it went", Table: Table{Head: []string{"", "So many"}, Rows: [][]string{
		{"Restored without a person", f.Alone.words()}, {"Customers heard on time", f.Updates.words()},
		{"Telephone calls that were made", f.Calls.words()}, {"Satisfaction", f.Satisfaction.words()},
	}}})
	for _, list := range []struct {
		title, head string
		counts      []Count
		key         string
	}{
		{"By site", "Site", f.Sites, "by_site"}, {"By server", "Server", f.Servers, "by_server"}, {"By customer", "Customer", f.Customers, "by_customer"},
		{"By cause", "Cause", f.Causes, "by_cause"}, {"Where the trouble lay", "Where", f.Verdicts, "by_verdict"},
		{"More than once", "What", f.Repeated, "repeated"},
	} {
		d.add(Section{Title: list.title, Table: countTable(list.head, list.counts), Empty: "None.", Note: f.cut(list.key)})
	}
	d.add(Section{Title: "What steps of runbooks were good for", Table: f.stepTable(), Empty: "None was tried."})
	return d
}

func (f Figures) words() string {
	switch f.Incidents {
	case 0:
		return "There was no incident."
	case 1:
		return "There was one incident."
	}
	return fmt.Sprintf("There were %d incidents, %d of them still open.", f.Incidents, f.Open)
}

func (f Figures) merged() string {
	if f.Merged == 0 {
		return ""
	}
	return fmt.Sprintf("%d more proved to be part of another and are counted with that.", f.Merged)
}

// cut says that a list shows only the most frequent names.
func (f Figures) cut(list string) string {
	for _, c := range f.More {
		if c.Name == list {
			return fmt.Sprintf("The %d most frequent of %d.", most, c.Count)
		}
	}
	return ""
}

func countTable(head string, counts []Count) Table {
	t := Table{Head: []string{head, "Incidents"}}
	for _, c := range counts {
		t.Rows = append(t.Rows, []string{c.Name, fmt.Sprint(c.Count)})
	}
	return t
}

func (m Measure) row(name string) []string {
	return []string{name, m.words(m.Median), m.words(m.P90), fmt.Sprint(m.Known), fmt.Sprint(m.Missing), fmt.Sprint(m.Invalid)}
}

func (f Figures) stepTable() Table {
	t := Table{Head: []string{"Runbook", "Step", "Tries", "Helped", "Failed", "Unclear", "Median time"}}
	for _, s := range f.Steps {
		t.Rows = append(t.Rows, []string{s.Runbook, s.Step, fmt.Sprint(s.Tries), fmt.Sprint(s.Helped), fmt.Sprint(s.Failed), fmt.Sprint(s.Unclear), s.Took.words(s.Took.Median)})
	}
	return t
}

// Bars is how many incidents each part of the period had, by priority.
func (f Figures) Bars() Bars {
	b := Bars{}
	for _, p := range incident.Priorities {
		b.Parts = append(b.Parts, string(p))
	}
	for _, part := range f.Parts {
		b.Labels = append(b.Labels, part.Name)
		b.Values = append(b.Values, part.Counts)
	}
	return b
}

// colours are those of the priorities on the pages, the first part's first.
var colours = []string{"#c62f2f", "#d9822b", "#c9a400", "#5b7fa6"}

// Highest is the height of the highest bar, at least 1.
func (b Bars) Highest() int {
	highest := 1
	for _, values := range b.Values {
		highest = max(highest, sumOf(values))
	}
	return highest
}

func sumOf(values []int) int {
	sum := 0
	for _, v := range values {
		sum += v
	}
	return sum
}

// Paths draws the bars on a ground of 1000 by 100, one path for each part.
func (b Bars) Paths() []string {
	paths := make([]strings.Builder, len(b.Parts))
	width, highest := 1000/float64(max(1, len(b.Labels))), float64(b.Highest())
	for n, values := range b.Values {
		x, y := (float64(n)+0.15)*width, 100.0
		for part, value := range values {
			if height := 100 * float64(value) / highest; height > 0 {
				y -= height
				fmt.Fprintf(&paths[part], "M%.1f %.2fh%.1fv%.2fh-%.1fz", x, y, 0.7*width, height, 0.7*width)
			}
		}
	}
	list := make([]string, len(paths))
	for n := range paths {
		list[n] = paths[n].String()
	}
	return list
}

// Words say what the plot shows, for who cannot see it.
func (b Bars) Words() string {
	peak, at := 0, ""
	for n, values := range b.Values {
		if sum := sumOf(values); sum > peak {
			peak, at = sum, b.Labels[n]
		}
	}
	if peak == 0 {
		return "Incidents over the period: none."
	}
	return fmt.Sprintf("Incidents over the period by priority; most on %s: %d.", at, peak)
}

// SVG draws the bars with colours of its own. It holds numbers and nothing that
// anybody wrote.
func (b Bars) SVG() template.HTML {
	var s strings.Builder
	fmt.Fprintf(&s, `<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="%s">`, template.HTMLEscapeString(b.Words()))
	for n, path := range b.Paths() {
		fmt.Fprintf(&s, `<path fill="%s" d="%s"/>`, colours[n%len(colours)], path)
	}
	return template.HTML(s.String() + "</svg>")
}
