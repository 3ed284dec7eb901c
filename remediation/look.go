package remediation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/runbooks"
)

// bmcTimeout is what a BMC gets at least: it is a slow computer, and one answer
// takes several requests with a TLS handshake each.
const bmcTimeout = 10 * time.Second

// maxNeighbours bounds how many machines beside a server are asked.
const maxNeighbours = 5

// Looker takes looks by the probes. It changes nothing anywhere.
type Looker struct {
	Probes  probes.Registry
	Timeout time.Duration // of one probe
	Clock   *clock.Clock
}

// looks lists how each check of a runbook is taken. What the inventory does
// not configure is unknown: its absence proves nothing.
var looks = map[string]func(Looker, context.Context, view) incident.Check{
	"reachable":  Looker.reachable,
	"services":   Looker.services,
	"icmp":       Looker.icmp,
	"ssh":        Looker.ssh,
	"bmc":        Looker.bmc,
	"statuspage": Looker.statusPage,
	"neighbours": Looker.neighbours,
}

// view is what one check looks at.
type view struct {
	target    string // of the runbook: "server", "site.gateway", …
	subject   incident.Subject
	parts     []incident.Subject
	inventory *inventory.Inventory
	site      inventory.Site
	server    inventory.Server
}

// Diagnose takes every look of the runbook at once.
func (l Looker) Diagnose(ctx context.Context, f Facts) Look {
	return Look{At: l.Clock.Now(), Checks: l.all(ctx, f, f.Runbook.Diagnose)}
}

// Goal looks at what "restored" means, and at the power while that may change.
func (l Looker) Goal(ctx context.Context, f Facts, power bool) Look {
	var list []runbooks.Diagnosis
	for _, name := range f.Runbook.Goal.Checks {
		list = append(list, runbooks.Diagnosis{ID: name, Check: name, Target: f.Incident.Subject.Kind})
	}
	if power {
		list = append(list, runbooks.Diagnosis{ID: "power", Check: "bmc", Target: "server"})
	}
	look := Look{At: l.Clock.Now(), Checks: l.all(ctx, f, list)}
	if power {
		last := len(look.Checks) - 1
		look.Power, _ = look.Checks[last].Facts["state"].(string)
		if look.Power == "" {
			look.Power = "unknown"
		}
		look.Checks = look.Checks[:last]
	}
	return look
}

// all takes a list of looks in parallel; the order of the findings is that of
// the list.
func (l Looker) all(ctx context.Context, f Facts, list []runbooks.Diagnosis) []incident.Check {
	v := view{subject: f.Incident.Subject, parts: f.Incident.Parts, inventory: f.Inventory}
	v.site, _ = f.Inventory.Site(f.Incident.Site)
	v.server, _ = f.Inventory.Server(f.Incident.Subject.Name)
	found := make([]incident.Check, len(list))
	var wg sync.WaitGroup
	for n, d := range list {
		wg.Go(func() {
			at := v
			at.target = d.Target
			c := looks[d.Check](l, ctx, at)
			c.ID, c.Kind, c.Target = d.ID, d.Check, d.Target
			found[n] = c
		})
	}
	wg.Wait()
	return found
}

// probe asks one target; ok false means that the inventory has none.
func (l Looker) probe(ctx context.Context, kind string, t probes.Target, ok bool, what string) incident.Check {
	if !ok {
		return notConfigured(what)
	}
	r := l.Probes.Probe(ctx, kind, t)
	return incident.Check{State: incident.State(r.State), Reason: r.Reason, Facts: r.Facts}
}

func notConfigured(what string) incident.Check {
	return incident.Check{State: incident.Unknown, Reason: "the inventory has no " + what}
}

func (l Looker) gateway(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.Gateway(v.site, l.Timeout)
	return l.probe(ctx, kind, t, ok, "gateway for site "+v.site.Name)
}

func (l Looker) reachable(ctx context.Context, v view) incident.Check {
	if v.target != "server" {
		return l.gateway(ctx, v)
	}
	if v.server.Name == "" {
		return notConfigured("server " + v.subject.Name)
	}
	kind, t := probes.Reachable(v.server, l.Timeout)
	return l.probe(ctx, kind, t, true, "")
}

// services asks every service of the server; for a site, of every server that
// became part of its incident.
func (l Looker) services(ctx context.Context, v view) incident.Check {
	servers := []inventory.Server{v.server}
	if v.subject.Kind != "server" {
		servers = nil
		for _, part := range v.parts {
			if s, ok := v.inventory.Server(part.Name); ok && part.Kind == "server" {
				servers = append(servers, s)
			}
		}
	}
	bad := map[incident.State][]string{}
	count := 0
	for _, s := range servers {
		for _, service := range s.Services {
			kind, t := probes.Service(s, service, l.Timeout)
			r := l.Probes.Probe(ctx, kind, t)
			bad[incident.State(r.State)] = append(bad[incident.State(r.State)], service.Name+"\x00"+r.Reason)
			count++
		}
	}
	return servicesFinding(count, bad)
}

func servicesFinding(count int, byState map[incident.State][]string) incident.Check {
	for _, state := range []incident.State{incident.Down, incident.Unknown} {
		var names, reasons []string
		for _, entry := range byState[state] {
			name, reason, _ := strings.Cut(entry, "\x00")
			names = append(names, name)
			reasons = append(reasons, name+" "+reason)
		}
		if len(names) == 0 {
			continue
		}
		c := incident.Check{State: state, Reason: strings.Join(reasons, ", ")}
		if state == incident.Down {
			c.Facts = map[string]any{"down": strings.Join(names, ",")}
		}
		return c
	}
	return incident.Check{State: incident.Up, Reason: fmt.Sprintf("%d of %d answer", count, count), Facts: map[string]any{"down": ""}}
}

func (l Looker) icmp(ctx context.Context, v view) incident.Check {
	t := probes.Target{Name: v.server.Name, Address: v.server.Address, Timeout: l.Timeout}
	if v.target == "site.gateway" {
		if v.site.Gateway == nil || v.site.Gateway.Address == "" {
			return notConfigured("address of a gateway for site " + v.site.Name)
		}
		t.Name, t.Address = "gateway of "+v.site.Name, v.site.Gateway.Address
	}
	return l.probe(ctx, "icmp", t, t.Address != "", "address for it")
}

func (l Looker) ssh(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.SSHOf(v.server, l.Timeout)
	return l.probe(ctx, kind, t, ok, "SSH access for "+v.subject.Name)
}

func (l Looker) bmc(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.BMCOf(v.server, max(l.Timeout, bmcTimeout))
	return l.probe(ctx, kind, t, ok, "BMC for "+v.subject.Name)
}

func (l Looker) statusPage(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.StatusPageOf(v.site, l.Timeout)
	return l.probe(ctx, kind, t, ok, "status page for site "+v.site.Name)
}

// neighbours asks machines on the same site whether they answer, those in the
// same rack first.
func (l Looker) neighbours(ctx context.Context, v view) incident.Check {
	list := slices.DeleteFunc(slices.Clone(v.inventory.ServersOn(v.site.Name)), func(s inventory.Server) bool { return s.Name == v.subject.Name })
	slices.SortStableFunc(list, func(a, b inventory.Server) int {
		return boolOrder(a.Rack == v.server.Rack, b.Rack == v.server.Rack)
	})
	list = list[:min(len(list), maxNeighbours)]
	states := make([]probes.State, len(list))
	var wg sync.WaitGroup
	for n, s := range list {
		wg.Go(func() {
			kind, t := probes.Reachable(s, l.Timeout)
			states[n] = l.Probes.Probe(ctx, kind, t).State
		})
	}
	wg.Wait()
	return neighbourFinding(states)
}

func neighbourFinding(states []probes.State) incident.Check {
	tally := map[probes.State]int{}
	for _, s := range states {
		tally[s]++
	}
	asked, up := tally[probes.Up]+tally[probes.Down], tally[probes.Up]
	c := incident.Check{
		State:  incident.Unknown,
		Reason: fmt.Sprintf("%d of %d machines beside it answer", up, asked),
		Facts:  map[string]any{"up": up, "asked": asked},
	}
	switch {
	case up > 0:
		c.State = incident.Up
	case asked > 0:
		c.State = incident.Down
	}
	return c
}

// boolOrder sorts true before false.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// Checks lists the kinds of check that can be taken; a test holds it together
// with what runbooks may ask.
func Checks() []string { return slices.Sorted(maps.Keys(looks)) }
