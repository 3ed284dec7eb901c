package remediation_test

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// bare is a runbook without a condition and without asking: what is not sent
// here is stopped by the guards alone.
const bare = `runbook: bare
title: Cut power at once
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
  - {id: cut, power: cycle, verify: 5m}
`

// Every way of finding the server: power is cut only when all of it is silent
// and its BMC, on another path, says that it is on.
func TestOnlyIndependentSilenceCutsPower(t *testing.T) {
	book, err := runbooks.Parse("bare.yml", []byte(bare))
	if err != nil {
		t.Fatal(err)
	}
	states := []string{"true", "false", "unknown"}
	for _, reachable := range states {
		for _, services := range states {
			for _, shell := range states {
				for _, power := range []string{"on", "off", ""} {
					facts := []string{"reachable.ok=" + reachable, "services.ok=" + services, "shell.ok=" + shell, "power.state=" + power}
					found, err := remediation.ParseFound(book, facts)
					if err != nil {
						t.Fatal(err)
					}
					result, err := remediation.Simulate(book, world(t), "web-01", remediation.Script{Found: found}, three)
					if err != nil {
						t.Fatal(err)
					}
					silent, answers := 0, false
					for _, state := range []string{reachable, services, shell} {
						if state == "false" {
							silent++
						}
						answers = answers || state == "true"
					}
					want := silent >= 2 && !answers && power == "on"
					if got := len(result.Sends) > 0; got != want {
						t.Errorf("%v: sent %v, want %v", facts, got, want)
					}
				}
			}
		}
	}
}

// What stands around a server decides whether it is the server's trouble.
func TestNobodyActsOnACrowd(t *testing.T) {
	tests := map[string]struct {
		facts []string
		ended incident.Status
		sends int
	}{
		"the rack is dead, another is well":  {[]string{"neighbours.rack_asked=3", "neighbours.rack_up=0", "neighbours.up=2", "neighbours.asked=5"}, incident.Joined, 0},
		"the site is dead":                   {[]string{"neighbours.rack_asked=1", "neighbours.rack_up=0", "neighbours.up=0", "neighbours.asked=4"}, incident.Joined, 0},
		"the only other of the rack is dead": {[]string{"neighbours.rack_asked=1", "neighbours.rack_up=0", "neighbours.up=3", "neighbours.asked=4"}, incident.Joined, 0},
		"one neighbour alone is dead":        {[]string{"neighbours.rack_asked=1", "neighbours.rack_up=0", "neighbours.up=0", "neighbours.asked=1"}, incident.Open, 1},
		"its rack is well":                   {[]string{"neighbours.rack_asked=3", "neighbours.rack_up=2", "neighbours.up=2", "neighbours.asked=5"}, incident.Open, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := simulate(t, "server-unreachable", remediation.Script{Found: found(t, "server-unreachable", test.facts...), Answer: "yes"})
			if len(result.Sends) != test.sends || result.Ended != test.ended {
				t.Errorf("%d sends, ended %s", len(result.Sends), result.Ended)
			}
		})
	}
}
