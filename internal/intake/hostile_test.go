package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

func TestHostileValuesAreLookupKeysAndNothingElse(t *testing.T) {
	hostile := []string{
		"web-07; reboot", "web-07 && id", "$(reboot)", "`reboot`", "web-07|sh", "../../web-07", "-oProxyCommand=reboot",
		"{{.Customer}}", "${service.unit}", "${server.name}", "%s%n", "web-07\n", "web-07\x00", "web-0[7]", "web-*", "*", "WEB-07",
		"' OR name = 'web-07", "<script>", "web-07\u202e", "\x1b[2J", "\u2028line\u0085", strings.Repeat("w", 10_000), "\xff\xfe",
		"http://web-07/", "web-07@example.net", "web-07:", " web-07", "all", "server:web-07",
	}
	for _, value := range hostile {
		t.Run(fmt.Sprintf("%.20q", value), func(t *testing.T) {
			p := newPlace(t)
			a := firing(value, "server", value, "instance", value, "site", value, "service", value)
			a.Annotations = alerts.Labels{"summary": value, "runbook": "server-unreachable", "command": value}
			p.take(a)
			inc := p.only()
			if server, ok := p.Inventory().Find(value); ok {
				// net.SplitHostPort takes an empty port; it names web-07 exactly.
				if value != "web-07:" || inc.Subject != (incident.Subject{Kind: "server", Name: server.Name}) {
					t.Fatalf("it found %s: %v", server.Name, inc.Subject)
				}
			} else if inc.Subject != (incident.Subject{Kind: "alert", Name: a.Fingerprint}) || len(inc.Customers) > 0 || inc.Runbook.Name != "" {
				t.Errorf("it became %v with runbook %q", inc.Subject, inc.Runbook.Name)
			}
			clean(t, "title", inc.Title)
			for topic, why := range reasons(t, p, inc.ID) {
				clean(t, topic, strings.ReplaceAll(why, "; add it, or an alias", ""))
			}
		})
	}
}

func reasons(t *testing.T, p *place, id string) map[string]string {
	t.Helper()
	events, err := p.db.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, e := range events {
		if a, ok := e.Payload.(incident.Attention); ok {
			why[a.Topic] = a.Why
		}
	}
	return why
}

// clean fails unless text is one line of reasonable length that shows all it
// holds.
func clean(t *testing.T, what, text string) {
	t.Helper()
	if len([]rune(text)) > 400 {
		t.Errorf("%s has %d characters", what, len([]rune(text)))
	}
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r < ' ' || (r >= 0x7f && r < 0xa0) || strings.ContainsRune("\u2028\u2029\u202e\u200b", r)
	}); i >= 0 {
		t.Errorf("%s has a character at %d that does not show: %q", what, i, text)
	}
}
