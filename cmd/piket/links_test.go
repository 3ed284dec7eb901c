package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// A link that one replica mails holds for all, and after a restart.
func TestReplicasShareTheKeyOfLinksAndOneAloneKeepsItInAFile(t *testing.T) {
	where := storetest.Shared(t).Database(t)
	t.Setenv("PIKET_TEST_LINKS", strings.Repeat("4f1c9a7d", 8))
	for name, c := range map[string]struct {
		open   []string // where the timelines are, start by start
		secret secret.Ref
		file   bool
	}{
		"a database of many":    {[]string{where, where, where}, secret.Ref{}, false},
		"one alone":             {[]string{"", "", ""}, secret.Ref{}, true},
		"a secret for them all": {[]string{"", where, "", where}, secret.Ref{Env: "PIKET_TEST_LINKS"}, false},
	} {
		own, keys := t.TempDir(), map[string]bool{}
		for _, at := range c.open {
			dir := own
			if at != "" {
				dir = t.TempDir() // each replica has its own
			} else {
				at = own
			}
			s, err := store.Open(at, clock.Real())
			if err != nil {
				t.Fatal(err)
			}
			key, err := linksKey(c.secret, dir, s)
			if err != nil {
				t.Fatal(err)
			}
			keys[key.Reveal()] = true
			if _, err := os.Stat(filepath.Join(dir, "links.key")); (err == nil) != c.file {
				t.Errorf("%s: a file with the key: %v", name, err)
			}
			s.Close()
		}
		if len(keys) != 1 {
			t.Errorf("%s: %d different keys", name, len(keys))
		}
	}
}

func TestCommandLineJudgesAndTakesCalls(t *testing.T) { // [2.2, 3.1]
	d := newTestDaemon(t, least)
	inc := d.receive(t, alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"})
	if _, err := d.store.Record(t.Context(), inc.ID, incident.Event{Actor: incident.Piket, Payload: incident.CallTask{Task: "T1", Customer: "c"}}); err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(d.Handler())
	defer page.Close()
	piket := func(args ...string) (status int, out, errs string) {
		var stdout, stderr strings.Builder
		args = append([]string{"incident"}, args...)
		status = run(append(args, "--piket.url", page.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token")), &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	if status, out, errs := piket("classify", inc.ID, "--impact", "high", "--urgency", "low", "--reason", "there is a second one"); status != 0 || out != inc.ID+": judged\n" {
		t.Errorf("classify: %d, %s%s", status, out, errs)
	}
	if status, _, errs := piket("classify", inc.ID, "--impact", "huge", "--reason", "r"); status != 1 || !strings.Contains(errs, "high, medium or low") {
		t.Errorf("an unknown level: %d, %s", status, errs)
	}
	if status, out, errs := piket("take", inc.ID, "--task", "T1"); status != 0 || !strings.Contains(out, "ten minutes") {
		t.Errorf("take: %d, %s%s", status, out, errs)
	}
	now, err := d.store.Load(t.Context(), inc.ID)
	if err != nil || now.Priority != incident.P2 || now.Call("T1").TakenBy == "" {
		t.Errorf("%s, %+v, %v", now.Priority, now.Call("T1"), err)
	}
}
