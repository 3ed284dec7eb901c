package report

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Figures are what a period comes to: counts, times and patterns [5.2].
type Figures struct {
	Period Period    `json:"period"`
	Until  time.Time `json:"until"` // as of when: the period's end, or now while it lasts

	Incidents  int     `json:"incidents"`
	Merged     int     `json:"merged"` // that proved to be part of another, and are counted with that
	Open       int     `json:"open"`
	Priorities []Count `json:"by_priority"`
	Sites      []Count `json:"by_site"`
	Servers    []Count `json:"by_server"`
	Customers  []Count `json:"by_customer"`
	Causes     []Count `json:"by_cause"`    // in the words of who closed it
	Verdicts   []Count `json:"by_verdict"`  // where the trouble lay
	Repeated   []Count `json:"repeated"`    // subjects with two incidents or more
	More       []Count `json:"more_in_all"` // how many different names each list that was cut has

	Detect      Measure `json:"time_to_detect"`
	Acknowledge Measure `json:"time_to_acknowledge"`
	Restore     Measure `json:"time_to_restore"`

	Alone        Share `json:"restored_without_a_person"` // of those whose service came back
	Updates      Share `json:"customer_updates_on_time"`
	Calls        Share `json:"customer_calls_made"`
	Satisfaction Score `json:"satisfaction"`

	Drills DrillFigures `json:"drills"` // exercises, which are in none of the other figures

	Steps []StepFigures `json:"runbook_steps"`
	Parts []Part        `json:"parts"` // of the period, for a plot
}

// Count is how often one name occurs.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// StepFigures is what one step of a runbook was good for.
type StepFigures struct {
	Runbook string  `json:"runbook"`
	Step    string  `json:"step"`
	Tries   int     `json:"tries"`
	Helped  int     `json:"helped"`
	Failed  int     `json:"failed"`
	Unclear int     `json:"unclear"` // service came back, and whether by it is not known
	Took    Measure `json:"time_to_help"`
}

// Part is one stretch of the period.
type Part struct {
	Name    string  `json:"name"`
	Counts  []int   `json:"counts"` // by priority, P1 first
	Restore Measure `json:"time_to_restore"`
}

// most bounds how many names a list shows.
const most = 15

// Trends adds up the incidents of a period, one timeline at a time. Make one
// with NewTrends.
type Trends struct {
	period  Period
	updates Updates
	now     time.Time
	figures Figures

	priorities, sites, servers, customers, causes, verdicts, repeated tally

	detect, acknowledge, restore lengths

	drills drillTally

	steps map[[2]string]*stepTally
	parts []partTally
	place []Period
}

type tally map[string]int

type stepTally struct {
	StepFigures
	took lengths
}

type partTally struct {
	counts  []int
	restore lengths
}

// NewTrends begins to add up a period as of now.
func NewTrends(p Period, updates Updates, now time.Time) *Trends {
	t := &Trends{
		period: p, updates: updates, now: now, steps: map[[2]string]*stepTally{}, place: p.parts(),
		priorities: tally{}, sites: tally{}, servers: tally{}, customers: tally{}, causes: tally{}, verdicts: tally{}, repeated: tally{},
	}
	t.parts = make([]partTally, len(t.place))
	for n := range t.parts {
		t.parts[n].counts = make([]int, len(incident.Priorities))
	}
	return t
}

// Add counts one incident by its timeline, which may be cut down to [Kinds]. One
// that was opened outside the period is passed over, and so are the records of
// the calendar, such as reports themselves. Drills are counted apart.
func (t *Trends) Add(events []incident.Event) {
	s := read(events, t.updates, t.now)
	inc := s.inc
	switch {
	case inc.OpenedAt.Before(t.period.From) || !inc.OpenedAt.Before(t.period.To):
		return
	case inc.IsDrill():
		t.drills.add(&s)
		return
	case inc.Subject.NoTrouble():
		return
	case inc.Status == incident.Joined:
		t.figures.Merged++
		return
	}
	t.figures.Incidents++
	if inc.Ongoing() {
		t.figures.Open++
	}
	t.count(&s)
	t.time(&s)
	t.promises(&s)
	for _, try := range s.tries {
		t.try(try)
	}
}

func (t *Trends) count(s *story) {
	inc := s.inc
	t.priorities[string(inc.Priority)]++
	t.sites[cmp.Or(inc.Site, notKnown)]++
	for _, subject := range append([]incident.Subject{inc.Subject}, inc.Parts...) {
		if subject.Kind == "server" {
			t.servers[subject.Name]++
		}
	}
	for _, customer := range inc.Customers {
		t.customers[customer]++
	}
	cause := notKnown
	if inc.Resolution != nil {
		cause = causeOf(inc.Resolution.Cause)
	}
	t.causes[cause]++
	t.verdicts[cmp.Or(string(inc.Verdict.Verdict), notKnown)]++
	if inc.Subject.Kind != "alert" { // one of those has no name that a person knows
		t.repeated[strings.ReplaceAll(inc.Subject.String(), ":", " ")]++
	}
}

// causeRunes bounds a cause in a table.
const causeRunes = 80

// causeOf makes the same of what is written a little differently: the first
// sentence, without its mark.
func causeOf(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	words, _, _ = strings.Cut(words, ". ")
	words = strings.TrimRight(words, ". ")
	if runes := []rune(words); len(runes) > causeRunes {
		words = string(runes[:causeRunes-1]) + "…"
	}
	return cmp.Or(words, notKnown)
}

func (t *Trends) time(s *story) {
	inc := s.inc
	t.detect.add(s.started, inc.OpenedAt)
	t.acknowledge.add(inc.OpenedAt, inc.AcknowledgedAt)
	t.restore.add(s.began(), inc.RestoredAt)
	if !inc.RestoredAt.IsZero() {
		t.figures.Alone.Of++
		if !s.byPerson {
			t.figures.Alone.Part++
		}
	}
	n, found := slices.BinarySearchFunc(t.place, inc.OpenedAt, func(p Period, at time.Time) int { return p.From.Compare(at) })
	if !found {
		n--
	}
	part := &t.parts[n]
	part.restore.add(s.began(), inc.RestoredAt)
	if p := slices.Index(incident.Priorities, inc.Priority); p >= 0 {
		part.counts[p]++
	}
}

func (t *Trends) promises(s *story) {
	for _, p := range s.promises {
		t.figures.Updates.Of++
		if !p.Late {
			t.figures.Updates.Part++
		}
	}
	for _, c := range s.inc.CallTasks {
		t.figures.Calls.Of++
		if slices.Contains(incident.CallOutcomes, c.Outcome) {
			t.figures.Calls.Part++
		}
	}
	if c := s.inc.Confirmation; c != nil {
		for _, feedback := range c.Feedback {
			t.figures.Satisfaction.Answers++
			t.figures.Satisfaction.Sum += feedback.Score
		}
	}
}

func (t *Trends) try(a incident.Action) {
	key := [2]string{a.Runbook, a.Step}
	if t.steps[key] == nil {
		t.steps[key] = &stepTally{StepFigures: StepFigures{Runbook: a.Runbook, Step: a.Step}}
	}
	step := t.steps[key]
	step.Tries++
	switch a.Result {
	case incident.Helped:
		step.Helped++
		step.took.add(a.SettledAt, a.SettledAt.Add(a.Took))
	case incident.Failed, incident.ShortLived: // what lasted for less than an hour has not helped
		step.Failed++
	case incident.Unclear:
		step.Unclear++
	}
}

// Figures returns what was added up until now.
func (t *Trends) Figures() Figures {
	f := t.figures
	f.Period, f.Until = t.period, t.period.To
	if t.now.Before(f.Until) {
		f.Until = t.now
	}
	f.Priorities = []Count{}
	for _, p := range incident.Priorities {
		f.Priorities = append(f.Priorities, Count{string(p), t.priorities[string(p)]})
	}
	for name, list := range map[string]struct {
		from tally
		into *[]Count
	}{
		"by_site": {t.sites, &f.Sites}, "by_server": {t.servers, &f.Servers}, "by_customer": {t.customers, &f.Customers},
		"by_cause": {t.causes, &f.Causes}, "by_verdict": {t.verdicts, &f.Verdicts}, "repeated": {t.repeated.atLeast(2), &f.Repeated},
	} {
		*list.into = list.from.top()
		if len(list.from) > most {
			f.More = append(f.More, Count{name, len(list.from)})
		}
	}
	slices.SortFunc(f.More, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	f.Detect, f.Acknowledge, f.Restore = t.detect.measure(), t.acknowledge.measure(), t.restore.measure()
	f.Steps, f.Drills = t.stepFigures(), t.drills.sum()
	for n := range t.parts {
		f.Parts = append(f.Parts, Part{t.place[n].Of, t.parts[n].counts, t.parts[n].restore.measure()})
	}
	return f
}

func (t *Trends) stepFigures() []StepFigures {
	list := []StepFigures{}
	for _, step := range t.steps {
		step.Took = step.took.measure()
		list = append(list, step.StepFigures)
	}
	slices.SortFunc(list, func(a, b StepFigures) int {
		return cmp.Or(cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Step, b.Step))
	})
	return list
}

// atLeast keeps the names that occur so often.
func (t tally) atLeast(n int) tally {
	kept := maps.Clone(t)
	maps.DeleteFunc(kept, func(_ string, count int) bool { return count < n })
	return kept
}

// top returns the most frequent names, the most frequent first.
func (t tally) top() []Count {
	list := make([]Count, 0, len(t))
	for name, count := range t {
		list = append(list, Count{name, count})
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return list[:min(len(list), most)]
}

// Sum adds up a period as of now, in one pass over its timelines. The error is
// that of reading them.
func Sum(p Period, updates Updates, now time.Time, timelines iter.Seq2[[]incident.Event, error]) (Figures, error) {
	t := NewTrends(p, updates, now)
	for events, err := range timelines {
		if err != nil {
			return Figures{}, err
		}
		t.Add(events)
	}
	return t.Figures(), nil
}
