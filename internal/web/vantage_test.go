package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/internal/web"
)

// fraToken is what the vantage of the tests shows.
const fraToken = "vantage-token-0123456789"

// withVantage lets fra1 report to the site, and returns where its token lies.
func withVantage(t *testing.T) (change func(*web.Server), token string) {
	t.Helper()
	ref := secretFile(t, t.TempDir(), "fra1", fraToken)
	return func(server *web.Server) {
		server.Vantages = vantage.NewHub(vantage.HubParts{
			Clock: server.Clock, Inventory: server.Inventory, Log: server.Log,
			Vantages: func() []vantage.Vantage {
				return []vantage.Vantage{{Name: "fra1", Token: ref}, {Name: "gone1", Token: secret.Ref{File: ref.File + ".gone"}}}
			},
			Doubtful: func() []string { return []string{"server/web-07", "bmc/web-07"} },
			Weigh:    func() {},
			Report:   func(context.Context, []alerts.Alert) error { return nil },
		})
	}, ref.File
}

const report = `{"run":"a","number":1,"unwell":[]}`

func TestOnlyAVantageIsTakenAtItsWord(t *testing.T) {
	change, _ := withVantage(t)
	good := "Bearer " + fraToken
	for _, c := range []struct {
		name, method, path, who, auth, body string
		want                                int
	}{
		{"report", "POST", vantage.ReportPath, "fra1", good, report, 200},
		{"list", "GET", vantage.TargetsPath, "fra1", good, "", 200},
		{"no token", "POST", vantage.ReportPath, "fra1", "", report, 401},
		{"empty token", "POST", vantage.ReportPath, "fra1", "Bearer ", report, 401},
		{"wrong token", "POST", vantage.ReportPath, "fra1", good + "x", report, 401},
		{"wrong token for the list", "GET", vantage.TargetsPath, "fra1", good + "x", "", 401},
		{"no name", "POST", vantage.ReportPath, "", good, report, 401},
		{"no such name", "POST", vantage.ReportPath, "fra2", good, report, 401},
		{"another's name", "POST", vantage.ReportPath, "gone1", good, report, 503},
		{"Alertmanager's token", "POST", vantage.ReportPath, "fra1", "Bearer " + senderToken, report, 401},
		{"a person's token", "GET", vantage.TargetsPath, "fra1", "Bearer " + tokenOf("noor"), "", 401},
		{"a vantage is no person", "GET", "/api/incidents", "fra1", good, "", 401},
		{"a vantage is no Alertmanager", "POST", "/api/alertmanager", "fra1", good, "{}", 401},
		{"GET of a report", "GET", vantage.ReportPath, "fra1", good, "", 405},
		{"HEAD of the list", "HEAD", vantage.TargetsPath, "fra1", good, "", 405},
		{"POST of the list", "POST", vantage.TargetsPath, "fra1", good, report, 405},
		{"nonsense", "POST", vantage.ReportPath, "fra1", good, "{", 400},
		{"too large", "POST", vantage.ReportPath, "fra1", good, strings.Repeat(" ", vantage.MaxReportBytes+1), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, change)
			answer := s.ask(c.method, c.path, c.body, "Authorization", c.auth, vantage.NameHeader, c.who)
			if answer.status != c.want {
				t.Fatalf("answered %d %s, want %d", answer.status, answer.body, c.want)
			}
			if allow := answer.header.Get("Allow"); c.want == http.StatusMethodNotAllowed && allow == "" {
				t.Error("it does not say which method there is")
			}
			heard := s.server.Vantages.Standings()
			if taken := len(heard) > 0 && !heard[0].Heard.IsZero(); taken != (c.want == 200 && c.method == "POST") {
				t.Errorf("taken: %v", taken)
			}
		})
	}
}

func TestReportOfAVantageMayBeCompressed(t *testing.T) {
	change, _ := withVantage(t)
	s := newSite(t, change)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, report)
	w.Close()
	answer := s.ask("POST", vantage.ReportPath, packed.String(), "Authorization", "Bearer "+fraToken, vantage.NameHeader, "fra1", "Content-Encoding", "gzip")
	if want := `"look_at":["server/web-07"]`; answer.status != 200 || !strings.Contains(answer.body, want) {
		t.Errorf("answered %d %s, want %s", answer.status, answer.body, want)
	}
	answer = s.ask("POST", vantage.ReportPath, report, "Authorization", "Bearer "+fraToken, vantage.NameHeader, "fra1", "Content-Encoding", "br")
	if answer.status != http.StatusUnsupportedMediaType {
		t.Errorf("answered %d", answer.status)
	}
}

func TestListIsSentAgainOnlyWhenItChanged(t *testing.T) {
	change, _ := withVantage(t)
	s := newSite(t, change)
	ask := func(headers ...string) reply {
		return s.ask("GET", vantage.TargetsPath, "", append([]string{"Authorization", "Bearer " + fraToken, vantage.NameHeader, "fra1"}, headers...)...)
	}
	first := ask()
	if !strings.Contains(first.body, `"name":"web-07"`) || strings.Contains(first.body, "bakery") {
		t.Errorf("the list is %s", first.body)
	}
	tag := first.header.Get("ETag")
	if again := ask("If-None-Match", tag); tag == "" || again.status != http.StatusNotModified || again.body != "" {
		t.Errorf("with the version that is known: %d %s", again.status, again.body)
	}
	if again := ask("If-None-Match", `"another"`); again.status != 200 || again.body != first.body {
		t.Errorf("with another version: %d", again.status)
	}
}

func TestTokenOfAVantageIsReadAnew(t *testing.T) {
	change, token := withVantage(t)
	s := newSite(t, change)
	if err := os.WriteFile(token, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for auth, want := range map[string]int{"Bearer " + fraToken: 401, "Bearer another": 200} {
		if answer := s.ask("POST", vantage.ReportPath, report, "Authorization", auth, vantage.NameHeader, "fra1"); answer.status != want {
			t.Errorf("%s: answered %d, want %d", auth, answer.status, want)
		}
	}
}

func TestWithoutVantagesNobodyMayReport(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{vantage.ReportPath, vantage.TargetsPath} {
		method := map[bool]string{true: "POST", false: "GET"}[path == vantage.ReportPath]
		if answer := s.ask(method, path, report, "Authorization", "Bearer "+fraToken, vantage.NameHeader, "fra1"); answer.status != 401 {
			t.Errorf("%s: answered %d", path, answer.status)
		}
	}
}
