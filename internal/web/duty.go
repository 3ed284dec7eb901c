package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// dutyReport is who is asked first in each team, and what is planned.
type dutyReport struct {
	Teams []teamDuty `json:"teams"`
}

type teamDuty struct {
	Name    string             `json:"name"`
	Title   string             `json:"title,omitempty"`
	Now     []string           `json:"now"` // who is asked now, in their order; nobody when empty
	Shifts  []dutyShift        `json:"shifts"`
	Covers  []incident.Cover   `json:"covers"`
	Members []inventory.Person `json:"-"`
}

// dutyShift is one stretch; nobody has it where Person is "".
type dutyShift struct {
	Person string    `json:"person"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Name   string    `json:"-"` // of the person, for people
	Here   bool      `json:"-"` // it is now
	Last   bool      `json:"-"` // it goes on after what is shown
}

// shownDuty is how far ahead the duty is shown: this week and the next, and the
// one after, so that a swap can still be talked about.
const shownDuty = 21 * 24 * time.Hour

// loadDuty reads who has the duty from now on.
func (a *app) loadDuty(ctx context.Context) (dutyReport, error) {
	inv, now := a.Inventory(), a.Clock.Now().In(a.Config().zone())
	end := now.Add(shownDuty)
	report := dutyReport{Teams: []teamDuty{}}
	for _, team := range inv.Teams {
		t := teamDuty{Name: team.Name, Title: team.Title, Now: []string{}, Shifts: []dutyShift{}, Covers: []incident.Cover{}}
		for _, p := range inv.OnDuty(team.Name) {
			t.Now = append(t.Now, p.Name)
		}
		for _, s := range a.Duty.Source().Shifts(team.Name, now, end, a.Duty.Covers()) {
			t.Shifts = append(t.Shifts, dutyShift{
				Person: s.Person, From: s.From.In(now.Location()), Until: s.Until.In(now.Location()),
				Name: personName(s.Person, inv), Here: !now.Before(s.From) && now.Before(s.Until), Last: s.Until.Equal(end),
			})
		}
		for _, name := range team.Members {
			if p, ok := inv.Person(name); ok {
				t.Members = append(t.Members, p)
			}
		}
		record, err := a.Duty.Load(ctx, team.Name)
		if err != nil {
			return report, err
		}
		if record != nil {
			for _, c := range record.Covers {
				if c.From, c.Until = c.From.In(now.Location()), c.Until.In(now.Location()); now.Before(c.Until) {
					t.Covers = append(t.Covers, c)
				}
			}
		}
		report.Teams = append(report.Teams, t)
	}
	return report, nil
}

// covering is what a person says of a team's duty.
type covering struct {
	Person string    `json:"person"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
	Cover  string    `json:"cover"` // which one is taken back
}

// onDuty carries out what by says of a team's duty, on the team's own record,
// which the first of them opens; it holds at once here, and within seconds on
// every other replica.
func (a *app) onDuty(ctx context.Context, name string, by inventory.Person, judge func(moment, inventory.Team) ([]incident.Payload, error)) error {
	team, ok := a.Inventory().Team(name)
	if !ok {
		return fmt.Errorf("duty: %w: the inventory has no team %q", desk.ErrIncomplete, name)
	}
	if err := a.onRecord(ctx, duty.Record(name), duty.Opening(name), incident.Person(by.Name), func(m moment) ([]incident.Payload, error) { return judge(m, team) }); err != nil {
		return err
	}
	return a.Duty.Refresh(ctx)
}

func (a *app) cover(ctx context.Context, team string, by inventory.Person, c covering) error {
	return a.onDuty(ctx, team, by, func(m moment, t inventory.Team) ([]incident.Payload, error) {
		return desk.Cover(m.incident, t, by, incident.Covered{Person: c.Person, From: c.From, Until: c.Until, Why: c.Why}, m.now)
	})
}

func (a *app) uncover(ctx context.Context, team string, by inventory.Person, c covering) error {
	return a.onDuty(ctx, team, by, func(m moment, t inventory.Team) ([]incident.Payload, error) {
		return desk.Uncover(m.incident, t, by, c.Cover)
	})
}

// dutyView is the page of it.
type dutyView struct {
	frame
	Report dutyReport
	May    bool
	Zone   string // of the times on the page and in its form
	Soon   string // what the form begins with

	Follow []subscription
}

func (a *app) dutyPage(w http.ResponseWriter, r *http.Request) {
	report, err := a.loadDuty(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	inv := a.Inventory()
	for n := range report.Teams {
		report.Teams[n].Now = titles(report.Teams[n].Now, inv)
	}
	person, now := personOf(r), a.Clock.Now()
	a.render(w, http.StatusOK, "duty.html", dutyView{
		frame: a.frame(r, "On duty", person), Report: report, May: warden.admits(person),
		Zone: now.In(a.Config().zone()).Format("MST"), Soon: now.In(a.Config().zone()).Truncate(time.Minute).Format(clock.Form),
		Follow: a.subscriptions(person),
	})
}

// dutyDeed is one thing that a person can say of a team's duty.
type dutyDeed func(*app, context.Context, string, inventory.Person, covering) error

func dutyForm(do dutyDeed) func(*app, http.ResponseWriter, *http.Request) {
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		c := covering{Person: r.PostFormValue("person"), Why: r.PostFormValue("why"), Cover: r.PostFormValue("cover")}
		var err error
		for field, into := range map[string]*time.Time{"from": &c.From, "until": &c.Until} {
			if err == nil {
				*into, err = a.Config().readTime(field, r.PostFormValue(field))
			}
		}
		if err == nil {
			err = do(a, r.Context(), r.PathValue("team"), personOf(r), c)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/duty", http.StatusSeeOther)
	}
}

func (a *app) apiDuty(w http.ResponseWriter, r *http.Request) {
	report, err := a.loadDuty(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, report)
}

func dutyAPI(do dutyDeed) func(*app, http.ResponseWriter, *http.Request) {
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		var c covering
		err := readJSON(r, &c)
		if err == nil {
			err = do(a, r.Context(), r.PathValue("team"), personOf(r), c)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.apiDuty(w, r)
	}
}
