package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// said is everything that a person can say to an incident; each deed reads its
// own part.
type said struct {
	Approval   string `json:"approval"`
	PlanHash   string `json:"plan_hash"`
	Reason     string `json:"reason"`
	Words      string `json:"words"`
	Cause      string `json:"cause"`
	Solution   string `json:"solution"`
	Prevention string `json:"prevention"`
	Unchecked  string `json:"unchecked"` // why it is closed without a passed check
	Order      string `json:"order"`
	State      string `json:"state"`
	Task       string `json:"task"`
	Outcome    string `json:"outcome"`

	Measures    string `json:"measures"`
	Unconfirmed string `json:"unconfirmed"` // why it is closed without the customers' yes
	Impact      string `json:"impact"`
	Urgency     string `json:"urgency"`
	Priority    string `json:"priority"` // an override of the matrix
	Customer    string `json:"customer"`
	Answer      string `json:"answer"` // what a customer said: "yes" or "no"
	Draft       string `json:"draft"`  // of an update
	Role        string `json:"role"`   // on the incident
	To          string `json:"to"`     // the person who has it then, or no more
	Hash        string `json:"hash"`   // of the work order whose cost is agreed to
	Vendor      string `json:"vendor"` // who is asked
	Part        string `json:"part"`   // spare part
	saidOfReview
}

// moment is what a deed is judged on.
type moment struct {
	incident  *incident.Incident
	inventory *inventory.Inventory
	by        inventory.Person
	now       time.Time
	config    Config
	events    func() ([]incident.Event, error) // the whole timeline
}

// deed judges what a person says and returns what to append for it.
type deed func(m moment, s said) ([]incident.Payload, error)

// deeds lists what persons can do to an incident.
var deeds = map[string]deed{
	"approve": func(m moment, s said) ([]incident.Payload, error) { return m.answer(s, true) },
	"deny":    func(m moment, s said) ([]incident.Payload, error) { return m.answer(s, false) },
	"acknowledge": func(m moment, _ said) ([]incident.Payload, error) {
		return desk.Acknowledge(m.incident, m.by)
	},
	"note": func(m moment, s said) ([]incident.Payload, error) {
		return desk.Note(m.incident, m.by, s.Words)
	},
	"close": func(m moment, s said) ([]incident.Payload, error) {
		return desk.Close(m.incident, m.by, incident.Resolution{
			Cause: s.Cause, Measures: s.Measures, Solution: s.Solution, Prevention: s.Prevention, Unchecked: s.Unchecked, Unconfirmed: s.Unconfirmed,
		})
	},
	"order": func(m moment, s said) ([]incident.Payload, error) {
		return m.order(s)
	},
	"vendor": moment.vendor,
	"call": func(m moment, s said) ([]incident.Payload, error) {
		return desk.ReportCall(m.incident, m.by, s.Task, s.Outcome, m.now)
	},
	"take": func(m moment, s said) ([]incident.Payload, error) {
		return desk.TakeCall(m.incident, m.by, s.Task, m.now)
	},
	"classify": func(m moment, s said) ([]incident.Payload, error) {
		return desk.Classify(m.incident, m.by, desk.Judgement{
			Impact: incident.Level(s.Impact), Urgency: incident.Level(s.Urgency), Priority: incident.Priority(s.Priority), Reason: s.Reason,
		})
	},
	"confirm": func(m moment, s said) ([]incident.Payload, error) { return m.answered(s) },
	"settle": func(m moment, s said) ([]incident.Payload, error) {
		return desk.SettleComplaint(m.incident, m.by, s.Customer, s.Words)
	},
	"nod": func(m moment, s said) ([]incident.Payload, error) {
		return desk.AgreeToUpdate(m.incident, m.by, s.Draft, s.Words, m.now)
	},
	"assign": func(m moment, s said) ([]incident.Payload, error) {
		return desk.Assign(m.incident, m.inventory, m.by, incident.Role(s.Role), s.To)
	},
	"release": func(m moment, s said) ([]incident.Payload, error) {
		return desk.Release(m.incident, m.by, incident.Role(s.Role), s.To)
	},
	"stop": func(m moment, _ said) ([]incident.Payload, error) { return desk.StopDrill(m.incident, m.by) },
	"over": func(m moment, _ said) ([]incident.Payload, error) { return m.over() },

	"review": moment.writeReview,
	"share":  func(m moment, _ said) ([]incident.Payload, error) { return m.shareReview() },
	"done": func(m moment, s said) ([]incident.Payload, error) {
		return desk.FinishAction(m.incident, m.by, s.ID, s.Words)
	},
	"significant": moment.markSignificant,
	"duty": func(m moment, s said) ([]incident.Payload, error) {
		return desk.ReportDuty(m.incident, m.by, incident.DutyStage(s.Stage), s.Reference)
	},
	"evaluate": func(m moment, s said) ([]incident.Payload, error) { return desk.Evaluate(m.incident, m.by, s.Words) },
}

func (m moment) answer(s said, yes bool) ([]incident.Payload, error) {
	answer := remediation.Answer{Approval: s.Approval, PlanHash: s.PlanHash, By: m.by.Name, Yes: yes, Reason: s.Reason}
	payload, err := answer.Payload(m.incident, m.inventory, m.now)
	if err != nil {
		return nil, err
	}
	failpoint.Reach(failpoint.ApprovalJudged)
	return []incident.Payload{payload}, nil
}

// order takes what people say of a work order: a yes to its cost, where the hands
// are, whether it arrived, and how far it has come.
func (m moment) order(s said) ([]incident.Payload, error) {
	switch s.State {
	case "agreed":
		return desk.AgreeToOrder(m.incident, m.by, s.Order, s.Hash)
	case "hands_in", "hands_out":
		return desk.Hands(m.incident, m.by, s.Order, s.State == "hands_in")
	case "arrived", "not_arrived":
		return desk.SettleOrder(m.incident, m.by, incident.OrderSettled{Order: s.Order, Arrived: s.State == "arrived", Reference: s.Words})
	}
	return desk.ReportOrder(m.incident, m.by, incident.OrderProgress{Order: s.Order, State: s.State, Words: s.Words})
}

// answered records what a customer said on the telephone.
func (m moment) answered(s said) ([]incident.Payload, error) {
	if s.Answer != "yes" && s.Answer != "no" {
		return nil, fmt.Errorf("answer of %s: %w: yes or no", s.Customer, desk.ErrIncomplete)
	}
	return desk.CustomerAnswered(m.incident, s.Customer, s.Answer == "yes", s.Words, "telephone")
}

// over says that what persons reported no longer is. No machine resolves their
// reports, and an incident that no runbook checks cannot be closed before.
func (m moment) over() ([]incident.Payload, error) {
	var resolved []incident.Payload
	for _, alert := range m.incident.Firing() {
		if alertOfPerson(alert) {
			alert.Status, alert.EndsAt = alerts.Resolved, m.now
			resolved = append(resolved, incident.AlertReceived{Alert: alert})
		}
	}
	if len(resolved) == 0 || !m.incident.Ongoing() {
		return nil, fmt.Errorf("over: %w: no report of a person is open", desk.ErrNotNow)
	}
	return resolved, nil
}

// maxTries bounds how often a deed is judged again because the incident moved
// on in between.
const maxTries = 10

// carryOut judges a person's deed on the incident as it is and writes it down.
func (a *app) carryOut(ctx context.Context, id string, by inventory.Person, do deed, s said) error {
	return a.append(ctx, id, incident.Person(by.Name), func(m moment) ([]incident.Payload, error) {
		m.by = by
		return do(m, s)
	})
}

// append writes down what judge makes of the incident as it is. When it has moved
// on meanwhile, it is judged again from the start.
func (a *app) append(ctx context.Context, id, actor string, judge func(moment) ([]incident.Payload, error)) error {
	for range maxTries {
		inc, err := a.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		m := moment{incident: inc, inventory: a.Inventory(), now: a.Clock.Now(), config: a.Config()}
		m.events = func() ([]incident.Event, error) { return a.Store.Events(ctx, id, 0) }
		payloads, err := judge(m)
		if err != nil || len(payloads) == 0 {
			return err
		}
		events := make([]incident.Event, len(payloads))
		for n, p := range payloads {
			// The moment at which it was judged is when it happened: a yes that
			// is in time stays so however long the commit takes.
			events[n] = incident.Event{At: m.now, Actor: actor, Payload: p}
		}
		_, err = a.Store.Append(ctx, id, inc.Version, events...)
		failpoint.Done(failpoint.DeedDone, err)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("gave up after %d tries: %w", maxTries, store.ErrConflict)
}

// onRecord writes down what judge makes of a record that people keep of something,
// which the first of them opens.
func (a *app) onRecord(ctx context.Context, subject incident.Subject, opening alerts.Alert, actor string, judge func(moment) ([]incident.Payload, error)) error {
	id, err := a.Store.OpenFor(ctx, subject)
	if err == nil && id == "" {
		if err = a.Receive(ctx, []alerts.Alert{opening}, 0); err == nil {
			id, err = a.Store.OpenFor(ctx, subject)
		}
	}
	switch {
	case err != nil:
		return err
	case id == "":
		return fmt.Errorf("the record %s was not opened", subject)
	}
	return a.append(ctx, id, actor, judge)
}

// pageDeed serves a deed that comes from a form of an incident's page.
func pageDeed(name string) func(*app, http.ResponseWriter, *http.Request) { return deedOn("", name) }

// deedOn serves a deed that comes from a form of a page below an incident's.
func deedOn(below, name string) func(*app, http.ResponseWriter, *http.Request) {
	do := deeds[name]
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if err := a.carryOut(r.Context(), id, personOf(r), do, saidInForm(r)); err != nil {
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/incidents/"+id+below, http.StatusSeeOther)
	}
}

// apiDeed serves a deed that comes as JSON.
func apiDeed(name string) func(*app, http.ResponseWriter, *http.Request) {
	do := deeds[name]
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		var s said
		err := readJSON(r, &s)
		if err == nil {
			err = a.carryOut(r.Context(), r.PathValue("id"), personOf(r), do, s)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.apiShow(w, r)
	}
}

func saidInForm(r *http.Request) said {
	f := r.PostFormValue
	return said{
		Approval: f("approval"), PlanHash: f("plan_hash"), Reason: f("reason"), Words: f("words"),
		Cause: f("cause"), Solution: f("solution"), Prevention: f("prevention"), Unchecked: f("unchecked"),
		Order: f("order"), State: f("state"), Task: f("task"), Outcome: f("outcome"),
		Measures: f("measures"), Unconfirmed: f("unconfirmed"), Impact: f("impact"), Urgency: f("urgency"), Priority: f("priority"),
		Customer: f("customer"), Answer: f("answer"), Draft: f("draft"), Role: f("role"), To: f("to"), Hash: f("hash"), Vendor: f("vendor"), Part: f("part"),
		saidOfReview: saidOfReviewInForm(r),
	}
}

// readJSON reads a body strictly: a misspelt key is told, not overlooked. An
// empty body says nothing, which some deeds need no more than.
func readJSON(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && !d.More(), errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &tooLarge):
		return complaint{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit), "say it shorter"}
	case err == nil:
		err = errors.New("something follows the object")
	}
	return complaint{http.StatusBadRequest, "the body cannot be read: " + err.Error(), "send one JSON object with the keys of the documentation"}
}
