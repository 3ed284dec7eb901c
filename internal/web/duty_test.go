package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/duty"
)

// dutyOf reads who is asked in the one team, and what was taken over.
func (s *site) dutyOf() (now string, covers []string) {
	s.t.Helper()
	var all struct {
		Teams []struct {
			Now    []string
			Covers []struct{ Cover, Person string }
		}
	}
	answer := s.as("guest", "GET", "/api/v1/duty", "")
	if err := json.Unmarshal([]byte(answer.body), &all); err != nil || answer.status != http.StatusOK || len(all.Teams) != 1 {
		s.t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	for _, c := range all.Teams[0].Covers {
		covers = append(covers, c.Cover+" "+c.Person)
	}
	return strings.Join(all.Teams[0].Now, " "), covers
}

// [2.3, 4] A shift is swapped on the page, by the API and the command line alike.
func TestAShiftIsTakenOverAndGivenBack(t *testing.T) {
	s := newSite(t)
	if now, covers := s.dutyOf(); now != "noor" || len(covers) > 0 {
		t.Fatalf("on duty: %s, taken over: %q", now, covers)
	}
	cookie := s.signIn("mila")
	if answer := s.form(cookie, "/duty/network-and-server/cover", "person=omar&from=2026-11-23T03:00&until=2026-11-23T09:00&why=a+swap"); answer.status != http.StatusSeeOther {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	now, covers := s.dutyOf()
	if now != "omar noor" || len(covers) != 1 {
		t.Fatalf("on duty: %s, taken over: %q", now, covers)
	}
	page := s.as("guest", "GET", "/duty", "").body
	for _, want := range []string{"<b>omar</b>, then noor", "Mon 23 Nov 09:00", "a swap", "said by mila"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<form method=\"post\" action=\"/duty") {
		t.Error("who may only read is offered a form")
	}
	id, _, _ := strings.Cut(covers[0], " ")
	if answer := s.as("noor", "POST", "/api/v1/duty/network-and-server/uncover", `{"cover":"`+id+`"}`); answer.status != http.StatusOK {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	if now, covers := s.dutyOf(); now != "noor" || len(covers) > 0 {
		t.Errorf("on duty: %s, taken over: %q", now, covers)
	}
	s.forward(7 * time.Hour)
	if answer := s.as("noor", "POST", "/api/v1/duty/network-and-server/cover", `{"person":"omar","from":"2026-11-23T03:00:00Z","until":"2026-11-23T11:00:00Z"}`); answer.status != http.StatusOK {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
	record, err := s.store.OpenFor(t.Context(), duty.Record("network-and-server"))
	if err != nil {
		t.Fatal(err)
	}
	inc, err := s.store.Load(t.Context(), record)
	if err != nil || len(inc.Covers) != 1 || inc.Covers[0].From.Before(s.clock.Now().Add(-time.Minute)) {
		t.Errorf("what is past was changed: %+v %v", inc.Covers, err)
	}
	if board := s.as("guest", "GET", "/", "").body; strings.Contains(board, record) {
		t.Error("the duty roster stands among the incidents")
	}
	if events, err := s.store.Events(t.Context(), record, 0); err != nil || len(events) != 6 {
		t.Errorf("%d events on one record (%v)", len(events), err)
	}
}

func TestNobodyTakesOverWhatIsNotTheirs(t *testing.T) {
	s := newSite(t)
	const until = `"until":"2026-11-23T09:00:00Z"`
	for name, c := range map[string]struct {
		who, team, body string
		status          int
		says            string
	}{
		"support does not say so":    {"sam", "network-and-server", `{"person":"omar",` + until + `}`, http.StatusForbidden, "engineer, manager"},
		"somebody of no team":        {"noor", "network-and-server", `{"person":"mila",` + until + `}`, http.StatusUnprocessableEntity, "a member of the team network-and-server"},
		"a team that is not there":   {"noor", "network", `{"person":"omar",` + until + `}`, http.StatusUnprocessableEntity, `no team \"network\"`},
		"no end":                     {"noor", "network-and-server", `{"person":"omar"}`, http.StatusUnprocessableEntity, "until when"},
		"an end that is past":        {"noor", "network-and-server", `{"person":"omar","until":"2026-11-22T09:00:00Z"}`, http.StatusUnprocessableEntity, "until when"},
		"a year":                     {"noor", "network-and-server", `{"person":"omar","until":"2027-11-22T09:00:00Z"}`, http.StatusUnprocessableEntity, "within 92 days"},
		"what was never taken over":  {"noor", "network-and-server/un", `{"cover":"INC-2026-0001/D9"}`, http.StatusConflict, "no cover"},
		"a key that nobody knows of": {"noor", "network-and-server", `{"persom":"omar"}`, http.StatusBadRequest, "persom"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/api/v1/duty/" + c.team + "/cover"
			if team, un := strings.CutSuffix(c.team, "/un"); un {
				path = "/api/v1/duty/" + team + "/uncover"
			}
			if answer := s.as(c.who, "POST", path, c.body); answer.status != c.status || !strings.Contains(answer.body, c.says) {
				t.Errorf("answered %d %s, want %d and %q", answer.status, answer.body, c.status, c.says)
			}
			if now, covers := s.dutyOf(); now != "noor" || len(covers) > 0 {
				t.Errorf("on duty: %s, taken over: %q", now, covers)
			}
		})
	}
}
