package remediation

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Backtested is what a back-test comes to over many incidents.
type Backtested struct {
	Incidents  int            `json:"incidents"` // that the runbook is meant for
	Unknown    int            `json:"not_known"` // of which the history lacks a fact: they are in no other figure
	Cuts       Cuts           `json:"power_cuts"`
	Others     int            `json:"other_actions"` // commands over SSH, and switching on
	Asked      int            `json:"asked"`         // questions to people
	Technician int            `json:"technicians"`
	Wider      int            `json:"joined_wider_trouble"`
	Nothing    int            `json:"nothing"`   // neither an action nor a technician, by the time at which the record ends
	HeldBack   map[string]int `json:"held_back"` // guard → incidents
	InEarnest  int            `json:"acted_on_in_earnest"`

	Missing map[string]int `json:"missing,omitempty"` // fact → incidents that lack it
	Cases   []Case         `json:"cases"`             // the first MaxCases
}

// Cuts is how often power would have been cut, and what the servers were.
type Cuts struct {
	Count    int `json:"count"`
	Healthy  int `json:"healthy"`
	Down     int `json:"down"`
	NotKnown int `json:"not_known"`
}

// MaxCases bounds how many incidents a back-test tells of one by one.
const MaxCases = 1000

// Add counts one case.
func (t *Backtested) Add(c Case) {
	t.Incidents++
	if len(t.Cases) < MaxCases {
		t.Cases = append(t.Cases, c)
	}
	if c.Did != "" {
		t.InEarnest++
	}
	if len(c.Missing) > 0 {
		t.Unknown++
		for _, fact := range c.Missing {
			t.Missing = more(t.Missing, fact)
		}
		return
	}
	t.Asked += c.Asked
	for _, guard := range c.HeldBack {
		t.HeldBack = more(t.HeldBack, guard)
	}
	switch {
	case c.Power:
		t.Cuts.add(c.Health)
	case c.Does != "":
		t.Others++
	case c.Technician:
		t.Technician++
	case c.Wider:
		t.Wider++
	default:
		t.Nothing++
	}
}

func (c *Cuts) add(h Health) {
	c.Count++
	switch h {
	case Healthy:
		c.Healthy++
	case Sick:
		c.Down++
	default:
		c.NotKnown++
	}
}

func more(counts map[string]int, name string) map[string]int {
	if counts == nil {
		counts = map[string]int{}
	}
	counts[name]++
	return counts
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Text says it to a person.
func (t Backtested) Text(w io.Writer) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	say("%d incidents; not known in %d of them.", t.Incidents, t.Unknown)
	for _, fact := range slices.Sorted(maps.Keys(t.Missing)) {
		say("  %d: %s", t.Missing[fact], fact)
	}
	say("It would have cut power %s: %d of them to healthy servers, %d to servers that stayed down, %d to servers of which that is not known.",
		times(t.Cuts.Count), t.Cuts.Healthy, t.Cuts.Down, t.Cuts.NotKnown)
	say("It would have done something else %s, asked %s, sent a technician %s, joined wider trouble %s, and done nothing %s.",
		times(t.Others), times(t.Asked), times(t.Technician), times(t.Wider), times(t.Nothing))
	for _, guard := range slices.Sorted(maps.Keys(t.HeldBack)) {
		say("It would have been held back by guard %s %s.", guard, times(t.HeldBack[guard]))
	}
	say("In earnest %d of them were acted on.", t.InEarnest)
	for _, c := range t.Cases {
		if c.Power {
			say("  %s %s: %s at %s (%s)", c.Incident, c.Server, c.Does, c.At.UTC().Format("2006-01-02 15:04:05 UTC"), c.Health)
		}
	}
}
