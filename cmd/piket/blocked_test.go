package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// command runs the command line as noor against a daemon's page.
func (d *Daemon) command(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	page := httptest.NewServer(d.Handler())
	defer page.Close()
	var stdout, stderr strings.Builder
	args = append(args, "--piket.url", page.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token"))
	status = run(args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func (d *Daemon) happen(t *testing.T, id string, payloads ...incident.Payload) {
	t.Helper()
	for _, p := range payloads {
		if _, err := d.store.Record(t.Context(), id, incident.Event{Actor: incident.Piket, Payload: p}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommandLineShowsWhatIsHeldBackAndAskedAndAnswersIt(t *testing.T) {
	d := newTestDaemon(t, least)
	inc := d.receive(t, alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"})
	says := func(want string, args ...string) {
		t.Helper()
		if _, out, errs := d.command(t, args...); !strings.Contains(out+errs, want) {
			t.Errorf("%v: no %q in\n%s%s", args, want, out, errs)
		}
	}
	metrics := newBlockedCollector(d.store)
	measured := func(want string) {
		t.Helper()
		if err := testutil.CollectAndCompare(metrics, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
	const waiting = "# HELP piket_approvals_waiting Questions that wait for a yes or no.\n# TYPE piket_approvals_waiting gauge\npiket_approvals_waiting "
	const held = "# HELP piket_blocked Incidents in which a guard holds the next step back, by guard.\n# TYPE piket_blocked gauge\n"
	says("Nothing is held back, and nobody is asked anything.", "blocked")
	measured(waiting + "0\n")

	d.happen(t, inc.ID, incident.Blocked{Step: "power-cycle", Guard: "freeze", Why: "by hand", Until: d.clk.Now().Add(time.Minute)})
	says(inc.ID+"  power-cycle on web-01: freeze: by hand (since ", "blocked")
	says(`"guard":"freeze"`, "blocked", "--output", "json")
	measured(waiting + "0\n" + held + `piket_blocked{guard="freeze"} 1` + "\n")

	asked := incident.ApprovalRequested{
		Approval: inc.ID + "/A1", Step: "power-cycle", Attempt: 1, Action: "power cycle web-01", Why: "it hangs", PlanHash: "4f1c9a7d2be0", By: "on-duty",
		Expires: d.clk.Now().Add(10 * time.Minute), Else: "escalate", Persons: 2, Because: "the runbook wants it", Serial: "SN1",
		Facts: map[string]string{"shell": "down", "power": "on"}, Record: "fixed 18 of 29 on this model, median 4m10s",
	}
	d.happen(t, inc.ID, asked)
	says(inc.ID+"  power cycle web-01: waits for noor since ", "blocked")
	measured(waiting + "1\n")
	for _, want := range []string{"serial    SN1", "found     power on, shell down", "until now fixed 18 of 29", "2 different people must agree (the runbook wants it); nobody has yet", "silence   it is not done"} {
		says(want, "approve", inc.ID)
	}
	says(inc.ID+": approved, 1 of 2: somebody else must agree, too", "approve", inc.ID, "--plan", "4f1c9a7d")
	says("agreed already", "approve", inc.ID, "--plan", "4f1c9a7d")
	says("nobody who could agree", "blocked")
	says(inc.ID+": denied", "deny", inc.ID, "--reason", "changed my mind")
	measured(waiting + "0\n")
}

func TestCommandLineSaysThatMoreIsHeldBackThanItShows(t *testing.T) {
	var out strings.Builder
	blockedShown{More: 12}.print(console{out: &out})
	if !strings.HasPrefix(out.String(), "12 more incidents") || strings.Contains(out.String(), "Nothing") {
		t.Errorf("%s", out.String())
	}
}

// What needs more people than there are would never be done; that is said at the
// start, and not in the night.
func TestARunbookThatTooFewCanAgreeToIsRefused(t *testing.T) {
	book := filepath.Join(t.TempDir(), "two.yml")
	text := `runbook: two
title: Two people agree
match: ['alertname="X"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable], for: 2m}
remedies:
  - {id: cut, power: cycle, verify: 5m, approve: {by: on-duty, within: 10m, otherwise: escalate, persons: 2}}
`
	if err := os.WriteFile(book, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	library, err := runbooks.Load(book)
	if err != nil {
		t.Fatal(err)
	}
	for engineers, want := range map[int]string{
		1: `runbook two, step cut: 2 people must agree, and only 1 engineers may answer for "on-duty"`,
		2: "<nil>",
	} {
		content := inventory.Inventory{Teams: []inventory.Team{{Name: "network-and-server", OnDuty: []string{"noor"}}}}
		for _, name := range []string{"noor", "eva", "sem"} {
			p := inventory.Person{Name: name}
			if len(content.People) < engineers {
				p.Roles = []inventory.Role{inventory.Engineer}
			}
			content.People = append(content.People, p)
			content.Teams[0].Members = append(content.Teams[0].Members, name)
		}
		inv, err := inventory.New(content)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(checkTeams(library, inv)); got != want {
			t.Errorf("%d engineers: %s", engineers, got)
		}
	}
}
