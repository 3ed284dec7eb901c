package simulate

import (
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// checkLeave: nothing that must be asked is sent without a yes to this plan.
func (w *world) checkLeave(i incident.Intended, m *machine) {
	persons := 1
	if m.number%17 == 0 || i.Prepares() || i.Boot != "" { // it is protected, or may be wiped
		persons = 2
	}
	needed := i.Action == "power" && i.Verb == "cycle" || persons > 1
	agreed := 0
	for _, hash := range w.watch.agreed[i.Approval] {
		if hash == i.PlanHash {
			agreed++
		}
	}
	other, used := w.watch.used[i.Approval]
	switch {
	case i.Approval == "" && needed && persons == 1 && w.plan.has(earnings) && w.earned(i):
		w.happened(earnings)
	case i.Approval == "" && needed:
		w.violate("P7", "%s was never asked for: %s", i.Intent, i.What())
	case i.Approval == "":
	case agreed < persons:
		w.violate("P7", "%s rests on %s, to which %d of %d agreed", i.Intent, i.Approval, agreed, persons)
	case used && other != i.Intent:
		w.violate("P7", "%s rests on %s, which %s has used up", i.Intent, i.Approval, other)
	}
	w.watch.used[i.Approval] = i.Intent
}

// checkAnswer is called with every answer of a person that was taken.
func (w *world) checkAnswer(a remediation.Answer, asked incident.ApprovalRequested, p incident.Payload) {
	if _, yes := p.(incident.Approved); !yes {
		return
	}
	late := w.now - w.watch.asked[asked.Approval]
	within := w.watch.within[asked.Approval]
	switch {
	case !slices.Contains(engineers, a.By):
		w.violate("P7", "%q may not agree to %s, and was believed", a.By, asked.Approval)
	case a.PlanHash != asked.PlanHash:
		w.violate("P7", "a yes to another plan was taken for %s", asked.Approval)
	case late > within+bound:
		w.violate("P7", "a yes to %s was taken after %v", asked.Approval, late)
	}
	yes := w.watch.agreed[asked.Approval]
	if yes == nil {
		yes = map[string]string{}
		w.watch.agreed[asked.Approval] = yes
	}
	yes[a.By] = a.PlanHash
}
