package statuspage

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// format is one way in which pages are published.
type format struct {
	name  string
	paths []string // documents below a page's address, likeliest first; "" is the address itself
	also  []string // other documents of the same page, which may be absent
	guess bool     // its paths are worth trying on a page that is not known
	is    func(document) bool
	read  func(document) (Page, error)
}

// formats lists every format in the order of recognition: incident.io before
// Statuspage, because its pages also answer a poorer copy of Statuspage's
// status.json; HTML last, because everything answers HTML.
var formats = []format{
	{name: "incidentio", paths: []string{"api/v1/summary"}, guess: true, is: isIncidentIO, read: readIncidentIO},
	{name: "statuspage", paths: []string{"api/v2/summary.json"}, guess: true, is: isAtlassian, read: readAtlassian},
	{name: "instatus", paths: []string{"summary.json"}, also: []string{"v2/components.json"}, guess: true, is: isInstatus, read: readInstatus},
	{name: "statusio", paths: []string{""}, is: isStatusIO, read: readStatusIO},
	{name: "statuspal", paths: []string{"summary", "status"}, is: isStatuspal, read: readStatuspal},
	{name: "betterstack", paths: []string{"index.json"}, guess: true, is: isBetterStack, read: readBetterStack},
	{name: "cachet", paths: []string{"api/components?per_page=100"}, also: []string{"api/incidents?per_page=100", "api/schedules?per_page=100"}, guess: true, is: isCachet, read: readCachet},
	{name: "cstate", paths: []string{"index.json"}, guess: true, is: isCState, read: readCState},
	{name: "aws", paths: []string{"public/currentevents"}, is: isAWS, read: readAWS},
	{name: "gcloud", paths: []string{"incidents.json"}, is: isGCloud, read: readGCloud},
	{name: "azure", paths: []string{"en-us/status/feed/"}, is: isAzure, read: readAzure},
	{name: "feed", paths: []string{""}, guess: true, is: isFeed, read: readFeed},
	{name: "maintnote", paths: []string{""}, is: isCalendar, read: readMaintnote},
	{name: "html", paths: []string{""}, guess: true, is: isHTML, read: readHTML},
}

// Formats returns the names of all formats, in the order of recognition.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// formatOf finds the format of that name, or the first that fits the document.
func formatOf(name string, doc document) (format, error) {
	if name == "" {
		return recognise(doc)
	}
	f, err := byName(name)
	if err == nil && !f.is(doc) {
		err = fmt.Errorf("%w: it sends %s that is not in the format %q", ErrFormat, doc.kind, name)
	}
	return f, err
}

func byName(name string) (format, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}, fmt.Errorf("there is no format %q of status pages, only %s", name, strings.Join(Formats(), ", "))
	}
	return formats[i], nil
}

// recognise never takes an empty list for a page: it fits several formats, and
// proves nothing.
func recognise(doc document) (format, error) {
	for _, f := range formats {
		if !doc.none && f.is(doc) {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("%w: it sends %s that no known format has", ErrFormat, doc.kind)
}

var kindNames = [...]string{"text", "JSON", "JSON", "markup", "a calendar"}

// String says the kind as a thing.
func (k kind) String() string { return kindNames[k] }

// Endpoint is where a page's document may be found, and how to read it there.
type Endpoint struct {
	URL    string
	Format string // "" to recognise it
}

// Endpoints lists where to look for the page at base, likeliest first; the
// first that can be read is the page. A base that names a document already is
// the only one. The name is one of [Formats], or "" for any.
func Endpoints(name, base string) ([]Endpoint, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("address of the status page: %w", err)
	}
	if isDocument(u) {
		return []Endpoint{{base, name}}, nil
	}
	if name == "" {
		return guesses(u), nil
	}
	f, err := byName(name)
	if err != nil {
		return nil, err
	}
	var all []Endpoint
	for _, p := range f.paths {
		all = append(all, Endpoint{below(u, p), name})
	}
	return all, nil
}

// guesses asks for each document once, though two formats share index.json.
func guesses(u *url.URL) []Endpoint {
	var all []Endpoint
	for _, f := range formats {
		for _, p := range f.paths {
			if e := (Endpoint{URL: below(u, p)}); f.guess && !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all
}

// Also lists the other documents of a page at base that is in the named
// format: each may be absent, and the page is what all of them say together.
func Also(name, base string) []string {
	f, err := byName(name)
	u, badURL := url.Parse(base)
	if err != nil || badURL != nil || isDocument(u) {
		return nil
	}
	var all []string
	for _, p := range f.also {
		all = append(all, below(u, p))
	}
	return all
}

// isDocument reports whether u names a document and not a site: its last part
// has an ending, it asks a question, or it is where a format keeps one.
func isDocument(u *url.URL) bool {
	if u.RawQuery != "" || strings.Contains(u.Path[strings.LastIndexByte(u.Path, '/')+1:], ".") || strings.HasSuffix(u.Path, "/feed/") || strings.Contains(u.Path, "/1.0/status/") {
		return true
	}
	return slices.ContainsFunc(formats, func(f format) bool {
		return slices.ContainsFunc(f.paths, func(p string) bool {
			return strings.Contains(p, "/") && strings.HasSuffix(u.Path, "/"+p)
		})
	})
}

// below is the address of a document of the page at u.
func below(u *url.URL, document string) string {
	if document == "" {
		return u.String()
	}
	p, query, _ := strings.Cut(document, "?")
	at := u.JoinPath(p)
	at.RawQuery = query
	return at.String()
}
