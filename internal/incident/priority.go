package incident

import "fmt"

// Level says how much: of impact, how far it hurts the customer's business; of
// urgency, how fast it must be solved to prevent more damage.
type Level string

// The levels, from worst to least.
const (
	High   Level = "high"
	Medium Level = "medium"
	Low    Level = "low"
)

// Levels lists every level, worst first.
var Levels = []Level{High, Medium, Low}

// UnmarshalText reads a level by its name.
func (l *Level) UnmarshalText(text []byte) error {
	for _, level := range Levels {
		if string(text) == string(level) {
			*l = level
			return nil
		}
	}
	return fmt.Errorf("%q is not a level: high, medium or low", text)
}

// Priority follows from impact and urgency; nobody types it in by itself.
type Priority string

// The priorities of the policy, most pressing first.
const (
	P1 Priority = "P1" // critical
	P2 Priority = "P2" // high
	P3 Priority = "P3" // medium
	P4 Priority = "P4" // low
)

// Priorities lists every priority, most pressing first.
var Priorities = []Priority{P1, P2, P3, P4}

// matrix is the policy's table: impact, then urgency.
var matrix = map[Level]map[Level]Priority{
	High:   {High: P1, Medium: P2, Low: P2},
	Medium: {High: P2, Medium: P3, Low: P3},
	Low:    {High: P3, Medium: P4, Low: P4},
}

// PriorityOf reads the matrix. A level that is not in it counts as the worst:
// what was not judged is not waved through as harmless.
func PriorityOf(impact, urgency Level) Priority {
	if p, ok := matrix[impact][urgency]; ok {
		return p
	}
	return P1
}

// Word returns what the policy calls the priority: P1 is "critical".
func (p Priority) Word() string {
	return map[Priority]string{P1: "critical", P2: "high", P3: "medium", P4: "low"}[p]
}
