package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/push/pushtest"
	"github.com/spinware/piket/internal/web"
)

// withPush lets browsers hear of pages.
func withPush(t *testing.T) (s *site, book *push.Book, browser *pushtest.Browser) {
	t.Helper()
	key := push.NewKey()
	s = newSite(t, func(server *web.Server) {
		browser = pushtest.New(t, server.Clock.Now)
		config := push.Config{Services: []string{browser.Host()}, CAFile: browser.CAFile(t.TempDir())}
		book = &push.Book{Store: server.Store, Clock: server.Clock, Source: func() *inventory.Inventory { return server.Inventory() }, Log: server.Log,
			Sender: func() push.Sender { return push.Sender{Config: config, Key: key} }}
		server.Push = book
	})
	return s, book, browser
}

func said(t *testing.T, b *pushtest.Browser, change func(map[string]string)) string {
	t.Helper()
	to := b.Subscription()
	body := map[string]string{"name": "telephone", "endpoint": to.Endpoint, "key": to.Key, "auth": to.Auth}
	if change != nil {
		change(body)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// takeBack is the form of the page.
func takeBack(s *site, person, device string) reply {
	return s.ask("POST", "/me/devices/remove", "device="+device, "Authorization", "Bearer "+tokenOf(person), "Content-Type", "application/x-www-form-urlencoded")
}

func TestABrowserIsSubscribedOnceAndTakenBack(t *testing.T) {
	s, book, browser := withPush(t)
	if page := s.as("noor", "GET", "/me", "").body; !strings.Contains(page, "No browser of yours") || !strings.Contains(page, `data-key="`+book.Sender().Key.Public()) {
		t.Errorf("the page shows\n%s", page)
	}
	for range 2 {
		if answer := s.as("noor", "POST", "/api/v1/me/devices", said(t, browser, nil)); answer.status != http.StatusOK {
			t.Fatalf("answered %d %s", answer.status, answer.body)
		}
	}
	record, err := book.Load(t.Context(), "noor")
	if err != nil || len(record.Devices) != 1 || !book.Wants("noor") || book.Wants("omar") {
		t.Fatalf("got %+v, %v", record, err)
	}
	if err := book.Sender().Send(t.Context(), record.Devices[0], push.Note{Title: "t"}, s.clock.Now()); err != nil || len(browser.Notes()) != 1 {
		t.Errorf("%v, it was shown %q", err, browser.Notes())
	}
	page := s.as("noor", "GET", "/me", "").body
	if !strings.Contains(page, "telephone") || strings.Contains(page, record.Devices[0].Endpoint) {
		t.Errorf("the page shows\n%s", page)
	}
	if board := s.as("noor", "GET", "/", "").body; strings.Contains(board, record.ID) {
		t.Error("the record stands among the incidents")
	}
	answer := takeBack(s, "noor", record.Devices[0].Device)
	if answer.status != http.StatusSeeOther || book.Wants("noor") {
		t.Errorf("answered %d %s", answer.status, answer.body)
	}
}

// An endpoint comes from a browser, and whoever is signed in could write it.
func TestNobodyHasPiketCallAnAddressOfTheirs(t *testing.T) {
	s, book, browser := withPush(t)
	for name, change := range map[string]func(map[string]string){
		"another host": func(b map[string]string) { b["endpoint"] = "https://intranet.example.net/x" },
		"metadata":     func(b map[string]string) { b["endpoint"] = "https://169.254.169.254/latest" },
		"http":         func(b map[string]string) { b["endpoint"] = strings.Replace(b["endpoint"], "https", "http", 1) },
		"a wrong key":  func(b map[string]string) { b["key"] = "AAAA" },
		"no secret":    func(b map[string]string) { b["auth"] = "" },
	} {
		if answer := s.as("noor", "POST", "/api/v1/me/devices", said(t, browser, change)); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d %s", name, answer.status, answer.body)
		}
	}
	if record, err := book.Load(t.Context(), "noor"); err != nil || record != nil && len(record.Devices) != 0 {
		t.Errorf("got %+v, %v", record, err)
	}
}

func TestOnePersonHasTenBrowsersAtTheMostAndTakesBackOnlyTheirOwn(t *testing.T) {
	s, book, browser := withPush(t)
	for n := range 11 {
		answer := s.as("noor", "POST", "/api/v1/me/devices", said(t, browser, func(b map[string]string) { b["endpoint"] += strings.Repeat("x", n) }))
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnprocessableEntity}[n < 10]; answer.status != want {
			t.Errorf("browser %d: answered %d %s", n, answer.status, answer.body)
		}
	}
	record, err := book.Load(t.Context(), "noor")
	if err != nil {
		t.Fatal(err)
	}
	takeBack(s, "omar", record.Devices[0].Device)
	if again, err := book.Load(t.Context(), "noor"); err != nil || len(again.Devices) != 10 {
		t.Errorf("got %+v, %v", again, err)
	}
}

func TestAPageWithoutPushesSaysSo(t *testing.T) {
	s := newSite(t)
	if page := s.as("noor", "GET", "/me", "").body; !strings.Contains(page, "sends you no pushes") {
		t.Errorf("the page shows\n%s", page)
	}
	if answer := s.as("noor", "POST", "/api/v1/me/devices", "{}"); answer.status != http.StatusNotFound {
		t.Errorf("answered %d", answer.status)
	}
}
