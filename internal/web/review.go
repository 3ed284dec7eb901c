package web

import (
	"net/http"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// reviewView is the page on which people look back on an incident [2.6], and keep
// the clocks of NIS2.
type reviewView struct {
	frame
	ID       string
	Next     int // the version that would be written
	Review   report.Review
	Document report.Document
	Rows     []report.ActionItem // to write in: those there are, and some empty ones
	Owners   []string
	Lead     bool
	MayShare bool
	NIS2     bool
	Duty     *incident.Duty
	Stages   []stageView
	Formats  []string
}

// stageView is one report to the authority.
type stageView struct {
	Stage     incident.DutyStage
	Due       string
	Late      bool
	Sent      string
	Reference string
	Draft     string
}

// spareRows is how many empty lines for action items the form offers; there are
// new ones after each time it was written.
const spareRows = 3

func (a *app) reviewPage(w http.ResponseWriter, r *http.Request) {
	h, err := a.history(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	zone := a.Config().zone()
	review := report.NewReview(h.events, a.Config().updates(), a.Clock.Now())
	if r.FormValue("format") != "" || forProgram(r) {
		a.sendDocument(w, r, "review-"+h.inc.ID, review, review.Document(zone))
		return
	}
	me := personOf(r)
	view := reviewView{
		frame: a.frame(r, "Review of "+h.inc.ID, me), ID: h.inc.ID, Next: review.Version + 1, Review: review, Document: review.Document(zone),
		Rows: append(slices.Clone(review.Actions), make([]report.ActionItem, spareRows)...), Lead: warden.admits(me),
		MayShare: warden.admits(me) && review.State == "draft" && !h.inc.Ongoing(), NIS2: a.Config().NIS2, Duty: h.inc.Duty, Formats: []string{"pdf", "md", "html", "json"},
	}
	for _, p := range a.Inventory().People {
		view.Owners = append(view.Owners, p.Name)
	}
	view.Stages = stages(h.inc, a.Clock.Now(), zone)
	a.render(w, http.StatusOK, "review.html", view)
}
