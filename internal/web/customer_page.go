package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
)

// customerView is a page behind a link: for one customer, about one incident,
// without a sign-in, on a telephone. A GET of it changes nothing, so that a mail
// scanner may follow the link as often as it likes.
type customerView struct {
	desk.Account
	W      map[string]string // the words of the page in their language
	Path   string            // that the form goes to
	Asks   bool              // a yes or no would be taken
	Closed bool
	Score  int // that they gave, 0 before
	Scores []int
	Wrong  bool   // what was sent was neither yes nor no, or no score
	Next   string // number of the incident that their no has opened
}

// guest is who has come by a link, and what for.
type guest struct {
	link     signed.Link
	incident *incident.Incident
	customer inventory.Customer
}

// follow reads the link by which somebody has come. Whoever comes with one that
// does not hold is told nothing but that, and after a few tries waits as at the
// sign-in. One that holds is counted by itself, since what others at the same
// address have tried is no fault of who has it.
func (a *app) follow(w http.ResponseWriter, r *http.Request, purpose string) (link signed.Link, ok bool) {
	const anyLink = "a link" // no person is called so
	now, status, wait := a.Clock.Now(), http.StatusNotFound, time.Duration(0)
	link, err := a.Links.Read(purpose, r.PathValue("incident"), r.PathValue("party"), r.PathValue("expires"), r.PathValue("token"), now)
	if err == nil {
		wait = a.attempts.visit(link.Path(), now)
	} else {
		wait = a.attempts.begin(a.address(r), anyLink, now)
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		status = http.StatusTooManyRequests
	}
	if err != nil || wait > 0 {
		a.render(w, status, "no-link.html", nil)
		return link, false
	}
	return link, true
}

// linked reads the link by which somebody has come to an incident.
func (a *app) linked(w http.ResponseWriter, r *http.Request, purpose string) (link signed.Link, inc *incident.Incident, ok bool) {
	if link, ok = a.follow(w, r, purpose); !ok {
		return link, nil, false
	}
	inc, err := a.Store.Load(r.Context(), link.Incident)
	if err != nil {
		a.fail(w, r, err)
		return link, nil, false
	}
	return link, inc, true
}

// invited finds out which customer has come by a link.
func (a *app) invited(w http.ResponseWriter, r *http.Request, purpose string) (g guest, ok bool) {
	g.link, g.incident, ok = a.linked(w, r, purpose)
	if !ok {
		return g, false
	}
	if g.customer, ok = a.Inventory().Customer(g.link.Party); !ok { // they are a customer no more
		a.render(w, http.StatusNotFound, "no-link.html", nil)
	}
	return g, ok
}

func (a *app) customerView(r *http.Request, g guest) customerView {
	facts := a.facts(g.incident)
	v := customerView{
		Account: desk.AccountFor(facts, g.customer), Path: r.URL.EscapedPath(), Asks: desk.MayAnswer(g.incident, g.customer.Name),
		Closed: !g.incident.Ongoing(), Scores: []int{1, 2, 3, 4, 5},
	}
	v.W = customerWords[v.Language]
	if c := g.incident.Confirmation; c != nil {
		v.Score = c.Feedback[g.customer.Name].Score
	}
	return v
}

func (a *app) confirmPage(w http.ResponseWriter, r *http.Request) {
	if g, ok := a.invited(w, r, desk.ConfirmLink); ok {
		a.render(w, http.StatusOK, "confirm.html", a.customerView(r, g))
	}
}

// confirm takes a customer's yes or no.
func (a *app) confirm(w http.ResponseWriter, r *http.Request) {
	g, ok := a.invited(w, r, desk.ConfirmLink)
	if !ok {
		return
	}
	answer, words := r.PostFormValue("answer"), r.PostFormValue("words")
	view := a.customerView(r, g)
	if view.Wrong = answer != "yes" && answer != "no"; view.Wrong {
		a.render(w, http.StatusUnprocessableEntity, "confirm.html", view)
		return
	}
	if answer == "no" && g.incident.Status == incident.Finished && !g.incident.IsDrill() { // a drill that is over opens nothing real
		next, err := a.reportAfterwards(r.Context(), g, words)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		view.Next = next
		a.render(w, http.StatusOK, "confirm.html", view)
		return
	}
	a.takeWord(w, r, g, func(inc *incident.Incident) ([]incident.Payload, error) {
		return desk.CustomerAnswered(inc, g.customer.Name, answer == "yes", words, "link")
	})
}

func (a *app) feedbackPage(w http.ResponseWriter, r *http.Request) {
	if g, ok := a.invited(w, r, desk.FeedbackLink); ok {
		a.render(w, http.StatusOK, "feedback.html", a.customerView(r, g))
	}
}

// feedback takes how a customer found that they were served [2.5].
func (a *app) feedback(w http.ResponseWriter, r *http.Request) {
	g, ok := a.invited(w, r, desk.FeedbackLink)
	if !ok {
		return
	}
	score, err := strconv.Atoi(r.PostFormValue("score"))
	if err != nil || score < 1 || score > 5 {
		view := a.customerView(r, g)
		view.Wrong = true
		a.render(w, http.StatusUnprocessableEntity, "feedback.html", view)
		return
	}
	a.takeWord(w, r, g, func(inc *incident.Incident) ([]incident.Payload, error) {
		return desk.GiveFeedback(inc, g.customer.Name, score, r.PostFormValue("words"), "link")
	})
}

// takeWord writes down what a customer said and shows them where that leads. What
// came too late or too often changes nothing: the page says how things stand.
func (a *app) takeWord(w http.ResponseWriter, r *http.Request, g guest, judge func(*incident.Incident) ([]incident.Payload, error)) {
	err := a.append(r.Context(), g.link.Incident, "customer:"+g.customer.Name, func(m moment) ([]incident.Payload, error) { return judge(m.incident) })
	if err != nil && !errors.Is(err, desk.ErrNotNow) && !errors.Is(err, desk.ErrEnough) {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, r.URL.EscapedPath(), http.StatusSeeOther)
}

// reportAfterwards takes a no to an incident that is closed: it is trouble of its
// own. However often they say so, it is one.
func (a *app) reportAfterwards(ctx context.Context, g guest, words string) (id string, err error) {
	t := told{
		Summary: g.customer.Name + " says that not everything works after " + g.incident.ID + " was closed. " + words,
		Contact: g.customer.Telephone,
	}
	if g.incident.Subject.Kind == "server" {
		t.Server = g.incident.Subject.Name
	}
	alert, err := t.alert(a.Inventory(), inventory.Person{Name: g.customer.Name}, a.Clock.Now())
	if err != nil {
		return "", err
	}
	alert.Labels["report"] = g.incident.ID + " " + g.customer.Name
	alert.Fingerprint, alert.StartsAt = alert.Labels.Fingerprint(), g.incident.ClosedAt
	if err := a.Receive(ctx, []alerts.Alert{alert}, 0); err != nil {
		return "", err
	}
	known, err := a.Store.Episode(ctx, alert.Episode())
	return known.Incident, err
}
