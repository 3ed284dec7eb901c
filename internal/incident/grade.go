package incident

import "slices"

// Grade is how well it is proved that an action was carried out. The better
// ones are harder to come by and harder to be wrong about.
type Grade string

// The grades, from the weakest. A BMC has been seen to accept a command and do
// nothing; a machine has been seen to answer that had never been restarted.
const (
	Unproved Grade = ""
	Accepted Grade = "accepted" // the BMC, or the shell, said yes
	Powered  Grade = "power"    // the power was seen to change as it was told
	Booting  Grade = "boot"     // boot progress, or an entry in the event log that is younger than the command
	OnTheNet Grade = "network"  // it answers on the network, where it had been silent
	NewBoot  Grade = "boot-id"  // it says itself that it has started since
	GoalHeld Grade = "goal"     // every check of the goal has held for its time
)

// Grades lists every grade, weakest first.
var Grades = []Grade{Unproved, Accepted, Powered, Booting, OnTheNet, NewBoot, GoalHeld}

// Reaches reports whether g proves at least as much as other.
func (g Grade) Reaches(other Grade) bool {
	return slices.Index(Grades, g) >= slices.Index(Grades, other)
}

// Graded records a better proof that an action was carried out.
type Graded struct {
	Intent string `json:"intent"`
	Grade  Grade  `json:"grade"`
	Detail string `json:"detail"`
}

func (Graded) Kind() Kind     { return "graded" }
func (p Graded) Text() string { return sentence("Proof, grade %s: %s.", p.Grade, p.Detail) }
