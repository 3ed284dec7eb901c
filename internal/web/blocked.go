package web

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// blockedReport is what piket is not doing, and why: what a guard holds back,
// and what waits for people.
type blockedReport struct {
	Frozen    string     `json:"frozen,omitempty"` // why everything is stopped
	Idle      string     `json:"idle,omitempty"`   // why no order is carried out
	Blocked   []heldBack `json:"blocked"`
	Questions []waiting  `json:"questions"`
	More      int        `json:"more,omitempty"` // ongoing incidents, less pressing, that were not gone through
}

// heldBack is one step that a guard does not let through.
type heldBack struct {
	Incident string            `json:"incident"`
	Title    string            `json:"title"`
	Priority incident.Priority `json:"priority"`
	Subject  incident.Subject  `json:"subject"`
	Server   string            `json:"server,omitempty"`
	Step     string            `json:"step,omitempty"` // "" when no step is even thought of
	Guard    string            `json:"guard"`
	Why      string            `json:"why"`
	Since    time.Time         `json:"since"`
	NextLook time.Time         `json:"next_look,omitzero"` // zero when waiting does not help
}

// waiting is one question that nobody, or not everybody who must, has answered.
type waiting struct {
	Incident string            `json:"incident"`
	Title    string            `json:"title"`
	Priority incident.Priority `json:"priority"`
	Server   string            `json:"server"`
	Serial   string            `json:"serial,omitempty"`
	Step     string            `json:"step"`
	Action   string            `json:"action"`
	Who      []string          `json:"who"`           // whose answer counts
	Yes      []string          `json:"yes,omitempty"` // who has agreed
	Needed   int               `json:"needed"`
	Asked    []string          `json:"asked,omitempty"` // who has been mailed
	Since    time.Time         `json:"since"`
	Until    time.Time         `json:"until"`
	Else     string            `json:"otherwise"`
}

// loadBlocked goes through what is ongoing, the most pressing first, and says how
// much it left out.
func (a *app) loadBlocked(ctx context.Context) (blockedReport, error) {
	report := blockedReport{Frozen: a.Freeze.Why(), Blocked: []heldBack{}, Questions: []waiting{}}
	if a.Idle != nil {
		if err := a.Idle(); err != nil {
			report.Idle = err.Error()
		}
	}
	list, err := a.Store.List(ctx, store.Filter{Ongoing: true, Limit: maxOngoing})
	if err != nil {
		return report, err
	}
	slices.SortStableFunc(list, func(x, y store.Summary) int { return strings.Compare(string(x.Priority), string(y.Priority)) })
	most := cmp.Or(a.mostBlocked, maxBlocked)
	report.More = max(0, len(list)-most)
	inv := a.Inventory()
	for _, m := range list[:len(list)-report.More] {
		inc, err := a.Store.Load(ctx, m.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return report, err
		}
		report.add(inc, inv)
	}
	return report, nil
}

// Bounds of one answer: how many incidents are put in order, and how many of them
// are gone through.
const (
	maxOngoing = 1_000_000
	maxBlocked = 10_000
)

func (r *blockedReport) add(inc *incident.Incident, inv *inventory.Inventory) {
	server := ""
	if inc.Subject.Kind == "server" {
		server = inc.Subject.Name
	}
	if b := inc.HeldBack(); b.Guard != "" {
		r.Blocked = append(r.Blocked, heldBack{
			Incident: inc.ID, Title: inc.Title, Priority: inc.Priority, Subject: inc.Subject, Server: server,
			Step: b.Step, Guard: b.Guard, Why: b.Why, Since: inc.BlockedAt, NextLook: b.Until,
		})
	}
	r.wipes(inc, server)
	if !inc.Asking() {
		return
	}
	a := inc.Approval
	w := waiting{
		Incident: inc.ID, Title: inc.Title, Priority: inc.Priority, Server: server, Serial: a.Serial, Step: a.Step, Action: a.Action,
		Who: []string{}, Yes: a.Yes, Needed: a.Needed(), Asked: inc.Paged(a.Approval), Since: a.AskedAt, Until: a.Expires, Else: a.Else,
	}
	for _, p := range inv.People {
		if remediation.MayAgree(inc, inv, p.Name) && !slices.Contains(a.Yes, p.Name) {
			w.Who = append(w.Who, p.Name)
		}
	}
	r.Questions = append(r.Questions, w)
}

// wipes adds the steps that are left out because they would wipe a disk. Waiting
// does not help, so that nothing is looked at again and the ladder goes on; that the
// machine is not reinstalled is still something that piket is not doing.
func (r *blockedReport) wipes(inc *incident.Incident, server string) {
	for _, id := range slices.Sorted(maps.Keys(inc.Steps)) {
		step := inc.Steps[id]
		why, refused := strings.CutPrefix(step.Reason, "guard "+remediation.WipeGuard+": ")
		if step.Done != "skipped" || !refused || inc.Status != incident.Open {
			continue
		}
		r.Blocked = append(r.Blocked, heldBack{
			Incident: inc.ID, Title: inc.Title, Priority: inc.Priority, Subject: inc.Subject, Server: server,
			Step: id, Guard: remediation.WipeGuard, Why: why, Since: inc.VerdictAt,
		})
	}
}

func (a *app) apiBlocked(w http.ResponseWriter, r *http.Request) {
	report, err := a.loadBlocked(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, report)
}

// blockedView is the page of it.
type blockedView struct {
	frame
	Report blockedReport
}

func (a *app) blockedPage(w http.ResponseWriter, r *http.Request) {
	report, err := a.loadBlocked(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	inv := a.Inventory()
	for n := range report.Questions {
		q := &report.Questions[n]
		q.Who, q.Yes, q.Asked = titles(q.Who, inv), titles(q.Yes, inv), titles(q.Asked, inv)
	}
	a.render(w, http.StatusOK, "blocked.html", blockedView{a.frame(r, "Held back", personOf(r)), report})
}
