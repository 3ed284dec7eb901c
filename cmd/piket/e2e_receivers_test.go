//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// receiversBlock is one text for two programs. %s is the webhook's address.
const receiversBlock = `global:
  slack_api_url: https://hooks.slack.example.net/services/T/B/x
  smtp_smarthost: mail.example.net:587
  smtp_from: alerts@example.net
templates: ['*.tmpl']
receivers:
  - name: on-duty
    webhook_configs:
      - url: '%s'
        http_config: {authorization: {credentials: tok-0123456789}}
  - name: everything
    slack_configs: [&chat {channel: '#ops', send_resolved: yes, title: '{{ template "__subject" . }}'}, {<<: *chat, channel: '#more'}]
    pagerduty_configs: [{routing_key: R, severity: '{{ .CommonLabels.severity }}'}]
    opsgenie_configs: [{api_key: K, priority: P1}]
    telegram_configs: [{bot_token: '1:x', chat_id: 42, parse_mode: HTML}]
    email_configs: [{to: ops@example.net, require_tls: false}]
    discord_configs: [{webhook_url: 'https://discord.example.net/api/webhooks/1/x'}]
    pushover_configs: [{user_key: u, token: t}]
    victorops_configs: [{api_key: k, routing_key: r}]
    webex_configs: [{room_id: r, http_config: {authorization: {credentials: x}}}]
    wechat_configs: [{api_secret: s, corp_id: c}]
    sns_configs: [{topic_arn: 'arn:aws:sns:eu-west-1:123456789012:ops', sigv4: {region: eu-west-1}}]
`

// hook is a webhook receiver of whoever wants to.
type hook struct {
	mu   sync.Mutex
	down bool
	said []said
}

type said struct {
	Status, GroupKey  string
	CommonLabels      map[string]string
	CommonAnnotations map[string]string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if h.down || r.Header.Get("Authorization") != "Bearer tok-0123456789" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.said = append(h.said, said{})
	_ = json.Unmarshal(body, &h.said[len(h.said)-1])
}

// heard counts what arrived with a status.
func (h *hook) heard(status string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.said {
		if s.Status == status {
			n++
		}
	}
	return n
}

// heardOf reports whether trouble arrived with words in its summary.
func (h *hook) heardOf(words string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.said, func(s said) bool {
		return s.Status == "firing" && strings.Contains(s.CommonAnnotations["summary"], words)
	})
}

// One and the same block is taken by Debian's amtool and by piket; an incident
// reaches its receiver, a kill in between loses nothing, and its end closes what
// it opened.
func TestAReceiversBlockOfAnAlertmanagerWorksHere(t *testing.T) {
	if _, err := exec.LookPath("amtool"); err != nil {
		t.Fatal("amtool is not installed: apt-get install prometheus-alertmanager")
	}
	h := &hook{}
	service := httptest.NewServer(h)
	t.Cleanup(service.Close)
	block := fmt.Sprintf(receiversBlock, service.URL)
	dir := t.TempDir()
	files := map[string]string{
		"alertmanager.yml": "route: {receiver: on-duty}\n" + block,
		"piket.yml":        "inventory: [inventory.yml]\nstorage: {path: data}\nintake: {alertmanager: {token_file: token}}\n" + block,
		"inventory.yml":    strings.Replace(inventoryOfOne, "on_duty: [noor]", "on_duty: [noor], receivers: [on-duty]", 1),
		"token":            "token-of-noor-0123456789\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("amtool", "check-config", filepath.Join(dir, "alertmanager.yml")).CombinedOutput(); err != nil || !strings.Contains(string(out), "2 receivers") {
		t.Fatalf("amtool: %v\n%s", err, out)
	}
	binary := filepath.Join(dir, "piket")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build piket: %v\n%s", err, out)
	}
	piket := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(binary, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("piket %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := piket("check", "piket.yml"); !strings.Contains(out, "1 receiver is in no team: everything") || !strings.Contains(out, "SUCCESS") {
		t.Errorf("piket check says\n%s", out)
	}
	if out := piket("receivers", "list"); strings.Count(out, "everything/") != 12 {
		t.Errorf("piket receivers list says\n%s", out)
	}
	if out := piket("receivers", "test", "on-duty"); strings.Count(out, "ok  ") != 2 || h.heard("firing") != 1 || h.heard("resolved") != 1 {
		t.Errorf("piket receivers test says\n%s", out)
	}

	address := fmt.Sprintf("127.%d.%d.1:9490", 64+rand.IntN(128), rand.IntN(256))
	serve := func() *process {
		p := startProcess(t, dir, "piket", binary, "serve", "--config.file=piket.yml", "--web.listen-address="+address)
		until(t, "piket listens", func() bool { return listens(address) })
		return p
	}
	running := serve()
	h.mu.Lock()
	h.down = true
	h.mu.Unlock()
	alert := `{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"ServerUnreachable","server":"web-01"},"annotations":{},"startsAt":"2026-01-05T03:00:00Z","fingerprint":"0123456789abcdef"}]}`
	request, err := http.NewRequest(http.MethodPost, "http://"+address+"/api/alertmanager", strings.NewReader(alert))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer token-of-noor-0123456789")
	answer, err := http.DefaultClient.Do(request)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the alert: %v, %v", answer, err)
	}
	answer.Body.Close()
	cli := func(args ...string) string {
		return piket(append(args, "--piket.url=http://"+address, "--token-file=token")...)
	}
	until(t, "a try has failed", func() bool {
		return strings.Contains(cli("incident", "show", "INC-"+year(t, cli)+"-0001"), "unexpected status code 503")
	})
	running.stop(t, syscall.SIGKILL)
	h.mu.Lock()
	h.down = false
	h.mu.Unlock()
	serve()
	// The second try is a minute after the first.
	until(t, "the receiver hears of it after the kill", func() bool { return h.heardOf("] P1 ") })
	id := "INC-" + year(t, cli) + "-0001"
	cli("incident", "close", id, "--cause", "it was sold", "--solution", "none", "--unchecked", "the server is gone")
	until(t, "the receiver hears that it is over", func() bool { return h.heard("resolved") > 1 })
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.said[len(h.said)-1]
	if last.GroupKey != id || last.CommonLabels["server"] != "web-01" || last.CommonLabels["priority"] != "P1" || !strings.Contains(last.CommonAnnotations["summary"], id) {
		t.Errorf("it heard %+v", last)
	}
	for _, s := range h.said[2:] {
		if s.GroupKey != id {
			t.Errorf("another group: %+v", s)
		}
	}
}

// year is that of the first incident.
func year(t *testing.T, cli func(...string) string) string {
	t.Helper()
	_, rest, ok := strings.Cut(cli("incident", "list"), "INC-")
	if !ok {
		t.Fatal("there is no incident")
	}
	return rest[:4]
}
