package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
)

// calendarLink is the purpose of links to calendars of who is on duty. One is a
// person's own, for every team's and for theirs: whoever may sign in may read
// them all.
const calendarLink = "calendar"

// The kinds of calendar.
const (
	teamCalendar   = "team"
	personCalendar = "person"
)

// calendarPath returns the beginning of a person's links to calendars. They hold
// until the end of next year, so that a program that has been told one is not
// forgotten by the next morning; before that, another edition in the inventory
// ends them, and so does leaving it.
func (a *app) calendarPath(p inventory.Person) string {
	end := time.Date(a.Clock.Now().UTC().Year()+2, 1, 1, 0, 0, 0, 0, time.UTC)
	return a.Links.Sign(signed.Link{Purpose: calendarLink, Incident: strconv.Itoa(p.Calendar), Party: p.Name, Expires: end}.Path())
}

// subscription is a calendar that a person may have their own program follow.
type subscription struct{ Title, URL string }

func (a *app) subscriptions(p inventory.Person) []subscription {
	if !a.Links.Signs() {
		return nil
	}
	base := strings.TrimSuffix(a.Config().ExternalURL, "/") + a.calendarPath(p)
	list := []subscription{{"Your own duty", base + "/" + personCalendar + "/" + url.PathEscape(p.Name) + ".ics"}}
	for _, t := range a.Inventory().Teams {
		list = append(list, subscription{teamName(t.Name, a.Inventory()), base + "/" + teamCalendar + "/" + url.PathEscape(t.Name) + ".ics"})
	}
	return list
}

// calendarFeed answers a program that follows a calendar.
func (a *app) calendarFeed(w http.ResponseWriter, r *http.Request) {
	link, ok := a.follow(w, r, calendarLink)
	if !ok {
		return
	}
	inv := a.Inventory()
	person, known := inv.Person(link.Party)
	name, ics := strings.CutSuffix(r.PathValue("file"), ".ics")
	c, found := a.calendarOf(inv, r.PathValue("kind"), name)
	if !known || strconv.Itoa(person.Calendar) != link.Incident || !ics || !found {
		a.render(w, http.StatusNotFound, "no-link.html", nil)
		return
	}
	a.writeCalendar(w, r, c)
}

func (a *app) calendarOf(inv *inventory.Inventory, kind, name string) (c duty.Calendar, ok bool) {
	switch kind {
	case teamCalendar:
		_, ok = inv.Team(name)
		return duty.Calendar{Title: "On duty: " + teamName(name, inv), Shows: func(t inventory.Team, _ string) bool { return t.Name == name }}, ok
	case personCalendar:
		_, ok = inv.Person(name)
		return duty.Calendar{Title: "On duty: " + personName(name, inv), Shows: func(_ inventory.Team, who string) bool { return who == name }}, ok
	}
	return c, false
}

// apiCalendar answers with the calendar of all teams, or of one.
func (a *app) apiCalendar(w http.ResponseWriter, r *http.Request) {
	c := duty.Calendar{Title: "On duty", Shows: func(inventory.Team, string) bool { return true }}
	if team := r.FormValue("team"); team != "" {
		var ok bool
		if c, ok = a.calendarOf(a.Inventory(), teamCalendar, team); !ok {
			a.complain(w, r, complaint{http.StatusNotFound, "the inventory has no team " + strconv.Quote(team), "look at /duty"})
			return
		}
	}
	a.writeCalendar(w, r, c)
}

func (a *app) writeCalendar(w http.ResponseWriter, r *http.Request, c duty.Calendar) {
	c.Origin = "piket"
	if u, err := url.Parse(a.Config().ExternalURL); err == nil && u.Hostname() != "" {
		c.Origin = u.Hostname()
	}
	text, err := a.Duty.ICal(r.Context(), c)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	_, _ = w.Write(text)
}
