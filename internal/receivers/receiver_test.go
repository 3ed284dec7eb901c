package receivers_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/spinware/piket/internal/receivers"
)

// postbox is a mail server for one letter at a time.
type postbox struct{ letters chan string }

func (p postbox) NewSession(*smtp.Conn) (smtp.Session, error) { return p, nil }
func (p postbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (p postbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (p postbox) Reset()                                      {}
func (p postbox) Logout() error                               { return nil }
func (p postbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	p.letters <- string(text)
	return err
}

func TestMailOfAReceiverLeavesByItsOwnServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := postbox{make(chan string, 1)}
	server := smtp.NewServer(box)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	set := mustRead(t, fmt.Sprintf(`global: {smtp_smarthost: '%s', smtp_from: piket@example.net, smtp_require_tls: false}
receivers:
- name: ops
  email_configs: [{to: ops@example.net}]
`, l.Addr()))
	if _, err := set.Send(t.Context(), "ops/email[0]", trouble); err != nil {
		t.Fatal(err)
	}
	letter := <-box.letters
	for _, words := range []string{"To: ops@example.net", "From: piket@example.net", "web-07", "https://piket.example.net/incidents/INC-2026-0007"} {
		if !strings.Contains(strings.ReplaceAll(letter, "=\r\n", ""), words) {
			t.Errorf("the mail lacks %q:\n%s", words, letter)
		}
	}
}

// What a service says decides whether the outbox tries again.
func TestARefusalIsToldFromATroubleThatPasses(t *testing.T) {
	for status, refused := range map[int]bool{400: true, 401: true, 404: true, 410: true, 500: false, 503: false} {
		s := newService(t)
		s.status, s.answer = status, "invalid_token"
		set := mustRead(t, "receivers: [{name: ops, webhook_configs: [{url: '"+s.URL+"/hook/SECRET-PATH'}]}]\n")
		_, err := set.Send(t.Context(), "ops/webhook[0]", trouble)
		if err == nil || errors.Is(err, receivers.ErrRefused) != refused {
			t.Errorf("%d: got %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%d: the error shows the address: %v", status, err)
		}
	}
}

func TestAReceiverThatIsGoneFromTheFileRefuses(t *testing.T) {
	set := mustRead(t, "receivers: [{name: ops}]\n")
	if _, err := set.Send(t.Context(), "ops/webhook[0]", trouble); !errors.Is(err, receivers.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	for name, config := range map[string]string{
		"a token in the path":  "telegram_configs: [{api_url: '" + closed + "', bot_token: 'hunter2hunter2', chat_id: 4}]",
		"a token from a file":  "telegram_configs: [{api_url: '" + closed + "', bot_token_file: token, chat_id: 4}]",
		"an address":           "slack_configs: [{api_url: '" + closed + "/services/hunter2hunter2', channel: x}]",
		"an address in a file": "webhook_configs: [{url_file: address}]",
		"a user in an address": "webhook_configs: [{url: '" + strings.Replace(closed, "http://", "http://me:hunter2hunter2@", 1) + "'}]",
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"token": "hunter2hunter2\n", "address": closed + "/hunter2hunter2\n"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		config = strings.NewReplacer("file: token", "file: "+dir+"/token", "file: address", "file: "+dir+"/address").Replace(config)
		set := mustRead(t, "receivers: [{name: ops, "+config+"}]\n")
		_, err := set.Send(t.Context(), set.Integrations()[0].Address, trouble)
		if err == nil || errors.Is(err, receivers.ErrRefused) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestASlowReceiverTakesAFewSlotsAndNotAll(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	t.Cleanup(s.Close)
	set := mustRead(t, "receivers: [{name: ops, webhook_configs: [{url: '"+s.URL+"'}]}]\n")
	done := make(chan error)
	for range 8 {
		go func() {
			_, err := set.Send(t.Context(), "ops/webhook[0]", trouble)
			done <- err
		}()
	}
	for range 8 {
		<-arrived
	}
	if _, err := set.Send(t.Context(), "ops/webhook[0]", trouble); !errors.Is(err, receivers.ErrBusy) {
		t.Errorf("the ninth: got %v", err)
	}
	close(release)
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if _, err := set.Send(t.Context(), "ops/webhook[0]", trouble); err != nil {
		t.Errorf("after them: got %v", err)
	}
}

func TestTemplatesAndFilesAreFoundBesideTheFile(t *testing.T) {
	s := newService(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"ours.tmpl": `{{ define "__subject" }}Hallo {{ .CommonLabels.server }}{{ end }}`, "address": s.URL + "/x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := mustRead(t, "templates: ['"+dir+"/*.tmpl']\nreceivers: [{name: ops, slack_configs: [{api_url_file: '"+dir+"/address', channel: x}]}]\n")
	if _, err := set.Send(t.Context(), "ops/slack[0]", trouble); err != nil {
		t.Fatal(err)
	}
	if got := s.all()[0]; !strings.Contains(got.Body, "Hallo web-07") {
		t.Errorf("got %s", got.Body)
	}
}

// The mistakes are Alertmanager's own; the places are ours.
func TestEveryMistakeHasItsPlaceAndShowsNoSecret(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key": {"receivers:\n- name: a\n  slack_configs:\n  - chanel: x\n    api_url: http://x.example.net\n",
			`4:5: unknown key "chanel"; did you mean "channel"?`},
		"an unknown kind": {"receivers:\n- name: a\n  webhok_configs: []\n",
			`3:3: unknown key "webhok_configs"; did you mean "webhook_configs"?`},
		"a wrong kind, which may be a secret": {"receivers:\n- name: a\n  telegram_configs:\n  - {bot_token: x, chat_id: hunter2}\n",
			"4:5: cannot unmarshal !!str `…` into int64"},
		"an address of no use": {"receivers:\n- name: a\n  slack_configs:\n  - api_url: 'http://hunter2 x'\n",
			`4:5: parse "…": invalid character " " in host name`},
		"no name": {"receivers:\n- webhook_configs: [{url: 'http://x.example.net'}]\n",
			"2:3: missing name in receiver"},
		"two of a name": {"receivers:\n- name: a\n- name: a\n",
			`3:9: receiver "a" is given twice, first at FILE:2:9`},
		"what global lacks": {"receivers:\n- name: a\n  slack_configs:\n  - channel: x\n",
			"4:5: no Slack API URL nor App token set either inline or in a file"},
		"two mistakes": {"receivers:\n- name: a\n  pagerduty_configs:\n  - severity: error\n- name: b\n  webhook_configs:\n  - max_alerts: 1\n",
			"4:5: missing service or routing key in PagerDuty config\nFILE:7:5: one of url or url_file must be configured"},
		"global alone":          {"global: {resolve_timout: 5m}\nreceivers: [{name: a}]\n", `1:10: unknown key "resolve_timout"; did you mean "resolve_timeout"?`},
		"global without use":    {"global: {}\n", "1:9: global: there are no receivers that it is for"},
		"no list":               {"receivers: a\n", "1:12: receivers: want a list of receivers"},
		"templates of no use":   {"templates: x\nreceivers: [{name: a}]\n", "1:12: templates: want a list of patterns of file names"},
		"an anchor too far":     {"receivers:\n- &a {name: x, labels: *a}\n", "2:1: aliases stand for more than 100000 values"},
		"a file that is absent": {"receivers:\n- name: a\n  webhook_configs:\n  - {url: 'https://x.example.net', http_config: {tls_config: {ca_file: none.pem}}}\n", "2:3: unable to read CA cert: unable to read file FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := read(t, c.text)
			if err == nil || set != nil {
				t.Fatal("it was accepted")
			}
			got := err.Error()
			file, _, _ := strings.Cut(got, ":")
			if strings.Contains(got, "hunter2") {
				t.Errorf("it shows a secret: %s", got)
			}
			want := strings.ReplaceAll("FILE:"+c.want, "FILE", file)
			if !strings.HasPrefix(got, strings.TrimSuffix(want, file)) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAnchorsAndYAML11WordsAreReadAsAlertmanagerReadsThem(t *testing.T) {
	set := mustRead(t, `receivers:
- name: a
  webhook_configs:
  - &hook {url: 'http://x.example.net', send_resolved: no}
- name: b
  webhook_configs: [*hook, {<<: *hook, send_resolved: yes}]
`)
	var got []string
	for _, i := range set.Integrations() {
		got = append(got, fmt.Sprint(i.Address, i.Resolved))
	}
	if want := "[a/webhook[0]false b/webhook[0]false b/webhook[1]true]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
