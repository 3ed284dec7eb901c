package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/ledger"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/executor"
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
		Journal: b.engine, Host: hostName() + ", ", Touches: d.store.Touches, Head: d.head, HashAt: d.store.HashAt, Freeze: d.button, Clock: d.clk, Log: d.log,
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
	return ledger.Head{Generation: strings.TrimSpace(h.Generation + " " + h.System), Position: h.Position, Hash: h.Hash, Timeline: h.Timeline}, err
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

// comparing bounds the comparison of the books before a send.
const comparing = 5 * time.Second

// about writes down beside the store what is about to be sent, if the two agree
// on what was sent before.
func (d *Daemon) about(id string, i incident.Intended) error {
	ctx, cancel := context.WithTimeout(context.Background(), comparing)
	defer cancel()
	err := d.books.watch.Note(ctx, journal.Record{Kind: ledger.Intent, At: d.clk.Now(), Intent: i.Intent, Incident: id, Server: i.Server, What: remediation.Clause(i.What(), 500)})
	failpoint.Done(failpoint.SendJournaled, err)
	return err
}
