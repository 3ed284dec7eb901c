// Package statuspage reads what a provider announces, in the fourteen formats
// that providers use, into one model. It fetches nothing.
//
//	page, err := statuspage.Parse("", body, "application/json", time.Now())
//	said, err := page.About(statuspage.Query{Names: []string{"AMS1"}})
//
// A page that cannot be read is an error: neither an outage nor its absence.
// No word that a page uses is ever taken for good news unless its format
// defines it so.
package statuspage

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// MaxBytes bounds a document. The largest that providers really send, an
// archive of all incidents of a cloud, has about 2 MB.
const MaxBytes = 5 << 20

// Errors of [Parse] and [Page.About]. Asking again makes sense after
// ErrFormat only at another address, and after the others only when the page
// or the inventory has changed.
var (
	ErrFormat    = errors.New("the status page is in another format")
	ErrBroken    = errors.New("the status page cannot be read")
	ErrSilent    = errors.New("the status page does not say how things are")
	ErrComponent = errors.New("the status page does not have the component")
)

// Page is what a provider announces, as of At.
type Page struct {
	Format        string // the name of the format it was read in
	Name          string
	URL           string
	At            time.Time // when it was read; what is in force is in force then
	SourceUpdated time.Time // what the page itself says of its age, zero when nothing
	Overall       Level     // what the page says of everything together
	Summary       string    // the same in its own sentence, "" when it has none
	Complete      bool      // all that is wrong is announced, so that an empty page is good news
	Stateless     bool      // the format has no states, so that an empty page is no news
	Listed        bool      // Components is the whole list, so that a name that is not in it is a mistake
	Components    []Component
	Events        []Event
	Next          string // address of the next part of the list, "" when this is the last
}

// Component is a part of what the provider offers: a product, a site, a feed.
type Component struct {
	ID       string
	Group    string // the heading that it stands under
	Name     string
	Location string
	Level
}

// Kind tells events apart.
type Kind string

// The kinds of events. Information is what has no state, such as an entry of a
// feed: worth showing, and never the reason for anything.
const (
	Incident    Kind = "incident"
	Maintenance Kind = "maintenance"
	Information Kind = "information"
)

// Event is one announcement. A time that the page does not give, or gives in a
// way that cannot be read, is zero.
type Event struct {
	ID         string
	Kind       Kind
	Title      string
	State      string // the page's own word
	Phase      Phase  // what that word means
	Impact     Level
	Starts     time.Time
	Ends       time.Time
	Components []string // names, groups and locations, as the page calls them
	URL        string
}

// Parse reads one document of a status page. The format is one of [Formats],
// or "" to recognise it from the body. The content type is what the server
// said, "" when nothing; it only helps to read the letters. An error is
// ErrFormat when the document is something else, so that another address may
// be tried, and ErrBroken when it is meant to be this and cannot be read.
func Parse(name string, body []byte, contentType string, at time.Time) (Page, error) {
	if len(body) > MaxBytes {
		return Page{}, fmt.Errorf("%w: it is larger than %d MiB", ErrBroken, MaxBytes>>20)
	}
	doc, err := documentOf(body, contentType)
	if err != nil {
		return Page{}, err
	}
	f, err := formatOf(name, doc)
	if err != nil {
		return Page{}, err
	}
	page, err := f.read(doc)
	if err != nil {
		return Page{}, err
	}
	page.Format, page.At = f.name, at
	return page.tidy(), nil
}

// With returns p with what another document of the same page adds.
func (p Page) With(more Page) Page {
	p.Listed, p.Complete, p.Stateless = p.Listed || more.Listed, p.Complete || more.Complete, p.Stateless || more.Stateless
	p.Components = append(p.Components[:len(p.Components):len(p.Components)], more.Components...)
	p.Events = append(p.Events[:len(p.Events):len(p.Events)], more.Events...)
	p.Name, p.URL, p.Summary = cmp.Or(p.Name, more.Name), cmp.Or(p.URL, more.URL), cmp.Or(p.Summary, more.Summary)
	if p.Overall.Status < more.Overall.Status {
		p.Overall = more.Overall
	}
	if p.SourceUpdated.Before(more.SourceUpdated) {
		p.SourceUpdated = more.SourceUpdated
	}
	p.Next = more.Next
	return p
}

// tidy makes every text of p one short line that is safe to show. It is done
// here, once, so that no format can forget it.
func (p Page) tidy() Page {
	clauses(&p.Name, &p.URL, &p.Overall.Word, &p.Summary)
	for i := range p.Components {
		c := &p.Components[i]
		clauses(&c.ID, &c.Group, &c.Name, &c.Location, &c.Word)
	}
	for i := range p.Events {
		e := &p.Events[i]
		clauses(&e.ID, &e.Title, &e.State, &e.Impact.Word, &e.URL)
		for j := range e.Components {
			clauses(&e.Components[j])
		}
	}
	return p
}
