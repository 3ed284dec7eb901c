package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"
	_ "time/tzdata" // the time zones: a container or a bare machine may have none of its own

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/dispatch"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/incident"
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
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/remediation/technician"
	"github.com/spinware/piket/runbooks"
)

// settings is what a configuration file and all it names amount to. It is
// replaced whole on a reload, and only by a good one.
type settings struct {
	config    *Config
	inventory *inventory.Inventory
	runbooks  *runbooks.Library
	zone      *time.Location
}

// loadSettings reads everything that path names. The error holds the mistakes
// of all files.
func loadSettings(path string) (*settings, error) {
	config, inv, configErr := LoadConfig(path)
	if configErr != nil {
		return nil, configErr
	}
	library, err := runbooks.Load(config.Runbooks...)
	if err != nil {
		return nil, err
	}
	if err := checkTeams(library, inv); err != nil {
		return nil, err
	}
	if err := checkImages(library, config.Media); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(config.Timezone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone: %w", err)
	}
	return &settings{config, inv, library, zone}, nil
}

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

// assemble puts the parts together: what arrives goes through one door; the
// engine, the desk and the outbox follow the timeline, each for itself.
func (d *Daemon) assemble(config *Config) {
	beats := probes.NewHeartbeats(d.clk.Now)
	d.hands = d.newHands(config)
	d.metrics.watchHands(d.idle)
	look := d.hands.look
	kinds := d.metrics.probes.Around(allProbes(beats, look[executor.Probe], look[executor.Boot]))
	scheduled := d.metrics.probes.Around(allProbes(beats, look[executor.Watch], look[executor.Boot]))
	d.door = &intake.Door{
		Store: d.store, Inventory: d.inventory, Runbooks: func() *runbooks.Library { return d.settings.Load().runbooks },
		Clock: d.clk, Labels: func() []string { return d.settings.Load().config.Intake.Labels }, Count: d.metrics.alert,
	}
	report := func(ctx context.Context, batch []alerts.Alert) error { return d.door.Receive(ctx, batch, 0) }
	d.mail = d.newMailIn()
	d.hub = d.newHub(report)
	d.metrics.registry.MustRegister(vantageCollector{d.hub})
	d.prober = probes.NewScheduler(probes.Config(config.Probes), probes.Parts{
		Clock: d.clk, Kinds: scheduled, Sweep: d.sweep(), Inventory: d.inventory, Report: report, Metrics: d.metrics.probes, Log: d.log,
		Votes: d.hub.Votes,
	})
	d.metrics.watch(d.prober, d.sweeper)
	d.roster = &duty.Roster{Store: d.store, Clock: d.clk, Source: d.inventory, Log: d.log, Followed: &duty.Followed{
		Clock: d.clk, Source: d.inventory, Dir: filepath.Join(config.Storage.Path, "calendars"), Receive: d.door.Receive, Log: d.log,
	}}
	steady := d.clk.Steady()
	engine := &remediation.Engine{
		Store: d.store, Clock: d.clk, Log: d.log, Inventory: d.roster.Inventory,
		Looker:  remediation.Looker{Probes: kinds, Timeout: config.Probes.Timeout, Clock: d.clk, Vantages: d.seenElsewhere},
		Actions: d.metrics.around(executor.Actions(d.hands.do)),
		Limits:  d.limits, Frozen: d.button.Why, Untimely: func() string { return cmp.Or(steady.Why(), d.ward.Skewed()) }, Ahead: steady.Ahead, Mine: d.ward.Mine, Others: d.others, Report: report,
		WorkOrder: d.workOrder, Owner: owner(), About: d.about,
	}
	office := &desk.Desk{Store: d.store, Clock: d.clk, Inventory: d.roster.Inventory, Policy: d.policy}
	outbox := &notify.Outbox{Store: d.store, Clock: d.clk, Log: d.log, Ways: map[incident.Way]notify.Sender{incident.ByMail: d.send}, Count: d.metrics.message, Sign: d.links.Sign, Code: d.accessCode}
	chats := d.chats(outbox)
	d.phone = d.newTelephone()
	d.rounds = []*rounds.Rounds{
		rounds.New("engine", d.ward, engine.Visit).Ranked(engine.Rank),
		rounds.New("desk", d.ward, office.Visit),
		rounds.New("outbox", d.ward, outbox.Visit),
		rounds.New("chats", d.ward, chats.Visit),
		rounds.New("dispatch", d.ward, d.dispatcher().Visit),
		rounds.New("telephone", d.ward, d.phone.Visit),
	}
	d.web = &web.Server{
		Store: d.store, Clock: d.clk, Log: d.log, Inventory: d.roster.Inventory, Duty: d.roster, Receive: d.door.Receive,
		Freeze: d.button, Config: d.webConfig, Metrics: d.metrics.handler(), Reload: d.Reload, Ready: d.ready, Probes: d.prober, Vantages: d.hub, Links: d.links,
		Identity: d.identity, Identify: d.identify,
		Idle: d.idle, Push: d.book, Telephone: http.HandlerFunc(d.phone.ServeTwilio),
		Beat: func(server, service string) { beats.Beat(probes.HeartbeatKey(server, service), d.clk.Now()) },
	}
}

// workOrder composes by what the configuration says now.
func (d *Daemon) workOrder(a remediation.Assignment) incident.WorkOrdered { return d.writer().Order(a) }

func (d *Daemon) writer() technician.Writer {
	return technician.Writer{ExternalURL: d.settings.Load().config.Web.ExternalURL}
}

// dispatcher hands work orders to other companies' machines.
func (d *Daemon) dispatcher() *dispatch.Dispatcher {
	return &dispatch.Dispatcher{
		Store: d.store, Clock: d.clk, Log: d.log, Inventory: d.inventory, Sign: d.links.Sign,
		External: func() string { return d.settings.Load().config.Web.ExternalURL },
	}
}

// accessCode reads the code of a site's door, for the one mail that it belongs in.
func (d *Daemon) accessCode(site string) (string, error) {
	s, _ := d.inventory().Site(site)
	if s.RemoteHands == nil || s.RemoteHands.AccessCode.IsZero() {
		return "", fmt.Errorf("the inventory has no access code for site %s", site)
	}
	code, err := s.RemoteHands.AccessCode.Read()
	if err != nil {
		return "", fmt.Errorf("access code of site %s: %w", site, err)
	}
	return code.Reveal(), nil
}

// sweep returns how echoes are sent to the whole fleet; nil when this machine
// lets nobody ping, which is said and not the end: what is not asked by echo is
// still looked at.
func (d *Daemon) sweep() probes.Sweep {
	sweeper, err := sweep.Open(sweep.Options{})
	if err != nil {
		d.log.Warn("echoes cannot be sent to many at once", "err", err)
		return nil
	}
	d.sweeper = sweeper
	return sweeper.Ask
}

// allProbes lists every kind of check there is; beats knows who called, and
// askBMC how often a BMC may be asked; askBoot logs in.
func allProbes(beats *probes.Heartbeats, askBMC, askBoot probes.Prober) probes.Registry {
	kinds := maps.Clone(probes.Kinds)
	kinds["bmc"], kinds["boot"], kinds["heartbeat"] = askBMC, askBoot, beats.Probe
	kinds["statuspage"] = probes.NewStatusPages().Probe // with a memory of what it read
	return kinds
}

func (d *Daemon) limits() remediation.Limits { return d.settings.Load().config.Guards.limits() }

// others says who else is at work on a server, as far as piket is told.
func (d *Daemon) others(server inventory.Server, now time.Time) (o remediation.Others) {
	if w, under := d.inventory().Maintenance(server, now); under {
		o.Maintenance = fmt.Sprintf("%s, until %s", w.Name, w.Until.UTC().Format(time.RFC3339))
	}
	silence, known := d.silences.Of(server)
	switch {
	case !known:
		o.SilencesOff = fmt.Sprintf("no Alertmanager has answered for %v", silences.Stale)
	case silence != silences.Silence{}:
		o.Silence = remediation.Clause(fmt.Sprintf("%s, says %s, until %s", silence.Comment, silence.By, silence.Ends.UTC().Format(time.RFC3339)), 200)
	}
	if d.kdump != nil {
		o.Dumping, _ = d.kdump.LastHeard(server)
	}
	return o
}

// alarm is the second way out, by what the configuration says at each time.
func (d *Daemon) alarm() *alarm {
	now := func() Alarm { return d.settings.Load().config.Alarm }
	return &alarm{
		clk: d.clk, log: d.log, trouble: d.trouble,
		ways: func() []way {
			ways := []way{{"mail", d.mailOnDuty}}
			if to := now().Webhook; to != "" {
				ways = append(ways, way{"webhook", func(ctx context.Context, text string) error { return post(ctx, to, text) }})
			}
			return ways
		},
		alive: func(ctx context.Context) error {
			if to := now().Watchdog; to != "" {
				return post(ctx, to, "piket is alive")
			}
			return nil
		},
	}
}

// mailOnDuty mails everybody on duty, past the store and its outbox.
func (d *Daemon) mailOnDuty(ctx context.Context, text string) error {
	inv := d.roster.Inventory()
	var to []string
	for _, team := range inv.Teams {
		for _, p := range inv.OnDuty(team.Name) {
			if p.Email != "" && !slices.Contains(to, p.Email) {
				to = append(to, p.Email)
			}
		}
	}
	if len(to) == 0 {
		return errors.New("nobody who can be mailed is on duty")
	}
	now := d.clk.Now()
	_, err := d.send(ctx, notify.Mail{ID: fmt.Sprintf("alarm-%d", now.UnixNano()), To: to, Subject: "piket itself needs you", Body: text + "\n", At: now})
	return err
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
