package remediation_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// What a runbook may ask for is what the engine can look at, and its facts are
// those that the probes yield: the language, the engine and the probes keep
// three lists, in packages that do not know each other.
func TestRunbookWordsAreThoseOfTheEngineAndTheProbes(t *testing.T) {
	words := slices.AppendSeq(slices.Clone(runbooks.GoalChecks), maps.Keys(runbooks.Checks))
	slices.Sort(words)
	if words, looks := slices.Compact(words), remediation.Checks(); !slices.Equal(words, looks) {
		t.Errorf("runbooks may ask for %v, the engine looks at %v", words, looks)
	}
	for name, check := range runbooks.Checks {
		facts, ok := probes.Facts[name]
		if !ok {
			t.Errorf("no probe yields facts for %s", name)
		}
		if !maps.Equal(check.Facts, facts) {
			t.Errorf("conditions may use the facts %v of %s, the probe yields %v", check.Facts, name, facts)
		}
		if len(check.Targets) == 0 {
			t.Errorf("%s has no target", name)
		}
	}
}
