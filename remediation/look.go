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

// Looker takes looks by the probes. It changes nothing anywhere.
type Looker struct {
	Probes  probes.Registry
	Timeout time.Duration // of one probe
	Clock   *clock.Clock

	// Vantages says what those who look along from elsewhere see of a target of
	// the scheduler; nil when there are none.
	Vantages func(key string) Vantages
}

// Vantages is what the vantages see of one target. Only those that can see at
// all, and have an opinion, count as Down or Up; piket's own view is not among
// them.
type Vantages struct {
	Down, Up int
	Lost     []string // those that should report and do not
}

// looks lists how each check of a runbook is taken. What the inventory does
// not configure is unknown: its absence proves nothing.
var looks = map[string]func(Looker, context.Context, view) incident.Check{
	"reachable":    Looker.reachable,
	"services":     Looker.services,
	"icmp":         Looker.icmp,
	"ssh":          Looker.ssh,
	"bmc":          Looker.bmc,
	"boot":         Looker.boot,
	"statuspage":   Looker.statusPage,
	"announcement": Looker.announcement,
	"neighbours":   Looker.neighbours,
	"references":   Looker.references,
	"vantages":     Looker.vantages,
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
	began := l.Clock.Now()
	checks := l.all(ctx, f, withDoubt(f.Runbook.Diagnose, f))
	return Look{At: began, Ended: l.Clock.Now(), Checks: checks}
}

// withDoubt adds the looks at piket's own view to those of a runbook that
// leaves them out: no runbook can make it trust itself.
func withDoubt(list []runbooks.Diagnosis, f Facts) []runbooks.Diagnosis {
	has := func(kind string) bool {
		return slices.ContainsFunc(list, func(d runbooks.Diagnosis) bool { return d.Check == kind })
	}
	list = slices.Clone(list)
	if !has("references") && len(f.Inventory.References) > 0 {
		list = append(list, runbooks.Diagnosis{ID: "observer", Check: "references", Target: "observer"})
	}
	if !has("vantages") && f.Incident.Subject.Kind == "server" {
		list = append(list, runbooks.Diagnosis{ID: "elsewhere", Check: "vantages", Target: "server"})
	}
	return list
}

// Goal looks at what "restored" means, and at the power while that may change.
func (l Looker) Goal(ctx context.Context, f Facts, power bool) Look {
	var list []runbooks.Diagnosis
	for _, name := range f.Runbook.Goal.Checks {
		list = append(list, runbooks.Diagnosis{ID: name, Check: name, Target: f.Incident.Subject.Kind})
	}
	goal := len(list)
	if power {
		list = append(list, runbooks.Diagnosis{ID: "power", Check: "bmc", Target: "server"})
	}
	if f.Incident.Action.Live() {
		list = append(list, runbooks.Diagnosis{ID: "boot", Check: "boot", Target: "server"})
	}
	look := Look{At: l.Clock.Now()}
	checks := l.all(ctx, f, list)
	look.Ended = l.Clock.Now()
	look.Checks, look.Evidence = checks[:goal:goal], checks[goal:]
	if power {
		look.Power, _ = look.Evidence[0].Facts["state"].(string)
		if look.Power == "" {
			look.Power = "unknown"
		}
	}
	return look
}

// all takes a list of looks in parallel; the order of the findings is that of
// the list.
func (l Looker) all(ctx context.Context, f Facts, list []runbooks.Diagnosis) []incident.Check {
	if f.Incident.IsDrill() {
		return f.pretended(list)
	}
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

// reachable asks whether the subject answers. For a site that is its gateway
// and most of its servers, for a rack or a feed most of its servers; and for
// each of them every server that became part of the incident: service is not
// back while one of them is still silent.
func (l Looker) reachable(ctx context.Context, v view) incident.Check {
	switch {
	case v.target == "site.gateway":
		return l.gateway(ctx, v)
	case v.target != "server":
		return l.parts(ctx, v)
	case v.server.Name == "":
		return notConfigured("server " + v.subject.Name)
	}
	kind, t := probes.Reachable(v.server, l.Timeout)
	return l.probe(ctx, kind, t, true, "")
}

func (l Looker) parts(ctx context.Context, v view) incident.Check {
	behind := v.inventory.Behind(v.subject.Kind, v.subject.Name)
	if gateway := l.gateway(ctx, v); gateway.State != incident.Up && (v.site.Gateway != nil || len(behind) == 0) {
		return gateway
	}
	if crowd := l.crowd(ctx, behind); crowd.State == incident.Down {
		return crowd
	}
	answers := l.hear(ctx, v.servers())
	return summary(answers, "the gateway and %d of %d servers answer")
}

// hear asks servers whether they answer; the answers stand in their order.
func (l Looker) hear(ctx context.Context, servers []inventory.Server) []answer {
	return together(servers, func(s inventory.Server) answer {
		kind, t := probes.Reachable(s, l.Timeout)
		return answer{s.Name, l.Probes.Probe(ctx, kind, t)}
	})
}

// crowd asks whether most of the subject's servers answer. One that does not is
// its own trouble, and has an incident of its own.
func (l Looker) crowd(ctx context.Context, behind []inventory.Server) incident.Check {
	answers := l.hear(ctx, sample(behind, maxCrowd))
	asked, up := tally(answers)
	if silent := asked - up; silent >= 2 && silent*2 > asked {
		return incident.Check{State: incident.Down, Reason: fmt.Sprintf("%d of %d machines are silent", silent, asked)}
	}
	return incident.Check{State: incident.Up}
}

// maxCrowd bounds how many servers of a site are asked at every look.
const maxCrowd = 20

// sample takes at most so many of a list, evenly.
func sample(list []inventory.Server, most int) []inventory.Server {
	if len(list) <= most {
		return list
	}
	taken := make([]inventory.Server, most)
	for n := range taken {
		taken[n] = list[n*len(list)/most]
	}
	return taken
}

// services asks every service of the server; for a site or a rack, of every
// server that became part of its incident.
func (l Looker) services(ctx context.Context, v view) incident.Check {
	type one struct {
		server  inventory.Server
		service inventory.Service
	}
	var list []one
	for _, s := range v.servers() {
		for _, service := range s.Services {
			list = append(list, one{s, service})
		}
	}
	if v.target == "server" && v.server.Name == "" {
		return notConfigured("server " + v.subject.Name)
	}
	return summary(together(list, func(o one) answer {
		kind, t := probes.Service(o.server, o.service, l.Timeout)
		return answer{o.service.Name, l.Probes.Probe(ctx, kind, t)}
	}), "%d of %d answer")
}

// servers are the machines that the incident is about.
func (v view) servers() []inventory.Server {
	if v.target == "server" {
		return []inventory.Server{v.server}
	}
	var list []inventory.Server
	for _, part := range v.parts {
		if s, ok := v.inventory.Server(part.Name); ok && part.Kind == "server" {
			list = append(list, s)
		}
	}
	return list
}

// answer is what one of several targets said.
type answer struct {
	name   string
	result probes.Result
}

// maxTogether bounds how many targets one check asks at once.
const maxTogether = 32

// together asks for every item at once, within the bound; the answers stand in
// the order of the items.
func together[T any](items []T, ask func(T) answer) []answer {
	answers := make([]answer, len(items))
	slots := make(chan struct{}, maxTogether)
	var wg sync.WaitGroup
	for n, item := range items {
		slots <- struct{}{}
		wg.Go(func() {
			answers[n] = ask(item)
			<-slots
		})
	}
	wg.Wait()
	return answers
}

// summary judges several answers as one: down when one is down, up only when
// all are. None at all is up: what is not there cannot be missed; whether the
// server itself answers is asked apart.
func summary(answers []answer, format string) incident.Check {
	names := map[probes.State][]string{}
	reasons := map[probes.State][]string{}
	for _, a := range answers {
		names[a.result.State] = append(names[a.result.State], a.name)
		reasons[a.result.State] = append(reasons[a.result.State], a.name+" "+a.result.Reason)
	}
	up := len(names[probes.Up])
	facts := map[string]any{"down": strings.Join(names[probes.Down], ","), "up": up}
	for _, state := range []probes.State{probes.Down, probes.Unknown} {
		if len(names[state]) > 0 {
			return incident.Check{State: incident.State(state), Reason: strings.Join(reasons[state], ", "), Facts: facts}
		}
	}
	return incident.Check{State: incident.Up, Reason: fmt.Sprintf(format, up, len(answers)), Facts: facts}
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
	kind, t, ok := probes.BMCOf(v.server, l.Timeout)
	return l.probe(ctx, kind, t, ok, "BMC for "+v.subject.Name)
}

// boot asks the machine itself when it started. It needs more than a port that
// answers: a key, and a shell.
func (l Looker) boot(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.BootOf(v.server, l.Timeout)
	return l.probe(ctx, kind, t, ok, "SSH access for "+v.subject.Name)
}

func (l Looker) statusPage(ctx context.Context, v view) incident.Check {
	kind, t, ok := probes.StatusPageFor(v.site, v.server.Rack, l.Timeout)
	return l.probe(ctx, kind, t, ok, "status page for site "+v.site.Name)
}

// announcement judges what the status page says, where statusPage judges
// whether it can be read.
func (l Looker) announcement(ctx context.Context, v view) incident.Check {
	c := l.statusPage(ctx, v)
	c.State = incident.State(probes.Announced(probes.State(c.State), c.Facts))
	return c
}

// Checks lists the kinds of check that can be taken; a test holds it together
// with what the diagnosis and the goal of a runbook may ask.
func Checks() []string { return slices.Sorted(maps.Keys(looks)) }
