package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/yamlpos"
)

// scenario is a story that `demo --headless` plays, with the end it must have.
type scenario struct {
	about  string
	breaks func(*lab.Datacenter) error
	later  func(*lab.Datacenter) error  // after a while; nil for nothing
	after  time.Duration                // how long that is after the beginning; laterAfter when 0
	answer string                       // what the engineer says when asked: "yes", "no", "" for nothing
	sends  int                          // power commands that reach a BMC
	book   func(*lab.Datacenter) string // a runbook beside the shipped ones; nil for none

	installs int // disks that are wiped

	events []incident.Kind // that must be on the timeline
	never  []incident.Kind // that must not

	verdict  incident.Verdict  // that must have been drawn; "" for whichever
	priority incident.Priority // that it ends with; "" for whichever
	quiet    bool              // no customer hears of it

	circle *circle // plays the policy's whole circle around it; nil for the machines' part
}

// breakServer makes a scenario's beginning.
func breakServer(name string, faults ...lab.Fault) func(*lab.Datacenter) error {
	return func(d *lab.Datacenter) error {
		for _, f := range faults {
			if err := d.Break(name, f); err != nil {
				return err
			}
		}
		return nil
	}
}

func breakSite(name string, faults ...lab.SiteFault) func(*lab.Datacenter) error {
	return func(d *lab.Datacenter) error {
		for _, f := range faults {
			if err := d.BreakSite(name, f); err != nil {
				return err
			}
		}
		return nil
	}
}

func healServer(name string) func(*lab.Datacenter) error {
	return func(d *lab.Datacenter) error { return d.Heal(name) }
}

func healSite(name string) func(*lab.Datacenter) error {
	return func(d *lab.Datacenter) error { return d.HealSite(name) }
}

// scenarios are the stories by name. All of them end closed, with a whole
// record, and with every customer told whose service was at stake.
var scenarios = map[string]scenario{
	"server-hangs": {
		about:  "A server hangs; the engineer agrees, one power cycle brings it back.",
		breaks: breakServer("web-01", lab.Hung), answer: "yes", sends: 1,
		events: []incident.Kind{"approval_requested", "approved", "intended", "restored"}, never: []incident.Kind{"ordered"},
	},
	"server-off": {
		about:  "Somebody pressed a server's button; seen from one place only, piket asks before it switches it on again.",
		breaks: breakServer("db-02", lab.Off), answer: "yes", sends: 1,
		events: []incident.Kind{"approval_requested", "approved", "intended", "restored"}, never: []incident.Kind{"ordered"},
	},
	"service-crashed": {
		about:  "A service's process is gone; it is restarted over SSH, power is not touched.",
		breaks: breakServer("app-01", lab.Crashed), sends: 0,
		events: []incident.Kind{"intended", "restored"}, never: []incident.Kind{"approval_requested", "ordered", "power_seen"},
	},
	"hardware-dead": {
		about:  "A part is broken: the power cycle does not help, a technician does, who works from the page behind their link.",
		breaks: breakServer("web-02", lab.Dead), answer: "yes", sends: 1,
		events: []incident.Kind{"step_failed", "ordered", "order_progress", "hands_in_rack", "part_replaced", "restored"},
	},
	"site-outage": {
		about:  "The way to a whole site is cut: one incident, no machine is touched.",
		breaks: breakSite("ams1", lab.Cut), later: healSite("ams1"), sends: 0, verdict: incident.VerdictSite,
		events: []incident.Kind{"concluded", "restored"}, never: []incident.Kind{"intended", "approval_requested"},
	},
	"rack-switch-reboots": {
		about:  "The switch of a rack restarts: its machines are silent together for three minutes, and none is touched.",
		breaks: func(d *lab.Datacenter) error { return d.BreakRack("ams1-a01") }, sends: 0, verdict: incident.VerdictRack,
		later: func(d *lab.Datacenter) error { return d.HealRack("ams1-a01") }, after: 4 * time.Minute,
		events: []incident.Kind{"concluded", "restored"}, never: []incident.Kind{"intended", "approval_requested", "ordered"},
	},
	"observer-cut-off": {
		about:  "Piket's own uplink is cut: everything looks dead, nothing is, and nothing is touched.",
		breaks: func(d *lab.Datacenter) error { d.BreakUplink(); return nil }, sends: 0, verdict: incident.VerdictMe, quiet: true, priority: incident.P2,
		later:  func(d *lab.Datacenter) error { d.HealUplink(); return nil },
		events: []incident.Kind{"concluded", "attention", "restored"}, never: []incident.Kind{"intended", "approval_requested", "ordered", "merged"},
	},
	"flapping": {
		about:  "A server's cable is loose: it goes and comes back every minute, and its power is left alone.",
		breaks: breakServer("web-02", lab.LooseCable), later: healServer("web-02"), answer: "yes", sends: 0, verdict: incident.VerdictUnknown,
		events: []incident.Kind{"concluded", "attention", "restored"}, never: []incident.Kind{"intended", "approval_requested", "ordered"},
	},
	"provider-announces": {
		about:  "The provider announces an outage of the site before anybody calls: piket waits with it.",
		breaks: breakSite("ams1", lab.Announced, lab.Cut), later: healSite("ams1"), sends: 0,
		events: []incident.Kind{"concluded", "restored"}, never: []incident.Kind{"intended", "approval_requested"},
	},
	"provider-warns": {
		about:  "The provider announces trouble and everything still answers: one medium incident, and no customer is told.",
		breaks: breakSite("rtm1", lab.Announced), later: healSite("rtm1"), sends: 0, priority: incident.P3, quiet: true,
		events: []incident.Kind{"concluded", "attention", "restored"}, never: []incident.Kind{"intended", "approval_requested", "ordered", "merged"},
	},
	"bmc-gone": {
		about:  "The BMC of a healthy server stops answering: a low incident for a person, before the night on which it is needed.",
		breaks: breakServer("web-01", lab.BMCUnreachable), later: healServer("web-01"), sends: 0, priority: incident.P4, quiet: true,
		events: []incident.Kind{"concluded", "attention", "restored"}, never: []incident.Kind{"intended", "approval_requested", "ordered", "merged"},
	},
	"approval-denied": {
		about:  "The engineer says no: nothing is sent, a technician goes.",
		breaks: breakServer("web-01", lab.Hung), answer: "no", sends: 0,
		events: []incident.Kind{"approval_requested", "denied", "ordered", "restored"}, never: []incident.Kind{"intended"},
	},
	"approval-expires": {
		about:  "Nobody answers: silence is not a yes, a technician goes.",
		breaks: breakServer("web-01", lab.Hung), sends: 0,
		events: []incident.Kind{"approval_requested", "approval_lapsed", "ordered", "restored"}, never: []incident.Kind{"intended", "approved"},
	},
	"bmc-lies": {
		about:  "The BMC says OK to the reset and does nothing: it is not believed, and not asked twice.",
		breaks: breakServer("web-03", lab.BMCLies), answer: "yes", sends: 1,
		events: []incident.Kind{"step_failed", "ordered", "restored"},
	},
	"bmc-drops-reply": {
		about:  "The BMC resets the machine and breaks the connection: unknown, so piket looks and sends nothing more.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCDropsReply), answer: "yes", sends: 1,
		events: []incident.Kind{"outcome", "restored"}, never: []incident.Kind{"ordered"},
	},
	"bmc-wrong-machine": {
		about:  "The BMC's cable leads to another machine: its identity does not match, nothing is sent.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCWrongIdentity), answer: "yes", sends: 0,
		events: []incident.Kind{"outcome", "step_failed", "ordered", "restored"},
	},
	"bmc-password-changed": {
		about:  "The BMC refuses our password: nothing confirms the outage, so power is not touched.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCBadPassword), answer: "yes", sends: 0,
		events: []incident.Kind{"skipped", "ordered", "restored"}, never: []incident.Kind{"intended"},
	},
	"bmc-stranger": {
		about:  "The BMC shows a certificate that nobody vouches for: no password is sent to it.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCBadCert), answer: "yes", sends: 0,
		events: []incident.Kind{"skipped", "ordered", "restored"}, never: []incident.Kind{"intended"},
	},
	"bmc-silent": {
		about:  "Neither server nor BMC answers: that is no evidence of anything, a technician goes.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCUnreachable), answer: "yes", sends: 0,
		events: []incident.Kind{"skipped", "ordered", "restored"}, never: []incident.Kind{"intended"},
	},
	"ssh-stranger": {
		about:  "A service is down, and the server shows another SSH key than the one on record: no command is run.",
		breaks: breakServer("app-01", lab.Crashed, lab.SSHKeyChanged), sends: 0,
		events: []incident.Kind{"skipped", "attention", "restored"}, never: []incident.Kind{"intended"},
	},
	"server-reinstalled": {
		about:  "Nothing on a server's disk starts. Two people agree to each step; it is started from an image, once, and nothing is left on its BMC.",
		breaks: breakServer("web-01", lab.NoSystem), book: reinstallBook, answer: "yes", sends: 2, installs: 1,
		events: []incident.Kind{"approval_requested", "approved", "step_failed", "restored"}, never: []incident.Kind{"ordered"},
	},
	"reinstall-taken-back": {
		about:  "The same, and its BMC keeps the boot device that was set for once: piket takes it back.",
		breaks: breakServer("web-01", lab.NoSystem, lab.BMCKeepsBoot), book: reinstallBook, answer: "yes", sends: 2, installs: 1,
		events: []incident.Kind{"approved", "restored"}, never: []incident.Kind{"ordered"},
	},
	"reinstall-refused": {
		about:  "The same on a server of which the inventory does not say that no customer's data is on its disks: refused, a technician goes.",
		breaks: breakServer("web-02", lab.NoSystem), book: reinstallBook, answer: "yes", sends: 1,
		events: []incident.Kind{"skipped", "ordered", "restored"},
	},
	"left-off": {
		about:  "The power cycle leaves the machine off: piket switches on what it switched off.",
		breaks: breakServer("web-01", lab.Hung, lab.BMCSlowOff), answer: "yes", sends: 2,
		events: []incident.Kind{"power_seen", "restored"}, never: []incident.Kind{"ordered"},
	},
	"customer-calls": {
		about:  "The policy's worked example: a customer telephones, a restart does not help, a technician does, and people look back on it.",
		breaks: breakServer("web-02", lab.Dead), answer: "yes", sends: 1, priority: incident.P1, verdict: incident.VerdictServer,
		circle: &workedExample, events: []incident.Kind{"step_failed", "ordered", "restored", "feedback", "review_shared", "action_done"},
	},
}

// reinstallBook is the runbook of the stories that reinstall: it takes the place of
// the shipped one of its name.
func reinstallBook(d *lab.Datacenter) string {
	iso, sum := d.Image()
	const leave = "approve: {by: network-and-server, within: 20m, otherwise: escalate, persons: 2}"
	return fmt.Sprintf(`runbook: server-unreachable
title: A server in the datacenter does not answer
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: path, check: reachable, target: site.gateway}
  - {id: status, check: statuspage, target: site.status_page}
  - {id: neighbours, check: neighbours, target: site}
  - {id: power, check: bmc, target: server}
  - {id: shell, check: ssh, target: server}
remedies:
  - {id: power-cycle, power: cycle, when: power.state == "on" && !shell.ok, approve: {by: on-duty, within: 10m, otherwise: escalate}, verify: 15m}
  - {id: image, media: {iso: "%[1]s", sha256: %[2]s}, %[3]s, verify: 1m}
  - {id: from-image, boot: {device: cdrom, once: true}, %[3]s, verify: 1m}
  - {id: reinstall, power: cycle, %[3]s, verify: 40m}
escalate:
  - technician: {to: site.remote_hands, order: restart-and-diagnose, acknowledge: 15m, arrive: 2h}
`, iso, sum, leave)
}

// laterAfter is when a scenario's second half begins, unless it says otherwise.
const laterAfter = 35 * time.Minute

func listScenarios(io console) error {
	if io.json {
		list := map[string]string{}
		for name, s := range scenarios {
			list[name] = s.about
		}
		return json.NewEncoder(io.out).Encode(list)
	}
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		fmt.Fprintf(io.out, "%-20s %s\n", name, scenarios[name].about)
	}
	return nil
}

func findScenario(name string) (scenario, error) {
	s, ok := scenarios[name]
	if ok {
		return s, nil
	}
	hint := "piket demo --scenario list names them"
	if near, ok := yamlpos.Nearest(name, slices.Sorted(maps.Keys(scenarios))); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return scenario{}, withHint(fmt.Errorf("there is no scenario %q", name), hint)
}
