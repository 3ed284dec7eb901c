package statuspage

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
)

// feed is RSS 2.0 or Atom: one has its entries in a channel, the other in
// itself.
type feed struct {
	XMLName xml.Name
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Entries []feedEntry `xml:"entry"`
	Channel *struct {
		Title string      `xml:"title"`
		Links []feedLink  `xml:"link"`
		Built string      `xml:"lastBuildDate"`
		Items []feedEntry `xml:"item"`
	} `xml:"channel"`
}

type feedEntry struct {
	ID          string     `xml:"id"`
	GUID        string     `xml:"guid"`
	Title       string     `xml:"title"`
	Updated     string     `xml:"updated"`
	Published   string     `xml:"published"`
	PubDate     string     `xml:"pubDate"`
	Summary     string     `xml:"summary"`
	Content     string     `xml:"content"`
	Description string     `xml:"description"`
	Links       []feedLink `xml:"link"`
	Categories  []struct {
		Term string `xml:"term,attr"`
		Text string `xml:",chardata"`
	} `xml:"category"`
}

type feedLink struct {
	Href string `xml:"href,attr"`
	Text string `xml:",chardata"`
}

func isFeed(d document) bool { return d.kind == markup && (d.root == "rss" || d.root == "feed") }

// isAzure: Azure's feed is one whose entries stand there only while they last.
func isAzure(d document) bool {
	return isFeed(d) && d.root == "rss" && bytes.Contains(d.text[:min(len(d.text), 2048)], []byte("azure.status.microsoft"))
}

// readFeed makes information of every entry: a feed has no states, and mixes
// what is over with what is going on. Words in an entry that say it is over
// are believed.
func readFeed(d document) (Page, error) {
	in, err := parseFeed(d.text)
	if err != nil {
		return Page{}, err
	}
	page := in.page()
	page.Stateless = true
	for _, entry := range in.all() {
		e := entry.event(Information)
		if saysOver(entry.Title) || saysOver(entry.text()) {
			e.State, e.Phase = "resolved", Over
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// readAzure makes incidents of the entries. The guid is a slug of the title
// and comes back with the next incident of that title, so the date belongs to
// the identity. Categories are services and regions, mixed.
func readAzure(d document) (Page, error) {
	in, err := parseFeed(d.text)
	if err != nil {
		return Page{}, err
	}
	page := in.page()
	page.Complete = true
	for _, entry := range in.all() {
		e := entry.event(Incident)
		e.ID = strings.TrimSpace(e.ID + " " + strings.TrimSpace(entry.PubDate))
		if saysOver(entry.Title) {
			e.State, e.Phase = "resolved", Over
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// parseFeed demands a title, or something that merely begins like a feed
// would read as good news.
func parseFeed(text []byte) (feed, error) {
	var in feed
	if err := xml.NewTokenDecoder(newStrictXML(text)).Decode(&in); err != nil {
		return in, fmt.Errorf("%w: it sends XML that cannot be read: %w", ErrBroken, err)
	}
	if in.XMLName.Local == "rss" && in.Channel == nil || in.title() == "" {
		return in, fmt.Errorf("%w: it sends a feed without a title", ErrFormat)
	}
	return in, nil
}

func (f feed) title() string {
	if f.Channel != nil {
		return cmp.Or(strings.TrimSpace(f.Channel.Title), strings.TrimSpace(f.Title))
	}
	return strings.TrimSpace(f.Title)
}

// all leaves out what has neither title nor identity: it announces nothing.
func (f feed) all() []feedEntry {
	entries := f.Entries
	if f.Channel != nil {
		entries = f.Channel.Items
	}
	return slices.DeleteFunc(entries, func(e feedEntry) bool {
		return strings.TrimSpace(e.Title) == "" && strings.TrimSpace(cmp.Or(e.ID, e.GUID)) == ""
	})
}

func (f feed) page() Page {
	page := Page{Name: f.title(), SourceUpdated: feedTime(f.Updated)}
	if f.Channel != nil {
		page.URL, page.SourceUpdated = address(f.Channel.Links), feedTime(f.Channel.Built)
	}
	return page
}

func (e feedEntry) text() string { return cmp.Or(e.Content, e.Summary, e.Description) }

func (e feedEntry) event(k Kind) Event {
	out := Event{
		ID: strings.TrimSpace(cmp.Or(e.ID, e.GUID)), Kind: k, Title: e.Title, URL: address(e.Links),
		Impact: Level{Status: Degraded}, Starts: feedTime(cmp.Or(e.Published, e.PubDate, e.Updated)),
	}
	for _, c := range e.Categories {
		if name := strings.TrimSpace(cmp.Or(c.Term, c.Text)); name != "" {
			out.Components = append(out.Components, name)
		}
	}
	return out
}

func address(links []feedLink) string {
	for _, l := range links {
		if at := strings.TrimSpace(cmp.Or(l.Href, l.Text)); at != "" {
			return at
		}
	}
	return ""
}

var feedTimes = []string{
	time.RFC3339, "Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04 -0700", "2006-01-02T15:04:05",
}

// zones are those of RFC 822 and of Europe. Any other abbreviation is not
// read: Go takes one that it does not know for UTC.
var zones = map[string]string{
	"Z": "+0000", "UT": "+0000", "UTC": "+0000", "GMT": "+0000", "WET": "+0000", "BST": "+0100", "CET": "+0100", "CEST": "+0200",
	"EET": "+0200", "EEST": "+0300", "EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

// feedTime reads the dates of RSS and Atom; what cannot be read is no time.
func feedTime(text string) time.Time {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, ' '); i >= 0 && zones[text[i+1:]] != "" {
		text = text[:i+1] + zones[text[i+1:]]
	}
	for _, form := range feedTimes {
		if at, err := time.Parse(form, text); err == nil {
			return plausible(at)
		}
	}
	return time.Time{}
}
