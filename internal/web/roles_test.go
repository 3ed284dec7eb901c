package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRolesAreShownAndChangedWithAClick(t *testing.T) { // [4.1–4.3]
	s := newSite(t)
	id := s.unreachable()
	mila := s.signIn("mila")
	page := s.ask("GET", "/incidents/"+id, "", "Cookie", mila).body
	for _, want := range []string{"incident manager", "mila", "by rule", "communications manager", "technical specialist", "nobody yet", `action="/incidents/` + id + `/assign"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if answer := s.form(mila, "/incidents/"+id+"/assign", "role=manager&to=noor"); answer.status != http.StatusSeeOther {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	if answer := s.as("noor", "POST", "/api/incidents/"+id+"/assign", `{"role":"specialist","to":"omar"}`); answer.status != http.StatusOK || !strings.Contains(answer.body, `"roles":{"manager":"noor","specialists":["omar"]}`) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if inc := s.load(id); inc.Cast.Manager != "noor" || !slices.Equal(inc.Specialists(), []string{"omar"}) {
		t.Errorf("%+v", inc.Cast)
	}
	page = s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn("noor")).body
	for _, want := range []string{"noor is incident manager, says mila.", `action="/incidents/` + id + `/release"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if answer := s.form(s.signIn("noor"), "/incidents/"+id+"/release", "role=specialist&to=omar"); answer.status != http.StatusSeeOther || len(s.load(id).Specialists()) > 0 {
		t.Errorf("%d, and it has %q", answer.status, s.load(id).Specialists())
	}
}

func TestWhoMayGiveNoRoleIsOfferedNone(t *testing.T) { // [4.1–4.3]
	s := newSite(t)
	id := s.unreachable()
	before := s.load(id).Version
	for _, name := range []string{"sam", "guest"} {
		if page := s.ask("GET", "/incidents/"+id, "", "Cookie", s.signIn(name)).body; strings.Contains(page, "/assign") || !strings.Contains(page, "incident manager") {
			t.Errorf("%s is offered to change roles, or does not see them", name)
		}
		if answer := s.as(name, "POST", "/api/incidents/"+id+"/assign", `{"role":"manager","to":"mila"}`); answer.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, answer.status)
		}
	}
	if s.load(id).Version != before {
		t.Error("something was written down")
	}
}
