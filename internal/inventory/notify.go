package inventory

import "slices"

// Notify says of which incidents a customer hears, and what. The zero Notify is
// what the configuration says for everybody.
type Notify struct {
	Priorities []string `yaml:"priorities"` // those that they hear of; those with an interval in the configuration when empty
	Updates    *bool    `yaml:"updates"`    // between the first word and the last; true when empty
	Restored   *bool    `yaml:"restored"`   // that service is back; true when empty
}

// Priorities lists the words for them, most pressing first; what they mean
// stands in the package incident.
var Priorities = []string{"P1", "P2", "P3", "P4"}

// HearsOf reports whether a customer hears of incidents of a priority; usually
// says whether everybody does who says nothing else.
func (c Customer) HearsOf(priority string, usually bool) bool {
	if len(c.Notify.Priorities) == 0 {
		return usually
	}
	return slices.Contains(c.Notify.Priorities, priority)
}

// WantsUpdates reports whether they hear between the first word and the last.
func (c Customer) WantsUpdates() bool { return c.Notify.Updates == nil || *c.Notify.Updates }

// WantsRestored reports whether they hear that service is back.
func (c Customer) WantsRestored() bool { return c.Notify.Restored == nil || *c.Notify.Restored }

func (c *checker) notify(n *Notify) {
	for i := range n.Priorities {
		if p := &n.Priorities[i]; *p != "" && !slices.Contains(Priorities, *p) {
			c.problems.AddUnknown(c.doc.At(p), "priority", *p, Priorities)
		} else if slices.Contains(n.Priorities[:i], *p) && *p != "" {
			c.add(p, "priority %s is listed twice", *p)
		}
	}
}
