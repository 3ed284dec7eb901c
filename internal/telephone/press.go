package telephone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// What is said on the telephone is written down whoever holds the incident's
// lease by now, within a time that somebody at the other end can wait for.
const (
	maxConflicts = 10
	writeTime    = 10 * time.Second
)

func ringID(seq int) string { return fmt.Sprint("R", seq) }

// Press books a key and says what is answered to it. Key 1 is the same
// acknowledgement as on the page, by whom the call was made to; key 3 hands the
// matter to the next; anything else, and a key of a call that is not known,
// repeats. Nothing here can approve.
func (t *Telephone) Press(ctx context.Context, id, ring, key string) Answer {
	if !strings.Contains("0123456789*#", key) || len(key) != 1 {
		return Answer{}
	}
	var answer Answer
	language := ""
	err := t.book(ctx, id, func(inc *incident.Incident) []incident.Event {
		r := inc.Ring(ring)
		if answer = (Answer{}); r == nil {
			return nil
		}
		language = r.Language
		var events []incident.Event
		answer, events = t.pressed(inc, r, key)
		return events
	})
	if err != nil {
		t.Log.Error("a key could not be written down", "incident", id, "ring", ring, "key", key, "err", err)
		return Answer{Say: unstored.in(language), Over: true}
	}
	return answer
}

// pressed decides what a key means at this moment of an incident.
func (t *Telephone) pressed(inc *incident.Incident, r *incident.Ring, key string) (Answer, []incident.Event) {
	who := r.Who()
	events := []incident.Event{by(incident.Person(who), incident.KeyPressed{Ring: r.Ringing.Ring, By: who, Key: key})}
	if r.Customer != "" {
		events[0].Actor = incident.Piket // customers are no persons of the inventory
	}
	say := func(th thanks) Answer { return Answer{Say: th.in(r.Language), Over: true} }
	switch {
	case key == incident.KeyRepeat:
		return Answer{}, events
	case r.Person == "":
		return say(heard), events
	case key == incident.KeyNext:
		return say(passed), events
	case key != incident.KeyAcknowledge:
		return Answer{}, events
	}
	person, ok := t.Inventory().Person(r.Person)
	if !ok || inc.Owner != "" {
		return say(noted), events
	}
	payloads, err := desk.Acknowledge(inc, person)
	if err != nil {
		return say(noted), events
	}
	for _, p := range payloads {
		if a, ok := p.(incident.Acknowledged); ok {
			a.Way = incident.ByTelephone
			p = a
		}
		events = append(events, by(incident.Person(who), p))
	}
	return say(taken), events
}

// settle writes down what became of a call, once, whoever says it first.
func (t *Telephone) settle(id, ring string, result Result) {
	err := t.book(context.Background(), id, func(inc *incident.Incident) []incident.Event {
		r := inc.Ring(ring)
		if r == nil || !r.Live() {
			return nil
		}
		return t.outcome(inc, r, result)
	})
	if err != nil {
		t.Log.Error("what became of a call could not be written down", "incident", id, "ring", ring, "outcome", result.Outcome, "err", err)
	}
}

// outcome says what a call's end means, for a customer's task as well.
func (t *Telephone) outcome(inc *incident.Incident, r *incident.Ring, result Result) []incident.Event {
	var events []incident.Event
	if result.Heard && !r.Heard {
		events = append(events, by(incident.Piket, incident.KeyPressed{Ring: r.Ringing.Ring, By: r.Who()}))
	}
	t.Count(party(r), result.Outcome)
	events = append(events, by(incident.Piket, incident.Rang{Ring: r.Ringing.Ring, Outcome: result.Outcome, Detail: result.Detail}))
	c := inc.Call(r.Task)
	if c == nil || c.Outcome != "" {
		return events
	}
	called := incident.Called{Task: r.Task, By: incident.Piket, Again: t.Clock.Now()} // by a person, at once
	switch result.Outcome {
	case incident.RingAnswered:
		if called.Outcome = "voicemail"; result.Heard || r.Heard {
			called.Outcome, called.Again = "reached", time.Time{}
		}
	case incident.RingVoicemail:
		called.Outcome = "voicemail"
	case incident.RingNoAnswer, incident.RingBusy, incident.RingRefused:
		called.Outcome = "no_answer"
	default:
		return events // nobody was called, or nobody knows
	}
	return append(events, by(incident.Piket, called))
}

// book appends what a look at the incident makes of it, again while others append
// as well. Without a lease: it is a fact, not a decision.
func (t *Telephone) book(ctx context.Context, id string, of func(*incident.Incident) []incident.Event) error {
	ctx, cancel := context.WithTimeout(store.As(context.WithoutCancel(ctx), ""), writeTime)
	defer cancel()
	var err error
	for range maxConflicts {
		inc, loaded := t.Store.Load(ctx, id)
		if loaded != nil {
			return loaded
		}
		events := of(inc)
		if len(events) == 0 {
			return nil
		}
		if _, err = t.Store.Append(ctx, id, inc.Version, events...); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}
