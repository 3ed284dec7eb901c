package desk_test

import (
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// rung adds a call to somebody about a topic, as piket writes it down.
func (h *history) rung(ring, person, topic string, final bool, then ...incident.Payload) {
	r := incident.Ringing{Ring: ring, Person: person, Topics: []string{topic}}
	if final {
		r.Final = r.Topics
	}
	h.happens(append([]incident.Payload{r}, then...)...)
}

// [2.3]: page, not acknowledged in time, next, everybody; a telephone makes it
// quicker and nothing else.
func TestWhoPassesOnByTelephoneOrDoesNotAnswerBringsTheNextPersonForward(t *testing.T) {
	over := func(o incident.RingOutcome) incident.Payload { return incident.Rang{Ring: "R1", Outcome: o} }
	key := func(k string) incident.Payload { return incident.KeyPressed{Ring: "R1", By: "noor", Key: k} }
	early, usual := []string{"10s daan"}, []string{"5m0s daan"}
	for name, c := range map[string]struct {
		final bool
		then  []incident.Payload
		want  []string
	}{
		"key 3":                             {false, []incident.Payload{key("3")}, early},
		"the last call is not answered":     {true, []incident.Payload{over(incident.RingNoAnswer)}, early},
		"the last call meets a voicemail":   {true, []incident.Payload{over(incident.RingVoicemail)}, early},
		"the last call is taken, no key":    {true, []incident.Payload{over(incident.RingAnswered)}, early},
		"key 2 and hanging up":              {true, []incident.Payload{key("2"), over(incident.RingAnswered)}, early},
		"another call follows":              {false, []incident.Payload{over(incident.RingNoAnswer)}, usual},
		"the trunk is away":                 {true, []incident.Payload{over(incident.RingFailed)}, usual},
		"nobody knows what became of it":    {true, []incident.Payload{over(incident.RingUnknown)}, usual},
		"it still rings":                    {true, nil, usual},
		"it was about another topic":        {true, []incident.Payload{incident.Ringing{Ring: "R2", Person: "noor", Topics: []string{"x"}, Final: []string{"x"}}, incident.Rang{Ring: "R2", Outcome: incident.RingBusy}}, usual},
		"somebody else was not to be found": {true, []incident.Payload{incident.Ringing{Ring: "R2", Person: "eva", Topics: []string{"open"}, Final: []string{"open"}}, incident.Rang{Ring: "R2", Outcome: incident.RingBusy}}, usual},
	} {
		h := newHistory(t, incident.P1)
		h.inv = roster(t, 5*time.Minute)
		if got := h.play("open", 9*time.Second); !slices.Equal(got, []string{"0s noor"}) {
			t.Fatalf("%s: first %q", name, got)
		}
		h.rung("R1", "noor", "open", c.final, c.then...)
		if got := h.play("open", 6*time.Minute); len(got) == 0 || !slices.Equal(got[:1], c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestKeyOneEndsTheEscalationOnlyWithTheAcknowledgementBesideIt(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.inv = roster(t, 5*time.Minute)
	h.play("open", 9*time.Second)
	h.rung("R1", "noor", "open", true, incident.KeyPressed{Ring: "R1", By: "noor", Key: "1"}, incident.Rang{Ring: "R1", Outcome: incident.RingAnswered})
	if got := h.play("open", 6*time.Minute); !slices.Equal(got, []string{"5m0s daan"}) {
		t.Errorf("without an owner: %q", got)
	}
	h.happens(incident.Acknowledged{By: "daan", Way: incident.ByTelephone})
	if got := h.play("open", 30*time.Minute); len(got) != 0 {
		t.Errorf("with an owner: %q", got)
	}
}

func TestPassingOnAQuestionSaysNothingToIt(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.inv = roster(t, 5*time.Minute)
	question(h, time.Hour, nil)
	h.play("A1", 9*time.Second)
	for _, key := range []string{"1", "2", "3", "0", "#"} {
		h.rung("R"+key, "noor", "A1", true, incident.KeyPressed{Ring: "R" + key, By: "noor", Key: key}, incident.Rang{Ring: "R" + key, Outcome: incident.RingAnswered})
	}
	if a := h.incident().Approval; a == nil || a.GrantedBy != "" || len(a.Yes) != 0 || !h.incident().Asking() {
		t.Errorf("the question is %+v", a)
	}
	if got := h.play("A1", time.Minute); !slices.Equal(got, []string{"10s daan"}) {
		t.Errorf("the next is asked: %q", got)
	}
}
