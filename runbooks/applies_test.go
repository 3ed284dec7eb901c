package runbooks_test

import (
	"strings"
	"testing"

	"github.com/spinware/piket/runbooks"
)

// with is a runbook whose one remedy has the given condition.
func with(t testing.TB, when string) *runbooks.Runbook {
	t.Helper()
	book, err := runbooks.Parse("example.yml", []byte(`runbook: example
title: An example
match: ['alertname="X"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: shell, check: ssh, target: server}
  - {id: power, check: bmc, target: server}
  - {id: path, check: icmp, target: site.gateway}
  - {id: status, check: statuspage, target: site.status_page}
  - {id: neighbours, check: neighbours, target: site}
remedies:
  - id: restart
    ssh: [reboot]
    verify: 2m
    when: >-
      `+when+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestConditionIsYesNoOrNotKnown(t *testing.T) {
	type facts = map[string]any
	yes, no := runbooks.Answer{Holds: true, Known: true}, runbooks.Answer{Known: true}
	unknown := func(missing string) runbooks.Answer { return runbooks.Answer{Missing: missing} }
	for name, c := range map[string]struct {
		when  string
		facts facts
		want  runbooks.Answer
	}{
		"yes":                           {`shell.ok`, facts{"shell.ok": true}, yes},
		"no":                            {`shell.ok`, facts{"shell.ok": false}, no},
		"missing":                       {`shell.ok`, nil, unknown("shell.ok")},
		"not missing":                   {`!shell.ok`, nil, unknown("shell.ok")},
		"no, whatever the other":        {`shell.ok && services.ok`, facts{"shell.ok": false}, no},
		"no, whatever the first":        {`services.ok && shell.ok`, facts{"shell.ok": false}, no},
		"yes, whatever the other":       {`shell.ok || services.ok`, facts{"shell.ok": true}, yes},
		"yes, whatever the first":       {`services.ok || shell.ok`, facts{"shell.ok": true}, yes},
		"yes and not known":             {`shell.ok && services.ok`, facts{"shell.ok": true}, unknown("services.ok")},
		"no or not known":               {`shell.ok || services.ok`, facts{"shell.ok": false}, unknown("services.ok")},
		"two are missing":               {`shell.ok && power.state == "on"`, nil, unknown("shell.ok, power.state")},
		"a word":                        {`power.state == "off"`, facts{"power.state": "off"}, yes},
		"another word":                  {`power.state == "off"`, facts{"power.state": "on"}, no},
		"down, but its facts are known": {`!power.ok && power.state == "off"`, facts{"power.ok": false, "power.state": "off"}, yes},
		"a share":                       {`path.loss > 50.0`, facts{"path.loss": 100.0}, yes},
		"an announcement":               {`status.incident`, facts{"status.incident": true}, yes},
		"counting":                      {`neighbours.up * 2 >= neighbours.asked`, facts{"neighbours.up": 3, "neighbours.asked": 5}, yes},
		"counting, read from JSON":      {`neighbours.up * 2 >= neighbours.asked`, facts{"neighbours.up": 3.0, "neighbours.asked": 5.0}, yes},
		"remainder, read from JSON":     {`neighbours.up % 2 == 1`, facts{"neighbours.up": 3.0}, yes},
		"a fact of the wrong type":      {`shell.ok`, facts{"shell.ok": "yes"}, runbooks.Answer{}},
		"a fact nobody asked for":       {`shell.ok`, facts{"shell.ok": true, "else.ok": false}, yes},
		"a division by nothing":         {`10 / neighbours.up > 1`, facts{"neighbours.up": 0}, unknown("division by zero")},
		"no condition in a word":        {`power.state == "shell.ok"`, facts{"power.state": "on"}, no},
	} {
		t.Run(name, func(t *testing.T) {
			got := with(t, c.when).Applies("restart", c.facts)
			if got.Holds != c.want.Holds || got.Known != c.want.Known {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if !strings.Contains(got.Missing, c.want.Missing) || (got.Missing == "") != got.Known {
				t.Errorf("missing is %q, want %q in it", got.Missing, c.want.Missing)
			}
		})
	}
}

func TestRemedyWithoutAConditionAlwaysApplies(t *testing.T) {
	book, _ := shipped(t).Book("server-unreachable")
	for id, want := range map[string]bool{"restart-service": false, "power-on": false, "power-cycle": false} {
		if got := book.Applies(id, nil); got.Known != want || got.Holds {
			t.Errorf("%s with no fact at all: %+v", id, got)
		}
	}
	text := strings.Replace(book.Source, "    when: power.state == \"off\"\n", "", 1)
	free, err := runbooks.Parse("example.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := free.Applies("power-on", nil); !got.Holds || !got.Known {
		t.Errorf("got %+v", got)
	}
}

func TestJudgingLeavesTheFactsAlone(t *testing.T) {
	facts := map[string]any{"neighbours.up": 3.0}
	with(t, "neighbours.up > 2").Applies("restart", facts)
	if _, ok := facts["neighbours.up"].(float64); !ok {
		t.Errorf("the fact became a %T", facts["neighbours.up"])
	}
}
