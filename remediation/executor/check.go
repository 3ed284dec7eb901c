package executor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// maxIntentBytes bounds an intent's name.
const maxIntentBytes = 128

// check holds an intent against what the executor itself knows, and returns the
// server as its own inventory has it.
func (x *Executor) check(i incident.Intended, now time.Time) (inventory.Server, error) {
	none := inventory.Server{}
	if i.Intent == "" || len(i.Intent) > maxIntentBytes {
		return none, errors.New("the order names no intent")
	}
	if i.Drill {
		return none, errors.New("it is of a drill, and a drill touches no machine")
	}
	if _, ok := x.Actions[i.Action]; !ok {
		return none, fmt.Errorf("%q is not an action of the executor", i.Action)
	}
	server, ok := x.Inventory().Server(i.Server)
	switch {
	case !ok || server.Name != i.Server:
		return none, fmt.Errorf("the executor's inventory has no server %q", i.Server)
	case server.Serial != i.Serial || server.UUID != i.UUID:
		return none, fmt.Errorf("the executor's inventory has another serial number or UUID for %s", i.Server)
	}
	switch left := i.NotAfter.Sub(now); {
	case left <= 0:
		return none, errLate
	case left > maxAhead:
		return none, fmt.Errorf("it may be sent for another %v: the executor takes no order that is good for more than %v", left.Round(time.Second), maxAhead)
	}
	return server, x.known(i, server)
}

// known reports whether the executor can derive for itself what is to be done.
// A command must be that of the very step of a runbook that it has loaded,
// filled in with values of its own inventory. A list of allowed commands would be
// a second place that says what may run, and would hold for every server.
func (x *Executor) known(i incident.Intended, server inventory.Server) error {
	switch {
	case i.Action == incident.ActionPower && (len(i.Command) > 0 || !slices.Contains(verbs, i.Verb) || i.Duty > 0 && (i.Verb != "on" || i.Boot != "")):
		return fmt.Errorf("%q is not a power command of the executor", i.Verb)
	case i.Action == incident.ActionPower && i.Boot == "":
		return nil
	case i.TakesBack():
		return takesBack(i)
	}
	book, ok := x.Runbooks().Book(i.Runbook)
	if !ok {
		return fmt.Errorf("the executor has no runbook %q", i.Runbook)
	}
	remedy, ok := book.Remedy(i.Step)
	if i.Action != incident.ActionSSH {
		return x.wipes(i, server, book, remedy)
	}
	if !ok || len(remedy.SSH) == 0 || i.Verb != "" || i.Duty > 0 {
		return fmt.Errorf("the executor's runbook %s has no command in step %q", book.Name, i.Step)
	}
	for _, values := range placeholders(server) {
		command, missing := runbooks.Fill(remedy.SSH, values)
		if missing == "" && slices.Equal(command, i.Command) {
			return nil
		}
	}
	return fmt.Errorf("the command is not that of step %s in the executor's runbook %s", remedy.ID, book.Name)
}

var verbs = []string{"on", "off", "soft", "cycle"}

// placeholders lists what a command may be filled in with: each service of the
// server that has a unit, and none.
func placeholders(server inventory.Server) []map[string]string {
	list := []map[string]string{{"server.name": server.Name}}
	for _, s := range server.Services {
		if s.Unit != "" {
			list = append(list, map[string]string{"server.name": server.Name, "service.name": s.Name, "service.unit": s.Unit})
		}
	}
	return list
}
