package web

import (
	"html/template"
	"net/http"

	"github.com/spinware/piket/internal/inventory"
)

// incidentView is the page of one incident.
type incidentView struct {
	frame
	ID      string
	Version int
	Panels  map[string]template.HTML
	Lines   []line
	Show    string
	Filters []filterLink
	MayNote bool
}

// filterLink narrows the timeline; without JavaScript it is an ordinary link.
type filterLink struct {
	Name, Title string
	Here        bool
}

func (a *app) incidentPage(w http.ResponseWriter, r *http.Request) {
	h, err := a.history(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	me := personOf(r)
	s := a.setting(me)
	view := incidentView{
		frame: a.frame(r, h.inc.ID+" "+h.inc.Title, me), ID: h.inc.ID, Version: h.inc.Version,
		Panels: renderPanels(h, s), Lines: lines(h.events, s.inv), MayNote: reporter.admits(me),
	}
	view.Show, view.Filters = filtered(r.FormValue("show"))
	a.render(w, http.StatusOK, "incident.html", view)
}

func (a *app) setting(me inventory.Person) setting {
	return setting{
		inv: a.Inventory(), updates: a.Config().updates(), me: me, frozen: a.Freeze.Why(), blind: a.blind(), now: a.Clock.Now(),
	}
}

// filtered returns the filter that was asked for, or all, and the links to
// each.
func filtered(asked string) (show string, links []filterLink) {
	show = filters[0].Name
	for _, f := range filters {
		if f.Name == asked {
			show = asked
		}
	}
	for _, f := range filters {
		links = append(links, filterLink{f.Name, f.Title, f.Name == show})
	}
	return show, links
}
