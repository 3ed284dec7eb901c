package web

import (
	"cmp"
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
	Customer    string `json:"customer"`    // whose trouble it is, by their name in the inventory
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
	if _, ok := inv.Customer(t.Customer); t.Customer != "" && !ok {
		return alerts.Alert{}, fmt.Errorf("report: %w: the inventory has no customer %q", desk.ErrIncomplete, t.Customer)
	}
	annotations := alerts.Labels{"summary": summary, "contact": contact, "reporter": by.Name}
	if t.Impact != "" {
		annotations["impact"], annotations["urgency"] = t.Impact, t.Urgency
	}
	if t.Customer != "" {
		annotations[alerts.CustomerOf] = t.Customer
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

// take brings a report in and says what became of it.
func (a *app) take(ctx context.Context, t told, by inventory.Person) (reported, error) {
	alert, err := t.alert(a.Inventory(), by, a.Clock.Now())
	if err != nil {
		return reported{}, err
	}
	if err := a.Receive(ctx, []alerts.Alert{alert}, 0); err != nil {
		return reported{}, err
	}
	episode, err := a.Store.Episode(ctx, alert.Episode())
	if err != nil {
		return reported{}, err
	}
	inc, err := a.Store.Load(ctx, episode.Incident)
	if err != nil {
		return reported{}, err
	}
	customer, _ := a.Inventory().Customer(t.Customer)
	return a.reportedAs(inc, customer, inc.OpenedAt.Before(alert.StartsAt)), nil
}

func (a *app) apiReport(w http.ResponseWriter, r *http.Request) {
	var t told
	err := readJSON(r, &t)
	var became reported
	if err == nil {
		became, err = a.take(r.Context(), t, personOf(r))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, became)
}

// reportView is the form for what comes by telephone.
type reportView struct {
	frame
	Servers []inventory.Server
	Sites   []inventory.Site
	Filled  filled
	Known   *known // of the caller, nil before anything was typed
}

// filled is the form as it is sent, or looked up with.
type filled struct {
	Customer, About, Of, Summary, Contact, Impact, Urgency string
	Unreachable                                            bool
}

func filledIn(r *http.Request) filled {
	f := r.FormValue
	return filled{
		Customer: clip(f("customer"), maxCustomerRunes), About: f("about"), Of: f("of"), Summary: clip(f("summary"), maxSummaryRunes),
		Contact: clip(f("contact"), maxContactRunes), Impact: f("impact"), Urgency: f("urgency"), Unreachable: f("unreachable") != "",
	}
}

// told is what the form says. Who calls and is no customer is part of the
// contact.
func (f filled) told(inv *inventory.Inventory) told {
	t := told{Summary: f.Summary, Contact: f.Contact, Unreachable: f.Unreachable, Impact: f.Impact, Urgency: f.Urgency}
	if c, ok := callerOf(inv, f.Customer); ok {
		t.Customer, t.Contact = c.Name, cmp.Or(t.Contact, c.Telephone)
	} else if f.Customer != "" {
		t.Contact = strings.TrimSuffix(f.Customer+", "+f.Contact, ", ")
	}
	// One list offers both: "server web-07", "site ams1".
	switch kind, name, _ := strings.Cut(cmp.Or(f.Of, f.About), " "); kind {
	case "server":
		t.Server = name
	case "site":
		t.Site = name
	}
	return t
}

// reportPage is the form, with what is known of the customer that was typed. Its
// script asks for it with every few letters, and takes that part of it.
func (a *app) reportPage(w http.ResponseWriter, r *http.Request) {
	inv := a.Inventory()
	view := reportView{frame: a.frame(r, "Report trouble", personOf(r)), Servers: inv.Servers, Sites: inv.Sites, Filled: filledIn(r)}
	if view.Filled.Customer != "" {
		k, err := a.lookUp(r.Context(), view.Filled.Customer)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		view.Known = &k
	}
	a.render(w, http.StatusOK, "report.html", view)
}

func (a *app) report(w http.ResponseWriter, r *http.Request) {
	t := filledIn(r).told(a.Inventory())
	became, err := a.take(r.Context(), t, personOf(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, became.path(t.Customer), http.StatusSeeOther)
}

// alertOfPerson reports whether a person said it, also by mail, and a person must
// end it.
func alertOfPerson(a alerts.Alert) bool { return a.Source == personSource || a.Source == alerts.Mail }
