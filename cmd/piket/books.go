package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/ledger"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/remediation/ssh"
	"github.com/spinware/piket/runbooks"
)

// The journals in a storage directory.
const (
	journalName         = "journal"          // of the engine
	executorJournalName = "executor.journal" // of the executor
)

// books are the journals of a daemon, and the comparison with its store.
type books struct {
	engine *journal.Journal
	own    *journal.Journal // the executor's, when that is in this process
	watch  ledger.Watch
}

// openBooks opens the journals and compares them with the store for the first
// time, before anything may act.
func (d *Daemon) openBooks(config *Config) (err error) {
	b, now := &d.books, d.clk.Now()
	if b.engine, err = journal.Open(filepath.Join(config.Storage.Path, journalName), ledger.Span, now); err != nil {
		return withHint(err, "look at what was sent lately before you move the journal away: without it piket freezes once")
	}
	if config.Executor.Socket == "" {
		if b.own, err = journal.Open(filepath.Join(config.Storage.Path, executorJournalName), executor.Kept, now); err != nil {
			return err
		}
	}
	differ := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "piket_ledger_mismatch", Help: "Whether the database does not fit the journal of what was sent.",
	})
	d.metrics.registry.MustRegister(differ)
	b.watch = ledger.Watch{
		Journal: b.engine, Host: hostName() + ", ", Touches: d.store.Touches, Head: d.head, HashAt: d.store.HashAt, Freeze: d.freeze, Clock: d.clk, Log: d.log,
		Differ: func(yes bool) {
			if differ.Set(0); yes {
				differ.Set(1)
			}
		},
	}
	return b.watch.Check(context.Background())
}

// head says how far the store is. A failover within one cluster is no other
// database: whether it forgot anything shows in what it has.
func (d *Daemon) head(ctx context.Context) (ledger.Head, error) {
	h, err := d.store.Head(ctx)
	return ledger.Head{Generation: strings.TrimSpace(h.Generation + " " + h.System), Position: h.Position, Hash: h.Hash}, err
}

func (b *books) close() error {
	var errs []error
	for _, j := range []*journal.Journal{b.engine, b.own} {
		if j != nil {
			errs = append(errs, j.Close())
		}
	}
	return errors.Join(errs...)
}

// about writes down beside the store what is about to be sent.
func (d *Daemon) about(id string, i incident.Intended) error {
	err := d.books.engine.Append(journal.Record{Kind: ledger.Intent, At: d.clk.Now(), Intent: i.Intent, Incident: id, Server: i.Server, What: remediation.Clause(i.What(), 500)})
	failpoint.Done(failpoint.SendJournaled, err)
	return err
}

// hands returns what carries orders out, and what looks where a key is needed:
// the executor in this process, or the way to the one that is apart. With that one
// nothing in this process reads the secrets of BMCs and SSH.
func (d *Daemon) hands(config *Config) (remediation.Action, map[string]probes.Prober) {
	if config.Executor.Socket != "" {
		client, look := executor.Dial(config.Executor.Socket), map[string]probes.Prober{}
		for _, how := range []string{executor.Probe, executor.Watch, executor.Boot} {
			look[how] = client.Prober(how, d.serverOf)
		}
		return client.Do, look
	}
	x := newExecutor(d.clk)
	x.Inventory, x.Frozen, x.Journal, x.Log = d.inventory, d.button.Why, d.books.own, d.log
	x.Runbooks = func() *runbooks.Library { return d.settings.Load().runbooks }
	x.Caps = func() executor.Caps { return d.settings.Load().config.Guards.caps() }
	return x.Do, x.Look
}

// newExecutor returns an executor with its drivers, and nothing of its own yet.
func newExecutor(clk *clock.Clock) *executor.Executor {
	witness := bmc.NewWitness(clk.Now)
	return &executor.Executor{
		Actions: map[string]remediation.Action{"power": bmc.Power, "ssh": ssh.Run}, Clock: clk,
		Look: map[string]probes.Prober{executor.Probe: witness.Probe, executor.Watch: witness.Watch, executor.Boot: ssh.Boot},
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
