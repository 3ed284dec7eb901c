package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/web"
)

// guests is a site that gives out links, with an incident whose customers are
// asked whether everything works.
type guests struct {
	*site
	id  string
	key signed.Key
}

func newGuests(t *testing.T) *guests {
	t.Helper()
	g := &guests{key: signed.NewKey()}
	g.site = newSite(t, func(s *web.Server) { s.Links = g.key })
	g.id = g.unreachable()
	g.happen(g.id,
		incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "bakery", To: []string{"it@bakery.example.net"}},
		incident.GoalSeen{Holds: true}, incident.Restored{How: "it answers"},
		incident.MessageQueued{Message: "M2", Purpose: "restored", Customer: "bakery", To: []string{"it@bakery.example.net"}},
		incident.ClosureChecked{Passed: true},
		incident.ConfirmationAsked{Customers: []string{"bakery"}, Needs: incident.ConfirmedByAll, GiveUpAt: start.Add(72 * time.Hour)})
	return g
}

func (g *guests) link(purpose, party string, expires time.Time) string {
	return g.key.Sign(signed.Link{Purpose: purpose, Incident: g.id, Party: party, Expires: expires}.Path())
}

func (g *guests) confirmLink() string {
	return g.link(desk.ConfirmLink, "bakery", start.Add(time.Hour))
}

func TestALinkScannersVisitsChangeNothing(t *testing.T) { // [6.6]
	g := newGuests(t)
	before := g.load(g.id).Version
	for _, purpose := range []string{desk.ConfirmLink, desk.FeedbackLink} {
		link := g.link(purpose, "bakery", start.Add(time.Hour))
		for _, path := range []string{link, link + "?answer=no&score=1", link + "?answer=yes"} {
			for _, method := range []string{"GET", "HEAD", "GET"} {
				if answer := g.ask(method, path, "answer=no&score=1"); answer.status != http.StatusOK {
					t.Errorf("%s %s: %d", method, path, answer.status)
				}
			}
		}
	}
	if after := g.load(g.id).Version; after != before {
		t.Errorf("the timeline grew from %d to %d", before, after)
	}
}

func TestACustomerSaysYesBehindTheirLink(t *testing.T) { // [6.6]
	g := newGuests(t)
	if page := g.ask("GET", g.confirmLink(), "").body; !strings.Contains(page, "Does everything work for you, too?") || !strings.Contains(page, "The Bakery") ||
		strings.Contains(page, "web-07") || strings.Contains(page, "noor") {
		t.Errorf("the page is\n%s", page)
	}
	answer := g.form("", g.confirmLink(), "answer=yes&words=all+%3Cb%3Efine%3C%2Fb%3E")
	if answer.status != http.StatusSeeOther || answer.header.Get("Location") != g.confirmLink() {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if page := g.ask("GET", g.confirmLink(), "").body; !strings.Contains(page, "You said that everything works") || strings.Contains(page, "<b>fine") {
		t.Errorf("the page is\n%s", page)
	}
	g.form("", g.confirmLink(), "answer=yes&words=all+%3Cb%3Efine%3C%2Fb%3E") // pressed twice
	events, err := g.store.Events(t.Context(), g.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if last := events[len(events)-1]; last.Actor != "customer:bakery" || g.count(g.id, "customer_answered") != 1 {
		t.Errorf("%d answers, by %s", g.count(g.id, "customer_answered"), last.Actor)
	}
	closed := g.as("mila", "POST", "/api/incidents/"+g.id+"/close", `{"cause":"c","solution":"s","prevention":"p"}`)
	if closed.status != 200 {
		t.Errorf("a manager closes it: %d %s", closed.status, closed.body)
	}
}

func TestACustomersNoReopensWithTheirWords(t *testing.T) { // [6.6]
	g := newGuests(t)
	if answer := g.form("", g.confirmLink(), "answer=no&words=the+till"); answer.status != http.StatusSeeOther {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if inc := g.load(g.id); inc.Status != incident.Open || len(inc.Complaints()) != 1 || inc.Complaints()[0].Words != "the till" {
		t.Fatalf("it is %s, %+v", inc.Status, inc.Complaints())
	}
	if page := g.ask("GET", g.confirmLink(), "").body; !strings.Contains(page, "engineer on duty has been called") || !strings.Contains(page, "the till") {
		t.Errorf("the page is\n%s", page)
	}
	if page := g.ask("GET", g.confirmLink(), "").body; strings.Contains(page, "has not answered") || !strings.Contains(page, "answers, and is not all well") {
		t.Errorf("the page says what no check has seen:\n%s", page)
	}
	board := g.ask("GET", "/incidents/"+g.id, "", "Cookie", g.signIn("noor")).body
	if !strings.Contains(board, "the till") || !strings.Contains(board, `action="/incidents/`+g.id+`/settle"`) {
		t.Errorf("the incident's page does not offer to settle it")
	}
	if answer := g.as("noor", "POST", "/api/incidents/"+g.id+"/settle", `{"customer":"bakery","words":"their switch was off"}`); answer.status != 200 {
		t.Errorf("settle: %d %s", answer.status, answer.body)
	}
}

func TestANoAfterClosingIsOneIncidentOfItsOwn(t *testing.T) { // [6.6]
	g := newGuests(t)
	g.happen(g.id, incident.Closed{By: "noor"})
	for range 3 {
		if answer := g.form("", g.confirmLink(), "answer=no&words=again"); answer.status != 200 || !strings.Contains(answer.body, "INC-2026-0002") {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
	}
	if _, err := g.store.Load(t.Context(), "INC-2026-0003"); err == nil || g.load(g.id).Status != incident.Finished {
		t.Error("there are more, or the closed one is open again")
	}
	if title := g.load("INC-2026-0002").Title; !strings.Contains(title, "bakery says that not everything works") {
		t.Errorf("it is called %q", title)
	}
}

func TestForgedAndExpiredLinksOpenNothingAndSayNothing(t *testing.T) { // [6.6]
	g := newGuests(t)
	good := g.confirmLink()
	other := signed.NewKey().Sign(signed.Link{Purpose: "confirm", Incident: g.id, Party: "bakery", Expires: start.Add(time.Hour)}.Path())
	before := g.load(g.id).Version
	bodies := map[string]bool{}
	for name, path := range map[string]string{
		"expired": g.link("confirm", "bakery", start), "another key": other, "another purpose": strings.Replace(good, "/confirm/", "/feedback/", 1),
		"another customer": strings.Replace(good, "/bakery/", "/clinic/", 1),
	} {
		for _, method := range []string{"GET", "POST"} {
			s := g.ask(method, path, "answer=no", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
			bodies[s.body] = true
			if s.status != http.StatusNotFound && s.status != http.StatusTooManyRequests {
				t.Errorf("%s %s: %d", method, name, s.status)
			}
		}
	}
	if len(bodies) != 1 || g.load(g.id).Version != before {
		t.Errorf("%d different pages, version %d after %d", len(bodies), g.load(g.id).Version, before)
	}
	for body := range bodies {
		if strings.Contains(body, "INC-") || strings.Contains(body, "bakery") {
			t.Errorf("it says\n%s", body)
		}
	}
	if again := g.ask("GET", other, ""); again.status != http.StatusTooManyRequests || again.header.Get("Retry-After") == "" {
		t.Errorf("after eight wrong ones: %d", again.status)
	}
	g.forward(6 * time.Minute)
	if again := g.ask("GET", other, ""); again.status != http.StatusNotFound {
		t.Errorf("after a while: %d", again.status)
	}
}

// Customers may share an address: an office, a telephone company, a proxy.
func TestWhatOthersAtAnAddressTryKeepsNobodyWithALinkOut(t *testing.T) { // [6.6]
	g := newGuests(t)
	good := g.confirmLink()
	for range 60 {
		g.ask("GET", strings.Replace(good, "/bakery/", "/clinic/", 1), "")
	}
	if answer := g.ask("GET", good, ""); answer.status != http.StatusOK {
		t.Fatalf("who has a link is answered %d", answer.status)
	}
	other := g.link("confirm", "bakery", start.Add(2*time.Hour))
	for n := range 100 {
		if answer := g.ask("GET", other, ""); answer.status != http.StatusOK {
			t.Fatalf("visit %d: %d", n, answer.status)
		}
	}
	if answer := g.ask("GET", other, ""); answer.status != http.StatusTooManyRequests || answer.header.Get("Retry-After") == "" {
		t.Errorf("the same link for the hundred and first time: %d", answer.status)
	}
	if answer := g.ask("GET", good, ""); answer.status != http.StatusOK {
		t.Errorf("another link meanwhile: %d", answer.status)
	}
}

func TestWhatIsNeitherYesNorNoChangesNothing(t *testing.T) {
	g := newGuests(t)
	before := g.load(g.id).Version
	for _, fields := range []string{"", "answer=", "answer=maybe", "words=no"} {
		if answer := g.form("", g.confirmLink(), fields); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", fields, answer.status)
		}
	}
	evil := g.ask("POST", g.confirmLink(), "answer=no", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	if evil.status != http.StatusForbidden || g.load(g.id).Version != before {
		t.Errorf("from another site: %d, version %d", evil.status, g.load(g.id).Version)
	}
}

func TestFeedbackIsTakenAndReplaced(t *testing.T) { // [2.5]
	g := newGuests(t)
	link := g.link(desk.FeedbackLink, "bakery", start.Add(30*24*time.Hour))
	g.form("", link, "score=5") // not closed yet
	g.happen(g.id, incident.Closed{By: "noor"})
	for _, wrong := range []string{"score=0", "score=6", "score=x", ""} {
		if answer := g.form("", link, wrong); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", wrong, answer.status)
		}
	}
	for _, score := range []string{"2", "4"} {
		if answer := g.form("", link, "score="+score+"&words=quick"); answer.status != http.StatusSeeOther {
			t.Errorf("%d %s", answer.status, answer.body)
		}
	}
	if got := g.load(g.id).Confirmation.Feedback["bakery"]; got.Score != 4 || g.count(g.id, "feedback") != 2 {
		t.Errorf("kept %+v of %d", got, g.count(g.id, "feedback"))
	}
	if page := g.ask("GET", link, "").body; !strings.Contains(page, `value="4" required checked`) {
		t.Errorf("the page is\n%s", page)
	}
}

func TestTwoPeopleTakingOneCallHearWhoHasIt(t *testing.T) { // [3.1]
	s := newSite(t)
	id := s.unreachable()
	s.happen(id, incident.CallTask{Task: "T1", Purpose: "first", Customer: "bakery", Telephone: "555 0142", Script: "w", Due: start})
	path := "/api/incidents/" + id
	if answer := s.as("sam", "POST", path+"/take", `{"task":"T1"}`); answer.status != 200 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	second := s.as("noor", "POST", path+"/take", `{"task":"T1"}`)
	if second.status != http.StatusConflict || !strings.Contains(second.body, "sam has had it since 03:00:00 UTC") {
		t.Errorf("the second: %d %s", second.status, second.body)
	}
	if page := s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn("noor")).body; !strings.Contains(page, "<b>sam</b> telephones now") || strings.Contains(page, `value="voicemail"`) {
		t.Error("the page of the other offers the call")
	}
	s.forward(11 * time.Minute)
	if answer := s.as("noor", "POST", path+"/take", `{"task":"T1"}`); answer.status != 200 {
		t.Errorf("after ten minutes: %d %s", answer.status, answer.body)
	}
}

func TestPeopleJudgeAnew(t *testing.T) { // [2.2]
	s := newSite(t)
	id := s.unreachable()
	for who, want := range map[string]int{"sam": 200, "guest": 403} {
		answer := s.as(who, "POST", "/api/incidents/"+id+"/classify", `{"impact":"high","urgency":"low","reason":"there is a second server"}`)
		if answer.status != want {
			t.Errorf("%s: %d %s", who, answer.status, answer.body)
		}
	}
	if inc := s.load(id); inc.Priority != incident.P2 || inc.JudgedBy != "sam" {
		t.Errorf("it is %s, judged by %q", inc.Priority, inc.JudgedBy)
	}
	answer := s.form(s.signIn("mila"), "/incidents/"+id+"/classify", "impact=high&urgency=low&priority=P1&reason=the+minister+calls")
	events, err := s.store.Events(t.Context(), id, 0)
	if err != nil || answer.status != http.StatusSeeOther {
		t.Fatalf("%d, %v", answer.status, err)
	}
	if text := events[len(events)-1].Payload.Text(); !strings.Contains(text, "override") || !strings.Contains(text, "Before: P2, impact high, urgency low.") {
		t.Errorf("the timeline says %q", text)
	}
}

func TestAReportSaysHowBadItIsInPlainWords(t *testing.T) { // [2.2]
	s := newSite(t)
	for n, c := range []struct {
		body string
		want incident.Priority
	}{
		{`{"summary":"the till","impact":"high","urgency":"high"}`, incident.P1},
		{`{"summary":"a typo","impact":"low","urgency":"low"}`, incident.P4},
		{`{"summary":"nobody asked"}`, incident.P3},
		{`{"server":"web-07","summary":"all gone","unreachable":true,"impact":"low","urgency":"low"}`, incident.P1}, // its runbook knows better
	} {
		s.forward(time.Second)
		if answer := s.as("sam", "POST", "/api/incidents", c.body); answer.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", c.body, answer.status, answer.body)
		}
		if got := s.load(fmt.Sprintf("INC-2026-%04d", n+1)).Priority; got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
	for _, body := range []string{`{"summary":"x","impact":"high"}`, `{"summary":"x","impact":"huge","urgency":"low"}`} {
		if answer := s.as("sam", "POST", "/api/incidents", body); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", body, answer.status)
		}
	}
	page := s.ask("GET", "/report", "", "Cookie", s.signIn("sam")).body
	if !strings.Contains(page, "Can they work meanwhile?") || !strings.Contains(page, "How far does it hurt?") {
		t.Error("the form does not ask")
	}
}

func TestAnUpdateIsLetGoFromThePage(t *testing.T) { // [4.3]
	s := newSite(t)
	id := s.unreachable()
	s.happen(id, incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "bakery"})
	s.forward(time.Minute)
	draft := incident.UpdateDrafted{Draft: "D1", Customers: []string{"bakery"}, Texts: map[string]string{"en": "Dear baker"}, Due: s.clock.Now(), Until: s.clock.Now().Add(5 * time.Minute)}
	s.happen(id, draft)
	page := s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn("mila")).body
	if !strings.Contains(page, "Dear baker") || !strings.Contains(page, "/nod") {
		t.Error("the page does not show it")
	}
	if answer := s.as("sam", "POST", "/api/incidents/"+id+"/nod", `{"draft":"D1"}`); answer.status != http.StatusForbidden {
		t.Errorf("by support: %d", answer.status)
	}
	fields := url.Values{"draft": {"D1"}, "words": {"we are sorry"}}.Encode()
	if answer := s.form(s.signIn("mila"), "/incidents/"+id+"/nod", fields); answer.status != http.StatusSeeOther || s.load(id).Draft.Words != "we are sorry" {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}
