package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spinware/piket/internal/inventory"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are all templates; they know no more than how to write a time.
var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Local().Format("15:04:05") },
	"utc":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"day":   func(t time.Time) string { return t.Format("Mon 2 Jan 15:04") }, // in the zone that t has
	"words": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
}).ParseFS(templateFiles, "templates/*.html"))

// link leads somewhere on this site.
type link struct {
	Path, Title string
	Here        bool
}

// frame is what every page shows around its own content.
type frame struct {
	Title  string
	Me     inventory.Person
	Face   string // their initial
	Path   string
	Links  []link
	People []inventory.Person // whom a visitor of the demo may become; empty elsewhere
	Now    time.Time
	Speed  float64 // how fast that time runs
	banner
	Notice string
}

// banner says that piket is frozen, and offers what the person may do about
// it.
type banner struct {
	Frozen string // why, "" when it is not
	Blind  bool   // piket itself cannot see
	Warden bool
}

// extraTitles names the pages that others add.
var extraTitles = map[string]string{"/lab/": "Pretend datacenter"}

func (a *app) frame(r *http.Request, title string, person inventory.Person) frame {
	f := frame{
		Title: title, Me: person, Path: r.URL.Path, Now: a.Clock.Now(), Speed: a.Clock.Speed(), banner: a.banner(person),
	}
	if person.Name != "" {
		first, _ := utf8.DecodeRuneInString(nameOf(person))
		f.Face = string(unicode.ToUpper(first))
		f.Links = a.links(r.URL.Path, person)
	}
	if a.SignInAs != "" {
		f.People = a.Inventory().People
	}
	if a.Notice != nil {
		f.Notice = a.Notice()
	}
	return f
}

func (a *app) banner(person inventory.Person) banner {
	return banner{a.Freeze.Why(), a.blind(), warden.admits(person)}
}

// blind reports whether piket itself cannot see.
func (a *app) blind() bool {
	if a.Probes == nil {
		return false
	}
	sees, known := a.Probes.Sees()
	return known && !sees
}

func (a *app) links(here string, person inventory.Person) []link {
	links := []link{{Path: "/", Title: "Board"}, {Path: "/blocked", Title: "Held back"}, {Path: "/duty", Title: "On duty"}, {Path: "/reports", Title: "Reports"}}
	if reporter.admits(person) {
		links = append(links, link{Path: "/report", Title: "Report trouble"})
	}
	for _, path := range slices.Sorted(maps.Keys(a.Extra)) {
		if title := extraTitles[path]; title != "" {
			links = append(links, link{Path: path, Title: title})
		}
	}
	for n := range links {
		links[n].Here = links[n].Path == here
	}
	return links
}

// render writes a page. A template that does not fit its view is a mistake in
// this package, and half a page is worse than none.
func (a *app) render(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, view); err != nil {
		panic(fmt.Sprintf("web: template %s does not fit its view: %v", name, err))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// The status has gone out; a broken connection is the reader's own news.
	_, _ = w.Write(page.Bytes())
}

// fragment renders a part of a page for a live connection.
func fragment(name string, view any) string {
	var part strings.Builder
	if err := pages.ExecuteTemplate(&part, name, view); err != nil {
		panic(fmt.Sprintf("web: template %s does not fit its view: %v", name, err))
	}
	return part.String()
}

// nameOf writes a person for people: the title if there is one.
func nameOf(p inventory.Person) string {
	if p.Title != "" {
		return p.Title
	}
	return p.Name
}
