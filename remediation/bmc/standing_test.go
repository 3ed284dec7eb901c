package bmc_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/bmc"
)

// both runs a story on a Redfish and on an IPMI controller of the lab.
func both(t *testing.T, story func(t *testing.T, w *booted)) {
	for name, ipmi := range map[string]bool{"web-01": false, "db-02": true} {
		if ipmi && !haveIPMITool(t) {
			continue // the lab speaks IPMI only where ipmitool is
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clk := clock.Jumping(night)
			world, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: ipmi, Clock: clk})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(world.Close)
			inv, err := inventory.Load(world.InventoryFile())
			if err != nil {
				t.Fatal(err)
			}
			server, _ := inv.Server(name)
			story(t, &booted{t: t, Datacenter: world, clk: clk, server: server, witness: bmc.NewWitness(clk.Now)})
		})
	}
}

// booted is a machine of the lab and a witness on the lab's clock.
type booted struct {
	*lab.Datacenter
	t       *testing.T
	clk     *clock.Clock
	server  inventory.Server
	witness *bmc.Witness
}

func (w *booted) pass(d time.Duration) {
	<-w.clk.Go(func() { w.clk.Wait(w.t.Context(), w.clk.Now().Add(d), nil) })
}

// cycles sends the one power cycle of a story.
func (w *booted) cycles() {
	w.t.Helper()
	o := order(w.server.BMC, "cycle")
	o.Server, o.Intent.Server, o.Intent.Serial, o.Intent.UUID = w.server, w.server.Name, w.server.Serial, w.server.UUID
	if got := bmc.Power(w.t.Context(), o); got.Outcome != incident.OutcomeDone {
		w.t.Fatalf("%s: %s", got.Outcome, got.Detail)
	}
}

// look takes a deep look and checks what it says; nil stands for absent.
func (w *booted) look(want map[string]any, words ...string) probes.Result {
	w.t.Helper()
	got := w.witness.Probe(w.t.Context(), target(w.server.BMC))
	expect(w.t, got, probes.Up, want, words...)
	return got
}

func (w *booted) breaks(f lab.Fault) {
	w.t.Helper()
	if err := w.Break(w.server.Name, f); err != nil {
		w.t.Fatal(err)
	}
}

func TestOnlyADeepLookAsksForJobsAndConsoles(t *testing.T) {
	both(t, func(t *testing.T, w *booted) {
		w.look(map[string]any{"task": "", "console": "", "panic": ""})
		w.pass(2 * time.Minute)
		w.breaks(lab.FirmwareJob)
		w.breaks(lab.ConsoleOpen)
		got := w.look(nil, "a job is running", "a console is open")
		for _, fact := range []string{"task", "console"} {
			if text, _ := got.Facts[fact].(string); text == "" {
				t.Errorf("%s is %v (%s)", fact, got.Facts[fact], evidence(got))
			}
		}
		w.pass(2 * time.Minute)
		expect(t, w.witness.Watch(t.Context(), target(w.server.BMC)), probes.Up, map[string]any{"task": nil, "console": nil})
		if err := w.Heal(w.server.Name); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Minute)
		w.look(map[string]any{"task": "", "console": ""})
		if w.PowerSends() != 0 {
			t.Error("a look sent a power command")
		}
	})
}

func TestARebootLeavesItsTraces(t *testing.T) {
	both(t, func(t *testing.T, w *booted) {
		w.breaks(lab.Hung)
		w.look(nil)
		w.pass(5 * time.Minute)
		sent := w.clk.Now()
		w.cycles()
		w.pass(time.Minute)
		got := w.look(map[string]any{"state": "on"})
		if at := eventOf(t, got); at.Before(sent) {
			t.Errorf("the newest boot is of %v, the command of %v\n%s", at, sent, evidence(got))
		}
		w.pass(3 * time.Minute)
		w.look(map[string]any{"boot_progress": "osrunning"})
	})
}

func TestNoTraceOfABootThatWasNot(t *testing.T) {
	both(t, func(t *testing.T, w *booted) {
		w.breaks(lab.BMCLies)
		before := w.look(nil).Facts["boot_event"]
		w.pass(5 * time.Minute)
		w.cycles()
		w.pass(5 * time.Minute)
		w.look(map[string]any{"state": "on", "boot_event": before})
	})
}

func TestABootThatSticksNeverReachesTheSystem(t *testing.T) {
	both(t, func(t *testing.T, w *booted) {
		w.breaks(lab.Hung)
		w.breaks(lab.BootStuck)
		sent := w.clk.Now()
		w.cycles()
		w.pass(time.Hour)
		got := w.look(map[string]any{"state": "on"})
		if at := eventOf(t, got); at.Before(sent) || got.Facts["boot_progress"] == "osrunning" {
			t.Errorf("boot of %v, progress %v", at, got.Facts["boot_progress"])
		}
	})
}

func TestABMCThatKeepsNoEvidenceGivesNone(t *testing.T) {
	both(t, func(t *testing.T, w *booted) {
		w.breaks(lab.Hung)
		w.breaks(lab.NoBootEvidence)
		w.cycles()
		w.pass(time.Hour)
		w.look(map[string]any{"state": "on", "boot_event": nil, "boot_progress": nil})
	})
}

func eventOf(t *testing.T, got probes.Result) time.Time {
	t.Helper()
	text, _ := got.Facts["boot_event"].(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("boot_event is %q\n%s", text, evidence(got))
	}
	return at
}

// serves lets b answer at path with JSON.
func (b *redfishBMC) serves(path, body string) {
	b.set(func(b *redfishBMC) {
		if b.tree == nil {
			b.tree = map[string]http.HandlerFunc{}
		}
		b.tree[path] = func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, body) }
	})
}

const (
	taskService = `{"Tasks": {"@odata.id": "/redfish/v1/TaskService/Tasks"}}`
	allServices = `{"Tasks": {"@odata.id": "/redfish/v1/TaskService"}, "JobService": {"@odata.id": "/redfish/v1/JobService"},
		"Links": {"Sessions": {"@odata.id": "/redfish/v1/Sessions"}}}`
	noJobs = `{"Jobs": {"@odata.id": "/redfish/v1/JobService/Jobs"}}`
	none   = `{"Members@odata.count": 0, "Members": []}`
)

func TestWhatABMCDoesNotSayIsAbsent(t *testing.T) {
	for name, tt := range map[string]struct {
		root, tasks, jobs, sessions string
		task, console               any
	}{
		"no such services":          {root: `{}`},
		"nothing in them":           {root: allServices, tasks: none, jobs: none, sessions: none, task: "", console: ""},
		"a task":                    {root: allServices, tasks: `{"Members": [{"Id": "7", "TaskState": "Pending"}]}`, jobs: none, sessions: none, task: "7, pending", console: ""},
		"a job":                     {root: allServices, tasks: none, jobs: `{"Members": [{"Name": "Flash", "JobState": "Running"}]}`, sessions: none, task: "Flash, running", console: ""},
		"all over":                  {root: allServices, tasks: `{"Members": [{"Id": "7", "TaskState": "Completed"}, {"Id": "8", "TaskState": "Exception"}]}`, jobs: none, sessions: none, task: "", console: ""},
		"one service does not tell": {root: allServices, tasks: none, sessions: none, console: ""},
		"half a list":               {root: allServices, tasks: `{"Members@odata.count": 9, "Members": [{"Id": "7", "TaskState": "Completed"}]}`, jobs: none, sessions: none, console: ""},
		"too many links":            {root: allServices, tasks: links("/redfish/v1/TaskService/Tasks/", 40), jobs: none, sessions: none, console: ""},
		"somebody's browser":        {root: allServices, tasks: none, jobs: none, sessions: `{"Members": [{"UserName": "anna", "SessionType": "WebUI"}]}`, task: "", console: ""},
		"a console":                 {root: allServices, tasks: none, jobs: none, sessions: `{"Members": [{"UserName": "anna", "SessionType": "HostConsole", "ClientOriginIPAddress": "192.0.2.9"}]}`, task: "", console: "HostConsole of anna from 192.0.2.9"},
		"a session of no type":      {root: allServices, tasks: none, jobs: none, sessions: `{"Members": [{"UserName": "anna"}]}`, task: ""},
		"piket's own":               {root: allServices, tasks: none, jobs: none, sessions: `{"Members": [{"UserName": "piket"}]}`, task: "", console: ""},
		"no JSON":                   {root: allServices, tasks: `<html>`, jobs: none, sessions: `[`},
		"other types":               {root: allServices, tasks: `{"Members": [{"TaskState": 7, "Id": {}}]}`, jobs: none, sessions: `{"Members": {}}`},
		"a vendor's own state":      {root: allServices, tasks: `{"Members": [{"Id": "7", "TaskState": "Flashing"}]}`, jobs: none, sessions: none, console: ""},
		"a loop of links":           {root: `{"Tasks": {"@odata.id": "http://192.0.2.1/"}, "Links": {"Sessions": {"@odata.id": "//192.0.2.1/"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startRedfish(t)
			b.services(tt.root)
			b.serves("/redfish/v1/TaskService", taskService)
			b.serves("/redfish/v1/JobService", noJobs)
			for path, body := range map[string]string{"/redfish/v1/TaskService/Tasks": tt.tasks, "/redfish/v1/JobService/Jobs": tt.jobs, "/redfish/v1/Sessions": tt.sessions} {
				if body != "" {
					b.serves(path, body)
				}
			}
			n := counted(b)
			got := newWatch().Probe(t.Context(), target(b.inventory()))
			expect(t, got, probes.Up, map[string]any{"task": tt.task, "console": tt.console})
			const most = 30
			if n.Load() > most {
				t.Errorf("%d questions", n.Load())
			}
		})
	}
}

func links(path string, count int) string {
	var all []string
	for n := range count {
		all = append(all, fmt.Sprintf(`{"@odata.id": "%s%d"}`, path, n))
	}
	return `{"Members": [` + strings.Join(all, ",") + `]}`
}
