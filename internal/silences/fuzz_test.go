package silences

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
)

// FuzzParse: whatever an Alertmanager answers, a silence that comes of it has an
// end and somebody whom it is for, and is fit to be shown.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"id": "1", "endsAt": "2026-11-23T05:00:00Z", "status": {"state": "active"}, "matchers": [{"name": "server", "value": "web.*", "isRegex": true}]}]`))
	f.Add([]byte(`[null, {}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rules, err := parse(body)
		if err != nil && rules != nil {
			t.Fatal("half a list")
		}
		for _, r := range rules {
			if r.Ends.IsZero() || len(r.matchers) == 0 || r.active(r.Ends) || strings.ContainsAny(r.ID+r.By+r.Comment, "\n\x1b") {
				t.Fatalf("%+v", r)
			}
			r.matchers.Match(alerts.Labels{"server": "web-01"})
			r.active(time.Time{})
		}
	})
}
