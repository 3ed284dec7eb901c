package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Each file in testdata/bad has one mistake (or says in its name that it has
// several), and beside it the exact message.
func TestEveryMistakeHasItsMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 25 {
		t.Fatalf("found %d bad files (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			config, inv, err := LoadConfig(file)
			if config != nil || inv != nil || err == nil {
				t.Fatal("the file was accepted")
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

const example = "../../deploy/example/piket.yml"

func TestTheExampleIsRead(t *testing.T) {
	config, inv, err := LoadConfig(example)
	if err != nil {
		t.Fatal(err)
	}
	if config.Storage.Path != "/var/lib/piket" {
		t.Errorf("storage: %s", config.Storage.Path)
	}
	if want := []string{"../../deploy/example/runbooks/*.yml"}; !slices.Equal(config.Runbooks, want) {
		t.Errorf("runbooks: %q, want %q", config.Runbooks, want)
	}
	if !config.Mail.Enabled() || !config.Intake.Alertmanager.Open() {
		t.Errorf("mail %+v, intake %+v", config.Mail, config.Intake)
	}
	if want := map[incident.Priority]time.Duration{"P1": 30 * time.Minute, "P2": 2 * time.Hour}; !maps.Equal(config.Updates.intervals(), want) {
		t.Errorf("updates: %v, want %v", config.Updates, want)
	}
	if server, ok := inv.Find("192.0.2.11:9100"); !ok || server.Name != "web-01" {
		t.Errorf("found %q", server.Name)
	}
}

func TestWhatTheExampleSaysIsTheDefaultIsTheDefault(t *testing.T) {
	config, _, err := LoadConfig(example)
	if err != nil {
		t.Fatal(err)
	}
	defaults := defaultConfig()
	for name, same := range map[string]bool{
		"session_ttl": config.Web.SessionTTL == defaults.Web.SessionTTL,
		"labels":      slices.Equal(config.Intake.Labels, defaults.Intake.Labels),
		"tls":         config.Mail.TLS == defaults.Mail.TLS,
		"probes":      config.Probes == defaults.Probes,
		"guards":      config.Guards == defaults.Guards,
		"push":        slices.Equal(config.Push.Services, defaults.Push.Services),
		"P1":          config.Updates.P1 == defaults.Updates.P1,
	} {
		if !same {
			t.Errorf("%s: the example differs from the default", name)
		}
	}
}

// write puts a configuration and an inventory into a directory of their own
// and returns the path of the first.
func write(t *testing.T, config, inv string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"piket.yml": config, "inventory.yml": inv} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "piket.yml")
}

const least = "inventory: [inventory.yml]\nstorage: {path: data}\n"

func TestAFileThatSaysTheLeastHasDefaultsAndPaths(t *testing.T) {
	path := write(t, least+"web: {external_url: \"https://piket.example.net/\"}\nupdates: {P2: 1h}\n", "sites: []\n")
	config, _, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "data"); config.Storage.Path != want {
		t.Errorf("storage: %s, want %s", config.Storage.Path, want)
	}
	if config.Web.ExternalURL != "https://piket.example.net" {
		t.Errorf("external_url: %s", config.Web.ExternalURL)
	}
	if config.Updates.P1 != 30*time.Minute || config.Updates.P2 != time.Hour {
		t.Errorf("updates: %v", config.Updates)
	}
	if config.Mail.Enabled() || config.Intake.Alertmanager.Open() {
		t.Error("mail or webhook are open without a word in the file")
	}
}

func TestCheckSaysWhatItFound(t *testing.T) {
	var out strings.Builder
	if err := check(example, &out); err != nil {
		t.Fatal(err)
	}
	want := "Checking ../../deploy/example/piket.yml\n" +
		"  2 sites, 3 racks, 6 servers, 8 services, 3 customers, 4 people, 2 teams\n" +
		"  SUCCESS\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestCheckWarnsOfWhatIsLikelyNotMeant(t *testing.T) {
	path := write(t, least, `sites:
  - {name: ams1, racks: [{name: r1}]}
servers:
  - {name: web-01, rack: r1, address: 192.0.2.11}
  - {name: web-02, rack: r1, address: 192.0.2.12, serial: 7HKX2P3,
     bmc: {protocol: ipmi, address: 192.0.2.112, username: piket, password_file: p}}
customers:
  - {name: bakery}
people:
  - {name: noor}
teams:
  - {name: network-and-server, members: [noor]}
`)
	var out strings.Builder
	if err := check(path, &out); err != nil {
		t.Fatal(err)
	}
	want := "Checking " + path + `
  1 site, 1 rack, 2 servers, 0 services, 1 customer, 1 person, 1 team
  WARNING: intake.alertmanager has neither token_file nor client_names: the webhook is closed
  WARNING: there is no mail: nobody hears anything, and no technician can be sent
  WARNING: web.external_url is not given: messages carry no link
  WARNING: 1 server has no BMC: web-01: power cannot be switched
  WARNING: 1 server has a BMC and not both serial and uuid: web-02: power is refused
  WARNING: 2 servers have no services: web-01, web-02: only whether they answer is watched
  WARNING: 2 servers have no customers: web-01, web-02: nobody is told when they fail
  WARNING: 1 site has no remote hands: ams1: no technician can be sent there
  WARNING: 1 site has no gateway: ams1: an outage of the whole site looks like one of each server
  WARNING: 1 customer has neither email nor telephone: bakery: nobody can tell them
  WARNING: 1 team has nobody on duty: network-and-server: nobody is asked
  SUCCESS
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestCheckWarnsOfALinksKeyInASharedDatabase(t *testing.T) {
	shared := "inventory: [inventory.yml]\nstorage: {path: data, url: \"postgres://piket@db.example.net/piket\"}\n"
	for config, warned := range map[string]bool{
		least:  false,
		shared: true,
		shared + "web: {links_key_env: PIKET_TEST_LINKS}\n": false,
	} {
		var out strings.Builder
		if err := check(write(t, config, "sites: []\n"), &out); err != nil && !strings.Contains(out.String(), "runbook") {
			t.Fatal(err, out.String())
		}
		if got := strings.Contains(out.String(), "web.links_key is not"); got != warned {
			t.Errorf("%s warned: %t\n%s", config, got, out.String())
		}
	}
}

func TestALongWarningIsCutOff(t *testing.T) {
	var inv strings.Builder
	inv.WriteString("sites:\n")
	for i := range 11 {
		fmt.Fprintf(&inv, "  - {name: site-%d, gateway: {check: icmp, address: 192.0.2.1}}\n", i)
	}
	var out strings.Builder
	// The shipped runbooks are assigned to a team that is not there: serve would
	// not start, so this is no success.
	err := check(write(t, least, inv.String()), &out)
	if err == nil || !strings.Contains(err.Error(), `the team "network-and-server"`) || !strings.Contains(out.String(), "FAILED") {
		t.Errorf("got %v\n%s", err, out.String())
	}
	if want := "11 sites have no remote hands: site-0, site-1, site-2, site-3, site-4, site-5, site-6, site-7 and 3 more: "; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s", out.String())
	}
	if want := "WARNING: there are no teams"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s", out.String())
	}
}

func TestCheckCountsTheMistakesAndReturnsThem(t *testing.T) {
	var out strings.Builder
	err := check("testdata/bad/inventory-bad.yml", &out)
	if err == nil || !strings.Contains(err.Error(), "inventory-bad.yml:2:26") {
		t.Errorf("got %v", err)
	}
	if want := "Checking testdata/bad/inventory-bad.yml\n  FAILED: 2 mistakes\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	if err := check("testdata/none.yml", &out); err == nil || err.Error() != "testdata/none.yml: read file: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
