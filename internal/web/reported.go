package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// reported is what became of a report: a new incident, or one that is known; and
// what to tell who is on the line.
type reported struct {
	Incident string    `json:"incident"`
	Joined   bool      `json:"joined"` // it was known already
	Since    time.Time `json:"known_since"`
	Next     time.Time `json:"next_word,omitzero"`
	Tell     string    `json:"tell"`             // in a sentence
	Script   string    `json:"script,omitempty"` // in the customer's language
}

// reportedAs says what became of a report by a caller; the zero Customer for one
// who is none.
func (a *app) reportedAs(inc *incident.Incident, c inventory.Customer, joined bool) reported {
	told := desk.ToCaller(a.facts(inc), c)
	v := reported{Incident: inc.ID, Joined: joined, Since: told.Since, Next: told.Next, Script: told.Script}
	if c.Name == "" {
		v.Next = nextUpdate(inc, a.Config().updates())
	}
	zone := a.Config().zone()
	at := func(t time.Time) string { return t.In(zone).Format("15:04") }
	v.Tell = "It has the number " + inc.ID + "."
	if joined {
		v.Tell = fmt.Sprintf("We know since %s. ", at(v.Since)) + v.Tell
	}
	switch {
	case inc.Status == incident.BackInService:
		v.Tell += fmt.Sprintf(" Service has been back since %s.", at(inc.RestoredAt))
	case v.Next.IsZero():
		v.Tell += " The next word comes when it is over."
	case !v.Next.After(a.Clock.Now()):
		v.Tell += " The next word comes at once."
	default:
		v.Tell += fmt.Sprintf(" The next word comes at %s.", at(v.Next))
	}
	return v
}

// reportedView is the page after a report.
type reportedView struct {
	frame
	reported
	Incident *incident.Incident
	Zone     string
}

func (a *app) reportedPage(w http.ResponseWriter, r *http.Request) {
	inc, err := a.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	c, _ := a.Inventory().Customer(r.FormValue("customer"))
	zone := a.Config().zone()
	a.render(w, http.StatusOK, "reported.html", reportedView{
		frame: a.frame(r, "Reported as "+inc.ID, personOf(r)), reported: a.reportedAs(inc, c, r.FormValue("joined") == "yes"),
		Incident: inc, Zone: a.Clock.Now().In(zone).Format("MST"),
	})
}

// path leads to the page after a report.
func (v reported) path(customer string) string {
	q := url.Values{}
	if v.Joined {
		q.Set("joined", "yes")
	}
	if customer != "" {
		q.Set("customer", customer)
	}
	path := "/report/" + v.Incident
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}
