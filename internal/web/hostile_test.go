package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// evil are texts that become something else where they are not escaped.
var evil = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`</textarea><script>alert(1)</script>`,
	`{{.Me}}<svg onload=alert(1)>`,
	"line\nevent: panel\ndata: {\"id\":\"question\",\"html\":\"<b>\"}\n\n",
}

// harmless fails when a text stands on a page as it came.
func harmless(t *testing.T, where, page, text string) {
	t.Helper()
	if strings.ContainsAny(text, `<>"'`) && strings.Contains(page, text) {
		t.Errorf("%s shows it raw: %s", where, text)
	}
	for _, sign := range []string{"<script>alert", "<img src=x", "<svg onload", `'alert(1)`} {
		if strings.Contains(page, sign) {
			t.Errorf("%s contains %s", where, sign)
		}
	}
}

func TestWordsOfAlertsAndPeopleStayWords(t *testing.T) {
	for _, text := range evil {
		s := newSite(t)
		alert := map[string]any{
			"status": "firing", "startsAt": "2026-11-23T02:59:00Z", "generatorURL": "javascript:alert(1)",
			"labels":      map[string]string{"alertname": text, "instance": text, text: text},
			"annotations": map[string]string{"summary": text, "description": text},
		}
		body, err := json.Marshal(map[string]any{"version": "4", "alerts": []any{alert}})
		if err != nil {
			t.Fatal(err)
		}
		if answer := s.ask("POST", "/api/alertmanager", string(body), "Authorization", "Bearer "+senderToken); answer.status != 200 {
			t.Fatalf("answered %d %s", answer.status, answer.body)
		}
		id := "INC-2026-0001"
		cookie := s.signIn("noor")
		s.form(cookie, "/incidents/"+id+"/note", url.Values{"words": {text}}.Encode())
		s.happen(id,
			incident.Diagnosed{Checks: []incident.Check{{ID: text, Kind: text, Target: text, State: incident.Down, Reason: text}}},
			incident.Concluded{Verdict: incident.VerdictServer, Reason: text},
			incident.WorkOrdered{Order: text, Step: "escalate-1", To: text, Telephone: text, Subject: text, Body: text},
			incident.OrderProgress{Order: text, State: "on_site", By: text, Words: text},
			incident.CallTask{Task: text, Customer: text, Telephone: text, Script: text, Purpose: text},
			incident.Attention{Topic: text, Why: text},
			incident.ApprovalRequested{Approval: text, Action: text, Why: text, PlanHash: text, By: "noor", Else: text, Expires: start.Add(1e12)},
			incident.MessageQueued{Message: text, Purpose: text, To: []string{text}, Subject: text, Body: text})
		for _, path := range []string{"/", "/incidents/" + id, "/incidents/" + id + "?show=" + url.QueryEscape(text), "/sign-in?next=" + url.QueryEscape(text)} {
			page := s.ask("GET", path, "", "Cookie", cookie)
			if page.status != http.StatusOK {
				t.Fatalf("%s: answered %d", path, page.status)
			}
			harmless(t, path, page.body, text)
			if strings.Contains(page.body, `href="javascript:`) {
				t.Errorf("%s links to a script", path)
			}
		}
		messages := s.follow("/incidents/" + id + "/stream?after=0")
		m, _ := until(t, messages, func(m message) bool { return m.event == "panel" && strings.Contains(m.data, `"question"`) })
		harmless(t, "the stream", html(t, m), text)
	}
}

func TestSecretsShowOnNoPage(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	s.question(id)
	for _, path := range []string{"/", "/report", "/incidents/" + id, "/api/incidents", "/api/incidents/" + id, "/metrics", "/-/ready", "/sign-in"} {
		page := s.as("noor", "GET", path, "").body
		for _, secret := range []string{senderToken, tokenOf("noor"), tokenOf("sam"), passwordOf("noor"), "$2a$"} {
			if strings.Contains(page, secret) {
				t.Errorf("%s shows %s", path, secret)
			}
		}
	}
}
