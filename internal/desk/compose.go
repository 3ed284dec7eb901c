package desk

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// text is one word to a customer: to read, and to say.
type text struct{ subject, body, spoken string }

// story is what the templates may use: facts of the timeline, nothing else.
type story struct {
	Number, Customer    string
	Services            string // names of what is affected
	Begun, Back, Next   string // clock times; "" when there is none
	Doing               string // what is done now and by whom
	Cause, Solution     string
	Prevention, Lasting string
	Unchecked           bool // closed without a look at whether service is back
}

// compose words a message in the customer's language. Every statement in it is
// read off the timeline; it never says that service is back unless the goal
// has held.
func compose(f Facts, c inventory.Customer, purpose string, next time.Time) text {
	language := c.Language
	if language == "" {
		language = "en"
	}
	s := tellStory(f, c, language, next)
	return text{
		subject: render(templates[language][purpose+".subject"], s),
		body:    render(templates[language][purpose+".body"], s),
		spoken:  render(templates[language][purpose+".spoken"], s),
	}
}

func render(t *template.Template, s story) string {
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		panic("desk: a template of this package does not fit its story: " + err.Error())
	}
	return b.String()
}

func tellStory(f Facts, c inventory.Customer, language string, next time.Time) story {
	inc := f.Incident
	s := story{
		Number: inc.ID, Customer: cmp.Or(c.Title, c.Name), Services: affected(f, c),
		Begun: f.clock(inc.StartedAt), Next: f.clock(next), Doing: words[language].doing(inc),
	}
	if r := inc.Resolution; r != nil {
		s.Cause, s.Solution, s.Prevention = sentence(r.Cause), sentence(r.Solution), sentence(r.Prevention)
		s.Unchecked = r.Unchecked != ""
	}
	// What nothing checks, and a person has closed, was over when it was closed.
	if back := cmp.Or(inc.RestoredAt, inc.ClosedAt); !back.IsZero() && !s.Unchecked {
		s.Back = f.clock(back)
		s.Lasting = fmt.Sprint(int(back.Sub(inc.StartedAt).Minutes() + 0.5))
	}
	return s
}

// affected names the services of the customer's servers on this incident.
func affected(f Facts, c inventory.Customer) string {
	var names []string
	for _, server := range without(f) {
		if !slices.Contains(server.Customers, c.Name) {
			continue
		}
		for _, service := range server.Services {
			names = append(names, service.Name)
		}
		if len(server.Services) == 0 {
			names = append(names, server.Name)
		}
	}
	if len(names) == 0 { // the inventory has changed since
		return f.Incident.Subject.Name
	}
	return strings.Join(names, ", ")
}

// without are the servers whose service is gone: the incident's own and those
// that became part of it; of a whole that lists none, all behind it.
func without(f Facts) []inventory.Server {
	var list []inventory.Server
	for _, subject := range append([]incident.Subject{f.Incident.Subject}, f.Incident.Parts...) {
		if s, ok := f.Inventory.Server(subject.Name); ok && subject.Kind == "server" {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return f.Inventory.Behind(f.Incident.Subject.Kind, f.Incident.Subject.Name)
	}
	return list
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// clock writes a time as customers read it on their wall, with its zone; "" for
// none.
func (f Facts) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(cmp.Or(f.Policy.Zone, time.UTC)).Format("15:04 MST")
}

// phrases says what is being done now in one language. A person is spoken of
// only when the timeline names one.
type phrases struct {
	looking, owned, asked, acting, verifying, technician, onSite, site string
}

func (p phrases) doing(inc *incident.Incident) string {
	switch {
	case inc.Order.Open() && inc.Order.State == "on_site":
		return p.onSite
	case inc.Order.Open():
		return p.technician
	case inc.Action.Live() && inc.Action.Outcome == "":
		return p.acting
	case inc.Action.Live():
		return p.verifying
	case inc.Approval != nil:
		return p.asked
	case inc.Subject.Kind == "site" || inc.Subject.Kind == "rack" || inc.Subject.Kind == "feed" || inc.Verdict.Verdict == incident.VerdictSite || inc.Verdict.Verdict == incident.VerdictRack:
		return p.site
	case inc.Owner != "":
		return p.owned
	}
	return p.looking
}
