package web_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/web"
)

// [5.1] Who leads begins and ends drills; the board says what they are, and lists
// them apart.
func TestADrillIsBegunShownApartAndEnded(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		who, body string
		want      int
	}{
		{"sam", `{"server":"web-07","story":"server-hangs"}`, 403},
		{"noor", `{"server":"web-99","story":"server-hangs"}`, 422},
		{"noor", `{"server":"web-07","story":"earthquake"}`, 422},
		{"noor", `{"server":"web-07","story":"server-hangs","lasts":"25h"}`, 422},
		{"noor", `{"server":"web-07","story":"server-hangs","lasts":"soon"}`, 422},
		{"noor", `{"server":"web-07","story":"server-hangs","lasts":"2h"}`, 201},
		{"noor", `{"server":"web-07","story":"server-hangs"}`, 409}, // one is under way
	} {
		if got := s.as(c.who, "POST", "/api/v1/drills", c.body); got.status != c.want {
			t.Errorf("%s %s: %d %s", c.who, c.body, got.status, got.body)
		}
	}
	var list struct {
		Drills []struct{ ID, Subject string }
	}
	if answer := s.as("sam", "GET", "/api/v1/drills?ongoing=true", ""); json.Unmarshal([]byte(answer.body), &list) != nil || len(list.Drills) != 1 || list.Drills[0].Subject != "drill:web-07" {
		t.Fatalf("listed are %+v", list)
	}
	id := list.Drills[0].ID
	if inc := s.load(id); inc.Drill.By != "noor" || inc.Drill.Until.Sub(inc.OpenedAt) != 2*time.Hour || inc.Drill.Customers {
		t.Errorf("it is %+v", inc.Drill)
	}
	board := s.as("noor", "GET", "/", "").body
	if !strings.Contains(board, "Drills: nothing is wrong") || !strings.Contains(board, "Nothing is open.") {
		t.Error("the board takes it for trouble, or does not show it")
	}
	if page := s.as("noor", "GET", "/incidents/"+id, "").body; !strings.Contains(page, "<strong>DRILL.</strong>") || !strings.Contains(page, "End the drill") {
		t.Error("its page does not say that it is one")
	}
	s.question(id)
	if page := s.as("noor", "GET", "/incidents/"+id, "").body; !strings.Contains(page, "DRILL it does not answer") {
		t.Errorf("the question does not say that it is of a drill")
	}
	if got := s.as("sam", "POST", "/api/incidents/"+id+"/stop", ""); got.status != 403 {
		t.Errorf("sam ends it: %d", got.status)
	}
	if got := s.as("noor", "POST", "/api/incidents/"+id+"/stop", ""); got.status != 200 || s.load(id).Ongoing() {
		t.Errorf("noor ends it: %d %s", got.status, got.body)
	}
	real := s.unreachable()
	if got := s.as("noor", "POST", "/api/incidents/"+real+"/stop", ""); got.status != 409 || !s.load(real).Ongoing() {
		t.Errorf("real trouble is ended as a drill: %d", got.status)
	}
	if got := s.as("noor", "POST", "/api/v1/drills", `{"server":"web-07","story":"server-hangs"}`); got.status != 409 {
		t.Errorf("a drill on a server in real trouble: %d %s", got.status, got.body)
	}
}

// [5.1] Whoever plays the customer after a drill is over reports nothing real.
func TestANoAfterADrillOpensNothing(t *testing.T) {
	key := signed.NewKey()
	s := newSite(t, func(server *web.Server) { server.Links = key })
	if got := s.as("noor", "POST", "/api/v1/drills", `{"server":"web-07","story":"server-hangs"}`); got.status != 201 {
		t.Fatal(got.body)
	}
	var list struct{ Drills []struct{ ID string } }
	_ = json.Unmarshal([]byte(s.as("noor", "GET", "/api/v1/drills", "").body), &list)
	id := list.Drills[0].ID
	s.happen(id, incident.MessageQueued{Message: "M1", Purpose: "first", Customer: "bakery"}, incident.Restored{How: "it answers"}, incident.Closed{By: "noor"})
	link := signed.Link{Purpose: desk.ConfirmLink, Incident: id, Party: "bakery", Expires: start.Add(time.Hour)}
	if answer := s.form("", key.Sign(link.Path()), "answer=no&words=still+down"); answer.status >= 400 {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	if open := s.as("noor", "GET", "/api/incidents?ongoing=true", "").body; !strings.Contains(open, `"incidents":null`) && !strings.Contains(open, `"incidents":[]`) {
		t.Errorf("in earnest there is %s", open)
	}
}
