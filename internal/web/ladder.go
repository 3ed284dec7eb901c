package web

import (
	"fmt"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// ladderView is the runbook's way through the incident, with how far it has
// come.
type ladderView struct {
	Runbook, Title string
	Rungs          []rung
	Source         string
	Hash           string
}

// rung is one step and what became of it.
type rung struct {
	Name  string
	What  string
	State string // as words
	Tone  string // "" for what has not been reached
	Why   string
}

func ladderOf(h history, _ setting) *ladderView {
	pinned := h.inc.Runbook
	if pinned.Hash == "" {
		return nil
	}
	v := &ladderView{Runbook: pinned.Name, Title: pinned.Name, Source: pinned.Source, Hash: pinned.Hash}
	if h.book == nil {
		return v
	}
	v.Title = h.book.Title
	if len(h.book.Diagnose) > 0 {
		v.Rungs = append(v.Rungs, lookRung(h))
	}
	for _, r := range h.book.Remedies {
		v.Rungs = append(v.Rungs, remedyRung(h.inc, r))
	}
	for n := range h.book.Escalate {
		v.Rungs = append(v.Rungs, orderRung(h.inc, n+1))
	}
	return v
}

func lookRung(h history) rung {
	r := rung{Name: "look", What: "look at everything, touch nothing"}
	if !h.inc.DiagnosedAt.IsZero() {
		r.State, r.Tone = "done", toneGood
	} else if h.inc.Status == incident.Open {
		r.State, r.Tone = "now", toneLook
	}
	return r
}

func remedyRung(inc *incident.Incident, remedy runbooks.Remedy) rung {
	r := rung{Name: remedy.ID, What: "power " + remedy.Power}
	switch {
	case len(remedy.SSH) > 0:
		r.What = "run " + strings.Join(remedy.SSH, " ")
	case remedy.Boot != nil:
		r.What = "start once from " + incident.DeviceWords(remedy.Boot.Device) + ", which wipes its disks"
	case remedy.Media != nil:
		r.What = "put " + remedy.Media.ISO + " into its virtual drive"
	}
	if remedy.Approve != nil {
		r.What += ", after a yes"
	}
	step := inc.StepOf(remedy.ID)
	r.Why = step.Reason
	switch a := inc.Action; {
	case inc.Approval != nil && inc.Approval.Step == remedy.ID && inc.Approval.GrantedBy != "":
		r.State, r.Tone, r.Why = "approved", toneAct, ""
	case inc.Approval != nil && inc.Approval.Step == remedy.ID:
		r.State, r.Tone, r.Why = "asked", toneAsk, ""
		if a := inc.Approval; a.Needed() > 1 {
			r.State = fmt.Sprintf("%d of %d agreed", len(a.Yes), a.Needed())
		}
	case a.Live() && a.Step == remedy.ID:
		r.State, r.Tone, r.Why = "under way", toneAct, a.Detail
	case inc.Status == incident.Open && inc.Blocked.Guard != "" && inc.Blocked.Step == remedy.ID:
		r.State, r.Tone, r.Why = "held back", toneHold, inc.Blocked.Why
	case step.Done != "":
		r.State, r.Tone = stepWords[step.Done].words, stepWords[step.Done].tone
	case step.Attempts > 0 && !inc.RestoredAt.IsZero():
		r.State, r.Tone = "helped", toneGood
	case step.Attempts > 0:
		r.State, r.Tone = fmt.Sprintf("tried %d×", step.Attempts), toneHold
	}
	return r
}

// stepWords says how a step was left.
var stepWords = map[string]struct{ words, tone string }{
	"failed":  {"did not help", toneBad},
	"denied":  {"denied", toneBad},
	"expired": {"no answer", toneHold},
	"skipped": {"does not apply", toneQuiet},

	"prepared": {"is ready", toneAct},
}

func orderRung(inc *incident.Incident, number int) rung {
	r := rung{Name: "technician", What: "send hands on site"}
	o := inc.Order
	if o == nil || o.Step != fmt.Sprintf("escalate-%d", number) {
		return r
	}
	r.State, r.Tone, r.Why = orderWords[o.State], toneAct, o.Words
	switch o.State {
	case "done":
		r.Tone = toneGood
	case "refused", "cancelled", "unanswered":
		r.Tone = toneBad
	}
	return r
}

// orderWords says how far a work order is.
var orderWords = map[string]string{
	"draft": "waits for a yes to its cost", "approved": "about to be asked", "unanswered": "does not answer", "cancelled": "called off",
	"sent": "asked", "acknowledged": "on the way", "on_site": "at the machine", "done": "done", "refused": "refused",
}
