package report

import (
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Kinds are the kinds of event that figures are read off. What else is on a
// timeline, such as each look at a machine, need not be read for them.
var Kinds = []incident.Kind{
	"opened", "alert", "classified", "acknowledged", "concluded", "approved", "denied", "note", "restored", "relapsed", "resolution", "closed",
	"merged", "absorbed", "message", "delivered", "call_task", "called", "intended", "voided", "outcome", "step_failed",
	"ordered", "order_progress", "feedback",
}

// Updates says how often customers hear, by priority; a priority that is not in
// it is not told.
type Updates map[incident.Priority]time.Duration

// story is one incident, read once from its first event to its last.
type story struct {
	inc      *incident.Incident
	started  time.Time // when the trouble began, by the earliest alert; zero when no alert says
	tries    []incident.Action
	promises []Promise
	byPerson bool // somebody did something about it before service was back
}

// read folds a timeline and notes on the way what the fold does not keep: every
// action and what it was good for, and every promise to a customer.
func read(events []incident.Event, updates Updates, now time.Time) story {
	s := story{inc: incident.Fold(nil)}
	keeper := newKeeper(updates)
	for _, e := range events {
		ended := s.inc.Action == nil || s.inc.Action.Ended
		s.inc.Apply(e)
		s.rejudge()
		if a := s.inc.Action; a != nil && a.Ended && !ended && a.Duty == 0 && a.Result != "" {
			s.tries = append(s.tries, *a)
		}
		s.note(e)
		keeper.hear(s.inc, e)
	}
	s.promises = keeper.close(now)
	return s
}

// rejudge takes over what became clear of the last try after it had ended: that it
// did not last.
func (s *story) rejudge() {
	a, last := s.inc.Action, len(s.tries)-1
	if a != nil && last >= 0 && s.tries[last].Intent == a.Intent {
		s.tries[last].Result = a.Result
	}
}

func (s *story) note(e incident.Event) {
	if strings.HasPrefix(e.Actor, incident.Person("")) && s.inc.RestoredAt.IsZero() {
		s.byPerson = true
	}
	switch p := e.Payload.(type) {
	case incident.AlertReceived:
		if at := p.Alert.StartsAt; !at.IsZero() && (s.started.IsZero() || at.Before(s.started)) {
			s.started = at
		}
	case incident.WorkOrdered:
		s.byPerson = s.byPerson || s.inc.RestoredAt.IsZero()
	}
}

// began is when service was first without: by the alert when it says so, by the
// record otherwise.
func (s *story) began() time.Time {
	if s.started.IsZero() {
		return s.inc.OpenedAt
	}
	return s.started
}
