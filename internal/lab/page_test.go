package lab_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/lab"
)

func splitHostPort(t *testing.T, address string) (string, int) {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, number
}

// ask sends one request to the lab's handler.
func (w *world) ask(method, path, kind, body string) (int, string, http.Header) {
	w.t.Helper()
	request := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", kind)
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, request)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Code, string(text), answer.Header()
}

const form, jsonType = "application/x-www-form-urlencoded", "application/json"

func TestPageShowsEveryServerWithItsConditionAndEveryFault(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Crashed)
	code, page, _ := w.ask("GET", "/lab/", "", "")
	if code != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
		t.Fatalf("%d, and the page ends with %q", code, page[max(0, len(page)-80):])
	}
	for _, s := range w.Servers() {
		if !strings.Contains(page, `id="`+s.Name+`"`) {
			t.Errorf("%s is not on the page", s.Name)
		}
	}
	for f, sentence := range lab.Faults {
		if !strings.Contains(page, ">"+string(f)+"</option>") || !strings.Contains(page, strings.ReplaceAll(sentence, "'", "&#39;")) {
			t.Errorf("%s is not on the page", f)
		}
	}
	if !strings.Contains(page, "service crashed") {
		t.Error("the page does not say that a service crashed")
	}
}

func TestButtonsOfThePageBreakRepairAndHeal(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		path, body string
		want       lab.Condition
	}{
		{"/lab/servers/web-01/fault", "fault=dead", lab.IsDead},
		{"/lab/servers/web-01/repair", "", lab.IsBooting},
		{"/lab/servers/web-01/heal", "", lab.IsRunning},
	} {
		code, body, header := w.ask("POST", c.path, form, c.body)
		if code != http.StatusSeeOther || header.Get("Location") != "/lab/#web-01" {
			t.Errorf("%s: %d %s %s", c.path, code, header.Get("Location"), body)
		}
		w.wantCondition("web-01", c.want)
	}
}

func TestGetChangesNothing(t *testing.T) {
	w := start(t)
	for _, path := range []string{"/lab/servers/web-01/fault?fault=hung", "/lab/api/servers/web-01/fault", "/lab/api/sites/ams1/fault"} {
		if code, _, _ := w.ask("GET", path, "", `{"fault": "hung"}`); code < 400 {
			t.Errorf("GET %s: %d", path, code)
		}
	}
	w.wantCondition("web-01", lab.IsRunning)
}

func TestFormOfAnotherSiteIsRefused(t *testing.T) {
	w := start(t)
	request := httptest.NewRequestWithContext(t.Context(), "POST", "/lab/servers/web-01/fault", strings.NewReader(url.Values{"fault": {"hung"}}.Encode()))
	request.Header.Set("Content-Type", form)
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden {
		t.Errorf("answered %d", answer.Code)
	}
	w.wantCondition("web-01", lab.IsRunning)
}

func TestAPIBreaksAndTellsTheState(t *testing.T) {
	w := start(t)
	for path, body := range map[string]string{"/lab/api/servers/web-01/fault": `{"fault": "hung"}`, "/lab/api/sites/rtm1/fault": `{"fault": "announced"}`} {
		if code, text, _ := w.ask("POST", path, jsonType, body); code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, code, text)
		}
	}
	_, text, _ := w.ask("GET", "/lab/api/state", "", "")
	var state struct {
		PowerSends int              `json:"power_sends"`
		Servers    []lab.Status     `json:"servers"`
		Sites      []lab.SiteStatus `json:"sites"`
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		t.Fatal(err)
	}
	first, second := state.Servers[0], state.Sites[1]
	if first.Condition != lab.IsHung || len(first.Faults) != 1 || first.Faults[0] != lab.Hung {
		t.Errorf("web-01 is %+v", first)
	}
	if len(second.Faults) != 1 || second.Faults[0] != lab.Announced {
		t.Errorf("rtm1 is %+v", second)
	}
	for _, path := range []string{"/lab/api/servers/web-01/heal", "/lab/api/sites/rtm1/heal"} {
		if code, text, _ := w.ask("POST", path, "", ""); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	w.wantCondition("web-01", lab.IsRunning)
}

func TestAPISaysWhatIsWrong(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		path, body string
		code       int
		says       string
	}{
		{"/lab/api/servers/web-01/fault", `{"fault": "hing"}`, 400, `did you mean \"hung\"?`},
		{"/lab/api/servers/web-9/fault", `{"fault": "hung"}`, 400, `unknown server \"web-9\"`},
		{"/lab/api/servers/web-01/fault", `hung`, 400, "read the body"},
		{"/lab/api/servers/web-01/explode", ``, 404, "there is no such change"},
		{"/lab/api/floors/ams1-a01/heal", ``, 404, "there is no such change"},
		{"/lab/servers/web-01/fault", `fault=nope`, 400, `unknown fault "nope"`},
	} {
		kind := jsonType
		if !strings.HasPrefix(c.path, "/lab/api") {
			kind = form
		}
		if code, text, _ := w.ask("POST", c.path, kind, c.body); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s %s: %d %s; want %d and %s", c.path, c.body, code, text, c.code, c.says)
		}
	}
}

func TestMailPagesShowWhatArrived(t *testing.T) {
	w := start(t)
	raw := "Subject: <b>terug</b>\r\n\r\nAlles werkt & draait.\r\n"
	if err := smtp.SendMail(w.SMTPAddress(), nil, "piket@example.net", []string{"a@example.net"}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/lab/mail":   `<a href="/lab/mail/1"><b>&lt;b&gt;terug&lt;/b&gt;</b>`,
		"/lab/mail/1": "Alles werkt &amp; draait.",
	} {
		if code, page, _ := w.ask("GET", path, "", ""); code != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%s: %d, without %s", path, code, want)
		}
	}
	for _, path := range []string{"/lab/mail/2", "/lab/mail/x", "/lab/plan.go"} {
		if code, _, _ := w.ask("GET", path, "", ""); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, path := range []string{"/lab/lab.css", "/lab/lab.js"} {
		if code, _, _ := w.ask("GET", path, "", ""); code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
	}
}

func TestStatusPageAnnouncesInStatuspageFormat(t *testing.T) {
	w := start(t)
	site := w.inv.Sites[0]
	type answer struct {
		Status     struct{ Indicator, Description string }
		Components []struct{ Name, Status string }
		Incidents  []struct {
			Name, Impact string
			StartedAt    string `json:"started_at"`
			Components   []struct{ Name string }
		}
	}
	read := func(base string) (a answer) {
		text, err := fetch(t.Context(), base+"/api/v2/summary.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := read(site.StatusPage.URL); a.Status.Indicator != "none" || len(a.Incidents) != 0 || a.Components[0].Status != "operational" || a.Components[0].Name != site.StatusPage.Component {
		t.Errorf("in good times: %+v", a)
	}
	if err := w.BreakSite(site.Name, lab.Announced); err != nil {
		t.Fatal(err)
	}
	a := read(site.StatusPage.URL)
	if a.Status.Indicator != "critical" || len(a.Incidents) != 1 || a.Components[0].Status != "major_outage" {
		t.Fatalf("announced: %+v", a)
	}
	if i := a.Incidents[0]; i.Components[0].Name != site.StatusPage.Component || i.StartedAt != "2026-11-23T03:00:00Z" {
		t.Errorf("the incident: %+v", i)
	}
	if b := read(w.inv.Sites[1].StatusPage.URL); b.Status.Indicator != "none" {
		t.Errorf("the other provider: %+v", b)
	}
	if page, err := fetch(t.Context(), site.StatusPage.URL); err != nil || !strings.Contains(page, "Major System Outage") {
		t.Errorf("the page for people: %v\n%s", err, page)
	}
}
