package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Tones say how a state is shown; the words beside it always say it, too.
const (
	toneAsk   = "ask"   // a person is asked
	toneAct   = "act"   // a machine is being changed
	toneLook  = "look"  // piket looks
	toneHold  = "hold"  // held back
	toneGood  = "good"  // service is there
	toneQuiet = "quiet" // over
	toneBad   = "bad"   // down, failed
)

// standing is where an incident stands, in one sentence.
type standing struct{ Tone, Words string }

// standingOf reads it off the timeline, the most telling fact first.
func standingOf(h history) standing {
	inc := h.inc
	switch {
	case inc.Status == incident.Joined:
		return standing{toneQuiet, "Part of " + inc.MergedInto}
	case inc.Status == incident.Finished:
		return standing{toneQuiet, "Closed after " + inWords(inc.ClosedAt.Sub(inc.StartedAt))}
	case inc.Status == incident.BackInService:
		return restored(inc)
	case inc.Action.Live():
		return acting(inc.Action)
	case inc.Approval != nil && inc.Approval.GrantedBy != "":
		return standing{toneAct, inc.Approval.GrantedBy + " approved; about to " + inc.Approval.Action}
	case inc.Approval != nil:
		return standing{toneAsk, yesOrNo(inc.Approval) + inc.Approval.Action}
	case inc.Order != nil && !inc.Order.Declined():
		return ordered(inc.Order)
	case len(inc.Complaints()) > 0 && inc.Goal.Holds:
		return standing{toneAsk, "Everything answers, and " + inc.Complaints()[0].Customer + " says that not everything works"}
	case inc.Blocked.Guard != "":
		return standing{toneHold, "Held back: " + strings.TrimSuffix(inc.Blocked.Why, ".")}
	}
	return unsolved(inc)
}

// yesOrNo says what an answer is wanted for, and how many are there.
func yesOrNo(a *incident.Approval) string {
	if a.Needed() > 1 {
		return fmt.Sprintf("Waits for a yes or no (%d of %d have agreed): ", len(a.Yes), a.Needed())
	}
	return "Waits for a yes or no: "
}

func restored(inc *incident.Incident) standing {
	switch {
	case inc.Closure == nil:
		return standing{toneGood, "Service is back; checking everything once more"}
	case !inc.Closure.Passed:
		return standing{toneHold, "Service is back, but the closure check failed"}
	}
	if inc.Confirmation != nil && !inc.Confirmed() {
		return standing{toneGood, "Service is back; waits for the customers to say so"}
	}
	return standing{toneGood, "Service is back; an engineer closes it"}
}

func acting(a *incident.Action) standing {
	switch {
	case a.ClaimedAt.IsZero():
		return standing{toneAct, "About to " + a.What()}
	case a.Outcome == "":
		return standing{toneAct, "Being carried out: " + a.What()}
	case a.Outcome == incident.OutcomeUnknown:
		return standing{toneHold, "Not known whether it was carried out: " + a.What() + ". Looking, not sending again"}
	case a.Outcome == incident.OutcomeRefused:
		return standing{toneHold, "Refused: " + a.What()}
	}
	return standing{toneLook, "Done: " + a.What() + ". Watching whether it comes back"}
}

func ordered(o *incident.Order) standing {
	switch o.State {
	case "draft":
		return standing{toneAsk, "Waits for a manager's yes to " + o.Money(o.Cost) + " for " + o.To}
	case "unanswered":
		return standing{toneAsk, o.To + " does not answer; somebody telephones them"}
	case "acknowledged":
		return standing{toneAct, o.To + " is on the way"}
	case "on_site":
		return standing{toneAct, o.To + " is at the machine"}
	case "done":
		return standing{toneLook, o.To + " is done; watching whether it comes back"}
	}
	return standing{toneAsk, "Waits for " + o.To + " to acknowledge the work order"}
}

func unsolved(inc *incident.Incident) standing {
	switch {
	case inc.Runbook.Hash == "":
		return standing{toneAsk, "Waits for a person: no runbook is meant for it"}
	case len(inc.Attentions) > 0:
		return standing{toneAsk, "Waits for a person"}
	case inc.DiagnosedAt.IsZero():
		return standing{toneLook, "Looking for the cause, touching nothing"}
	}
	return standing{toneLook, verdictWords(inc.Verdict.Verdict)}
}

// verdictWords says where the trouble lies.
func verdictWords(v incident.Verdict) string {
	switch v {
	case incident.VerdictServer:
		return "The trouble is in the server itself"
	case incident.VerdictRack:
		return "The trouble is in the rack; no server is touched"
	case incident.VerdictSite:
		return "The trouble is at the site or on the way to it; no server is touched"
	case incident.VerdictMe:
		return "piket itself cannot see; no server is touched"
	case incident.VerdictRecovered:
		return "Everything answers again; watching whether it stays"
	case incident.VerdictUnknown:
		return "Not known where the trouble lies; no server is touched"
	}
	return "Looking for the cause"
}

// inWords writes a length of time as people say it: 45 s, 12 min, 3 h 05 min.
func inWords(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < 0:
		return "0 s"
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// phase is one of the six phases of the incident policy.
type phase struct {
	Name string
	Done bool
	Now  bool
}

// phases lists them with how far the incident has come [policy 2].
func phases(h history) []phase {
	inc := h.inc
	list := []phase{
		{Name: "Report", Done: true},
		{Name: "Classify", Done: inc.Priority != ""},
		{Name: "Analyse", Done: !inc.DiagnosedAt.IsZero() && inc.Verdict.Verdict != ""},
		{Name: "Resolve", Done: !inc.RestoredAt.IsZero()},
		{Name: "Close", Done: inc.Status == incident.Finished},
		{Name: "Review"},
	}
	// What a later phase has passed by needs no doing any more: an incident that
	// mends itself is never analysed.
	last := 0
	for n := range list {
		if list[n].Done {
			last = n
		}
	}
	for n := range list[:last] {
		list[n].Done = true
	}
	if last+1 < len(list) {
		list[last+1].Now = true
	}
	return list
}
