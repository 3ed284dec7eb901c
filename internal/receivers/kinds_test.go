package receivers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/receivers"
	"github.com/spinware/piket/internal/yamlpos"
)

// request is what a service was sent.
type request struct {
	Method, Path, Auth string
	Body               string
}

func (r request) json(t *testing.T) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		t.Fatalf("%s %s: %v\n%s", r.Method, r.Path, err, r.Body)
	}
	return body
}

// service answers as all of them do, and remembers what it was asked.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	status   int
	answer   string
}

func newService(t *testing.T) *service {
	s := &service{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, request{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), string(body)})
		answer := s.answer
		switch {
		case answer != "":
		case strings.HasSuffix(r.URL.Path, "/search"): // Jira: the ticket is there once it was made
			answer = `{"issues":[]}`
			if slices.ContainsFunc(s.requests, func(r request) bool { return r.Path == "/rest/api/2/issue" }) {
				answer = `{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"new"}}}}]}`
			}
		case strings.HasSuffix(r.URL.Path, "/transitions") && r.Method == http.MethodGet:
			answer = `{"transitions":[{"id":"31","name":"Done"}]}`
		case strings.HasSuffix(r.URL.Path, "/sendMessage"): // Telegram
			answer = `{"ok":true,"result":{"message_id":7,"chat":{"id":42}}}`
		case strings.HasSuffix(r.URL.Path, "/gettoken"): // WeChat
			answer = `{"errcode":0,"access_token":"t"}`
		case strings.HasSuffix(r.URL.Path, "/message/send"):
			answer = `{"errcode":0}`
		case strings.HasSuffix(r.URL.Path, "chat.postMessage"): // Rocket.Chat
			w.Header().Set("Content-Type", "application/json")
			answer = `{"success":true}`
		case strings.HasPrefix(r.URL.Path, "/sns"):
			answer = `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`
		default:
			answer = "ok" // Slack's word
		}
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) all() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// read makes a set of a file.
func read(t *testing.T, text string) (*receivers.Set, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "piket.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Global    yamlpos.Block `yaml:"global"`
		Templates yamlpos.Block `yaml:"templates"`
		Receivers yamlpos.Block `yaml:"receivers"`
	}
	var doc yamlpos.Document
	if err := doc.DecodeFile(path, &file); err != nil {
		t.Fatal(err)
	}
	return receivers.Read(receivers.Source{Global: file.Global, Templates: file.Templates, Receivers: file.Receivers, ExternalURL: "https://piket.example.net"})
}

func mustRead(t *testing.T, text string) *receivers.Set {
	t.Helper()
	set, err := read(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var trouble = receivers.Message{
	Group: "INC-2026-0007", StartsAt: time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC),
	Labels: map[string]string{"alertname": "ServerUnreachable", "incident": "INC-2026-0007", "priority": "P1", "severity": "critical", "server": "web-07", "site": "ams1"},
	Annotations: map[string]string{
		"summary": "[INC-2026-0007] P1 web-07 does not answer", "description": "Power is on; nothing answers.",
		"link": "https://piket.example.net/incidents/INC-2026-0007",
	},
}

func over(m receivers.Message) receivers.Message {
	m.EndsAt = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) // by a clock that runs faster than ours
	return m
}

// kinds are all integrations that there are: what stands in the file, with %s
// for the service, and what the service must have been sent for trouble and for
// its end.
var kinds = []struct {
	kind, config string
	check        func(t *testing.T, firing, resolved []request)
}{
	{"slack", `slack_configs: [{api_url: '%s/services/T0/B0/XYZ', channel: '#ops', send_resolved: true}]`, func(t *testing.T, firing, resolved []request) {
		body := firing[0].json(t) // docs.slack.dev, incoming webhooks and attachments
		attachment := body["attachments"].([]any)[0].(map[string]any)
		wants(t, body["channel"], "#ops")
		wants(t, attachment["title"], "[FIRING] [INC-2026-0007] P1 web-07 does not answer")
		wants(t, attachment["title_link"], "https://piket.example.net/incidents/INC-2026-0007")
		wants(t, attachment["text"], "Power is on; nothing answers.")
		wants(t, attachment["color"], "danger")
		wants(t, resolved[0].json(t)["attachments"].([]any)[0].(map[string]any)["color"], "good")
	}},
	{"mattermost", `mattermost_configs: [{webhook_url: '%s/hooks/xyz', channel: ops, text: '{{ template "__subject" . }}'}]`, func(t *testing.T, firing, resolved []request) {
		wants(t, firing[0].Path, "/hooks/xyz")
		if !strings.Contains(firing[0].Body, "web-07 does not answer") {
			t.Errorf("got %s", firing[0].Body)
		}
	}},
	{"msteamsv2", `msteamsv2_configs: [{webhook_url: '%s/workflows/x'}]`, func(t *testing.T, firing, resolved []request) {
		body := firing[0].json(t) // learn.microsoft.com: a message with an adaptive card
		wants(t, body["type"], "message")
		card := body["attachments"].([]any)[0].(map[string]any)
		wants(t, card["contentType"], "application/vnd.microsoft.card.adaptive")
		wants(t, card["content"].(map[string]any)["body"].([]any)[0].(map[string]any)["text"], "[FIRING] [INC-2026-0007] P1 web-07 does not answer")
	}},
	{"msteams", `msteams_configs: [{webhook_url: '%s/webhookb2/x'}]`, func(t *testing.T, firing, resolved []request) {
		wants(t, firing[0].json(t)["title"], "[FIRING] [INC-2026-0007] P1 web-07 does not answer")
	}},
	{"telegram", `telegram_configs: [{api_url: '%s', bot_token: '123:abc', chat_id: 42, parse_mode: ''}]`, func(t *testing.T, firing, resolved []request) {
		wants(t, firing[0].Path, "/bot123:abc/sendMessage") // core.telegram.org/bots/api#sendmessage
		body := firing[0].json(t)
		wants(t, body["chat_id"], "42")
		if !strings.Contains(fmt.Sprint(body["text"]), "web-07") {
			t.Errorf("got %v", body["text"])
		}
	}},
	{"pagerduty", `pagerduty_configs: [{url: '%s/v2/enqueue', routing_key: R, severity: '{{ .CommonLabels.severity }}', send_resolved: true}]`, func(t *testing.T, firing, resolved []request) {
		body, end := firing[0].json(t), resolved[0].json(t) // developer.pagerduty.com, events API v2
		wants(t, body["routing_key"], "R")
		wants(t, body["event_action"], "trigger")
		wants(t, end["event_action"], "resolve")
		if body["dedup_key"] == "" || body["dedup_key"] != end["dedup_key"] {
			t.Errorf("deduplicated by %v, then %v", body["dedup_key"], end["dedup_key"])
		}
		payload := body["payload"].(map[string]any)
		wants(t, payload["severity"], "critical")
		wants(t, payload["summary"], "[FIRING] [INC-2026-0007] P1 web-07 does not answer")
		if payload["source"] == "" {
			t.Error("no source")
		}
	}},
	{"opsgenie", `opsgenie_configs: [{api_url: '%s/', api_key: KEY, send_resolved: true}]`, func(t *testing.T, firing, resolved []request) {
		wants(t, firing[0].Path, "/v2/alerts") // docs.opsgenie.com, alert API
		wants(t, firing[0].Auth, "GenieKey KEY")
		alias := fmt.Sprint(firing[0].json(t)["alias"])
		wants(t, resolved[0].Path, "/v2/alerts/"+alias+"/close?identifierType=alias")
	}},
	{"jira", `jira_configs: [{api_url: '%s/rest/api/2/', project: OPS, issue_type: Incident, resolve_transition: Done, send_resolved: true, http_config: {basic_auth: {username: piket, password: geheim}}}]`, func(t *testing.T, firing, resolved []request) {
		fields := firing[1].json(t)["fields"].(map[string]any) // developer.atlassian.com, REST API v2
		wants(t, firing[1].Method+" "+firing[1].Path, "POST /rest/api/2/issue")
		wants(t, fields["project"].(map[string]any)["key"], "OPS")
		wants(t, fields["summary"], "[FIRING] [INC-2026-0007] P1 web-07 does not answer")
		last := resolved[len(resolved)-1]
		wants(t, last.Method+" "+last.Path, "POST /rest/api/2/issue/OPS-1/transitions")
		wants(t, last.json(t)["transition"].(map[string]any)["id"], "31")
	}},
	{"webhook", `webhook_configs: [{url: '%s/hook', http_config: {authorization: {credentials: tok}}}]`, func(t *testing.T, firing, resolved []request) {
		body, end := firing[0].json(t), resolved[0].json(t) // prometheus.io, webhook payload version 4
		wants(t, firing[0].Auth, "Bearer tok")
		wants(t, body["version"], "4")
		wants(t, body["groupKey"], "INC-2026-0007")
		wants(t, body["status"], "firing")
		wants(t, end["groupKey"], "INC-2026-0007")
		wants(t, end["status"], "resolved")
		wants(t, body["commonLabels"].(map[string]any)["server"], "web-07")
		wants(t, body["externalURL"], "https://piket.example.net")
	}},
	{"discord", `discord_configs: [{webhook_url: '%s/api/webhooks/1/x'}]`, nil},
	{"rocketchat", `rocketchat_configs: [{api_url: '%s', token: T, token_id: I, channel: '#ops'}]`, nil},
	{"victorops", `victorops_configs: [{api_url: '%s/', api_key: K, routing_key: R}]`, nil},
	{"webex", `webex_configs: [{api_url: '%s/v1/messages', room_id: r, http_config: {authorization: {credentials: tok}}}]`, nil},
	{"wechat", `wechat_configs: [{api_url: '%s/', api_secret: S, corp_id: C, to_user: u}]`, nil},
	{"incidentio", `incidentio_configs: [{url: '%s/v2/alert_events/http/x', alert_source_token: tok}]`, nil},
	{"sns", `sns_configs: [{api_url: '%s/sns', topic_arn: 'arn:aws:sns:eu-west-1:123456789012:ops', sigv4: {region: eu-west-1, access_key: A, secret_key: S}}]`, nil},
}

func wants(t *testing.T, got any, want string) {
	t.Helper()
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestEveryKindOfReceiverSendsWhatItsServiceDocuments(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.kind, func(t *testing.T) {
			s := newService(t)
			set := mustRead(t, "receivers:\n- name: ops\n  "+fmt.Sprintf(k.config, s.URL)+"\n")
			i := set.Integrations()[0]
			if want := "ops/" + k.kind + "[0]"; i.Address != want || len(set.Integrations()) != 1 {
				t.Fatalf("got %v, want %s", set.Integrations(), want)
			}
			accepted, err := set.Send(t.Context(), i.Address, trouble)
			if err != nil || accepted != "accepted by the receiver "+i.Address {
				t.Fatalf("got %q, %v", accepted, err)
			}
			firing := s.all()
			if _, err := set.Send(t.Context(), i.Address, over(trouble)); err != nil {
				t.Fatal(err)
			}
			resolved := s.all()[len(firing):]
			if len(firing) == 0 || len(resolved) == 0 {
				t.Fatalf("%d requests, then %d", len(firing), len(resolved))
			}
			if k.check != nil {
				k.check(t, firing, resolved)
				return
			}
			sent := firing[len(firing)-1].Body
			if text, err := url.QueryUnescape(sent); err == nil && !strings.HasPrefix(sent, "{") {
				sent = text
			}
			if !strings.Contains(sent, "web-07") {
				t.Errorf("it does not name the server: %s", sent)
			}
		})
	}
}

// Pushover's address cannot be set; that its notifier is made is all that can be
// shown here.
func TestPushoverIsMade(t *testing.T) {
	set := mustRead(t, "receivers: [{name: ops, pushover_configs: [{user_key: u, token: t}]}]\n")
	if got := set.Integrations()[0].Address; got != "ops/pushover[0]" {
		t.Errorf("got %s", got)
	}
}
