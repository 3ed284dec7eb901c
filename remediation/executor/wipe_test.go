package executor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/runbooks"
)

const reinstalling = `runbook: reinstalling
title: A server that no restart brings back
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: power, check: bmc, target: server}
remedies:
  - {id: image, media: {iso: "%s", sha256: %s}, approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}, verify: 1m}
  - {id: from-image, boot: {device: cdrom, once: true}, approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}, verify: 1m}
  - {id: restart, power: cycle, approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}, verify: 40m}
`

// newWipingWorld is a world whose executor knows a runbook that reinstalls. In the
// lab's inventory only web-01 may be wiped.
func newWipingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	iso, sum := w.lab.Image()
	book, err := runbooks.Parse("reinstalling.yml", fmt.Appendf(nil, reinstalling, iso, sum))
	if err != nil {
		t.Fatal(err)
	}
	library := &runbooks.Library{Books: append(w.Runbooks().Books, book)}
	w.Runbooks = func() *runbooks.Library { return library }
	return w
}

// wiping are the three orders of a reinstallation.
func (w *world) wiping(server string) (image, boot, restart incident.Intended) {
	image = w.intent("INC-1/I4", server)
	image.Runbook, image.Approval = "reinstalling", "INC-1/A3"
	boot, restart = image, image
	image.Step, image.Action, image.Verb = "image", incident.ActionMedia, incident.MediaInsert
	image.ISO, image.SHA256 = w.lab.Image()
	boot.Intent, boot.Step, boot.Action, boot.Verb = "INC-1/I8", "from-image", incident.ActionBoot, "cdrom"
	restart.Intent, restart.Step, restart.Boot = "INC-1/I12", "restart", "cdrom"
	return image, boot, restart
}

func (w *world) wants(t *testing.T, i incident.Intended, outcome incident.Outcome, detail string) {
	t.Helper()
	if got := w.Do(t.Context(), order(i)); got.Outcome != outcome || !strings.Contains(got.Detail, detail) {
		t.Errorf("%s: %s (%s), want %s (%s)", i.What(), got.Outcome, got.Detail, outcome, detail)
	}
}

func TestAReinstallationGoesThroughTheExecutorAndEndsClean(t *testing.T) {
	w := newWipingWorld(t)
	if err := w.lab.Break("web-01", lab.NoSystem); err != nil {
		t.Fatal(err)
	}
	image, boot, restart := w.wiping("web-01")
	w.wants(t, restart, incident.OutcomeRefused, "has not set from what web-01 starts")
	w.wants(t, image, incident.OutcomeDone, "")
	w.wants(t, boot, incident.OutcomeDone, "")
	restart.Intent += "b"
	w.wants(t, restart, incident.OutcomeDone, "")
	if n := w.lab.Servers()[0].Installs; n != 1 {
		t.Errorf("installed %d times", n)
	}
	back := boot
	back.Intent, back.Verb, back.Boot, back.Duty, back.Approval = "INC-1/I20", incident.BootNone, "cdrom", 1, ""
	w.wants(t, back, incident.OutcomeDone, "gone already")
	eject := image
	eject.Intent, eject.Verb, eject.SHA256, eject.Duty = "INC-1/I21", incident.MediaEject, "", 1
	w.wants(t, eject, incident.OutcomeDone, "")
}

// What the daemon says of who agreed and of what may be wiped is not believed.
func TestADiskIsWipedOnlyAsTheExecutorItselfKnows(t *testing.T) {
	w := newWipingWorld(t)
	image, boot, restart := w.wiping("web-01")
	for name, c := range map[string]struct {
		intent incident.Intended
		change func(*incident.Intended)
		why    string
	}{
		"no leave for the image":      {image, func(i *incident.Intended) { i.Approval = "" }, "without leave"},
		"no leave for the device":     {boot, func(i *incident.Intended) { i.Approval = "" }, "without leave"},
		"no leave for the restart":    {restart, func(i *incident.Intended) { i.Approval = "" }, "without leave"},
		"another image":               {image, func(i *incident.Intended) { i.ISO += "x" }, "another image"},
		"another hash":                {image, func(i *incident.Intended) { i.SHA256 = strings.Repeat("0", 64) }, "another image"},
		"another device":              {boot, func(i *incident.Intended) { i.Verb = "pxe" }, "no boot device"},
		"a device of no runbook":      {boot, func(i *incident.Intended) { i.Step = "power-cycle" }, "no boot device"},
		"a runbook that it lacks":     {boot, func(i *incident.Intended) { i.Runbook = "mine" }, "no runbook"},
		"a restart of another device": {restart, func(i *incident.Intended) { i.Boot = "pxe" }, "no restart from"},
		"a restart by another verb":   {restart, func(i *incident.Intended) { i.Verb = "on" }, "no restart from"},
		"what takes nothing back":     {boot, func(i *incident.Intended) { i.Duty = 1 }, "takes nothing back"},
		"an insert as a taking back":  {image, func(i *incident.Intended) { i.Duty = 1 }, "takes nothing back"},
		"a start as a duty":           {restart, func(i *incident.Intended) { i.Duty, i.Verb = 1, "on" }, "not a power command"},
	} {
		i := c.intent
		i.Intent = "INC-1/" + name
		c.change(&i)
		w.wants(t, i, incident.OutcomeRefused, c.why)
	}
	w.Images = func() []string { return nil }
	w.wants(t, image, incident.OutcomeRefused, "not among media.hosts")
	for _, server := range []string{"db-01", "web-02", "db-02"} { // with data of customers, as nothing else is said
		for _, i := range []func(string) incident.Intended{
			func(s string) incident.Intended { i, _, _ := w.wiping(s); return i },
			func(s string) incident.Intended { _, i, _ := w.wiping(s); return i },
			func(s string) incident.Intended { _, _, i := w.wiping(s); return i },
		} {
			order := i(server)
			order.Intent += server
			w.wants(t, order, incident.OutcomeRefused, "does not allow that the disks")
		}
	}
	for _, e := range w.lab.WireLog() {
		t.Errorf("on the wire: %+v", e)
	}
}

func TestTheExecutorReinstallsOneServerADay(t *testing.T) {
	w := newWipingWorld(t)
	inv := *w.Inventory()
	for n := range inv.Servers {
		inv.Servers[n].Data = inventory.DataNone
	}
	all, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	w.Inventory = func() *inventory.Inventory { return all }
	if executor.DefaultCaps.ReinstallsPerDay != 1 {
		t.Errorf("%d a day by default", executor.DefaultCaps.ReinstallsPerDay)
	}
	image, boot, _ := w.wiping("web-01")
	w.wants(t, image, incident.OutcomeDone, "")
	w.wants(t, boot, incident.OutcomeDone, "")
	image, boot, _ = w.wiping("web-02")
	image.Intent, boot.Intent = "INC-2/I4", "INC-2/I8"
	w.wants(t, image, incident.OutcomeRefused, "1 reinstallations in a day")
	w.wants(t, boot, incident.OutcomeRefused, "1 reinstallations in a day")
	w.reopen(t)
	boot.Intent = "INC-2/I9"
	w.wants(t, boot, incident.OutcomeRefused, "1 reinstallations in a day")
}
