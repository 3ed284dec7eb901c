package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/silences"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/telephone"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/internal/web"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/kdump"
	"github.com/spinware/piket/probes/sweep"
)

// Daemon is the whole program as a value: make it, run it, stop it by its
// context.
type Daemon struct {
	path     string // of the configuration
	settings atomic.Pointer[settings]
	clk      *clock.Clock
	log      *slog.Logger
	store    *store.Store
	freeze   freeze.Switch // of this process alone; the button is for all
	button   *button
	metrics  *metrics
	door     *intake.Door
	prober   *probes.Scheduler
	hub      *vantage.Hub
	identity *identity.Book
	roster   *duty.Roster
	sweeper  *sweep.Sweeper // nil when this machine does not let piket ping
	ward     *rounds.Ward
	silences *silences.Poller
	kdump    *kdump.Listener // nil when nobody is to say that a machine writes a crash dump
	books    books
	hands    hands
	phone    *telephone.Telephone
	rounds   []*rounds.Rounds
	web      *web.Server
	links    signed.Key // for people without a sign-in
	book     *push.Book
	mail     mailIn
}

// NewDaemon reads the configuration at path and opens the store. The caller
// runs it, then closes it.
func NewDaemon(path string, clk *clock.Clock, log *slog.Logger) (*Daemon, error) {
	return newDaemonOn("", path, clk, log)
}

// newDaemonOn is NewDaemon with the timelines in the database at url, whatever
// the file says; "" for what it says.
func newDaemonOn(url, path string, clk *clock.Clock, log *slog.Logger) (*Daemon, error) {
	if os.Getenv("DEBUG_BMCLIB") != "" {
		return nil, errors.New("DEBUG_BMCLIB is set: it would print BMC passwords; unset it")
	}
	s, err := loadSettings(path)
	if err != nil {
		return nil, err
	}
	d := &Daemon{path: path, clk: clk, log: log, freeze: freeze.In(s.config.Storage.Path)}
	d.settings.Store(s)
	d.identity = &identity.Book{Clock: clk, Log: log, Source: func() *inventory.Inventory { return d.settings.Load().inventory }}
	if err := os.MkdirAll(s.config.Storage.Path, 0o700); err != nil { // it holds the freeze file wherever the timelines are
		return nil, fmt.Errorf("make storage directory: %w", err)
	}
	if d.store, err = store.Open(cmp.Or(url, s.config.Storage.Timelines()), clk); err != nil {
		return nil, err
	}
	d.identity.Store = d.store
	if d.links, err = linksKey(s.config.Web.LinksKey, s.config.Storage.Path, d.store); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	key, err := pushKey(s.config.Storage.Path, d.store)
	if err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	d.book = d.newBook(key)
	if s.config.Kdump.Listen != "" {
		if d.kdump, err = kdump.Listen(s.config.Kdump, clk, log, d.inventory); err != nil {
			return nil, errors.Join(err, d.store.Close())
		}
	}
	d.silences = silences.New(clk, log, func() silences.Config { return d.settings.Load().config.Alertmanager })
	d.ward = rounds.NewWard(owner(), d.store, clk, log)
	d.button = newButton(d.freeze, d.store, d.ward)
	d.metrics = newMetrics(d.store)
	d.metrics.registry.MustRegister(replicaCollector{d.store, d.ward})
	if err := d.openBooks(s.config); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.assemble(s.config)
	if err := d.mail.listen(d, s.config.Mailbox.Listen); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// owner names this process in claims.
func owner() string { return fmt.Sprintf("%s, process %d", hostName(), os.Getpid()) }

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return host
}

// Start begins everything and returns how to wait for its end: until ctx has
// ended and all that was under way has been written down.
func (d *Daemon) Start(ctx context.Context) (wait func()) {
	running := []<-chan struct{}{
		d.clk.Go(func() { d.ward.Run(ctx) }),
		d.clk.Go(func() { d.button.run(ctx, d.log) }),
		d.clk.Go(func() { d.prober.Run(ctx) }),
		d.clk.Go(func() { d.hub.Run(ctx) }),
		d.clk.Go(func() { d.keepHistory(ctx) }),
		d.clk.Go(func() { d.books.watch.Run(ctx) }),
		d.clk.Go(func() { d.alarm().run(ctx) }),
		d.clk.Go(func() { d.silences.Run(ctx) }),
		d.clk.Go(func() { d.identity.Watch(ctx) }),
		d.clk.Go(func() { d.roster.Watch(ctx) }),
		d.clk.Go(func() { d.calendar().run(ctx) }),
		d.clk.Go(func() { d.book.Watch(ctx) }),
		d.clk.Go(func() { d.phone.Run(ctx) }),
		d.clk.Go(func() { d.telephoneAlarm().run(ctx) }),
	}
	if d.kdump != nil {
		running = append(running, d.clk.Go(func() { d.kdump.Run(ctx) }))
	}
	running = append(running, d.mail.run(ctx, d)...)
	for _, r := range d.rounds {
		running = append(running, d.clk.Go(func() { r.Run(ctx) }))
	}
	return func() {
		for _, end := range running {
			<-end
		}
	}
}

// Close gives the store back. Everything that Start began must have ended.
func (d *Daemon) Close() error {
	if d.kdump != nil {
		d.kdump.Close()
	}
	d.mail.close()
	var sweeping error
	if d.sweeper != nil {
		sweeping = d.sweeper.Close()
	}
	return errors.Join(d.store.Close(), sweeping, d.books.close())
}

// Handler serves the pages, the API and the webhook.
func (d *Daemon) Handler() http.Handler { return d.web.Handler() }

// Reload reads the configuration again and takes it over if it is good; with
// any mistake everything stays as it was. Where the store lies and how often
// probes run do not change without a restart.
func (d *Daemon) Reload() error {
	s, err := loadSettings(d.path)
	d.metrics.reloaded(err == nil, d.clk.Now())
	if err != nil {
		return err
	}
	d.settings.Store(s)
	for _, r := range d.rounds {
		r.Again()
	}
	d.hub.Again()
	d.silences.Again()
	d.mail.reader.Again()
	d.log.Info("configuration reloaded")
	return nil
}

// inventory is what the files say, with the machines that people have confirmed.
func (d *Daemon) inventory() *inventory.Inventory { return d.identity.Inventory() }

func (d *Daemon) policy() desk.Policy {
	s := d.settings.Load()
	return desk.Policy{
		Updates: s.config.Updates.intervals(), ExternalURL: s.config.Web.ExternalURL, Zone: s.zone,
		Orders: desk.Orders(s.config.Orders), Confirmation: desk.Confirmation(s.config.Confirmation), Nod: s.config.Updates.Nod, Review: s.config.Review.Within,
		Channels: channels(s.config.told), Pushes: d.book.Wants,
	}
}

func (d *Daemon) webConfig() web.Config {
	config := d.settings.Load().config
	return web.Config{
		ExternalURL: config.Web.ExternalURL, SessionTTL: config.Web.SessionTTL,
		Token: config.Intake.Alertmanager.Token, ClientNames: config.Intake.Alertmanager.ClientNames,
		Updates: d.policy().Updates, Zone: d.policy().Zone, NIS2: config.NIS2, Proxies: config.Web.TrustedProxies,
	}
}

// send delivers by what the configuration says now.
func (d *Daemon) send(ctx context.Context, m notify.Mail) (string, error) {
	mail := d.settings.Load().config.Mail
	if !mail.Enabled() {
		return "", errors.New("no mail server is configured (mail: in the configuration file)")
	}
	return notify.SMTP{
		From: mail.From, Server: mail.SMTP, Username: mail.Username, Password: mail.Password, TLS: mail.TLS, CAFile: mail.CAFile,
		Mark: d.links.Mark,
	}.Send(ctx, m)
}

// trouble says why the daemon cannot do its work, nil when it can. Without its
// hands it is still ready: alerts are taken in and people are told of them.
func (d *Daemon) trouble() error { return errors.Join(d.ready(), d.idle()) }

// ready says why the daemon cannot answer, nil when it can.
func (d *Daemon) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return d.store.Writable(ctx)
}
