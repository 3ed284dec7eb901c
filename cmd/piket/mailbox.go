package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/mailbox"
)

// mailIn is everything by which mail comes in.
type mailIn struct {
	taker    *mailbox.Taker
	reader   *mailbox.Reader
	listener *mailbox.Listener // nil when nothing is taken by SMTP
}

// newMailIn puts the mailbox before the one door.
func (d *Daemon) newMailIn() mailIn {
	taker := &mailbox.Taker{
		Store: d.store, Receive: d.door.Receive, Inventory: d.inventory, Clock: d.clk, Log: d.log, Count: d.metrics.mailIn,
		Facts: func(inc *incident.Incident) desk.Facts {
			return desk.Facts{Incident: inc, Inventory: d.inventory(), Policy: d.policy(), Now: d.clk.Now()}
		},
		Ours: func() mailbox.Ours {
			return mailbox.Ours{From: d.settings.Load().config.Mail.From, Marked: d.links.Marked}
		},
	}
	in := mailIn{taker: taker, reader: mailbox.NewReader(mailbox.Parts{
		Config: func() mailbox.Config { return d.settings.Load().config.Mailbox }, Take: taker.Take, Keep: d.store.Keep, Clock: d.clk, Log: d.log,
		Alarm: mailbox.Alarm{Receive: d.door.Receive, LoadFor: d.store.LoadFor},
	})}
	d.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "piket_mailbox_last_read_timestamp_seconds", Help: "When the mailbox was last read to its end, 0 when it never was.",
	}, func() float64 { return seconds(in.reader.LastRead()) }))
	return in
}

// listen opens the port for mail, if there is to be one.
func (in *mailIn) listen(d *Daemon, config mailbox.Listen) (err error) {
	if config.Address != "" {
		in.listener, err = mailbox.ListenSMTP(config, in.taker.Take, d.clk, d.log)
	}
	return err
}

// run takes mail until ctx ends; it lists what has to end then.
func (in *mailIn) run(ctx context.Context, d *Daemon) []<-chan struct{} {
	running := []<-chan struct{}{d.clk.Go(func() { in.reader.Run(ctx) })}
	if in.listener != nil {
		running = append(running, d.clk.Go(func() { in.listener.Run(ctx) }))
	}
	return running
}

func (in *mailIn) close() {
	if in.listener != nil {
		in.listener.Close()
	}
}

// seconds writes a moment as metrics do.
func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
