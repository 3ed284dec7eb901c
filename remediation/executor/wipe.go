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

// wipes holds an order that may wipe a disk against what the executor knows by
// itself: its inventory says that no customer's data is there, its own runbook has
// this very step, and it comes with a leave. Who gave that it cannot know; how
// often it happens at all its caps bound.
func (x *Executor) wipes(i incident.Intended, server inventory.Server, book *runbooks.Runbook, r runbooks.Remedy) error {
	switch {
	case !server.Wipeable():
		return fmt.Errorf("the executor's inventory does not allow that the disks of %s are wiped", server.Name)
	case i.Approval == "":
		return errors.New("it may wipe a disk and comes without leave")
	case len(i.Command) > 0 || i.Duty > 0:
		return errors.New("it is not an order that the executor knows")
	}
	switch i.Action {
	case incident.ActionPower:
		before, ok := book.Before(r.ID)
		if !ok || before.Boot == nil || before.Boot.Device != i.Boot || r.Power != i.Verb {
			return fmt.Errorf("the executor's runbook %s has no restart from %q in step %q", book.Name, i.Boot, i.Step)
		}
		if !x.hasSet(server.Name) {
			return fmt.Errorf("the executor has not set from what %s starts, or not lately", server.Name)
		}
	case incident.ActionBoot:
		if r.Boot == nil || r.Boot.Device != i.Verb || i.Boot != "" {
			return fmt.Errorf("the executor's runbook %s has no boot device %q in step %q", book.Name, i.Verb, i.Step)
		}
	case incident.ActionMedia:
		switch {
		case r.Media == nil || i.Verb != incident.MediaInsert || r.Media.ISO != i.ISO || r.Media.SHA256 != i.SHA256:
			return fmt.Errorf("the executor's runbook %s has another image in step %q", book.Name, i.Step)
		case !slices.Contains(x.Images(), r.Media.Host()):
			return fmt.Errorf("no disk image may come from %s: it is not among media.hosts", r.Media.Host())
		}
	}
	return nil
}

// setLately is for how long a boot device that was set is for a restart.
const setLately = time.Hour

// hasSet reports whether the executor itself has set a boot device on a server of
// late, and the BMC was seen to have it.
func (x *Executor) hasSet(server string) bool {
	set := map[string]bool{}
	now := x.Clock.Now()
	for _, r := range x.Journal.All() {
		switch {
		case r.Server != server || now.Sub(r.At) > setLately:
		case r.Kind == began && r.What == wordBoot:
			set[r.Intent] = false
		case r.Kind == ended && r.What == string(incident.OutcomeDone):
			if _, boot := set[r.Intent]; boot {
				return true
			}
		}
	}
	return false
}

// takesBack says what of an order to take back is not that; nil when nothing is. It
// sets nothing, so that it needs no leave and no runbook.
func takesBack(i incident.Intended) error {
	boot := i.Action == incident.ActionBoot && i.Verb == incident.BootNone && i.ISO == ""
	media := i.Action == incident.ActionMedia && i.Verb == incident.MediaEject && i.ISO != ""
	if !boot && !media || len(i.Command) > 0 {
		return fmt.Errorf("%q takes nothing back", i.Verb)
	}
	return nil
}
