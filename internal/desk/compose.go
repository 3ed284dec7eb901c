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
	"github.com/spinware/piket/internal/signed"
)

// text is one word to a customer: to read, and to say.
type text struct {
	subject, body, spoken string
	link                  string // path in the body that is signed when it leaves, "" for none
}

// story is what the templates may use: facts of the timeline, nothing else.
type story struct {
	Number, Customer    string
	Services            string // names of what is affected
	Begun, Back, Next   string // clock times; "" when there is none
	Doing               string // what is done now and by whom
	Cause, Solution     string
	Prevention, Lasting string
	Reported            bool // nothing but their own word says so: Services is what they said
	Unchecked           bool // closed without a look at whether service is back

	Last    string // clock time of the word before this, "" when there was none
	Changes []changed
	Words   string // what the communications manager adds
	Ends    bool   // they hear when service is back
	Link    string // by which they answer, "" for none
}

// changed is one thing that has happened, and when by the customer's clock.
type changed struct{ At, What string }

// compose words a message in the customer's language. Every statement in it is
// read off the timeline; it never says that service is back unless the goal
// has held.
func compose(f Facts, c inventory.Customer, w word) text {
	language := cmp.Or(c.Language, inventory.DefaultLanguage)
	s := tellStory(f, c, language, w)
	t := text{
		subject: render(templates[language][w.purpose+".subject"], s),
		body:    render(templates[language][w.purpose+".body"], s),
		spoken:  render(templates[language][w.purpose+".spoken"], s),
	}
	if s.Link != "" {
		t.link = w.link.Path()
	}
	return t
}

// textOf returns the purpose whose texts fit what a message was for: what an
// older piket has queued may be for something that has none.
func textOf(purpose string) string {
	if templates[inventory.DefaultLanguage][purpose+".body"] == nil {
		return "update"
	}
	return purpose
}

func render(t *template.Template, s story) string {
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		panic("desk: a template of this package does not fit its story: " + err.Error())
	}
	return b.String()
}

func tellStory(f Facts, c inventory.Customer, language string, w word) story {
	inc := f.Incident
	s := story{
		Number: inc.ID, Customer: cmp.Or(c.Title, c.Name), Services: affected(f, c),
		Begun: f.clock(inc.StartedAt), Next: f.clock(w.next), Doing: words[language].doing(inc),
		Last: f.clock(inc.Told[c.Name]), Words: sentence(w.words), Ends: c.WantsRestored(),
	}
	s.Reported = onlyReported(inc)
	if f.Policy.ExternalURL != "" && w.link != (signed.Link{}) {
		s.Link = f.Policy.ExternalURL + w.link.Path()
	}
	if complains(inc, c) {
		s.Doing = words[language].complaint
	}
	for _, n := range words[language].changes(newsSince(inc, c)) {
		s.Changes = append(s.Changes, changed{f.clock(n.at), n.text})
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
	if onlyReported(f.Incident) {
		return f.Incident.Title
	}
	if len(names) == 0 { // the inventory has changed since
		return f.Incident.Subject.Name
	}
	return strings.Join(names, ", ")
}

// onlyReported reports whether an incident is about nothing that piket knows and
// looks at: it is what a person has said.
func onlyReported(inc *incident.Incident) bool {
	return inc.Subject.Kind == "alert" && inc.Runbook.Hash == ""
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

	reported  string            // nothing but their own word says so, and nobody has taken it yet
	complaint string            // they have said that not everything works
	news      map[string]string // what has happened, by incident.News
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
	case onlyReported(inc):
		return p.reported
	}
	return p.looking
}

// happened is one piece of news in words.
type happened struct {
	at   time.Time
	text string
}

// changes words what has happened.
func (p phrases) changes(news []incident.News) []happened {
	var list []happened
	for _, n := range news {
		if text := p.news[n.What]; text != "" {
			list = append(list, happened{n.At, text})
		}
	}
	return list
}

// newsSince returns what has happened since a customer's last word. To who was
// told that it is over it begins with its coming back.
func newsSince(inc *incident.Incident, c inventory.Customer) []incident.News {
	last := inc.Told[c.Name]
	return slices.DeleteFunc(slices.Clone(inc.News), func(n incident.News) bool {
		if last.IsZero() {
			return n.At.Before(inc.FellAt)
		}
		return !n.At.After(last)
	})
}

// complains reports whether a customer says that not everything works while
// nothing that is looked at says so.
func complains(inc *incident.Incident, c inventory.Customer) bool {
	return slices.ContainsFunc(inc.Complaints(), func(a incident.CustomerAnswered) bool { return a.Customer == c.Name }) &&
		(inc.Goal.Holds || !inc.Goal.Known)
}
