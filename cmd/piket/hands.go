package main

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/remediation/ssh"
	"github.com/spinware/piket/runbooks"
)

// hands is what carries orders out, and what looks where a key is needed: the
// executor in this process, or the way to the one that is apart.
type hands struct {
	do   remediation.Action
	look map[string]probes.Prober
	err  func(context.Context) error // why no order is carried out, nil when they are
}

// newHands returns the hands that the configuration names. With an executor that
// is apart nothing in this process reads the secrets of BMCs and SSH.
func (d *Daemon) newHands(config *Config) hands {
	if config.Executor.Socket != "" {
		client, look := executor.Dial(config.Executor.Socket), map[string]probes.Prober{}
		for _, how := range []string{executor.Probe, executor.Watch, executor.Boot, executor.Identity} {
			look[how] = client.Prober(how, d.serverOf)
		}
		return hands{client.Do, look, client.Err}
	}
	x := newExecutor(d.clk, func() Media { return d.settings.Load().config.Media })
	x.Inventory, x.Frozen, x.Journal, x.Log = d.inventory, d.button.Why, d.books.own, d.log
	x.Runbooks = func() *runbooks.Library { return d.settings.Load().runbooks }
	x.Caps = func() executor.Caps { return d.settings.Load().config.Guards.caps() }
	return hands{x.Do, x.Look, func(context.Context) error { return x.Err() }}
}

// newExecutor returns an executor with its drivers, and nothing of its own yet.
func newExecutor(clk *clock.Clock, media func() Media) *executor.Executor {
	witness := bmc.NewWitness(clk.Now)
	return &executor.Executor{
		Actions: map[string]remediation.Action{
			incident.ActionPower: bmc.Power, incident.ActionSSH: ssh.Run, incident.ActionBoot: bmc.Boot,
			incident.ActionMedia: bmc.Images{CAFile: func() string { return media().CAFile }}.Action,
		},
		Images: func() []string { return media().Hosts }, Clock: clk,
		Look: map[string]probes.Prober{executor.Probe: witness.Probe, executor.Watch: witness.Watch, executor.Boot: ssh.Boot, executor.Identity: bmc.Identify},
	}
}

// serverOf says whose target this is. The executor has its own idea of where
// that server is.
func (d *Daemon) serverOf(t probes.Target) (string, bool) {
	name := strings.TrimPrefix(t.Name, "BMC of ")
	s, ok := d.inventory().Server(name)
	return s.Name, ok && s.Name == name && (t.BMC == nil || sameBMC(t.BMC, s.BMC))
}

func sameBMC(a, b *inventory.BMC) bool { return b != nil && a.Address == b.Address && a.Port == b.Port }

// idle says why no machine is touched whatever is decided, nil when orders are
// carried out.
func (d *Daemon) idle() error {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	return d.hands.err(ctx)
}

// watchHands shows at every scrape whether orders are carried out.
func (m *metrics) watchHands(idle func() error) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "piket_executor_up", Help: "Whether the executor answers and can write down what it is about to send; at 0 it carries out nothing.",
	}, func() float64 {
		if idle() != nil {
			return 0
		}
		return 1
	}))
}
