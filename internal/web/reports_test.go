package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/web"
)

// closed is an incident that is over, and written down as such.
func (s *site) closed() string {
	s.t.Helper()
	id := s.unreachable()
	s.happen(id, incident.Restored{How: "it answers"}, incident.Resolution{Cause: "a driver", Solution: "restarted", By: "noor"}, incident.Closed{By: "noor"})
	return id
}

// withMail gives the manager of the tests an address.
func withMail(server *web.Server) {
	inv := *server.Inventory()
	inv.People = append([]inventory.Person{}, inv.People...)
	for n := range inv.People {
		if inv.People[n].Name == "mila" {
			inv.People[n].Email = "mila@example.net"
		}
	}
	made, err := inventory.New(inv)
	if err != nil {
		panic(err)
	}
	server.Inventory = func() *inventory.Inventory { return made }
}

// [5.2]: figures as a page with plots, and in every format.
func TestAReportIsAPageAndComesInEveryFormat(t *testing.T) {
	s := newSite(t)
	s.closed()
	page := s.as("guest", "GET", "/reports", "").body
	for _, want := range []string{"Incidents of month 2026-11", `class="bar P1" d="M`, "By customer", "/reports/month/2026-11?format=pdf", "/reports/month/2026-10", "/reports/week/2026-W48", "bakery"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for format, begins := range map[string]string{
		"json": `{"period":{"kind":"month","of":"2026-11"`, "csv": "section,row,column,value\n", "md": "# Incidents of month 2026-11", "html": "<!doctype html>", "pdf": "%PDF-", "text": "Incidents of month 2026-11\n==",
	} {
		for _, path := range []string{"/reports/month/2026-11", "/api/v1/reports/month/2026-11"} {
			got := s.as("guest", "GET", path+"?format="+format, "")
			if got.status != http.StatusOK || !strings.HasPrefix(got.body, begins) {
				t.Errorf("%s as %s: %d %.80q", path, format, got.status, got.body)
			}
		}
	}
	var figures struct {
		Incidents int
		Detect    struct{ Known int } `json:"time_to_detect"`
	}
	if err := json.Unmarshal([]byte(s.as("guest", "GET", "/api/v1/reports/month/2026-11", "").body), &figures); err != nil || figures.Incidents != 1 {
		t.Errorf("%+v (%v)", figures, err)
	}
	if empty := s.as("guest", "GET", "/reports/year/2024", ""); empty.status != http.StatusOK || !strings.Contains(empty.body, "There was no incident.") {
		t.Errorf("an empty year: %d", empty.status)
	}
	for path, status := range map[string]int{"/api/v1/reports/week/now": 200, "/api/v1/reports/day/now": 404, "/reports/month/2026-13": 404, "/reports/day/2026-11-01": 404, "/api/v1/reports/month/2026-11?format=doc": 404} {
		if got := s.as("guest", "GET", path, ""); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

// [2.6, 6.7]: a draft from the timeline, what people write, versions, sharing.
func TestAReviewIsWrittenSharedAndItsActionsFinished(t *testing.T) {
	s := newSite(t, withMail)
	id := s.closed()
	path, noor := "/incidents/"+id+"/review", s.signIn("noor")
	if page := s.as("guest", "GET", path, ""); strings.Contains(page.body, "Save as version") || !strings.Contains(page.body, "Cause: a driver") {
		t.Errorf("who may only read is offered the form, or the draft is not there")
	}
	form := url.Values{
		"version": {"0"}, "causes": {"a driver & <b>time</b>"}, "went_well": {"quick"}, "action_id": {"", ""}, "action_what": {"a newer kernel", ""},
		"action_owner": {"noor", ""}, "action_due": {"2026-12-01", ""},
	}
	if got := s.form(noor, path, form.Encode()); got.status != http.StatusSeeOther || got.header.Get("Location") != path {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := s.form(noor, path, form.Encode()); got.status != http.StatusConflict || !strings.Contains(got.body, "newer version") {
		t.Errorf("a second version on the same one: %d", got.status)
	}
	if timeline := s.as("noor", "GET", "/incidents/"+id, "").body; !strings.Contains(timeline, "What went well: quick") || !strings.Contains(timeline, path) {
		t.Error("the timeline does not tell what the version said, or where the review is")
	}
	page := s.as("noor", "GET", path, "").body
	for _, want := range []string{"a driver &amp; &lt;b&gt;time&lt;/b&gt;", "Save as version 2", "Share it", "A1 is done", `value="2026-12-01"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := s.form(noor, "/incidents/"+id+"/share", ""); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	inc := s.load(id)
	m := inc.Messages[len(inc.Messages)-1]
	if inc.Review.State() != "shared" || m.To[0] != "mila@example.net" || !strings.Contains(m.Body, "a driver & <b>time</b>") || !strings.Contains(m.Body, "a newer kernel") {
		t.Errorf("%+v, %+v", inc.Review, m)
	}
	if got := s.form(s.signIn("noor"), "/incidents/"+id+"/done", "id=A1&words=rolled+out"); got.status != http.StatusSeeOther || len(s.load(id).Review.OpenActions()) != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for format, begins := range map[string]string{"md": "# Review of", "pdf": "%PDF-", "html": "<!doctype html>", "json": `{"incident":"` + id} {
		if got := s.as("guest", "GET", "/api/incidents/"+id+"/review?format="+format, ""); got.status != http.StatusOK || !strings.HasPrefix(got.body, begins) {
			t.Errorf("%s: %d %.80q", format, got.status, got.body)
		}
	}
	if got := s.as("mila", "POST", "/api/incidents/"+id+"/review", `{"version":1,"causes":"a bad driver"}`); got.status != http.StatusOK || s.load(id).Review.State() != "draft" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestNIS2IsOfferedOnlyWhereItIsConfigured(t *testing.T) {
	s := newSite(t)
	id := s.closed()
	if got := s.as("mila", "POST", "/api/incidents/"+id+"/significant", `{"is":true,"why":"a whole site"}`); got.status != http.StatusConflict {
		t.Errorf("off: %d", got.status)
	}
	s.config.NIS2 = true
	s.config.Zone, _ = time.LoadLocation("Europe/Amsterdam")
	mila := s.signIn("mila")
	if got := s.form(mila, "/incidents/"+id+"/significant", "is=yes&why=a+whole+site&aware=2026-11-23T03:30"); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if aware := s.load(id).Duty.Aware.UTC().Format(time.RFC3339); aware != "2026-11-23T02:30:00Z" {
		t.Errorf("aware since %s", aware)
	}
	if page := s.as("mila", "GET", "/incidents/"+id+"/review", "").body; !strings.Contains(page, "due by 2026-11-24 03:30 CET") || !strings.Contains(page, "article 23") {
		t.Error("the page has no clocks")
	}
	if got := s.form(mila, "/incidents/"+id+"/duty", "stage=early-warning&reference=NCSC-7"); got.status != http.StatusSeeOther || len(s.load(id).Duty.Missing()) != 2 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Records of the calendar are no trouble: no board and no list shows them. [5.3]
func TestTheYearlyEvaluationStandsAmongTheReportsAndNotOnTheBoard(t *testing.T) {
	s := newSite(t)
	inc, err := s.store.Create(t.Context(), incident.Event{Actor: incident.Piket, Payload: incident.Opened{
		Title: "Yearly evaluation of the incident policy, 2025", Subject: incident.Subject{Kind: "policy", Name: "year/2025"}}})
	if err != nil {
		t.Fatal(err)
	}
	if board := s.as("mila", "GET", "/", "").body + s.as("mila", "GET", "/api/incidents", "").body; strings.Contains(board, "Yearly evaluation") {
		t.Error("it stands on the board")
	}
	if page := s.as("mila", "GET", "/reports", "").body; !strings.Contains(page, "Yearly evaluation") || !strings.Contains(page, "/evaluate") {
		t.Error("it does not stand among the reports")
	}
	if page := s.as("sam", "GET", "/reports", "").body; strings.Contains(page, "/evaluate") {
		t.Error("support is offered to close it")
	}
	if got := s.form(s.signIn("mila"), "/incidents/"+inc.ID+"/evaluate", "words=updates+every+20+minutes"); got.status != http.StatusSeeOther || s.load(inc.ID).Status != incident.Finished {
		t.Errorf("%d %s", got.status, got.body)
	}
}
