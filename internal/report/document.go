package report

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Document is what people read, before it is known in which form: one model for
// HTML, Markdown, PDF, plain text and CSV.
type Document struct {
	Title, Subtitle string
	Facts           [][2]string
	Sections        []Section
}

// Section is one heading and what stands below it. One that has neither words
// nor rows shows Empty.
type Section struct {
	Title string
	Words []string
	Bars  Bars
	Table Table
	Note  string
	Empty string
}

// Table is rows of cells, each as long as the head.
type Table struct {
	Head []string
	Rows [][]string
}

// Bars is a plot: for each label one bar of stacked parts.
type Bars struct {
	Labels []string
	Parts  []string // names, the lowest first
	Values [][]int  // by label, then by part
}

func (d *Document) add(s Section) { d.Sections = append(d.Sections, s) }

// tidy returns the document with letters and blanks only: what others wrote must
// not steer a terminal, nor turn the reading direction around.
func (d Document) tidy() Document {
	t := Document{Title: visible(d.Title), Subtitle: visible(d.Subtitle)}
	for _, f := range d.Facts {
		t.Facts = append(t.Facts, [2]string{visible(f[0]), visible(f[1])})
	}
	for _, s := range d.Sections {
		s.Title, s.Note, s.Words, s.Table.Head = visible(s.Title), visible(s.Note), eachVisible(s.Words), eachVisible(s.Table.Head)
		rows := make([][]string, len(s.Table.Rows))
		for n, row := range s.Table.Rows {
			rows[n] = eachVisible(row)
		}
		s.Table.Rows = rows
		t.add(s)
	}
	return t
}

func eachVisible(list []string) []string {
	out := make([]string, len(list))
	for n, s := range list {
		out[n] = visible(s)
	}
	return out
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// bare reports whether a section has nothing to show.
func (s Section) bare() bool { return len(s.Words) == 0 && len(s.Table.Rows) == 0 }

// Formats are the forms in which a document can be had, with their media types.
// JSON is the model it was made of.
var Formats = map[string]string{
	"text": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8",
	"csv": "text/csv; charset=utf-8", "pdf": "application/pdf", "json": "application/json",
}

// Text writes the document for a mail or a terminal, about 80 columns wide.
func (d Document) Text() string {
	d = d.tidy()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", d.Title, strings.Repeat("=", utf8.RuneCountInString(d.Title)))
	if d.Subtitle != "" {
		b.WriteString(d.Subtitle + "\n")
	}
	b.WriteString("\n")
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "%-10s %s\n", f[0]+":", f[1])
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n%s\n%s\n", s.Title, strings.Repeat("-", utf8.RuneCountInString(s.Title)))
		if s.bare() {
			b.WriteString(s.Empty + "\n")
		}
		for _, words := range s.Words {
			b.WriteString(words + "\n")
		}
		s.Table.text(&b)
		if s.Note != "" {
			b.WriteString(s.Note + "\n")
		}
	}
	return b.String()
}

func (t Table) text(b *strings.Builder) {
	if len(t.Rows) == 0 {
		return
	}
	width := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for n, cell := range row {
			width[n] = max(width[n], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		var line strings.Builder
		for n, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", width[n]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// Markdown writes the document in the Markdown of CommonMark with tables.
func (d Document) Markdown() string {
	d = d.tidy()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", marked(d.Title))
	if d.Subtitle != "" {
		fmt.Fprintf(&b, "%s\n\n", marked(d.Subtitle))
	}
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "- **%s**: %s\n", marked(f[0]), marked(f[1]))
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", marked(s.Title))
		if s.bare() {
			b.WriteString(marked(s.Empty) + "\n")
		}
		for _, words := range s.Words {
			b.WriteString(marked(words) + "\n\n")
		}
		s.Table.markdown(&b)
		if s.Note != "" {
			b.WriteString("\n" + marked(s.Note) + "\n")
		}
	}
	return b.String()
}

func (t Table) markdown(b *strings.Builder) {
	if len(t.Rows) == 0 {
		return
	}
	row := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + marked(cell) + " ")
		}
		b.WriteString("|\n")
	}
	row(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, cells := range t.Rows {
		row(cells)
	}
}

// marks are what Markdown would read as more than a letter. What people and
// machines wrote must not become a link, an image or HTML.
var marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`, "&", "&amp;", "\n", " ", "\r", "", "!", `\!`)

func marked(s string) string { return marks.Replace(s) }

// CSV writes every table in long form: section, row, column, value. A cell that
// a spreadsheet would calculate is written so that it does not.
func (d Document) CSV(w io.Writer) error {
	d = d.tidy()
	c := csv.NewWriter(w)
	lines := [][]string{{"section", "row", "column", "value"}}
	for _, f := range d.Facts {
		lines = append(lines, []string{"facts", f[0], "value", f[1]})
	}
	for _, s := range d.Sections {
		for n, words := range s.Words {
			lines = append(lines, []string{s.Title, fmt.Sprint(n + 1), "words", words})
		}
		for n, row := range s.Table.Rows {
			name, from := row[0], 1
			if len(s.Table.Head) > 3 { // the first cell does not name the row
				name, from = fmt.Sprint(n+1), 0
			}
			for i := from; i < len(row); i++ {
				lines = append(lines, []string{s.Title, name, s.Table.Head[i], row[i]})
			}
		}
	}
	for _, line := range lines {
		for n, cell := range line {
			line[n] = harmless(cell)
		}
	}
	return c.WriteAll(lines)
}

// harmless keeps a spreadsheet from reading a cell as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// HTML writes the document as one page that needs nothing else.
func (d Document) HTML(w io.Writer) error {
	return page.Execute(w, d.tidy())
}

var page = template.Must(template.New("document").Funcs(template.FuncMap{"bars": Bars.SVG}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:56em;margin:2em auto;padding:0 1em;color:#1c2430}
h1{margin:0}h2{margin:1.6em 0 .4em;font-size:1.15em;border-bottom:1px solid #c9d1dc}
.scroll{overflow-x:auto}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2em .9em .2em 0;overflow-wrap:anywhere}
th{font-weight:600;border-bottom:1px solid #c9d1dc}dt{float:left;clear:left;width:8em;color:#5b6675}dd{margin-left:8em}.muted{color:#5b6675}
svg{width:100%;height:9em}
</style></head><body>
<h1>{{.Title}}</h1>{{with .Subtitle}}<p>{{.}}</p>{{end}}
<dl>{{range .Facts}}<dt>{{index . 0}}</dt><dd>{{index . 1}}</dd>{{end}}</dl>
{{range .Sections}}<section><h2>{{.Title}}</h2>
{{if and (not .Words) (not .Table.Rows)}}<p class="muted">{{.Empty}}</p>{{end}}
{{range .Words}}<p>{{.}}</p>{{end}}
{{if .Bars.Labels}}{{bars .Bars}}{{end}}
{{if .Table.Rows}}<div class="scroll"><table><thead><tr>{{range .Table.Head}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Table.Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</tbody></table></div>{{end}}
{{with .Note}}<p class="muted">{{.}}</p>{{end}}</section>
{{end}}</body></html>
`))
