package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/web"
)

func credentials(name, password, next string) string {
	return url.Values{"name": {name}, "password": {password}, "next": {next}}.Encode()
}

func TestSignInNeedsTheNameAndItsPassword(t *testing.T) {
	s := newSite(t)
	cases := []struct {
		name, password string
		want           int
	}{
		{"noor", passwordOf("noor"), 303},
		{"noor", passwordOf("sam"), 401},
		{"noor", "", 401},
		{"nobody", passwordOf("nobody"), 401},
		{"nobody", "nobody", 401},
		{"", "", 401},
	}
	for _, c := range cases {
		answer := s.form("", "/sign-in", credentials(c.name, c.password, ""))
		if answer.status != c.want || (answer.header.Get("Set-Cookie") != "") != (c.want == 303) {
			t.Errorf("%q with %q: answered %d, cookie %q", c.name, c.password, answer.status, answer.header.Get("Set-Cookie"))
		}
	}
}

func TestSignInSaysTheSameOfAWrongNameAndAWrongPassword(t *testing.T) {
	s := newSite(t)
	wrongName := s.form("", "/sign-in", credentials("xxxx", "x", ""))
	wrongPassword := s.form("", "/sign-in", credentials("noor", "x", ""))
	if strings.ReplaceAll(wrongName.body, "xxxx", "noor") != wrongPassword.body {
		t.Error("the pages tell which names exist")
	}
}

func TestTheCookieIsOutOfReachOfScriptsAndOfOtherSites(t *testing.T) {
	s := newSite(t)
	sign := func() string {
		return s.form("", "/sign-in", credentials("noor", passwordOf("noor"), "")).header.Get("Set-Cookie")
	}
	plain := sign()
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is without %s", plain, want)
		}
	}
	if strings.Contains(plain, "Secure") {
		t.Error("a cookie for https only, on http: nobody could sign in")
	}
	s.config = web.Config{ExternalURL: "https://piket.example.net"}
	if secure := sign(); !strings.Contains(secure, "Secure") {
		t.Errorf("%q is without Secure behind https", secure)
	}
}

func TestASessionEndsWithItsTimeAndWithSigningOut(t *testing.T) {
	s := newSite(t)
	s.config.SessionTTL = time.Hour
	first, second := s.signIn("noor"), s.signIn("noor")
	if s.form(first, "/sign-out", "").status != http.StatusSeeOther {
		t.Fatal("signing out")
	}
	if answer := s.ask("GET", "/", "", "Cookie", first); answer.status != http.StatusSeeOther {
		t.Errorf("signed out, and in: %d", answer.status)
	}
	if answer := s.ask("GET", "/", "", "Cookie", second); answer.status != http.StatusOK {
		t.Errorf("signing out one session ended another: %d", answer.status)
	}
	s.forward(time.Hour)
	if answer := s.ask("GET", "/", "", "Cookie", second); answer.status != http.StatusSeeOther {
		t.Errorf("over, and in: %d", answer.status)
	}
}

func TestGuessingIsSlowedForTheNameAndNotForOthers(t *testing.T) {
	s := newSite(t)
	for n := range 5 {
		if answer := s.form("", "/sign-in", credentials("noor", fmt.Sprint(n), "")); answer.status != http.StatusUnauthorized {
			t.Fatalf("guess %d: answered %d", n, answer.status)
		}
	}
	answer := s.form("", "/sign-in", credentials("noor", passwordOf("noor"), ""))
	if answer.status != http.StatusTooManyRequests || answer.header.Get("Retry-After") == "" {
		t.Fatalf("guess 6: answered %d", answer.status)
	}
	s.signIn("sam")
	s.forward(5 * time.Minute)
	s.signIn("noor")
}

func TestSignInLeadsBackToWhereOneWasGoingAndNeverElsewhere(t *testing.T) {
	s := newSite(t)
	if to := s.ask("GET", "/incidents/INC-2026-0001", "").header.Get("Location"); to != "/sign-in?next=/incidents/INC-2026-0001" {
		t.Errorf("sent to %q", to)
	}
	for next, want := range map[string]string{
		"/incidents/INC-2026-0001": "/incidents/INC-2026-0001",
		"":                         "/",
		"https://evil.example.net": "/",
		"//evil.example.net":       "/",
		"/\\evil.example.net":      "/",
		"/\t/evil.example.net":     "/",
		"javascript:alert(1)":      "/",
	} {
		answer := s.form("", "/sign-in", credentials("noor", passwordOf("noor"), next))
		if got := answer.header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
}

func TestInTheDemoEverybodyIsSomebodyAndMayBecomeAnother(t *testing.T) {
	s := newSite(t, func(server *web.Server) { server.SignInAs = "noor" })
	if page := s.ask("GET", "/", ""); page.status != 200 || !strings.Contains(page.body, `action="/become"`) {
		t.Fatalf("answered %d without a switcher", page.status)
	}
	answer := s.form("", "/become", "name=sam&next=/")
	cookie, _, _ := strings.Cut(answer.header.Get("Set-Cookie"), ";")
	if answer.status != http.StatusSeeOther || cookie == "" {
		t.Fatalf("become: %d", answer.status)
	}
	if got := s.form(cookie, "/freeze", "reason=x"); got.status != http.StatusForbidden {
		t.Errorf("as support, freeze: answered %d", got.status)
	}
	if got := s.ask("GET", "/", "", "Authorization", "Bearer wrong"); got.status == 200 {
		t.Error("a wrong token counts as a visitor of the demo")
	}
}

func TestOutsideTheDemoNobodyBecomesAnother(t *testing.T) {
	s := newSite(t)
	if answer := s.form(s.signIn("sam"), "/become", "name=noor"); answer.status != http.StatusNotFound || answer.header.Get("Set-Cookie") != "" {
		t.Errorf("answered %d %q", answer.status, answer.header.Get("Set-Cookie"))
	}
}
