package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// What a person's report is called among alerts.
const (
	personSource     = "person"
	reportedByPerson = "ReportedByPerson"
)

// told is what somebody reports, or what a customer says on the telephone.
type told struct {
	Server      string `json:"server"`
	Site        string `json:"site"`
	Summary     string `json:"summary"`
	Contact     string `json:"contact"`     // who reported it, and how they are reached
	Unreachable bool   `json:"unreachable"` // it does not answer at all: the runbook for that begins
	Impact      string `json:"impact"`      // how far it hurts, "" when nobody has asked [2.2]
	Urgency     string `json:"urgency"`     // whether they can work meanwhile
}

// How much of a report is kept.
const (
	maxSummaryRunes = 500
	maxContactRunes = 200
)

// alert turns a report into the one form in which trouble enters. What is
// named must stand in the inventory: a typing error must not open an incident
// about a machine that nobody can find.
func (t told) alert(inv *inventory.Inventory, by inventory.Person, now time.Time) (alerts.Alert, error) {
	summary, contact := clip(t.Summary, maxSummaryRunes), clip(t.Contact, maxContactRunes)
	if summary == "" {
		return alerts.Alert{}, fmt.Errorf("report: %w: what is wrong, in a few words", desk.ErrIncomplete)
	}
	for _, level := range []string{t.Impact, t.Urgency} {
		if (t.Impact == "") != (t.Urgency == "") || level != "" && !slices.Contains(incident.Levels, incident.Level(level)) {
			return alerts.Alert{}, fmt.Errorf("report: %w: impact and urgency, each high, medium or low, or neither", desk.ErrIncomplete)
		}
	}
	labels := alerts.Labels{"alertname": reportedByPerson}
	if _, ok := inv.Server(t.Server); t.Server != "" && !ok {
		return alerts.Alert{}, fmt.Errorf("report: %w: the inventory has no server %q", desk.ErrIncomplete, t.Server)
	}
	if _, ok := inv.Site(t.Site); t.Site != "" && !ok {
		return alerts.Alert{}, fmt.Errorf("report: %w: the inventory has no site %q", desk.ErrIncomplete, t.Site)
	}
	switch {
	case t.Server != "":
		labels["server"] = t.Server
	case t.Site != "":
		labels["site"] = t.Site
	case t.Unreachable:
		return alerts.Alert{}, fmt.Errorf("report: %w: which server or site does not answer", desk.ErrIncomplete)
	}
	switch {
	case t.Unreachable && t.Server != "":
		labels["alertname"] = alerts.ServerUnreachable
	case t.Unreachable:
		labels["alertname"] = alerts.SiteUnreachable
	default:
		// Two reports are two troubles until somebody says otherwise.
		labels["report"] = now.UTC().Format(time.RFC3339Nano)
	}
	annotations := alerts.Labels{"summary": summary, "contact": contact, "reporter": by.Name}
	if t.Impact != "" {
		annotations["impact"], annotations["urgency"] = t.Impact, t.Urgency
	}
	return alerts.Alert{
		Source: personSource, Status: alerts.Firing, Labels: labels, StartsAt: now.UTC(), Fingerprint: labels.Fingerprint(),
		Annotations: annotations,
	}, nil
}

func clip(words string, maxRunes int) string {
	runes := []rune(strings.TrimSpace(words))
	return string(runes[:min(len(runes), maxRunes)])
}

// take brings a report in and returns the incident that it opened or joined.
func (a *app) take(ctx context.Context, t told, by inventory.Person) (id string, err error) {
	alert, err := t.alert(a.Inventory(), by, a.Clock.Now())
	if err != nil {
		return "", err
	}
	if err := a.Receive(ctx, []alerts.Alert{alert}, 0); err != nil {
		return "", err
	}
	known, err := a.Store.Episode(ctx, alert.Episode())
	return known.Incident, err
}

func (a *app) apiReport(w http.ResponseWriter, r *http.Request) {
	var t told
	err := readJSON(r, &t)
	var id string
	if err == nil {
		id, err = a.take(r.Context(), t, personOf(r))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"incident": id})
}

// reportView is the form for what comes by telephone.
type reportView struct {
	frame
	Servers []inventory.Server
	Sites   []inventory.Site
}

func (a *app) reportPage(w http.ResponseWriter, r *http.Request) {
	inv := a.Inventory()
	a.render(w, http.StatusOK, "report.html", reportView{
		frame: a.frame(r, "Report trouble", personOf(r)), Servers: inv.Servers, Sites: inv.Sites,
	})
}

func (a *app) report(w http.ResponseWriter, r *http.Request) {
	t := told{
		Summary: r.PostFormValue("summary"), Contact: r.PostFormValue("contact"),
		Unreachable: r.PostFormValue("unreachable") != "", Impact: r.PostFormValue("impact"), Urgency: r.PostFormValue("urgency"),
	}
	// One list offers both: "server web-07", "site ams1".
	switch kind, name, _ := strings.Cut(r.PostFormValue("about"), " "); kind {
	case "server":
		t.Server = name
	case "site":
		t.Site = name
	}
	id, err := a.take(r.Context(), t, personOf(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/incidents/"+id, http.StatusSeeOther)
}

// alertOfPerson reports whether a person said it, and a person must end it.
func alertOfPerson(a alerts.Alert) bool { return a.Source == personSource }
