package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/web"
)

// door is one route with what to put in place of its wildcards.
func door(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, strings.NewReplacer("{$}", "", "{id}", "INC-2026-0001", "{file}", "app.css", "{name}", "cache-01").Replace(path)
}

func TestNobodyIsLetThroughADoorWithoutASignIn(t *testing.T) {
	s := newSite(t)
	s.unreachable()
	before := s.load("INC-2026-0001").Version
	for _, rt := range web.AllRoutes() {
		if rt.Open || rt.Sender {
			continue
		}
		method, path := door(rt.Pattern)
		for _, headers := range [][]string{
			nil,
			{"Authorization", "Bearer wrong"},
			{"Authorization", "Bearer " + senderToken},
			{"Cookie", "piket_session=guessed"},
		} {
			answer := s.ask(method, path, "{}", headers...)
			toSignIn := method == "GET" && answer.status == http.StatusSeeOther && strings.HasPrefix(answer.header.Get("Location"), "/sign-in")
			if answer.status != http.StatusUnauthorized && !toSignIn {
				t.Errorf("%s with %v: answered %d", rt.Pattern, headers, answer.status)
			}
			if strings.Contains(answer.body, "web-07") {
				t.Errorf("%s with %v: shows what only persons may see", rt.Pattern, headers)
			}
		}
	}
	if after := s.load("INC-2026-0001").Version; after != before {
		t.Errorf("the timeline grew from %d to %d", before, after)
	}
}

func TestEveryDoorOpensForItsCircleAndForNobodyElse(t *testing.T) {
	s := newSite(t)
	s.unreachable()
	for _, person := range s.server.Inventory().People {
		for _, rt := range web.AllRoutes() {
			method, path := door(rt.Pattern)
			if rt.Open || rt.Sender || strings.HasSuffix(path, "/stream") && rt.Admits(person) {
				continue // a stream that opens does not end; its own test follows it
			}
			answer := s.as(person.Name, method, path, "{}")
			if refused := answer.status == http.StatusForbidden; refused == rt.Admits(person) {
				t.Errorf("%s by %s: answered %d %s", rt.Pattern, person.Name, answer.status, answer.body)
			}
		}
	}
}

func TestOpenDoorsNeedNoSignIn(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]int{
		"/-/healthy": 200, "/-/ready": 200, "/metrics": 200, "/sign-in": 200,
		"/static/app.css": 200, "/static/app.js": 200, "/static/icons.svg": 200, "/static/logo.svg": 200,
		"/static/nothing": 404, "/static/..%2fserver.go": 404,
	} {
		if answer := s.ask("GET", path, ""); answer.status != want {
			t.Errorf("%s: answered %d, want %d", path, answer.status, want)
		}
	}
}

func TestAPersonWhoIsGoneFromTheInventoryIsOut(t *testing.T) {
	s := newSite(t)
	cookie := s.signIn("noor")
	if answer := s.ask("GET", "/", "", "Cookie", cookie); answer.status != 200 {
		t.Fatalf("answered %d", answer.status)
	}
	gone, err := inventory.New(inventory.Inventory{})
	if err != nil {
		t.Fatal(err)
	}
	s.server.Inventory = func() *inventory.Inventory { return gone }
	if answer := s.ask("GET", "/", "", "Cookie", cookie); answer.status != http.StatusSeeOther {
		t.Errorf("the session goes on: %d", answer.status)
	}
	if answer := s.as("noor", "GET", "/api/incidents", ""); answer.status != http.StatusUnauthorized {
		t.Errorf("the token goes on: %d", answer.status)
	}
}

func TestPagesCarryTheHeadersThatKeepOthersOut(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/sign-in", "/nothing", "/api/incidents", "/incidents/INC-2026-0009"} {
		h := s.as("noor", "GET", path, "").header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}

func TestWhatIsNotThereIsSaidInOurOwnWords(t *testing.T) {
	s := newSite(t)
	cases := []struct {
		method, path, allow string
		want                int
	}{
		{"GET", "/nothing", "", 404},
		{"GET", "/api/nothing", "", 404},
		{"DELETE", "/", "GET", 405},
		{"POST", "/api/incidents/INC-2026-0001", "GET", 405},
		{"GET", "/api/incidents/INC-2026-0001/approve", "POST", 405},
		{"GET", "/incidents/INC-2026-0001/approve", "POST", 405},
		{"GET", "/-/reload", "POST, PUT", 405},
		{"GET", "/sign-out", "POST", 405},
		{"GET", "/thaw", "POST", 405},
		{"PATCH", "/api/freeze", "GET, POST, DELETE", 405},
	}
	for _, c := range cases {
		answer := s.as("noor", c.method, c.path, "")
		if answer.status != c.want || answer.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: answered %d, allow %q", c.method, c.path, answer.status, answer.header.Get("Allow"))
		}
	}
}

func TestAFormOnAnotherSiteCannotPressOurButtons(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	asked := s.question(id)
	cookie := s.signIn("noor")
	fields := "approval=" + asked.Approval + "&plan_hash=" + asked.PlanHash
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example.net"},
		{"Origin", "null"},
	} {
		all := append([]string{"Cookie", cookie, "Content-Type", "application/x-www-form-urlencoded"}, headers...)
		for _, path := range []string{"/incidents/" + id + "/approve", "/freeze", "/sign-in", "/sign-out", "/api/incidents/" + id + "/approve"} {
			if answer := s.ask("POST", path, fields, all...); answer.status != http.StatusForbidden {
				t.Errorf("%s with %v: answered %d", path, headers, answer.status)
			}
		}
	}
	if n := s.count(id, "approved"); n != 0 {
		t.Fatalf("approved %d times from another site", n)
	}
	if answer := s.form(cookie, "/incidents/"+id+"/approve", fields); answer.status != http.StatusSeeOther || s.count(id, "approved") != 1 {
		t.Fatalf("our own button: answered %d %s", answer.status, answer.body)
	}
}
