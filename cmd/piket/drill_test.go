package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// held runs the demo's daemon and people while tell is told, and returns the demo
// as it is afterwards.
func held(t *testing.T, story scenario, tell func(context.Context, *demo) error) *demo {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxRealTime)
	t.Cleanup(cancel)
	d, stop, err := startDemo(ctx, t.TempDir(), "127.0.0.1:0", clock.Jumping(time.Now().Truncate(time.Second)), warnings(t.Output()), story.book)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := d.run(ctx, &cast{demo: d, story: story}, func(ctx context.Context) error { return tell(ctx, d) }); err != nil {
		t.Fatal(err)
	}
	return d
}

// until waits in the story's time for something to hold.
func (d *demo) until(ctx context.Context, most time.Duration, holds func() bool) {
	bell := d.clk.NewBell()
	d.daemon.store.Subscribe(bell)
	for end := d.clk.Now().Add(most); ctx.Err() == nil && !holds() && d.clk.Now().Before(end); {
		d.clk.Wait(ctx, d.clk.Now().Add(time.Minute), bell)
	}
}

// drills lists what the store has of them, and the timeline of the newest.
func (d *demo) drill(t *testing.T) (*incident.Incident, []incident.Event) {
	t.Helper()
	list, err := d.daemon.store.List(context.Background(), store.Filter{Calendar: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if strings.HasPrefix(m.Subject, "drill:") {
			inc, err := d.daemon.store.Load(context.Background(), m.ID)
			if err != nil {
				t.Fatal(err)
			}
			events, err := d.daemon.store.Events(context.Background(), m.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			return inc, events
		}
	}
	return nil, nil
}

func (d *demo) startDrill(ctx context.Context, story string) error {
	return d.say(ctx, "hanne", "/api/v1/drills", map[string]any{"server": "web-02", "story": story})
}

// [5.1] A drill goes the whole way of real trouble, with real people, and no word
// of it can be taken for real: no machine hears of it, and no customer.
func TestADrillOnRealPeopleTouchesNoMachineAndSaysDrillEverywhere(t *testing.T) {
	for story, want := range map[string][]incident.Kind{
		"server-hangs":  {"approval_requested", "approved", "intended", "outcome", "restored", "closure_checked", "confirmation_asked", "customer_answered", "closed"},
		"hardware-dead": {"step_failed", "ordered", "order_progress", "call_task", "restored", "closed"},
	} {
		t.Run(story, func(t *testing.T) {
			d := held(t, scenario{answer: "yes"}, func(ctx context.Context, d *demo) error {
				d.until(ctx, time.Minute, func() bool { return false })
				if err := d.startDrill(ctx, story); err != nil {
					return err
				}
				d.until(ctx, 3*time.Hour, func() bool {
					inc, _ := d.drill(t)
					return inc != nil && !inc.Ongoing()
				})
				d.until(ctx, 5*time.Minute, func() bool { return false }) // what is still to be sent
				return nil
			})
			inc, events := d.drill(t)
			kinds := map[incident.Kind]bool{}
			for _, e := range events {
				kinds[e.Payload.Kind()] = true
			}
			for _, kind := range want {
				if !kinds[kind] {
					t.Errorf("no event %q", kind)
				}
			}
			if inc.Resolution == nil {
				t.Error("it was not closed as an incident is")
			}
			if opened := events[0].Payload.(incident.Opened); opened.Drill.Story != story || opened.Drill.By != "hanne" {
				t.Errorf("it was opened as %+v", opened)
			}
			if d.lab.PowerSends() != 0 {
				t.Errorf("%d power commands reached a BMC", d.lab.PowerSends())
			}
			saysDrill(t, d, inc)
			if t.Failed() {
				for _, e := range events {
					t.Log(e.At.Format("15:04:05"), e.Actor, e.Payload.Text())
				}
			}
		})
	}
}

// saysDrill checks every word that people got.
func saysDrill(t *testing.T, d *demo, inc *incident.Incident) {
	t.Helper()
	outsiders := []string{"northlight.example.net", "grachtengordel.example.net"}
	mails := d.lab.Mails()
	if len(mails) == 0 {
		t.Error("nobody was mailed")
	}
	for _, m := range mails {
		if !strings.HasPrefix(m.Subject, "DRILL") || !strings.HasPrefix(m.Text, "DRILL") {
			t.Errorf("a mail says %q: %q", m.Subject, m.Text)
		}
		for _, outside := range outsiders {
			if strings.Contains(strings.Join(m.To, " "), outside) {
				t.Errorf("%q went to %v", m.Subject, m.To)
			}
		}
	}
	for _, c := range inc.CallTasks {
		if !strings.HasPrefix(c.Script, "DRILL") || c.Telephone == "+442079460202" {
			t.Errorf("to telephone %s: %q", c.Telephone, c.Script)
		}
	}
	if inc.Order != nil && (!strings.HasPrefix(inc.Order.Subject, "DRILL") || !strings.HasPrefix(inc.Order.Body, "DRILL")) {
		t.Errorf("the work order says %q", inc.Order.Subject)
	}
	if !strings.HasPrefix(inc.Title, "DRILL") {
		t.Errorf("it is called %q", inc.Title)
	}
}

// [5.1] Real trouble of the same server during a drill is an incident of its own,
// is acted on as ever, and ends the drill.
func TestRealTroubleDuringADrillIsRealAndEndsTheDrill(t *testing.T) {
	d := held(t, scenario{answer: "yes"}, func(ctx context.Context, d *demo) error {
		if err := d.startDrill(ctx, "hardware-dead"); err != nil {
			return err
		}
		d.until(ctx, 8*time.Minute, func() bool { return false }) // the drill has "cut power" by now
		if err := d.lab.Break("web-02", lab.Hung); err != nil {
			return err
		}
		d.until(ctx, 2*time.Hour, func() bool {
			done, err := settled(ctx, d.daemon.store, nil)
			return err == nil && done
		})
		return nil
	})
	drill, events := d.drill(t)
	real, err := d.daemon.store.List(context.Background(), store.Filter{})
	if err != nil || len(real) != 1 || real[0].Subject != "server:web-02" || real[0].Status != incident.Finished {
		t.Fatalf("in earnest there is %+v, %v", real, err)
	}
	if d.lab.PowerSends() != 1 {
		t.Errorf("%d power commands reached a BMC, not the one of the real incident", d.lab.PowerSends())
	}
	if drill.Ongoing() || drill.ClosedAt.Sub(real[0].Opened) > time.Minute {
		t.Errorf("the drill is %s, and ended %v after the real incident began", drill.Status, drill.ClosedAt.Sub(real[0].Opened))
		for _, e := range events {
			t.Log(e.At.Format("15:04:05"), e.Actor, e.Payload.Text())
		}
	}
	if report, err := d.daemon.store.Verify(context.Background()); err != nil || len(report.Faults) > 0 {
		t.Errorf("the record is not whole: %v, %v", report.Faults, err)
	}
}

// A drill that nobody answers and nobody ends ends by itself.
func TestADrillThatNobodyEndsEndsByItself(t *testing.T) {
	d := held(t, scenario{}, func(ctx context.Context, d *demo) error {
		if err := d.say(ctx, "hanne", "/api/v1/drills", map[string]any{"server": "web-02", "story": "bmc-silent", "lasts": "20m"}); err != nil {
			return err
		}
		d.until(ctx, 30*time.Minute, func() bool { return false })
		return nil
	})
	if drill, _ := d.drill(t); drill.Ongoing() || drill.ClosedAt.Sub(drill.OpenedAt) != 20*time.Minute {
		t.Errorf("after 30 minutes it is %s, closed after %v", drill.Status, drill.ClosedAt.Sub(drill.OpenedAt))
	}
}

// [5.1] A drill is held in every period at its time, once, and not when people
// have something pressing to do.
func TestAScheduledDrillIsHeldOnceAndNeverIntoRealTrouble(t *testing.T) {
	d := newTestDaemon(t, least+`timezone: Europe/Amsterdam
drills:
  - {name: monthly, every: month, weekday: tuesday, at: "14:00", server: web-01, story: server-hangs, lasts: 2h}
`)
	zone := d.policy().Zone
	look := func(at time.Time) string {
		t.Helper()
		d.until(at)
		for range 2 { // as after a restart, and as another replica
			if err := d.calendar().practise(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return fmt.Sprint(d.dates(t))
	}
	feb, mar, apr := time.Date(2026, 2, 3, 14, 0, 0, 0, zone), time.Date(2026, 3, 3, 14, 0, 0, 0, zone), time.Date(2026, 4, 7, 14, 0, 0, 0, zone)
	if got := look(feb.Add(-time.Second)); got != "[]" {
		t.Errorf("a second too early: %s", got)
	}
	if next := d.calendar().now().nextDrill(feb.Add(-time.Hour)); !next.Equal(feb) {
		t.Errorf("the calendar looks again at %v", next)
	}
	if got := look(feb); got != "[drill:web-01]" {
		t.Errorf("at its time: %s", got)
	}
	inc, _ := (&demo{daemon: d}).drill(t)
	if inc.Drill.By != "the calendar (monthly)" || !inc.Drill.Until.Equal(feb.Add(2*time.Hour)) || inc.Priority != incident.P1 || inc.Drill.Customers {
		t.Errorf("it is %+v, %s", inc.Drill, inc.Priority)
	}
	if _, err := d.store.Append(t.Context(), inc.ID, inc.Version, incident.Event{Actor: "piket", Payload: incident.Closed{By: "piket"}}); err != nil {
		t.Fatal(err)
	}
	if got := look(feb.Add(30 * time.Minute)); got != "[drill:web-01]" {
		t.Errorf("it is held again: %s", got)
	}
	if next := d.calendar().now().nextDrill(feb.Add(onTime)); !next.Equal(mar) {
		t.Errorf("the next is at %v", next)
	}
	d.until(mar.Add(-time.Minute))
	real := alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"}
	trouble := alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: real, Fingerprint: real.Fingerprint(), StartsAt: mar.Add(-time.Minute)}
	if err := d.door.Receive(t.Context(), []alerts.Alert{trouble}, 0); err != nil {
		t.Fatal(err)
	}
	if got := look(mar); got != "[drill:web-01]" {
		t.Errorf("into real trouble: %s", got)
	}
	if got := look(apr.Add(onTime)); got != "[drill:web-01]" {
		t.Errorf("an hour late: %s", got)
	}
}

func TestDrillsOnTheCommandLine(t *testing.T) { // [5.1]
	d := newTestDaemon(t, least)
	page := httptest.NewServer(d.Handler())
	defer page.Close()
	piket := func(args ...string) (status int, out, errs string) {
		var stdout, stderr strings.Builder
		args = append([]string{"drill"}, args...)
		status = run(append(args, "--piket.url", page.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token")), &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	if status, out, errs := piket("list"); status != 0 || out != "no drill was held\n" {
		t.Errorf("list: %d, %s%s", status, out, errs)
	}
	if status, _, errs := piket("start", "--server", "web-01", "--story", "earthquake"); status != 2 || !strings.Contains(errs, "server-hangs") {
		t.Errorf("no such story: %d, %s", status, errs)
	}
	if status, _, errs := piket("start", "--server", "web-99", "--story", "server-hangs"); status != 1 || !strings.Contains(errs, `no server "web-99"`) {
		t.Errorf("no such server: %d, %s", status, errs)
	}
	if status, out, errs := piket("start", "--server", "web-01", "--story", "server-hangs"); status != 0 || !strings.HasPrefix(out, "the drill is INC-2026-0001; end it with: piket drill stop INC-") {
		t.Fatalf("start: %d, %s%s", status, out, errs)
	}
	if status, out, _ := piket("list"); status != 0 || !strings.Contains(out, "INC-2026-0001  open") || !strings.Contains(out, "DRILL web-01: a server hangs") {
		t.Errorf("list: %d, %s", status, out)
	}
	if status, out, errs := piket("stop", "INC-2026-0001"); status != 0 || out != "INC-2026-0001: the drill is over\n" {
		t.Errorf("stop: %d, %s%s", status, out, errs)
	}
}
