package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/dispatch"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/silences"
	"github.com/spinware/piket/internal/web"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/remediation/technician"
	"github.com/spinware/piket/runbooks"
)

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
