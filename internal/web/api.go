package web

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// apiList answers with what stands on the board, newest first.
func (a *app) apiList(w http.ResponseWriter, r *http.Request) {
	list, err := a.Store.List(r.Context(), store.Filter{Ongoing: r.FormValue("ongoing") == "true"})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string][]store.Summary{"incidents": list})
}

// apiShow answers with one incident and its whole timeline.
func (a *app) apiShow(w http.ResponseWriter, r *http.Request) {
	h, err := a.history(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"incident": record(h, a.Config().updates()), "events": h.events,
	})
}

// apiIncident is an incident as programs read it.
type apiIncident struct {
	ID           string                      `json:"id"`
	Version      int                         `json:"version"`
	Title        string                      `json:"title"`
	Status       incident.Status             `json:"status"`
	Doing        string                      `json:"doing"` // in one sentence, what happens now
	Priority     incident.Priority           `json:"priority"`
	Impact       incident.Level              `json:"impact"`
	Urgency      incident.Level              `json:"urgency"`
	Subject      incident.Subject            `json:"subject"`
	Site         string                      `json:"site,omitempty"`
	Team         string                      `json:"team,omitempty"`
	Owner        string                      `json:"owner,omitempty"`
	Roles        *apiRoles                   `json:"roles,omitempty"`
	Customers    []string                    `json:"customers,omitempty"`
	Started      time.Time                   `json:"started"`
	Opened       time.Time                   `json:"opened"`
	Acknowledged time.Time                   `json:"acknowledged,omitzero"`
	Restored     time.Time                   `json:"restored,omitzero"`
	Closed       time.Time                   `json:"closed,omitzero"`
	MergedInto   string                      `json:"merged_into,omitempty"`
	NextUpdate   time.Time                   `json:"next_update,omitzero"` // when customers hear again
	Runbook      string                      `json:"runbook,omitempty"`
	RunbookHash  string                      `json:"runbook_hash,omitempty"`
	Verdict      *incident.Concluded         `json:"verdict,omitempty"`
	Diagnosis    []incident.Check            `json:"diagnosis,omitempty"`
	Blocked      *incident.Blocked           `json:"blocked,omitempty"`
	Approval     *apiApproval                `json:"approval,omitempty"`
	Action       *apiAction                  `json:"action,omitempty"`
	Order        *apiOrder                   `json:"order,omitempty"`
	Vendors      []*apiOrder                 `json:"vendors,omitempty"`
	Calls        []apiCall                   `json:"calls,omitempty"`
	Attentions   []incident.Attention        `json:"attentions,omitempty"`
	Closure      *incident.ClosureChecked    `json:"closure,omitempty"`
	Resolution   *incident.Resolution        `json:"resolution,omitempty"`
	Draft        *incident.Resolution        `json:"draft,omitempty"` // what closing could say
	Told         map[string]time.Time        `json:"told,omitempty"`
	Update       *incident.UpdateDrafted     `json:"update,omitempty"`      // that waits for a nod
	Unconfirmed  []string                    `json:"unconfirmed,omitempty"` // customers who have not said that everything works
	Complaints   []incident.CustomerAnswered `json:"complaints,omitempty"`  // and those who say that not everything does
	Feedback     []incident.Feedback         `json:"feedback,omitempty"`
}

type apiApproval struct {
	incident.ApprovalRequested
	AskedAt   time.Time `json:"asked_at"`
	Yes       []string  `json:"yes,omitempty"` // who has agreed until now
	GrantedBy string    `json:"granted_by,omitempty"`
}

type apiAction struct {
	incident.Intended
	Outcome incident.Outcome `json:"outcome,omitempty"`
	Detail  string           `json:"detail,omitempty"`
	Live    bool             `json:"live"`
}

type apiOrder struct {
	incident.WorkOrdered
	State   string    `json:"state"`
	Changed time.Time `json:"changed"`
	By      string    `json:"by,omitempty"`
	Words   string    `json:"words,omitempty"`

	Hash      string    `json:"hash,omitempty"` // what a yes to its cost names, while one is wanted
	AgreedBy  string    `json:"agreed_by,omitempty"`
	HandsIn   time.Time `json:"hands_in,omitzero"`
	Reference string    `json:"reference,omitempty"` // the receiver's number
	Unknown   bool      `json:"unknown,omitempty"`   // nobody knows whether it arrived

	Ticks    []int                   `json:"ticks,omitempty"`
	Findings []string                `json:"findings,omitempty"`
	Parts    []incident.PartReplaced `json:"parts,omitempty"`
	Photos   []incident.PhotoTaken   `json:"photos,omitempty"`
}

func orderFor(o *incident.Order) *apiOrder {
	out := &apiOrder{
		WorkOrdered: o.WorkOrdered, State: o.State, Changed: o.ChangedAt, By: o.By, Words: o.Words, AgreedBy: o.AgreedBy, HandsIn: o.HandsIn,
		Reference: o.Reference, Unknown: o.Unknown(), Ticks: o.Ticks, Findings: o.Findings, Parts: o.Parts, Photos: o.Photos,
	}
	if o.State == incident.OrderDraft {
		out.Hash = o.Hash()
	}
	return out
}

type apiCall struct {
	incident.CallTask
	Outcome string `json:"outcome,omitempty"`
	By      string `json:"by,omitempty"`
	Tries   int    `json:"tries,omitempty"`
	TakenBy string `json:"taken_by,omitempty"` // who is calling
}

// record writes an incident for programs.
func record(h history, updates map[incident.Priority]time.Duration) apiIncident {
	inc := h.inc
	out := apiIncident{
		ID: inc.ID, Version: inc.Version, Title: inc.Title, Status: inc.Status, Doing: standingOf(h).Words,
		Priority: inc.Priority, Impact: inc.Impact, Urgency: inc.Urgency, Subject: inc.Subject, Site: inc.Site,
		Team: inc.Team, Owner: inc.Owner, Customers: inc.Customers, Started: inc.StartedAt, Opened: inc.OpenedAt,
		Acknowledged: inc.AcknowledgedAt, Restored: inc.RestoredAt, Closed: inc.ClosedAt, MergedInto: inc.MergedInto,
		NextUpdate: nextUpdate(inc, updates), Runbook: inc.Runbook.Name, RunbookHash: inc.Runbook.Hash,
		Diagnosis: inc.Diagnosis, Attentions: h.attentions(), Closure: inc.Closure, Resolution: inc.Resolution, Told: inc.Told,
	}
	if inc.Verdict.Verdict != "" {
		out.Verdict = &inc.Verdict
	}
	if inc.Blocked.Guard != "" {
		out.Blocked = &inc.Blocked
	}
	if inc.Status == incident.BackInService && inc.Resolution == nil {
		draft := desk.Draft(inc)
		out.Draft = &draft
	}
	recordRoles(&out, inc)
	recordWork(&out, inc)
	recordCustomers(&out, inc)
	return out
}

// recordCustomers adds what customers say, and what they are about to hear.
func recordCustomers(out *apiIncident, inc *incident.Incident) {
	out.Complaints = inc.Complaints()
	if d := inc.Draft; d != nil && d.AgreedBy == "" {
		out.Update = &d.UpdateDrafted
	}
	c := inc.Confirmation
	if c == nil {
		return
	}
	if !c.AskedAt.IsZero() {
		out.Unconfirmed = inc.Unconfirmed()
	}
	for _, name := range slices.Sorted(maps.Keys(c.Feedback)) {
		out.Feedback = append(out.Feedback, c.Feedback[name])
	}
}

// recordWork adds what is asked, done and ordered.
func recordWork(out *apiIncident, inc *incident.Incident) {
	if a := inc.Approval; a != nil {
		out.Approval = &apiApproval{a.ApprovalRequested, a.AskedAt, a.Yes, a.GrantedBy}
	}
	if a := inc.Action; a != nil {
		out.Action = &apiAction{a.Intended, a.Outcome, a.Detail, a.Live()}
	}
	if o := inc.Order; o != nil {
		out.Order = orderFor(o)
	}
	for _, o := range inc.Vendors {
		out.Vendors = append(out.Vendors, orderFor(o))
	}
	for _, c := range inc.CallTasks {
		out.Calls = append(out.Calls, apiCall{c.CallTask, c.Outcome, c.By, c.Tries, c.TakenBy})
	}
}

// nextUpdate returns when the first of the customers must hear again, zero when
// none must.
func nextUpdate(inc *incident.Incident, updates map[incident.Priority]time.Duration) time.Time {
	every, told := updates[inc.Priority]
	if !told || inc.Status != incident.Open {
		return time.Time{}
	}
	var next time.Time
	for _, customer := range inc.Customers {
		due := inc.OpenedAt
		if last, ok := inc.Told[customer]; ok {
			due = last.Add(every)
		}
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// attentions returns why a person is needed, oldest first, each topic once.
func (h history) attentions() []incident.Attention {
	var list []incident.Attention
	for _, e := range h.events {
		p, ok := e.Payload.(incident.Attention)
		if ok && !slices.ContainsFunc(list, func(other incident.Attention) bool { return other.Topic == p.Topic }) {
			list = append(list, p)
		}
	}
	return list
}
