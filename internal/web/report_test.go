package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/web"
)

// looked is what a look-up answers.
type looked struct {
	Customers []struct {
		Name      string
		Servers   []struct{ Name string }
		Incidents []struct {
			Incident string
			Since    time.Time `json:"known_since"`
			Next     time.Time `json:"next_word"`
		}
	}
}

func (s *site) lookUp(q string) looked {
	s.t.Helper()
	answer := s.as("sam", "GET", "/api/customers?q="+q, "")
	var k looked
	if err := json.Unmarshal([]byte(answer.body), &k); err != nil || answer.status != http.StatusOK {
		s.t.Fatalf("%q: %d %s", q, answer.status, answer.body)
	}
	return k
}

func TestWhoCallsIsFoundByWhateverTheySay(t *testing.T) { // [2.1, 6.1]
	s := newSite(t)
	for q, want := range map[string]bool{
		"bakery": true, "Bak": true, "THE+B": true, "555+0142": true, "5550142": true, "web-07": true, "it@bakery": true,
		"b": false, "": false, "butcher": false, "0142": true, "1": false, "%25": false, "web-08": false,
	} {
		k := s.lookUp(q)
		found := len(k.Customers) == 1 && k.Customers[0].Name == "bakery" && len(k.Customers[0].Servers) == 1 && k.Customers[0].Servers[0].Name == "web-07"
		if found != want {
			t.Errorf("%q finds %+v", q, k)
		}
	}
}

func TestWhatIsOpenIsSeenWhileTheNameIsTyped(t *testing.T) { // [2.1, 3.2, 6.1]
	s := newSite(t)
	if k := s.lookUp("bakery"); len(k.Customers[0].Incidents) > 0 {
		t.Fatalf("something is open: %+v", k)
	}
	id := s.unreachable()
	s.happen(id, incident.MessageQueued{Message: "M", Customer: "bakery", Purpose: "first", To: []string{"it@bakery.example.net"}})
	s.forward(10 * time.Minute)
	known := s.lookUp("bakery").Customers[0].Incidents
	if len(known) != 1 || known[0].Incident != id || !known[0].Since.Equal(start) || !known[0].Next.Equal(start.Add(30*time.Minute)) {
		t.Errorf("%+v", known)
	}
	// Without JavaScript the button does the same, and keeps what was written.
	page := s.ask("GET", "/report?customer=the+bakery&about=server+web-07&summary=the+till&contact=Jan&impact=high&unreachable=yes", "", "Cookie", s.signIn("sam")).body
	for _, want := range []string{"The Bakery", "555 0142", id + " is open", "We know since", "the next word comes", `value="server web-07" selected`, ">the till</textarea>", `value="Jan"`, `value="high" selected`, `value="yes" checked`} {
		if !strings.Contains(page, want) {
			t.Errorf("the form does not show %q", want)
		}
	}
	if s.count(id, "alert") != 1 {
		t.Error("a look-up reports something")
	}
}

func TestAReportAboutAServerThatIsKnownToBeDownJoinsAndSaysWhatToTell(t *testing.T) { // [2.1, 6.1]
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.config.Zone = amsterdam
	id := s.unreachable()
	s.happen(id, incident.MessageQueued{Message: "M", Customer: "bakery", Purpose: "first", To: []string{"it@bakery.example.net"}})
	s.forward(12 * time.Minute)
	cookie := s.signIn("sam")
	answer := s.form(cookie, "/report", "customer=bakery&of=server+web-07&summary=the+shop+is+gone")
	where := answer.header.Get("Location")
	if answer.status != http.StatusSeeOther || where != "/report/"+id+"?customer=bakery&joined=yes" {
		t.Fatalf("%d to %s %s", answer.status, where, answer.body)
	}
	page := s.ask("GET", where, "", "Cookie", cookie).body
	for _, want := range []string{"We knew already", "We know since 04:00.", "The next word comes at 04:30.", "Since 04:00 CET, shop does not answer.", "CET"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q: %s", want, page)
		}
	}
	var became struct {
		Incident, Tell string
		Joined         bool
	}
	s.forward(time.Second)
	api := s.as("sam", "POST", "/api/incidents", `{"server":"web-07","customer":"bakery","summary":"still gone"}`)
	if err := json.Unmarshal([]byte(api.body), &became); err != nil || !became.Joined || became.Incident != id || became.Tell != "We know since 04:00. It has the number "+id+". The next word comes at 04:30." {
		t.Errorf("%v: %s", err, api.body)
	}
	if s.count(id, "alert") != 3 {
		t.Errorf("%d alerts on the timeline", s.count(id, "alert"))
	}
}

func TestAReportByACustomerWithoutAServerIsTheirs(t *testing.T) { // [2.1, 3.1]
	s := newSite(t)
	answer := s.form(s.signIn("sam"), "/report", "customer=the+bakery&summary=mail+is+slow&impact=high&urgency=high")
	if answer.header.Get("Location") != "/report/INC-2026-0001?customer=bakery" {
		t.Fatalf("%d %s", answer.status, answer.header.Get("Location"))
	}
	inc := s.load("INC-2026-0001")
	if !slices.Equal(inc.Customers, []string{"bakery"}) || inc.Alerts[0].Annotations["contact"] != "555 0142" {
		t.Errorf("customers %q, %+v", inc.Customers, inc.Alerts[0].Annotations)
	}
	if known := s.lookUp("bakery").Customers[0].Incidents; len(known) != 1 {
		t.Errorf("the next caller hears of %+v", known)
	}
}

func TestWhoIsNoCustomerIsWrittenDownAsTheyWereTyped(t *testing.T) { // [2.1]
	s := newSite(t)
	s.form(s.signIn("sam"), "/report", "customer=a+neighbour&contact=555+0199&summary=smoke")
	if a := s.load("INC-2026-0001").Alerts[0].Annotations; a["contact"] != "a neighbour, 555 0199" || len(s.load("INC-2026-0001").Customers) > 0 {
		t.Errorf("%+v", a)
	}
	if answer := s.as("sam", "POST", "/api/incidents", `{"customer":"butcher","summary":"x"}`); answer.status != http.StatusUnprocessableEntity {
		t.Errorf("a customer who is none: %d", answer.status)
	}
}

func TestALookUpShowsFewAndSaysHowManyFit(t *testing.T) { // [2.1]
	s := newSite(t, func(w *web.Server) { w.Inventory = manyCustomers(t) })
	answer := s.as("sam", "GET", "/api/customers?q=shop", "")
	var k struct {
		Customers []struct{ Name string }
		More      int
	}
	if err := json.Unmarshal([]byte(answer.body), &k); err != nil || len(k.Customers) != 5 || k.More != 995 {
		t.Fatalf("%v: %d and %d more", err, len(k.Customers), k.More)
	}
	if k := s.lookUp("shop-77"); k.Customers[0].Name != "shop-77" {
		t.Errorf("who is called exactly so comes at %+v", k.Customers)
	}
}

func manyCustomers(t *testing.T) func() *inventory.Inventory {
	t.Helper()
	inv := inventory.Inventory{People: newInventory(t, t.TempDir()).People}
	for n := range 1000 {
		inv.Customers = append(inv.Customers, inventory.Customer{Name: fmt.Sprint("shop-", n)})
	}
	made, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	return func() *inventory.Inventory { return made }
}
