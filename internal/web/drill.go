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
	"github.com/spinware/piket/internal/store"
)

// practice is a drill that somebody wants [5.1].
type practice struct {
	Server    string `json:"server"`
	Story     string `json:"story"`
	Customers bool   `json:"customers"` // whether customers hear of it as well
	Lasts     string `json:"lasts"`     // such as 2h, "" for as long as drills do
}

func (a *app) apiStartDrill(w http.ResponseWriter, r *http.Request) {
	var p practice
	err := readJSON(r, &p)
	var id string
	if err == nil {
		id, err = a.startDrill(r.Context(), p, personOf(r).Name)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"incident": id})
}

// startDrill opens a drill, unless one is under way on the server or there is real
// trouble of it.
func (a *app) startDrill(ctx context.Context, p practice, by string) (id string, err error) {
	wanted := desk.Practice{Server: p.Server, Story: p.Story, Customers: p.Customers}
	if p.Lasts != "" {
		if wanted.Lasts, err = time.ParseDuration(p.Lasts); err != nil {
			return "", fmt.Errorf("drill: %w: lasts is a time such as 2h, found %q", desk.ErrDrill, p.Lasts)
		}
	}
	if err := wanted.Check(a.Inventory()); err != nil {
		return "", err
	}
	for _, kind := range []string{incident.DrillKind, "server"} {
		open, err := a.Store.OpenFor(ctx, incident.Subject{Kind: kind, Name: p.Server})
		switch {
		case err != nil:
			return "", err
		case open != "":
			return "", fmt.Errorf("drill: %w: %s is open for %s", desk.ErrNotNow, open, p.Server)
		}
	}
	alert := wanted.Alert(by, a.Clock.Now())
	if err := a.Receive(ctx, []alerts.Alert{alert}, 0); err != nil {
		return "", err
	}
	known, err := a.Store.Episode(ctx, alert.Episode())
	return known.Incident, err
}

// drills lists the drills, newest first: those under way, or all.
func (a *app) drills(ctx context.Context, ongoing bool) ([]store.Summary, error) {
	list, err := a.Store.List(ctx, store.Filter{Ongoing: ongoing, Calendar: true})
	return slices.DeleteFunc(list, func(m store.Summary) bool { return !strings.HasPrefix(m.Subject, incident.DrillKind+":") }), err
}

func (a *app) apiDrills(w http.ResponseWriter, r *http.Request) {
	list, err := a.drills(r.Context(), r.FormValue("ongoing") == "true")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string][]store.Summary{"drills": list})
}
