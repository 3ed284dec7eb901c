package incident

import (
	"slices"
	"strings"
	"time"
)

// Ringing says that piket is about to telephone somebody. It is written down
// before the number is dialled, so that after a crash nobody is called again
// without anybody knowing that they were.
type Ringing struct {
	Ring     string `json:"ring"`               // R and the event's number: R12
	Person   string `json:"person,omitempty"`   // of the inventory; or
	Customer string `json:"customer,omitempty"` // whose Task it is
	Task     string `json:"task,omitempty"`

	Topics    []string  `json:"topics,omitempty"` // what a person is called about, as in [MessageQueued]
	Final     []string  `json:"final,omitempty"`  // those about which they are not called again
	Telephone string    `json:"telephone"`
	Language  string    `json:"language"`
	Script    string    `json:"script"` // what is said
	Until     time.Time `json:"until"`  // the call is over by then, whatever becomes of it
}

func (Ringing) Kind() Kind { return "ringing" }
func (p Ringing) Text() string {
	return sentence("Telephoning %s at %s (%s).", p.Who(), p.Telephone, p.Ring)
}

// Who is called: a person or a customer.
func (p Ringing) Who() string {
	if p.Person != "" {
		return p.Person
	}
	return p.Customer
}

// The keys that mean something on the telephone. None of them approves anything.
const (
	KeyAcknowledge = "1"
	KeyRepeat      = "2"
	KeyNext        = "3"
)

// KeyPressed is what somebody said by a key of their telephone; no Key at all
// means that they listened to the end.
type KeyPressed struct {
	Ring string `json:"ring"`
	By   string `json:"by"`
	Key  string `json:"key,omitempty"`
}

func (KeyPressed) Kind() Kind { return "key_pressed" }
func (p KeyPressed) Text() string {
	switch p.Key {
	case "":
		return sentence("%s listened to the end (%s).", p.By, p.Ring)
	case KeyAcknowledge:
		return sentence("%s pressed 1 on the telephone (%s): heard.", p.By, p.Ring)
	case KeyNext:
		return sentence("%s pressed 3 on the telephone (%s): the next person.", p.By, p.Ring)
	}
	return sentence("%s pressed %s on the telephone (%s).", p.By, p.Key, p.Ring)
}

// Rang is what became of a call.
type Rang struct {
	Ring    string      `json:"ring"`
	Outcome RingOutcome `json:"outcome"`
	Detail  string      `json:"detail,omitempty"`
}

func (Rang) Kind() Kind { return "rang" }
func (p Rang) Text() string {
	text := "Call " + p.Ring + ": " + strings.ReplaceAll(string(p.Outcome), "_", " ")
	if p.Detail != "" {
		text += " (" + strings.TrimRight(p.Detail, ". ") + ")"
	}
	return sentence("%s.", text)
}

// RingOutcome is what became of a call.
type RingOutcome string

// The outcomes. Only what a key said counts as an acknowledgement: what answers
// may be a machine.
const (
	RingAnswered  RingOutcome = "answered"
	RingVoicemail RingOutcome = "voicemail" // a machine answered, as far as it can be told
	RingNoAnswer  RingOutcome = "no_answer"
	RingBusy      RingOutcome = "busy"
	RingRefused   RingOutcome = "refused" // they, or the exchange, did not want the call
	RingFailed    RingOutcome = "failed"  // it was not made: the trunk is away, or takes nothing from us
	RingUnknown   RingOutcome = "unknown" // piket died meanwhile, or nobody said
)

// Ring is one call and what has become of it.
type Ring struct {
	Ringing
	BeganAt time.Time

	Key   string // 1 or 3, whichever was pressed first; "" when neither was
	KeyAt time.Time
	Heard bool // any key was pressed, or it was listened to the end

	Outcome RingOutcome // "" while it goes on
	EndedAt time.Time
}

// Live reports whether the call goes on, as far as the timeline knows.
func (r *Ring) Live() bool { return r.Outcome == "" }

// Unanswered reports whether the call is over and nobody is known to have heard
// what it said. A call that could not be made says nothing about anybody.
func (r *Ring) Unanswered() bool {
	return !r.Live() && r.Key == "" && r.Outcome != RingFailed && r.Outcome != RingUnknown
}

// Ring returns the call with the given number, nil when there is none.
func (i *Incident) Ring(ring string) *Ring {
	for _, r := range i.Rings {
		if r.Ringing.Ring == ring {
			return r
		}
	}
	return nil
}

// RungAbout returns the calls to a person about a topic that began at some
// moment or later, oldest first.
func (i *Incident) RungAbout(person, topic string, since time.Time) []*Ring {
	var rings []*Ring
	for _, r := range i.Rings {
		if r.Person == person && slices.Contains(r.Topics, topic) && !r.BeganAt.Before(since) {
			rings = append(rings, r)
		}
	}
	return rings
}

// PassedOn returns when a person has left a topic to the next one since some
// moment: by a key, or by not answering the last call about it.
func (i *Incident) PassedOn(person, topic string, since time.Time) (at time.Time, passed bool) {
	for _, r := range i.RungAbout(person, topic, since) {
		switch {
		case r.Key == KeyNext:
			return r.KeyAt, true
		case r.Unanswered() && slices.Contains(r.Final, topic):
			return r.EndedAt, true
		}
	}
	return time.Time{}, false
}

// rang books calls and what came of them.
func (i *Incident) rang(e Event) {
	switch p := e.Payload.(type) {
	case Ringing:
		i.Rings = append(i.Rings, &Ring{Ringing: p, BeganAt: e.At})
	case KeyPressed:
		if r := i.Ring(p.Ring); r != nil {
			r.Heard = true
			if r.Key == "" && (p.Key == KeyAcknowledge || p.Key == KeyNext) {
				r.Key, r.KeyAt = p.Key, e.At
			}
		}
	case Rang:
		if r := i.Ring(p.Ring); r != nil && r.Live() {
			r.Outcome, r.EndedAt = p.Outcome, e.At
			i.giveBack(r.Task)
		}
	}
}

// giveBack lets people take a telephone task that piket had: whether the customer
// was reached is said by [Called].
func (i *Incident) giveBack(task string) {
	if c := i.Call(task); c != nil && c.Outcome == "" && c.TakenBy == Piket {
		c.TakenBy, c.TakenAt, c.TakenUntil = "", time.Time{}, time.Time{}
	}
}
