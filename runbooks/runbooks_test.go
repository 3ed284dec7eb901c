package runbooks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/runbooks"
)

func shipped(t testing.TB) *runbooks.Library {
	t.Helper()
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	return library
}

func TestShippedRunbooksAreChosenByTheAlertsThatPiketRaises(t *testing.T) {
	library := shipped(t)
	for alert, want := range map[string]string{
		alerts.ServerUnreachable: "server-unreachable", alerts.ServiceDown: "service-down", alerts.SiteUnreachable: "site-unreachable",
		alerts.RackUnreachable: "rack-unreachable", alerts.BMCUnreachable: "bmc-unreachable", alerts.ProviderIncident: "provider-incident",
		alerts.FeedUnreachable: "feed-unreachable", alerts.ObserverCutOff: "observer-cut-off", alerts.ServerFlapping: "server-flapping",
		alerts.PathTrouble: "path-trouble", alerts.VantageLost: "vantage-lost", alerts.FellTogether: "fell-together",
	} {
		if book := library.Select(alerts.Labels{"alertname": alert, "server": "web-07"}); book == nil || book.Name != want {
			t.Errorf("%s chooses %v, want %s", alert, book, want)
		}
	}
	for _, labels := range []alerts.Labels{nil, {}, {"alertname": ""}, {"alertname": "DiskFull"}, {"alertname": "serverunreachable"}} {
		if book := library.Select(labels); book != nil {
			t.Errorf("%v chooses %s", labels, book.Name)
		}
	}
	if len(library.Books) != 12 {
		t.Errorf("%d runbooks are shipped", len(library.Books))
	}
}

// A power cut is never taken without a person's yes, whatever ships.
func TestShippedRunbooksAskBeforeTheyCutPower(t *testing.T) {
	for _, book := range shipped(t).Books {
		for _, r := range book.Remedies {
			if (r.Power == "cycle" || r.Power == "off") && r.Approve == nil {
				t.Errorf("%s: %s cuts power without asking", book.Name, r.ID)
			}
			if r.Approve != nil && r.Approve.Otherwise != "escalate" {
				t.Errorf("%s: %s takes silence for %s", book.Name, r.ID, r.Approve.Otherwise)
			}
			if r.MaxAttempts() < 1 || r.Verify < time.Minute {
				t.Errorf("%s: %s is tried %d times for %v", book.Name, r.ID, r.MaxAttempts(), r.Verify)
			}
		}
	}
	for _, name := range []string{"site-unreachable", "rack-unreachable", "feed-unreachable", "observer-cut-off", "server-flapping", "path-trouble", "vantage-lost", "provider-incident", "bmc-unreachable", "fell-together"} {
		if book, ok := shipped(t).Book(name); !ok || len(book.Remedies) > 0 {
			t.Errorf("%s touches machines", name)
		}
	}
}

// Each file in testdata/explain is what `piket runbook explain` prints.
func TestExplainSaysInPlainWordsWhatHappens(t *testing.T) {
	for _, book := range shipped(t).Books {
		want, err := os.ReadFile("testdata/explain/" + book.Name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		// The version is the hash of the file; it has a test of its own.
		if got := strings.Replace(book.Explain(), book.Hash[:12], "HASH", 1); got != string(want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", book.Name, got, want)
		}
	}
}

func TestHashPinsTheText(t *testing.T) {
	book, _ := shipped(t).Book("server-unreachable")
	sum := sha256.Sum256([]byte(book.Source))
	if book.Hash != hex.EncodeToString(sum[:]) {
		t.Errorf("hash %s", book.Hash)
	}
	again, err := runbooks.Parse("pinned", []byte(book.Source))
	if err != nil || again.Hash != book.Hash || again.Explain() != book.Explain() {
		t.Errorf("what was pinned reads differently: %v", err)
	}
	changed, err := runbooks.Parse("edited", []byte(book.Source+"# a remark\n"))
	if err != nil || changed.Hash == book.Hash {
		t.Errorf("a remark changes nothing: %v", err)
	}
}

// write puts files into a new directory and returns the pattern that finds them.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "*.yml")
}

func named(t *testing.T, name, title string) string {
	t.Helper()
	book, _ := shipped(t).Book("site-unreachable")
	text := strings.Replace(book.Source, "runbook: site-unreachable", "runbook: "+name, 1)
	return strings.Replace(text, "title: A whole site does not answer", "title: "+title, 1)
}

func TestFileOfTheUserTakesThePlaceOfTheShippedOne(t *testing.T) {
	library, err := runbooks.Load(write(t, map[string]string{
		"mine.yml": named(t, "site-unreachable", "Ours"), "more.yml": named(t, "sites-too", "Also ours"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range library.Books {
		names = append(names, b.Name)
	}
	want := []string{
		"site-unreachable", "sites-too", "bmc-unreachable", "feed-unreachable", "fell-together", "observer-cut-off", "path-trouble", "provider-incident",
		"rack-unreachable", "server-flapping", "server-unreachable", "service-down", "vantage-lost",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if book := library.Select(alerts.Labels{"alertname": "SiteUnreachable"}); book == nil || book.Title != "Ours" {
		t.Errorf("chosen is %+v", book)
	}
	if _, ok := library.Book("no-such"); ok {
		t.Error("a runbook that is not there was found")
	}
}

func TestLoadReportsTheMistakesOfAllFilesAtOnce(t *testing.T) {
	pattern := write(t, map[string]string{
		"a.yml": named(t, "same", "A"), "b.yml": named(t, "same", "B"), "c.yml": strings.Replace(named(t, "c", "C"), "impact: high", "impact: hihg", 1), "d.yml": "",
	})
	dir := filepath.Dir(pattern)
	_, err := runbooks.Load(pattern)
	want := dir + `/b.yml:1:1: another file already has a runbook named "same"` + "\n" +
		dir + `/c.yml:6:20: unknown impact "hihg"; did you mean "high"?` + "\n" + dir + "/d.yml:1:1: the file is empty"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err := runbooks.Load("[x"); err == nil || !strings.Contains(err.Error(), `runbook pattern "[x"`) {
		t.Errorf("got %v", err)
	}
}

func TestPlaceholdersAreFilledOrTheCommandIsNotUsed(t *testing.T) {
	values := map[string]string{"service.unit": "nginx.service", "server.name": "web-07", "service.name": ""}
	for _, c := range []struct {
		command, want []string
		missing       string
	}{
		{[]string{"systemctl", "restart", "${service.unit}"}, []string{"systemctl", "restart", "nginx.service"}, ""},
		{[]string{"echo", "${server.name}/${service.unit}"}, []string{"echo", "web-07/nginx.service"}, ""},
		{[]string{"systemctl", "reboot"}, []string{"systemctl", "reboot"}, ""},
		{[]string{"echo", "${service.name}"}, []string{"echo", ""}, "service.name"},
		{[]string{"echo", "${else}"}, []string{"echo", ""}, "else"},
		{[]string{"echo", "$HOME", "$(id)", "{server.name}"}, []string{"echo", "$HOME", "$(id)", "{server.name}"}, ""},
	} {
		got, missing := runbooks.Fill(c.command, values)
		if !slices.Equal(got, c.want) || missing != c.missing {
			t.Errorf("%q became %q, missing %q", c.command, got, missing)
		}
	}
	// A value is never read again for placeholders.
	if got, _ := runbooks.Fill([]string{"${server.name}"}, map[string]string{"server.name": "${service.unit}", "service.unit": "x"}); got[0] != "${service.unit}" {
		t.Errorf("got %q", got)
	}
}

func TestARunCommandFitsTheOneItWasMadeFrom(t *testing.T) {
	restart := []string{"systemctl", "restart", "unit/${service.unit}.d"}
	for _, c := range []struct {
		command, run []string
		want         bool
	}{
		{restart, []string{"systemctl", "restart", "unit/web.service.d"}, true},
		{restart, []string{"systemctl", "restart", "unit/.d"}, false},
		{restart, []string{"systemctl", "restart", "unit/web.service"}, false},
		{restart, []string{"systemctl", "stop", "unit/web.service.d"}, false},
		{restart, []string{"systemctl", "restart"}, false},
		{[]string{"a.b"}, []string{"axb"}, false},
		{nil, nil, true},
		{nil, []string{"systemctl"}, false},
	} {
		if got := runbooks.Fits(c.command, c.run); got != c.want {
			t.Errorf("%q made from %q: %v", c.run, c.command, got)
		}
	}
}

func TestExplainSaysHowManyMustAgree(t *testing.T) {
	book, err := runbooks.Parse("two.yml", []byte(`runbook: two
title: Two people agree
match: ['alertname="X"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable], for: 2m}
remedies:
  - {id: cut, power: cycle, verify: 5m, approve: {by: on-duty, within: 10m, otherwise: escalate, persons: 2}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := "only after a yes each of 2 different people (who reported the trouble is none of them) by on-duty within 10m"
	if text := book.Explain(); !strings.Contains(text, want) {
		t.Errorf("it says\n%s", text)
	}
}
