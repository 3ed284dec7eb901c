package report

import (
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/incident"
)

// DrillFigures are what people's exercises come to [5.1], measured as the real
// thing is and never counted with it.
type DrillFigures struct {
	Drills      int     `json:"drills"`
	Finished    int     `json:"finished"` // closed as an incident is, and not broken off
	Acknowledge Measure `json:"time_to_acknowledge"`
	Restore     Measure `json:"time_to_restore"`
	Updates     Share   `json:"customer_updates_on_time"`
	Calls       Share   `json:"customer_calls_made"`
}

// drillTally collects them.
type drillTally struct {
	figures              DrillFigures
	acknowledge, restore lengths
}

func (t *drillTally) add(s *story) {
	inc, f := s.inc, &t.figures
	f.Drills++
	if inc.Status == incident.Finished && inc.Resolution != nil {
		f.Finished++
	}
	t.acknowledge.add(inc.OpenedAt, inc.AcknowledgedAt)
	t.restore.add(inc.OpenedAt, inc.RestoredAt)
	for _, p := range s.promises {
		f.Updates.Of++
		if !p.Late {
			f.Updates.Part++
		}
	}
	for _, c := range inc.CallTasks {
		f.Calls.Of++
		if slices.Contains(incident.CallOutcomes, c.Outcome) {
			f.Calls.Part++
		}
	}
}

func (t *drillTally) sum() DrillFigures {
	f := t.figures
	f.Acknowledge, f.Restore = t.acknowledge.measure(), t.restore.measure()
	return f
}

// drillSection sets the drills beside what really happened.
func (f Figures) drillSection() Section {
	s := Section{Title: "Drills", Empty: "None was held.", Note: "Drills are in none of the other figures."}
	if f.Drills.Drills == 0 {
		return s
	}
	d := f.Drills
	s.Table = Table{Head: []string{"", "In drills", "In earnest"}, Rows: [][]string{
		{"Held, and carried through to the end", fmt.Sprintf("%d, %d", d.Drills, d.Finished), fmt.Sprintf("%d incidents", f.Incidents)},
		{"Median time to acknowledge", d.Acknowledge.words(d.Acknowledge.Median), f.Acknowledge.words(f.Acknowledge.Median)},
		{"Median time to restore", d.Restore.words(d.Restore.Median), f.Restore.words(f.Restore.Median)},
		{"Customers heard on time", d.Updates.words(), f.Updates.words()},
		{"Telephone calls that were made", d.Calls.words(), f.Calls.words()},
	}}
	return s
}
