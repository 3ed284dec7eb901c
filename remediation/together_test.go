package remediation

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// Which servers fell beside s0r0u0, and what is to blame for it. The racks have
// four servers, two racks share a feed, the site has sixteen.
func TestServersThatFallTogetherHaveOneCause(t *testing.T) {
	tests := map[string]struct {
		fallen  []string
		verdict incident.Verdict
	}{
		"it alone":                          {nil, ""},
		"one more of its rack":              {[]string{"s0r0u1"}, incident.VerdictRack},
		"one more of its feed":              {[]string{"s0r1u1"}, incident.VerdictFeed},
		"one more of the site":              {[]string{"s0r2u1"}, ""}, // two of sixteen
		"two more of the site":              {[]string{"s0r2u1", "s0r3u1"}, incident.VerdictSite},
		"two of its rack and two elsewhere": {[]string{"s0r0u1", "s0r0u2", "s0r2u1", "s0r3u1"}, incident.VerdictRack},
		"three of another site":             {[]string{"s1r0u0", "s1r0u1", "s1r0u2"}, ""},
		"a name that is no server":          {[]string{"gone", "gone too"}, ""},
		"itself, twice over":                {[]string{"s0r0u0", "s0r0u0"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := about(t, "s0r0u0")
			f.Runbook = &runbooks.Runbook{Goal: runbooks.Goal{Checks: []string{"reachable"}}}
			f.Fallen = test.fallen
			if c, _ := fellTogether(f); c.Verdict != test.verdict {
				t.Errorf("%q (%s), want %q", c.Verdict, c.Reason, test.verdict)
			}
		})
	}
}

func TestNobodysServiceIsNoCrowd(t *testing.T) {
	f := about(t, "s0r0u0")
	f.Runbook = &runbooks.Runbook{Goal: runbooks.Goal{Checks: []string{"bmc"}}} // of a BMC that is silent
	f.Fallen = []string{"s0r0u1", "s0r0u2", "s0r0u3"}
	if c, ok := fellTogether(f); ok {
		t.Errorf("%+v", c)
	}
}
