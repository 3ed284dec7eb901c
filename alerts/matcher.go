package alerts

import (
	"fmt"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// Matchers select alerts by label, in Alertmanager's own syntax and with its
// own parser: alertname="ServerUnreachable", site=~"ams.*", env!="test".
type Matchers []*labels.Matcher

// ParseMatcher reads one matcher. The error names the place in the text.
func ParseMatcher(text string) (*labels.Matcher, error) {
	m, err := parse.Matcher(text)
	if err != nil {
		return nil, fmt.Errorf("matcher %q: %w", text, err)
	}
	return m, nil
}

// Match reports whether every matcher holds for l. An empty list matches
// nothing: a runbook without matchers must not catch every alert.
func (ms Matchers) Match(l Labels) bool {
	for _, m := range ms {
		if !m.Matches(l[m.Name]) {
			return false
		}
	}
	return len(ms) > 0
}
