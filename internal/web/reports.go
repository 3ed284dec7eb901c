package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/report"
	"github.com/spinware/piket/internal/store"
)

// maxReports bounds how many reports are added up at the same time: each reads
// every timeline of its period.
const maxReports = 2

// offered is how many periods of each kind the page offers.
var offered = map[string]int{"week": 6, "month": 12, "quarter": 4, "year": 3}

// reportsView is the page of figures over a period.
type reportsView struct {
	frame
	Period        report.Period
	Before, After report.Period
	Document      report.Document
	Incidents     barsView
	Restore       barsView
	Restored      bool // anything was
	Kinds         []periodsView
	Formats       []string
	Evaluations   []evaluationView
	Lead          bool // may close an evaluation of the policy
}

// periodsView is the periods of one kind that can be chosen, latest first.
type periodsView struct {
	Kind string
	List []link
}

// evaluationView is an evaluation of the policy that waits for people [5.3].
type evaluationView struct {
	ID, Title string
	Opened    time.Time
}

// barsView is a plot of bars on a ground that the page stretches.
type barsView struct {
	Words       string
	Highest     string
	Paths       []barPath
	First, Last string
}

type barPath struct{ Name, Path string }

func (a *app) reportsPage(w http.ResponseWriter, r *http.Request) {
	a.showReport(w, r, report.At("month", a.Clock.Now().In(a.Config().zone())))
}

// reportOf serves one period, as a page or as a file.
func (a *app) reportOf(w http.ResponseWriter, r *http.Request) {
	period, err := a.period(r.PathValue("kind"), r.PathValue("of"))
	if err != nil {
		a.complain(w, r, complaint{http.StatusNotFound, err.Error(), "choose one at /reports"})
		return
	}
	if r.FormValue("format") == "" && !forProgram(r) {
		a.showReport(w, r, period)
		return
	}
	f, err := a.figures(r.Context(), period)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.sendDocument(w, r, "incidents-"+period.Kind+"-"+period.Of, f, f.Document(period.From.Location()))
}

// period reads which one is asked for; "now" is the one that is not over yet.
func (a *app) period(kind, of string) (report.Period, error) {
	now := a.Clock.Now().In(a.Config().zone())
	if of == "now" && slices.Contains(report.PeriodKinds, kind) {
		return report.At(kind, now), nil
	}
	return report.Parse(kind, of, now.Location())
}

// figures adds a period up, when it is its turn.
func (a *app) figures(ctx context.Context, p report.Period) (report.Figures, error) {
	select {
	case a.reports <- struct{}{}:
	case <-ctx.Done():
		return report.Figures{}, ctx.Err()
	}
	defer func() { <-a.reports }()
	return report.Sum(p, a.Config().updates(), a.Clock.Now(), a.Store.Timelines(ctx, p.From, p.To, report.Kinds))
}

func (a *app) showReport(w http.ResponseWriter, r *http.Request, p report.Period) {
	f, err := a.figures(r.Context(), p)
	var waiting []store.Summary
	if err == nil {
		waiting, err = a.Store.List(r.Context(), store.Filter{Ongoing: true, Calendar: true})
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	me := personOf(r)
	view := reportsView{
		frame: a.frame(r, "Incidents of "+p.Title(), me), Period: p, Before: p.Before(), After: p.After(),
		Document: f.Document(p.From.Location()), Incidents: barsOf(f.Bars()), Restore: restoreBars(f), Restored: f.Restore.Known > 0,
		Kinds: choices(a.Clock.Now().In(a.Config().zone()), p), Formats: []string{"pdf", "csv", "json", "md", "html"}, Lead: warden.admits(me),
	}
	view.Document.Sections[0].Bars = report.Bars{} // drawn by the page
	for _, m := range waiting {
		if strings.HasPrefix(m.Subject, "policy:") {
			view.Evaluations = append(view.Evaluations, evaluationView{m.ID, m.Title, m.Opened})
		}
	}
	a.render(w, http.StatusOK, "reports.html", view)
}

func choices(now time.Time, chosen report.Period) []periodsView {
	var list []periodsView
	for _, kind := range report.PeriodKinds {
		v := periodsView{Kind: kind}
		p := report.At(kind, now)
		for range offered[kind] {
			v.List = append(v.List, link{Path: "/reports/" + p.String(), Title: p.Of, Here: p == chosen})
			p = p.Before()
		}
		list = append(list, v)
	}
	return list
}

func barsOf(b report.Bars) barsView {
	v := barsView{Words: b.Words(), Highest: fmt.Sprint(b.Highest()), First: b.Labels[0], Last: b.Labels[len(b.Labels)-1]}
	for n, path := range b.Paths() {
		v.Paths = append(v.Paths, barPath{b.Parts[n], path})
	}
	return v
}

// restoreBars draws the median time to restore. Where nothing was restored there
// is no bar: that is not a time of zero.
func restoreBars(f report.Figures) barsView {
	b := report.Bars{Parts: []string{"median"}}
	longest := time.Duration(0)
	for _, part := range f.Parts {
		b.Labels = append(b.Labels, part.Name)
		b.Values = append(b.Values, []int{int(part.Restore.Median / time.Second)})
		longest = max(longest, part.Restore.Median)
	}
	v := barsOf(b)
	v.Highest, v.Words = report.Lasting(longest), "Median time to restore over the period; the longest is "+report.Lasting(longest)+"."
	if longest == 0 {
		v.Words = "Median time to restore over the period: n/a, nothing was restored."
	}
	return v
}

// sendDocument writes a document in the format that the request asks for; model
// is what it was made of, and what a program gets that asks for nothing else.
func (a *app) sendDocument(w http.ResponseWriter, r *http.Request, name string, model any, d report.Document) {
	format := r.FormValue("format")
	if format == "" {
		format = "json"
	}
	media, known := report.Formats[format]
	if !known {
		a.complain(w, r, complaint{http.StatusNotFound, fmt.Sprintf("there is no format %q", format),
			"ask for one of " + strings.Join(slices.Sorted(maps.Keys(report.Formats)), ", ")})
		return
	}
	var body bytes.Buffer
	var err error
	switch format {
	case "json":
		err = json.NewEncoder(&body).Encode(model)
	case "text":
		body.WriteString(d.Text())
	case "md":
		body.WriteString(d.Markdown())
	case "csv":
		err = d.CSV(&body)
	case "html":
		err = d.HTML(&body)
	case "pdf":
		err = d.PDF(&body, a.Clock.Now())
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", media)
	if !forProgram(r) { // a page of others' words is not shown as one of ours
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+"."+strings.Replace(format, "text", "txt", 1)))
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body.Bytes())
}
