// Package runbooks is the language in which people tell piket what to do: a
// goal, a diagnosis, a ladder of remedies, an escalation. It is data, not a
// program; it is checked whole when it is loaded, and an incident keeps the
// text it began with.
//
//	library, err := runbooks.Load("runbooks/*.yml")
//	book := library.Select(alert.Labels)
package runbooks

import (
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
)

// Runbook is one file.
type Runbook struct {
	Name     string       `yaml:"runbook,required"`
	Title    string       `yaml:"title,required"`
	Match    []string     `yaml:"match,required"` // Alertmanager matchers; all must hold
	Classify Classify     `yaml:"classify,required"`
	Assign   string       `yaml:"assign,required"` // team of the inventory
	Goal     Goal         `yaml:"goal,required"`
	Diagnose []Diagnosis  `yaml:"diagnose"`
	Remedies []Remedy     `yaml:"remedies"` // the ladder, cheapest first
	Escalate []Escalation `yaml:"escalate"` // when the ladder is used up

	Source string `yaml:"-"` // the file's text
	Hash   string `yaml:"-"` // SHA-256 of Source

	matchers   alerts.Matchers
	conditions map[string]condition // by remedy id: when it applies
	leaves     map[string]condition // by remedy id: unless what a person is asked
}

// Classify judges an incident that this runbook opens.
type Classify struct {
	Impact  string `yaml:"impact,required"`
	Urgency string `yaml:"urgency,required"`
}

// Goal is what "restored" means, and what the closure check asks again.
type Goal struct {
	Checks []string      `yaml:"checks,required"` // words of [GoalChecks]
	For    time.Duration `yaml:"for,required"`    // how long all of them must hold
}

// Diagnosis is one look before anything is touched. All of a runbook's are
// taken at once.
type Diagnosis struct {
	ID     string `yaml:"id,required"` // the name by which conditions ask for it
	Check  string `yaml:"check,required"`
	Target string `yaml:"target,required"`
}

// Remedy is one rung of the ladder. It does exactly one thing.
type Remedy struct {
	ID       string        `yaml:"id,required"`
	SSH      []string      `yaml:"ssh"`   // a command and its arguments; no shell reads it
	Power    string        `yaml:"power"` // "on", "off", "soft" or "cycle"
	Boot     *Boot         `yaml:"boot"`
	Media    *Media        `yaml:"media"`
	When     string        `yaml:"when"` // CEL over the findings; empty means always
	Approve  *Approve      `yaml:"approve"`
	Verify   time.Duration `yaml:"verify,required"` // how long the goal may take to hold again
	Attempts int           `yaml:"attempts"`        // 1 when not given
	Trust    Trust         `yaml:"trust"`           // how far piket may go by itself; as Approve says when not given
	Earn     int           `yaml:"earn"`            // so many tries that helped, on one class of server, and nobody is asked any more; 0 means never
	Evidence string        `yaml:"evidence"`        // the word of [Evidence] that proves that it was carried out; "accepted" when not given
}

// Trust is how far piket may go with a remedy by itself.
type Trust string

// The rungs of trust. Asks and Auto need not be written down: they follow from
// whether the remedy has "approve".
const (
	Observe Trust = "observe" // only writes down what it would do
	Propose Trust = "propose" // calls a person, who does it
	Asks    Trust = "approve" // does it after a yes
	Auto    Trust = "auto"    // does it
)

// Level returns how far piket may go with a remedy, before what experience
// adds; asked says whether [Runbook.Asks] for it now.
func (r Remedy) Level(asked bool) Trust {
	switch {
	case r.Trust != "" && r.Trust != Auto:
		return r.Trust
	case asked:
		return Asks
	}
	return Auto
}

// Approve asks a person first.
type Approve struct {
	By        string        `yaml:"by,required"`        // "on-duty", or a person or team of the inventory
	Within    time.Duration `yaml:"within,required"`    // an answer after that does not count
	Otherwise string        `yaml:"otherwise,required"` // "escalate": silence never means yes
	Persons   int           `yaml:"persons"`            // how many different people must agree: 1 when not given, or 2
	Unless    string        `yaml:"unless"`             // CEL over the findings: when it surely holds, nobody is asked
}

// Escalation is who is brought in when the ladder is used up.
type Escalation struct {
	Technician *Technician `yaml:"technician,required"`
}

// Technician is a work order for hands on site.
type Technician struct {
	To          string        `yaml:"to,required"`          // "site.remote_hands"
	Order       string        `yaml:"order,required"`       // a word of [Orders]
	Acknowledge time.Duration `yaml:"acknowledge,required"` // from sending to "we have it"
	Arrive      time.Duration `yaml:"arrive,required"`      // from sending to being there
	After       time.Duration `yaml:"after"`                // not before the incident is this old
}

// Service reports whether the goal is that a server or what runs on it answers.
// A goal about a BMC or an announcement is not: nobody's service is at stake.
func (g Goal) Service() bool {
	return slices.Contains(g.Checks, "reachable") || slices.Contains(g.Checks, "services")
}

// MaxAttempts returns how often a remedy may be tried on one incident.
func (r Remedy) MaxAttempts() int { return max(1, r.Attempts) }

// Matches reports whether the runbook is meant for alerts with these labels.
func (b *Runbook) Matches(l alerts.Labels) bool { return b.matchers.Match(l) }

// Remedy returns the rung with the given id.
func (b *Runbook) Remedy(id string) (Remedy, bool) {
	for _, r := range b.Remedies {
		if r.ID == id {
			return r, true
		}
	}
	return Remedy{}, false
}
