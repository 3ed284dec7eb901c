package alerts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
)

// Each file of testdata is a body that a real Alertmanager (0.25 and 0.34)
// sent. The table says what must be read from it.
func TestDecodeWebhookReadsWhatAlertmanagersSend(t *testing.T) {
	tests := map[string]struct {
		firing, resolved int
		truncated        uint64
		reason           string
	}{
		"am0.25-firing-single":             {firing: 1},
		"am0.25-firing-group2":             {firing: 2},
		"am0.25-resolved-single":           {resolved: 1},
		"am0.25-resolved-group2":           {resolved: 2},
		"am0.25-mixed-2firing-1resolved":   {firing: 2, resolved: 1},
		"am0.25-flap":                      {firing: 1},
		"am0.25-after-restart-next-firing": {firing: 1},
		"am0.25-after-restart-group-resolved-but-peer-still-firing": {resolved: 1},
		"am0.25-truncated-max_alerts2-of5":                          {firing: 2, truncated: 3},
		"am0.25-truncated-hides-resolved":                           {firing: 2, truncated: 3},
		"am0.34-firing-first":                                       {firing: 2, reason: "first notification"},
		"am0.34-resolved":                                           {resolved: 1, reason: "all alerts resolved"},
		"am0.34-truncated":                                          {firing: 2, truncated: 1, reason: "first notification"},
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d files, %d expectations, err %v", len(files), len(tests), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			want, ok := tests[name]
			if !ok {
				t.Fatal("no expectation for this file")
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			hook, err := alerts.DecodeWebhook(f)
			if err != nil {
				t.Fatal(err)
			}
			count := map[alerts.Status]int{}
			for _, a := range hook.Alerts {
				count[a.Status]++
				if a.Fingerprint != a.Labels.Fingerprint() {
					t.Errorf("fingerprint %s, ours of the same labels %s", a.Fingerprint, a.Labels.Fingerprint())
				}
				if (a.Status == alerts.Firing) != a.EndsAt.IsZero() {
					t.Errorf("%s alert ends at %v", a.Status, a.EndsAt)
				}
			}
			if count[alerts.Firing] != want.firing || count[alerts.Resolved] != want.resolved ||
				hook.Truncated != want.truncated || hook.Reason != want.reason {
				t.Errorf("got %v, truncated %d, reason %q", count, hook.Truncated, hook.Reason)
			}
		})
	}
}

// body builds a payload around one alert.
func body(head, alert string) string {
	return `{"version":"4",` + head + `"alerts":[` + alert + `]}`
}

const good = `{"status":"firing","labels":{"alertname":"X","server":"web-01"},"startsAt":"2026-11-23T10:00:00Z","endsAt":"0001-01-01T00:00:00Z"}`

// The traps of the payload, one row each.
func TestDecodeWebhookTraps(t *testing.T) {
	tests := map[string]struct {
		body  string
		check func(alerts.Webhook) bool
	}{
		"receiver arrives quoted as a regular expression": {
			body(`"receiver":"team\\.db\\-x",`, good), func(h alerts.Webhook) bool { return h.Receiver == "team.db-x" }},
		"unknown keys are ignored": {
			body(`"routeLabels":{"a":"b"},"somethingNew":[1],`, good), func(h alerts.Webhook) bool { return len(h.Alerts) == 1 }},
		"the notification's status is not the alert's": {
			body(`"status":"resolved",`, good), func(h alerts.Webhook) bool { return h.Alerts[0].Status == alerts.Firing }},
		"a missing fingerprint is computed": {
			body("", good), func(h alerts.Webhook) bool { return h.Alerts[0].Fingerprint == h.Alerts[0].Labels.Fingerprint() }},
		"the same labels at another time are another episode": {
			body("", good+","+strings.Replace(good, "10:00:00", "11:00:00", 1)),
			func(h alerts.Webhook) bool {
				return h.Alerts[0].Episode() != h.Alerts[1].Episode() && h.Alerts[0].Fingerprint == h.Alerts[1].Fingerprint
			}},
		"a start in the future does not come after the end": {
			body("", `{"status":"resolved","labels":{"a":"b"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}`),
			func(h alerts.Webhook) bool { return !h.Alerts[0].EndsAt.Before(h.Alerts[0].StartsAt) }},
		"a link that is no web address is dropped": {
			body("", strings.Replace(good, `"status"`, `"generatorURL":"javascript:alert(1)","status"`, 1)),
			func(h alerts.Webhook) bool { return h.Alerts[0].Link == "" }},
		"no alerts at all is not an error": {
			`{"version":"4","alerts":[]}`, func(h alerts.Webhook) bool { return len(h.Alerts) == 0 }},
		"truncation is told": {
			body(`"truncatedAlerts":7,`, good), func(h alerts.Webhook) bool { return h.Truncated == 7 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hook, err := alerts.DecodeWebhook(strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if !test.check(hook) {
				t.Errorf("read as %+v", hook)
			}
		})
	}
}

func TestDecodeWebhookRefusesNonsenseWhole(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"not JSON":           {`<html>`, "decode webhook"},
		"empty":              {``, "decode webhook"},
		"a custom payload":   {`{"text":"hello"}`, `version ""`},
		"another version":    {`{"version":"3","alerts":[]}`, `version "3"`},
		"an unknown status":  {body("", good+`,{"status":"maybe","labels":{"a":"b"},"startsAt":"2026-11-23T10:00:00Z"}`), `alert 2 of 2: status is "maybe"`},
		"an alert unlabeled": {body("", `{"status":"firing","startsAt":"2026-11-23T10:00:00Z"}`), "no labels"},
		"an alert undated":   {body("", `{"status":"firing","labels":{"a":"b"}}`), "no startsAt"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hook, err := alerts.DecodeWebhook(strings.NewReader(test.body))
			if err == nil || !strings.Contains(err.Error(), test.want) || len(hook.Alerts) != 0 {
				t.Errorf("got %d alerts and %v, want an error with %q", len(hook.Alerts), err, test.want)
			}
		})
	}
}

func TestDecodeWebhookBoundsItsInput(t *testing.T) {
	huge := strings.NewReader(body(`"externalURL":"`+strings.Repeat("x", alerts.MaxWebhookBytes)+`",`, good))
	if _, err := alerts.DecodeWebhook(huge); !errors.Is(err, alerts.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func FuzzDecodeWebhook(f *testing.F) {
	f.Add([]byte(body("", good)))
	f.Fuzz(func(t *testing.T, data []byte) {
		hook, err := alerts.DecodeWebhook(strings.NewReader(string(data)))
		for _, a := range hook.Alerts {
			if err != nil || len(a.Labels) == 0 || a.StartsAt.IsZero() {
				t.Fatalf("half an alert came through: %+v, %v", a, err)
			}
		}
	})
}

func TestMatchersWithoutEntriesMatchNothing(t *testing.T) {
	if (alerts.Matchers{}).Match(alerts.Labels{"alertname": "X"}) {
		t.Error("an empty list of matchers caught an alert")
	}
	m, err := alerts.ParseMatcher(`site=~"ams.*"`)
	if err != nil {
		t.Fatal(err)
	}
	if both := (alerts.Matchers{m}); !both.Match(alerts.Labels{"site": "ams1"}) || both.Match(alerts.Labels{"site": "rtm1"}) {
		t.Error("the matcher does not judge as it reads")
	}
	if _, err := alerts.ParseMatcher(`{{`); err == nil {
		t.Error("nonsense was read as a matcher")
	}
}
