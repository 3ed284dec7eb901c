package web

import (
	"html/template"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// setting is what panels are shown in, besides the incident itself.
type setting struct {
	inv     *inventory.Inventory
	updates map[incident.Priority]time.Duration
	me      inventory.Person
	frozen  string
	blind   bool
	now     time.Time
}

// panel is one part of an incident's page that is replaced while somebody
// looks at it. Its view is a pure function of what is known; a nil view shows
// nothing.
type panel struct {
	id   string // of the element, and name of the template
	view func(history, setting) any
}

// panels lists them.
var panels = []panel{
	{"frozen", func(_ history, s setting) any { return banner{s.frozen, s.blind, warden.admits(s.me)} }},
	{"head", func(h history, s setting) any { return headOf(h, s) }},
	{"question", shown(questionOf)},
	{"update", shown(updateOf)},
	{"order", shown(ordersOf)},
	{"calls", shown(callsOf)},
	{"attentions", shown(attentionsOf)},
	{"close", shown(closeOf)},
	{"ladder", shown(ladderOf)},
	{"diagnosis", shown(diagnosisOf)},
	{"mails", shown(mailsOf)},
	{"customers", shown(customersOf)},
	{"roles", shown(rolesOf)},
}

// shown makes a typed view that may be nil one that is nil as any, too.
func shown[V any](view func(history, setting) *V) func(history, setting) any {
	return func(h history, s setting) any {
		if v := view(h, s); v != nil {
			return v
		}
		return nil
	}
}

// render returns the panel's HTML, "" when there is nothing to show.
func (p panel) render(h history, s setting) string {
	v := p.view(h, s)
	if v == nil {
		return ""
	}
	return fragment(p.id, v)
}

// renderPanels returns every panel by its id. The HTML comes out of our own
// templates, which have escaped what others wrote.
func renderPanels(h history, s setting) map[string]template.HTML {
	all := map[string]template.HTML{}
	for _, p := range panels {
		all[p.id] = template.HTML(p.render(h, s))
	}
	return all
}
