package duty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

// follower follows one calendar, and keeps what it tells.
type follower struct {
	*Followed
	t    *testing.T
	inv  *inventory.Inventory
	told []string
	away bool // the door is closed
}

func follow(t *testing.T, dir string, clk *clock.Clock, from inventory.ICal) *follower {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		People: []inventory.Person{{Name: "noor", Roles: []inventory.Role{inventory.Engineer}}, {Name: "daan", Roles: []inventory.Role{inventory.Engineer}}, {Name: "zoe"}},
		Teams:  []inventory.Team{{Name: "network", Members: []string{"noor", "daan"}, OnDuty: []string{"daan"}, Rotation: &inventory.Rotation{ICal: &from}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, inv: inv}
	f.Followed = &Followed{Clock: clk, Source: func() *inventory.Inventory { return inv }, Dir: dir, Log: slog.New(slog.DiscardHandler)}
	f.Receive = func(_ context.Context, batch []alerts.Alert, _ uint64) error {
		if f.away {
			return errors.New("the database is away")
		}
		for _, a := range batch {
			f.told = append(f.told, fmt.Sprintf("%s %s %s", a.Status, a.Labels["team"], a.Summary()))
		}
		return nil
	}
	return f
}

// asks reads the calendar and returns who is asked first now.
func (f *follower) asks() string {
	f.t.Helper()
	f.Refresh(f.t.Context())
	inv, _ := f.inv.On(f.Clock.Now(), f.Covers(f.inv.Teams[0]))
	return inv.OnDuty("network")[0].Name
}

func (f *follower) later(d time.Duration) {
	<-f.Clock.Go(func() { f.Clock.Wait(context.Background(), f.Clock.Now().Add(d), nil) })
}

// tells returns what was told since it was asked last.
func (f *follower) tells() string {
	told := strings.Join(f.told, "\n")
	f.told = nil
	return told
}

var monday = time.Date(2026, 3, 23, 12, 0, 0, 0, time.UTC)

const week = "DTSTART:20260323T080000Z | DTEND:20260330T080000Z"

func TestACalendarHoldsWhileItCannotBeReadAndAPersonIsCalledAfterADay(t *testing.T) { // [2.3]
	page, status := calendar(vevent(week+" | SUMMARY:noor")), http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(page)
	}))
	defer server.Close()
	dir, clk := filepath.Join(t.TempDir(), "calendars"), clock.Jumping(monday)
	f := follow(t, dir, clk, inventory.ICal{URL: server.URL})
	if who := f.asks(); who != "noor" || f.tells() != "" {
		t.Fatalf("%s is asked", who)
	}
	status = http.StatusInternalServerError
	f.later(23 * time.Hour)
	if who := f.asks(); who != "noor" || f.tells() != "" {
		t.Errorf("after 23 hours %s is asked", who)
	}
	restarted := follow(t, dir, clk, inventory.ICal{URL: server.URL})
	restarted.later(time.Hour)
	if who, told := restarted.asks(), restarted.tells(); who != "noor" || !strings.HasPrefix(told, "firing network") || !strings.Contains(told, "could not be read since 2026-03-23 12:00 UTC: ask 127.0.0.1") || !strings.Contains(told, "500") {
		t.Errorf("a day later and after a restart %s is asked, and told is %q", who, told)
	}
	healed := follow(t, dir, clk, inventory.ICal{URL: server.URL})
	status = http.StatusOK
	if healed.Dir = t.TempDir(); os.CopyFS(healed.Dir, os.DirFS(dir)) != nil {
		t.Fatal("the copy was not copied")
	}
	if err := os.Chtimes(filepath.Join(healed.Dir, "network.ics"), monday, monday); err != nil {
		t.Fatal(err)
	}
	if healed.asks(); !strings.HasPrefix(healed.tells(), "resolved network") {
		t.Error("what was told before a restart is never over")
	}
	status = http.StatusInternalServerError
	f = restarted
	f.later(time.Hour)
	if f.asks(); f.tells() != "" {
		t.Error("it is told twice")
	}
	status, page = http.StatusOK, calendar(vevent(week+" | SUMMARY:noor"), vevent("DTSTART:20260324T080000Z | DTEND:20260325T080000Z | SUMMARY:Zoe | UID:2"))
	f.later(time.Hour)
	if who, told := f.asks(), f.tells(); who != "noor" || told != "" {
		t.Errorf("%s is asked, told is %q: a person is called already", who, told)
	}
	page = calendar(vevent(week + " | SUMMARY:noor"))
	f.away = true
	if f.asks(); f.tells() != "" {
		t.Error("told through a closed door")
	}
	f.away = false
	if f.asks(); !strings.HasPrefix(f.tells(), "resolved network") {
		t.Error("nobody is told that it is over")
	}
	f.later(8 * 24 * time.Hour)
	if who := f.asks(); who != "daan" {
		t.Errorf("where the calendar has a hole %s is asked", who)
	}
}

func TestWhoIsNotOfTheTeamIsNotAskedAndSaid(t *testing.T) { // [2.3]
	file := filepath.Join(t.TempDir(), "duty.ics")
	f := follow(t, t.TempDir(), clock.Jumping(monday), inventory.ICal{File: file})
	if who, told := f.asks(), f.tells(); who != "daan" || !strings.Contains(told, "could not be read once") {
		t.Errorf("without a file %s is asked, told is %q", who, told)
	}
	if err := os.WriteFile(file, calendar(vevent(week+" | SUMMARY:zoe")), 0o600); err != nil {
		t.Fatal(err)
	}
	f = follow(t, t.TempDir(), f.Clock, inventory.ICal{File: file})
	if who, told := f.asks(), f.tells(); who != "daan" || told != "firing network Duty of the team network: the calendar names nobody of the team with: zoe" {
		t.Errorf("%s is asked, told is %q", who, told)
	}
}

func TestACalendarIsAskedForWhereItLiesAndNowhereElse(t *testing.T) { // [2.3]
	var server *httptest.Server
	asked := 0
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/ok", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/moved":
			http.Redirect(w, r, "/ok?secret=x", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, maxFeedBytes+1))
		default:
			_, _ = w.Write(calendar(vevent(week + " | SUMMARY:noor")))
		}
	}))
	defer server.Close()
	hidden := filepath.Join(t.TempDir(), "address")
	if err := os.WriteFile(hidden, []byte(server.URL+"/ok?token=hidden-word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from inventory.ICal
		want string
	}{
		"as it is":          {inventory.ICal{URL: server.URL + "/ok"}, ""},
		"on the same host":  {inventory.ICal{URL: server.URL + "/moved"}, ""},
		"a secret address":  {inventory.ICal{SecretURL: secret.Ref{File: hidden}}, ""},
		"on another host":   {inventory.ICal{URL: server.URL + "/elsewhere"}, "redirects to another host"},
		"round and round":   {inventory.ICal{URL: server.URL + "/round?token=hidden-word"}, "redirects more than 3 times"},
		"too large":         {inventory.ICal{URL: server.URL + "/large"}, "larger than"},
		"without TLS":       {inventory.ICal{URL: "http://calendar.example.net/?token=hidden-word"}, "begins with https"},
		"a name of no host": {inventory.ICal{URL: "https://calendar.invalid/?token=hidden-word"}, "ask calendar.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fetch(t.Context(), c.from)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden-word")) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for address, private := range map[string]bool{
		"10.0.0.1:443": true, "127.0.0.1:443": true, "192.168.1.1:443": true, "[::1]:443": true, "[fd00::1]:443": true, "169.254.169.254:80": true, "100.64.0.1:443": true, "[::ffff:10.0.0.1]:443": true,
		"198.51.100.1:443": false, "[2001:db8::1]:443": false,
	} {
		if err := refusePrivate(address); (err != nil) != private {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The calendar decides who is asked. Who may answer is decided by the inventory,
// and by having been asked.
func TestACalendarGivesNobodyASay(t *testing.T) { // [2.3, 4]
	file := filepath.Join(t.TempDir(), "duty.ics")
	if err := os.WriteFile(file, calendar(vevent(week+" | SUMMARY:noor")), 0o600); err != nil {
		t.Fatal(err)
	}
	f := follow(t, t.TempDir(), clock.Jumping(monday), inventory.ICal{File: file})
	f.asks()
	inv, _ := f.inv.On(monday, f.Covers(f.inv.Teams[0]))
	names := func(people []inventory.Person) (all string) {
		for _, p := range people {
			all += p.Name + " "
		}
		return strings.TrimSpace(all)
	}
	first, rest := inv.KnownAt(monday).Asked(inventory.OnDutyPeople, "network")
	if names(first) != "noor daan" || names(rest) != "" {
		t.Errorf("asked are %s, then %s", names(first), names(rest))
	}
	first, rest = inv.SayAt(monday).Asked(inventory.OnDutyPeople, "network")
	if names(first) != "daan" || names(rest) != "noor" {
		t.Errorf("a say has %s, and once they were asked %s", names(first), names(rest))
	}
}
