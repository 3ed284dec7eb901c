//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// The installed daemon against Prometheus, Alertmanager, OpenIPMI's simulator
// through ipmitool, OpenSSH and an SMTP server. The stories follow each other
// in one datacenter.
func TestTheWholeRoadOnRealParts(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	for _, story := range []struct {
		promise string
		tell    func(*testing.T)
	}{
		{"shipped rules and receiver are loaded", w.shippedFilesLoad},
		{"BMCs say who they are", w.identitiesMatch},
		{"a server that hangs is power cycled once, after a yes", w.serverHangs},
		{"a service that is down is restarted over SSH", w.serviceDown},
		{"a server that is off is switched on once, after a yes, and mail waits for its server", w.serverOffWhileMailIsDown},
		{"piket killed in the middle of a power cycle does not repeat it", w.killedWhileSending},
		{"who is not known cannot post alerts", w.strangersAreRefused},
		{"what fires while piket is away is taken in afterwards", w.firesWhileAway},
		{"the record is whole and shows no secret", w.recordIsWhole},
	} {
		if !t.Run(story.promise, story.tell) {
			return // what follows would only wait for what cannot come
		}
	}
}

func (w *world) shippedFilesLoad(t *testing.T) {
	until(t, "Prometheus scrapes piket and every machine", func() bool {
		return w.asks(t, "http://"+w.prometheus+"/api/v1/query?query=sum(up)", `"5"`)
	})
	rules := w.get(t, "http://"+w.prometheus+"/api/v1/rules")
	if !strings.Contains(rules, "PiketDown") || strings.Contains(rules, `"health":"err"`) {
		t.Errorf("the shipped rules as Prometheus sees them: %s", rules)
	}
}

func (w *world) identitiesMatch(t *testing.T) {
	for _, name := range w.names {
		m := w.machines[name]
		out := w.must(t, "noor", "power", "status", name, "--config.file", filepath.Join(w.dir, "piket.yml"))
		if !strings.Contains(out, "power is on") || !strings.Contains(out, "serial "+m.serial) || !strings.Contains(out, m.uuid) {
			t.Errorf("power status %s says\n%s", name, out)
		}
	}
}

// cycled is what a BMC's script is told in one power cycle.
var cycled = []string{"set power 0", "set power 1"}

func (w *world) serverHangs(t *testing.T) {
	m := w.machines["srv-1"]
	m.hang()
	id := w.opened(t, m.name)
	s := w.untilSeen(t, id, "piket's own probe and Prometheus have joined one incident", func(s seen) bool {
		return s.heard("probe", alerts.Firing) && s.heard("alertmanager", alerts.Firing)
	})
	if s.Incident.Priority != incident.P1 {
		t.Errorf("priority %s, not P1", s.Incident.Priority)
	}
	w.must(t, "noor", "incident", "acknowledge", id)
	plan := w.asked(t, id, 5*time.Second)
	w.needsThePlan(t, id, plan, m)
	w.must(t, "noor", "approve", id, "--plan", plan)
	w.comesBack(t, id, m, cycled)
	w.untilSeen(t, id, "Alertmanager says resolved", func(s seen) bool { return s.heard("alertmanager", alerts.Resolved) })
	w.close(t, id)
	for _, mail := range []struct{ to, words string }{
		{"noor@", "P1"}, {"noor@", "May piket power cycle srv-1?"},
		{"office@bakery", "Storing: website"}, {"ops@bikes", "Outage: website"},
		{"office@bakery", "De dienst is terug"}, {"ops@bikes", "Service is back"},
		{"office@bakery", "Samenvatting"},
	} {
		w.getsOnce(t, id, mail.to, mail.words)
	}
	if summary := w.getsOnce(t, id, "ops@bikes", "Summary"); !strings.Contains(summary, "Cause: The kernel stopped.") {
		t.Errorf("the summary does not give the cause:\n%s", summary)
	}
}

// asked waits for the question and returns the plan that it is about. It must
// not come before the hold-down has passed.
func (w *world) asked(t *testing.T, id string, holdDown time.Duration) (plan string) {
	t.Helper()
	s := w.untilSeen(t, id, "leave is asked", func(s seen) bool { return s.Incident.Approval != nil })
	for _, e := range s.Events {
		if e.Type == "approval_requested" && e.At.Sub(s.Incident.Opened) < holdDown {
			t.Errorf("asked %v after opening, within the hold-down of %v", e.At.Sub(s.Incident.Opened), holdDown)
		}
	}
	return s.Incident.Approval.PlanHash[:12]
}

// needsThePlan tries what must not be taken for a yes.
func (w *world) needsThePlan(t *testing.T, id, plan string, m *machine) {
	t.Helper()
	for _, attempt := range []struct {
		who, why string
		args     []string
	}{
		{"noor", "nothing was approved", nil},
		{"noor", "what is asked now is plan " + plan, []string{"--plan", "000000000000"}},
		{"noor", "what is asked now is plan " + plan, []string{"--plan", plan[:4]}},
		{"sem", "engineer", []string{"--plan", plan}},
	} {
		_, errs, ok := w.cli(attempt.who, append([]string{"approve", id}, attempt.args...)...)
		if ok || !strings.Contains(errs, attempt.why) {
			t.Errorf("approve as %s %v: ok %v, %s", attempt.who, attempt.args, ok, errs)
		}
	}
	if told := m.told(); len(told) > 0 {
		t.Fatalf("before anybody agreed, %s was told %q", m.name, told)
	}
}

// comesBack waits until service is back and the closure check has passed; by
// then exactly these changes must have reached the machine.
func (w *world) comesBack(t *testing.T, id string, m *machine, changes []string) {
	t.Helper()
	w.untilSeen(t, id, "service is back, and the closure check passed", func(s seen) bool {
		return s.Incident.Status == incident.BackInService && s.Incident.Closure != nil
	})
	if told := m.told(); !slices.Equal(told, changes) {
		t.Errorf("%s was told %q, not %q", m.name, told, changes)
	}
}

func (w *world) close(t *testing.T, id string) {
	t.Helper()
	w.must(t, "noor", "incident", "close", id, "--cause", "The kernel stopped", "--solution", "Restarted", "--prevention", "A newer kernel",
		"--unconfirmed", "These customers are not real")
	if s := w.show(t, id); s.Incident.Status != incident.Finished {
		t.Errorf("%s is %s, not closed", id, s.Incident.Status)
	}
}

func (w *world) serviceDown(t *testing.T) {
	m := w.machines["srv-2"]
	m.crash("web")
	id := w.opened(t, m.name)
	w.comesBack(t, id, m, []string{"systemctl restart web.service"})
	if s := w.show(t, id); s.Incident.Priority != incident.P2 || s.count("approval_requested") > 0 {
		t.Errorf("%s: priority %s, %d questions", id, s.Incident.Priority, s.count("approval_requested"))
	}
	w.close(t, id)
}

func (w *world) serverOffWhileMailIsDown(t *testing.T) {
	w.mail.stop(t, syscall.SIGTERM)
	m := w.machines["srv-3"]
	m.off()
	id := w.opened(t, m.name)
	w.untilSeen(t, id, "the first word could not be delivered", func(s seen) bool { return s.count("undelivered") > 0 })
	// It is seen from one place only, so a person is asked first.
	w.must(t, "noor", "approve", id, "--plan", w.asked(t, id, 5*time.Second))
	w.comesBack(t, id, m, []string{"set power 1"})
	w.startMail(t)
	w.getsOnce(t, id, "office@bakery", "Storing: website")
	w.getsOnce(t, id, "noor@", "P1")
	w.close(t, id)
	w.getsOnce(t, id, "ops@bikes", "Summary")
}

func (w *world) killedWhileSending(t *testing.T) {
	m := w.machines["srv-4"]
	m.hang()
	id := w.opened(t, m.name)
	plan := w.asked(t, id, 5*time.Second)
	m.watch(func(call string) {
		if call == cycled[0] { // it has reached the BMC, which has not yet answered
			w.piket.stop(t, syscall.SIGKILL)
		}
	})
	w.must(t, "noor", "approve", id, "--plan", plan)
	until(t, "piket is dead", func() bool { return !listens(strings.TrimPrefix(w.url, "http://")) })
	until(t, "the BMC has finished by itself", func() bool { return slices.Equal(m.told(), cycled) })
	w.start(t)
	w.comesBack(t, id, m, cycled)
	s := w.show(t, id)
	if s.count("intended") != 1 || s.count("claimed") != 1 || s.count("outcome", "piket stopped after claiming it") != 1 {
		t.Errorf("%s: %d intents, %d claims, %d unknown outcomes", id, s.count("intended"), s.count("claimed"), s.count("outcome", "piket stopped after claiming it"))
	}
	w.close(t, id)
}

func (w *world) strangersAreRefused(t *testing.T) {
	for _, token := range []string{"", "Bearer ", "Bearer wrong", "Bearer token-of-noor-8d7d8ee0"} {
		request, err := http.NewRequest(http.MethodPost, w.url+"/api/alertmanager", strings.NewReader(
			`{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Forged","server":"srv-1"},"startsAt":"2026-01-01T00:00:00Z"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", token)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: status %d, not 401", token, answer.StatusCode)
		}
	}
	// Mail of the stories before may still be written down, so it is not the
	// whole list that must stand still.
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(w.must(t, "sem", "incident", "list", "--all", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Error("no incident is listed")
	}
	for _, inc := range list {
		if timeline := w.must(t, "sem", "incident", "show", inc.ID, "--output", "json"); strings.Contains(timeline, "Forged") {
			t.Errorf("a stranger's alert stands on %s:\n%s", inc.ID, timeline)
		}
	}
}

func (w *world) firesWhileAway(t *testing.T) {
	w.piket.stop(t, syscall.SIGTERM)
	m := w.machines["srv-2"]
	told := m.told()
	m.setDegraded(true)
	failed := "alertmanager_notifications_failed_total{integration=\"webhook\"}"
	before := w.metric(t, failed)
	until(t, "Alertmanager has tried and not got through", func() bool { return w.metric(t, failed) != before })
	w.start(t)
	id := w.opened(t, m.name)
	if s := w.show(t, id); !s.heard("alertmanager", alerts.Firing) || s.heard("probe", alerts.Firing) {
		t.Errorf("%s did not come from Alertmanager alone", id)
	}
	m.setDegraded(false)
	w.untilSeen(t, id, "Alertmanager says resolved", func(s seen) bool { return s.heard("alertmanager", alerts.Resolved) })
	if after := m.told(); !slices.Equal(after, told) {
		t.Errorf("an alert without a runbook changed the machine: %q", after)
	}
	w.close(t, id)
}

// metric returns a line of Alertmanager's metrics.
func (w *world) metric(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(w.get(t, "http://"+w.alertmanager+"/metrics")) {
		if strings.HasPrefix(line, name+" ") {
			return line
		}
	}
	t.Fatalf("Alertmanager has no metric %s", name)
	return ""
}

func (w *world) recordIsWhole(t *testing.T) {
	out := w.must(t, "noor", "timeline", "verify", "--storage.path", filepath.Join(w.dir, "data"))
	if !strings.Contains(out, "5 incidents") || !strings.Contains(out, "the record is whole") {
		t.Errorf("timeline verify says\n%s", out)
	}
	w.piket.stop(t, syscall.SIGTERM)
	w.findNoSecrets(t, filepath.Join(w.dir, "data"), w.maildir(), w.piket.log)
	if log := read(t, w.piket.log); bytes.Contains(log, []byte("level=ERROR")) || bytes.Contains(log, []byte("panic")) {
		t.Errorf("piket complains in its log:\n%s", w.piket.tail(t))
	}
}

// findNoSecrets looks for every secret in every file under some paths.
func (w *world) findNoSecrets(t *testing.T, roots ...string) {
	t.Helper()
	looked := 0
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			looked++
			text := read(t, path)
			for _, name := range []string{"bmc.password", "alertmanager.token", "noor.token", "sem.token"} {
				if bytes.Contains(text, read(t, filepath.Join(w.dir, name))) {
					t.Errorf("%s shows what is in %s", path, name)
				}
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
	if looked < 10 {
		t.Errorf("looked into %d files only", looked)
	}
}

func (w *world) get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("read %s: %w", url, err))
	}
	return string(body)
}

func (w *world) asks(t *testing.T, url, words string) bool {
	t.Helper()
	return strings.Contains(w.get(t, url), words)
}
