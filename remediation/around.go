package remediation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// maxNeighbours bounds how many machines of a server's rack are asked, how many
// on its power feed, and how many others of its site.
const maxNeighbours = 5

// neighbours asks machines in the same rack, on the same power feed, and of the
// same site elsewhere, whether they answer.
func (l Looker) neighbours(ctx context.Context, v view) incident.Check {
	beside, fed, elsewhere := v.others()
	ask := slices.Concat(beside, fed, elsewhere)
	answers := l.hear(ctx, ask)
	var onFeed []answer
	for n, s := range ask {
		if v.feedOf(s) != "" && v.feedOf(s) == v.feedOf(v.server) {
			onFeed = append(onFeed, answers[n])
		}
	}
	return neighbourFinding(answers[:len(beside)], onFeed, answers)
}

// others lists whom to ask: in the rack, on the feed and not in the rack, and
// the rest.
func (v view) others() (beside, fed, elsewhere []inventory.Server) {
	for s := range v.inventory.ServersOn(v.site.Name) {
		switch {
		case s.Name == v.subject.Name:
		case s.Rack != "" && s.Rack == v.server.Rack:
			beside = append(beside, s)
		case v.feedOf(s) != "" && v.feedOf(s) == v.feedOf(v.server):
			fed = append(fed, s)
		default:
			elsewhere = append(elsewhere, s)
		}
	}
	few := func(list []inventory.Server) []inventory.Server { return list[:min(len(list), maxNeighbours)] }
	return few(beside), few(fed), few(elsewhere)
}

// feedOf is the one feed that a server hangs on, "" when there are more: then
// the loss of one does not take it.
func (v view) feedOf(s inventory.Server) string {
	if len(s.Feeds) != 1 {
		return ""
	}
	return s.Feeds[0]
}

// neighbourFinding counts who answers: in the rack, on the feed and in all. A
// probe that could not be taken counts as not asked.
func neighbourFinding(rack, feed, all []answer) incident.Check {
	rackAsked, rackUp := tally(rack)
	feedAsked, feedUp := tally(feed)
	asked, up := tally(all)
	c := incident.Check{
		State:  incident.Unknown,
		Reason: fmt.Sprintf("%d of %d machines beside it answer, %d of %d in its rack", up, asked, rackUp, rackAsked),
		Facts: map[string]any{
			"up": up, "asked": asked, "rack_up": rackUp, "rack_asked": rackAsked, "feed_up": feedUp, "feed_asked": feedAsked,
		},
	}
	switch {
	case up > 0:
		c.State = incident.Up
	case asked > 0:
		c.State = incident.Down
	}
	return c
}

func tally(answers []answer) (asked, up int) {
	for _, a := range answers {
		switch a.result.State {
		case probes.Up:
			asked, up = asked+1, up+1
		case probes.Down:
			asked++
		}
	}
	return asked, up
}

// references asks what tells piket's own trouble from the world's: when nobody
// on one side of its uplink answers, it cannot see. Without references the
// gateways of all sites stand in for them.
func (l Looker) references(ctx context.Context, v view) incident.Check {
	var up, asked int
	for _, side := range sides(v.inventory) {
		answers := together(side, func(e probes.Reference) answer {
			kind, t := e.Target(l.Timeout)
			return answer{t.Name, l.Probes.Probe(ctx, kind, t)}
		})
		_, heard := tally(answers)
		asked, up = asked+len(side), up+heard
		if heard == 0 {
			return incident.Check{State: incident.Down, Reason: "none of " + names(answers) + " answers", Facts: map[string]any{"up": up, "asked": asked}}
		}
	}
	if asked == 0 {
		return notConfigured("references, and no two gateways that could stand in for them")
	}
	return incident.Check{State: incident.Up, Reason: fmt.Sprintf("%d of %d references answer", up, asked), Facts: map[string]any{"up": up, "asked": asked}}
}

// sides are the groups of references of which somebody must answer.
func sides(inv *inventory.Inventory) [][]probes.Reference {
	var list [][]probes.Reference
	for _, side := range probes.References(inv) {
		if len(side) > 0 {
			list = append(list, side)
		}
	}
	return list
}

func names(answers []answer) string {
	list := make([]string, len(answers))
	for n, a := range answers {
		list[n] = a.name
	}
	return strings.Join(list, ", ")
}

// vantages counts who finds the server silent, piket included. For anything
// else it says whether every vantage reports.
func (l Looker) vantages(_ context.Context, v view) incident.Check {
	var seen Vantages
	if l.Vantages != nil {
		seen = l.Vantages("server/" + v.subject.Name)
	}
	c := incident.Check{State: incident.Up, Facts: map[string]any{
		"down": seen.Down + 1, "up": seen.Up, "voters": seen.Down + seen.Up + 1, "lost": len(seen.Lost),
	}}
	switch {
	case len(seen.Lost) > 0:
		c.State, c.Reason = incident.Down, "lost: "+strings.Join(seen.Lost, ", ")
	case seen.Down+seen.Up == 0:
		if c.Reason = "nobody looks along"; v.target == "server" {
			c.State = incident.Unknown
		}
	default:
		c.Reason = fmt.Sprintf("%d of %d vantages that look along find it silent", seen.Down, seen.Down+seen.Up)
	}
	return c
}
