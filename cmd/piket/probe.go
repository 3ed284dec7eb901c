package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/bmc"
	"github.com/spinware/piket/remediation/ssh"
)

// probeFlags are what `probe` is told.
type probeFlags struct {
	kind, target, config string
	timeout              time.Duration
}

func declareProbe(c *cli) {
	var f probeFlags
	group := c.app.Command("probe", "Ask what the inventory lists whether it is well.")
	declareSweep(c, group)
	cmd := c.add(group, "one", "Ask one target, and show the evidence (the default).",
		func(ctx context.Context, io console) error { return f.probe(ctx, io) }).Default()
	cmd.Arg("kind", "One of "+strings.Join(kindNames(), ", ")+".").Required().StringVar(&f.kind)
	cmd.Arg("target", "SERVER, SERVER/SERVICE or SITE of the inventory, or what it gives as address or URL; for tcp and tls also SERVER:PORT.").Required().StringVar(&f.target)
	cmd.Flag("config.file", "Configuration file, which names the inventory.").Default("piket.yml").StringVar(&f.config)
	cmd.Flag("timeout", "How long to wait.").Default("10s").DurationVar(&f.timeout)
}

// deafProbes are the checks of a process that nobody calls: a heartbeat is
// unknown to it.
func deafProbes() probes.Registry {
	return allProbes(probes.NewHeartbeats(time.Now), bmc.Probe, ssh.Boot)
}

func kindNames() []string { return slices.Sorted(maps.Keys(deafProbes())) }

func (f probeFlags) probe(ctx context.Context, io console) error {
	kind := strings.ToLower(f.kind)
	if !slices.Contains(kindNames(), kind) {
		hint := "kinds are " + strings.Join(kindNames(), ", ")
		if near, ok := yamlpos.Nearest(kind, kindNames()); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return withHint(fmt.Errorf("unknown kind of probe %q", f.kind), hint)
	}
	_, inv, err := LoadConfig(f.config)
	if err != nil {
		return withHint(err, "name the configuration with --config.file")
	}
	target, err := aim(inv, kind, f.target, f.timeout)
	if err != nil {
		return err
	}
	result := deafProbes().Probe(ctx, kind, target)
	if err := f.show(io, kind, result); err != nil {
		return err
	}
	return f.verdict(kind, result)
}

func (f probeFlags) show(io console, kind string, result probes.Result) error {
	if io.json {
		return json.NewEncoder(io.out).Encode(map[string]any{
			"check": kind, "target": f.target, "state": result.State, "reason": result.Reason,
			"facts": result.Facts, "evidence": result.Evidence, "latency_seconds": result.Latency.Seconds(),
		})
	}
	fmt.Fprintf(io.out, "%s %s: %s, %s (%v)\n", kind, f.target, result.State, result.Reason, result.Latency.Round(10*time.Microsecond))
	for _, name := range slices.Sorted(maps.Keys(result.Facts)) {
		fmt.Fprintf(io.out, "  %s = %v\n", name, result.Facts[name])
	}
	for _, line := range result.Evidence {
		fmt.Fprintf(io.out, "  - %s\n", line)
	}
	return nil
}

// verdict makes what is not up the exit status.
func (f probeFlags) verdict(kind string, result probes.Result) error {
	if result.State == probes.Up {
		return nil
	}
	err := fmt.Errorf("%s is %s", f.target, result.State)
	if kind == "heartbeat" {
		return withHint(err, "calls reach the running piket, not this command; its page shows the last one")
	}
	return err
}

// aimed is one thing that the inventory lets us ask.
type aimed struct {
	name, kind string
	target     probes.Target
}

// called reports whether a person may mean a by name. Several services may
// share the address of a server, so that it stands for none that has another
// way to be named.
func (a aimed) called(name string) bool {
	switch {
	case name == "":
		return false
	case name == a.name:
		return true
	case a.target.URL != "":
		return name == a.target.URL
	}
	return name == a.target.Address && a.target.Command == nil && a.target.Key == ""
}

// aim finds what to ask. Nothing but the inventory is ever asked, by whatever
// name a person calls it.
func aim(inv *inventory.Inventory, kind, name string, timeout time.Duration) (probes.Target, error) {
	var others []string // kinds by which what has that name can be asked
	for _, a := range everyAim(inv, timeout) {
		if !a.called(name) {
			continue
		}
		if a.kind == kind {
			return a.target, nil
		}
		if !slices.Contains(others, a.kind) {
			others = append(others, a.kind)
		}
	}
	if t, ok := portOf(inv, kind, name, timeout); ok {
		return t, nil
	}
	if len(others) > 0 {
		slices.Sort(others)
		return probes.Target{}, withHint(fmt.Errorf("the inventory has no %s check of %s", kind, name),
			fmt.Sprintf("%s can be asked by %s", name, strings.Join(others, ", ")))
	}
	return probes.Target{}, notInInventory(inv, name)
}

// everyAim lists all that the inventory lets us ask, servers first.
func everyAim(inv *inventory.Inventory, timeout time.Duration) []aimed {
	var list []aimed
	add := func(name, kind string, t probes.Target, ok bool) {
		if ok {
			list = append(list, aimed{name, kind, t})
		}
	}
	for _, s := range inv.Servers {
		kind, t := probes.Reachable(s, timeout)
		add(s.Name, kind, t, true)
		add(s.Name, "icmp", probes.Target{Name: s.Name, Address: s.Address, Timeout: timeout}, true)
		kind, t, ok := probes.SSHOf(s, timeout)
		add(s.Name, kind, t, ok)
		kind, t, ok = probes.BMCOf(s, timeout)
		add(s.Name, kind, t, ok)
		for _, svc := range s.Services {
			kind, t := probes.Service(s, svc, timeout)
			add(s.Name+"/"+svc.Name, kind, t, true)
		}
	}
	for _, site := range inv.Sites {
		kind, t, ok := probes.Gateway(site, timeout)
		add(site.Name, kind, t, ok)
		kind, t, ok = probes.StatusPageOf(site, timeout)
		add(site.Name, kind, t, ok)
	}
	for _, r := range inv.References {
		kind, t := probes.Endpoint(r.Name, r.Probe, "", timeout)
		add(r.Name, kind, t, true)
	}
	return list
}

// portOf makes a target of SERVER:PORT: any port of a server that is ours may
// be looked at.
func portOf(inv *inventory.Inventory, kind, name string, timeout time.Duration) (probes.Target, bool) {
	host, port, err := net.SplitHostPort(name)
	if err != nil || (kind != "tcp" && kind != "tls") {
		return probes.Target{}, false
	}
	server, ok := inv.Find(host)
	return probes.Target{Name: name, Address: net.JoinHostPort(server.Address, port), Timeout: timeout}, ok
}

func notInInventory(inv *inventory.Inventory, name string) error {
	var known []string
	for _, a := range everyAim(inv, 0) {
		known = append(known, a.name)
	}
	hint := "only what the inventory lists is asked: a SERVER, SERVER/SERVICE, SITE or REFERENCE"
	if near, ok := yamlpos.Nearest(name, known); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return withHint(fmt.Errorf("there is no target %q in the inventory", name), hint)
}
