package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/web"
)

const hook = `{"version":"4","status":"firing","receiver":"r","alerts":[{"status":"firing","labels":{"alertname":"ServerUnreachable","server":"web-07"},"startsAt":"2026-11-23T02:59:00Z","endsAt":"0001-01-01T00:00:00Z"}]}`

func TestWebhookAnswersSoThatAlertmanagerRetriesWhatHelpsAndNothingElse(t *testing.T) {
	huge := strings.Repeat(" ", alerts.MaxWebhookBytes) + hook
	good := "Bearer " + senderToken
	cases := []struct {
		name, method, path, auth, body string
		want                           int
	}{
		{"accepted", "POST", "/api/alertmanager", good, hook, 200},
		{"a slash at the end is not redirected", "POST", "/api/alertmanager/", good, hook, 200},
		{"the scheme's name is not case-sensitive", "POST", "/api/alertmanager", "bearer " + senderToken, hook, 200},
		{"no token", "POST", "/api/alertmanager", "", hook, 401},
		{"wrong token", "POST", "/api/alertmanager", "Bearer x", hook, 401},
		{"empty token", "POST", "/api/alertmanager", "Bearer ", hook, 401},
		{"other scheme", "POST", "/api/alertmanager", "Basic " + senderToken, hook, 401},
		{"a person's token is not a sender's", "POST", "/api/alertmanager", "Bearer " + tokenOf("noor"), hook, 401},
		{"nothing", "POST", "/api/alertmanager", good, "", 400},
		{"garbage", "POST", "/api/alertmanager", good, "not json", 400},
		{"another version", "POST", "/api/alertmanager", good, strings.Replace(hook, `"4"`, `"3"`, 1), 400},
		{"custom payload", "POST", "/api/alertmanager", good, `{"text":"ServerUnreachable"}`, 400},
		{"an alert without labels", "POST", "/api/alertmanager", good, `{"version":"4","alerts":[{"status":"firing"}]}`, 400},
		{"unknown keys", "POST", "/api/alertmanager", good, strings.Replace(hook, `{"version"`, `{"routeLabels":{},"newer":[1],"version"`, 1), 200},
		{"no alerts", "POST", "/api/alertmanager", good, `{"version":"4","alerts":[]}`, 200},
		{"too large", "POST", "/api/alertmanager", good, huge, 413},
		{"GET", "GET", "/api/alertmanager", good, "", 405},
		{"PUT", "PUT", "/api/alertmanager/", good, hook, 405},
		{"HEAD", "HEAD", "/api/alertmanager", good, "", 405},
		{"two slashes are not redirected", "POST", "//api/alertmanager", good, hook, 404},
		{"dots are not redirected", "POST", "/api/x/../alertmanager", good, hook, 404},
	}
	s := newSite(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			answer := s.ask(c.method, c.path, c.body, "Authorization", c.auth)
			if answer.status != c.want {
				t.Fatalf("answered %d %s, want %d", answer.status, answer.body, c.want)
			}
			if c.want >= 400 && c.method != "HEAD" && (!strings.Contains(answer.body, `"error"`) || !strings.Contains(answer.body, `"hint"`)) {
				t.Errorf("the answer does not say what and what to do: %s", answer.body)
			}
		})
	}
}

func TestWebhookWithoutALengthIsBoundedToo(t *testing.T) {
	s := newSite(t)
	body := strings.NewReader(strings.Repeat("x", alerts.MaxWebhookBytes+1))
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/api/alertmanager", struct{ *strings.Reader }{body})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer "+senderToken)
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("answered %d", answer.StatusCode)
	}
}

func TestWebhookOfARealAlertmanagerIsCommittedWhenItIsAnswered(t *testing.T) {
	files, err := filepath.Glob("../../alerts/testdata/am*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded bodies: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := alerts.DecodeWebhook(strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			s := newSite(t)
			answer := s.ask("POST", "/api/alertmanager", string(body), "Authorization", "Bearer "+senderToken)
			if want := fmt.Sprintf(`{"accepted":%d}`, len(decoded.Alerts)); strings.TrimSpace(answer.body) != want {
				t.Fatalf("answered %d %s, want %s", answer.status, answer.body, want)
			}
			for _, a := range decoded.Alerts {
				if known, err := s.store.Episode(t.Context(), a.Episode()); err != nil || (known.Incident == "") != (a.Status == alerts.Resolved) {
					t.Errorf("%s %s: incident %q, %v", a.Status, a.Labels, known.Incident, err)
				}
			}
		})
	}
}

func TestWebhookDeliveredTwiceIsOneIncident(t *testing.T) {
	s := newSite(t)
	for range 3 {
		if answer := s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+senderToken); answer.status != 200 {
			t.Fatal(answer.body)
		}
	}
	if n := s.count("INC-2026-0001", "alert"); n != 1 {
		t.Errorf("%d alerts on the timeline, want 1", n)
	}
	if answer := s.as("guest", "GET", "/api/incidents/INC-2026-0002", ""); answer.status != 404 {
		t.Errorf("a second incident: %s", answer.body)
	}
}

func TestWebhookThatCannotBeWrittenDownIsNotPromised(t *testing.T) {
	s := newSite(t, func(server *web.Server) {
		server.Receive = func(context.Context, []alerts.Alert, uint64) error { return errors.New("disk full") }
	})
	answer := s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+senderToken)
	if answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == "" {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
}

func TestWebhookTokenThatCannotBeReadIsOurTroubleAndNotTheSenders(t *testing.T) {
	s := newSite(t)
	if err := os.Remove(s.config.Token.File); err != nil {
		t.Fatal(err)
	}
	answer := s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+senderToken)
	if answer.status != http.StatusServiceUnavailable {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
}

func TestWebhookWithoutConfiguredTokenLetsNobodyIn(t *testing.T) {
	s := newSite(t)
	s.config = web.Config{}
	for _, token := range []string{"", "x", senderToken} {
		answer := s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+token)
		if answer.status != http.StatusForbidden {
			t.Errorf("token %q: answered %d", token, answer.status)
		}
	}
}

// A queue that grows would answer everybody too late, and each would send again.
func TestWebhookRefusesAtOnceWhatWouldWaitLong(t *testing.T) {
	const places = 8
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(server *web.Server) {
		server.Receive = func(context.Context, []alerts.Alert, uint64) error {
			entered <- struct{}{}
			<-leave
			return nil
		}
	})
	send := func() reply {
		return s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+senderToken)
	}
	answers := make(chan reply)
	for range places {
		go func() { answers <- send() }()
		<-entered
	}
	if got := send(); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "send the same notification again") {
		t.Errorf("one too many was answered %d %s", got.status, got.body)
	}
	close(leave)
	for range places {
		if got := <-answers; got.status != http.StatusOK {
			t.Errorf("one with a place was answered %d %s", got.status, got.body)
		}
	}
}

// What waits for too long is told early, before anything of it is begun.
func TestWebhookThatWaitsTooLongIsToldToComeAgain(t *testing.T) {
	s := newSite(t, func(server *web.Server) {
		server.Receive = func(ctx context.Context, _ []alerts.Alert, _ uint64) error {
			<-ctx.Done()
			return ctx.Err()
		}
	})
	got := s.ask("POST", "/api/alertmanager", hook, "Authorization", "Bearer "+senderToken)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "the alerts waited for") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}
