package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/report"
	"github.com/spinware/piket/internal/store"
)

// calendar raises an alert for every date that has come: a period whose report is
// due, a year over which the policy is evaluated. What was raised before is known
// to the store, so that a restart and another replica raise nothing twice.
type calendar struct {
	store   *store.Store
	clk     *clock.Clock
	log     *slog.Logger
	receive func(ctx context.Context, batch []alerts.Alert, cut uint64) error
	now     func() plan // what the configuration says at the moment
}

// plan is which periods are reported on, and by whose clock and promises.
type plan struct {
	kinds   []string
	zone    *time.Location
	updates report.Updates
	drills  []Drill
}

func (d *Daemon) calendar() *calendar {
	return &calendar{store: d.store, clk: d.clk, log: d.log, receive: d.door.Receive, now: func() plan {
		return plan{d.settings.Load().config.Reports.kinds(), d.settings.Load().zone, d.policy().Updates, d.settings.Load().config.Drills}
	}}
}

const (
	// calendarRetry is how long a date waits that could not be written down.
	calendarRetry = time.Minute
	// calendarPoll bounds how long a change of the configuration waits to be seen.
	calendarPoll = time.Hour
	// missed bounds how many periods of each kind are made up for after piket was
	// away.
	missed = 6
)

// run raises what falls due until ctx ends.
func (c *calendar) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := c.clk.Now().Add(calendarPoll)
		if err := errors.Join(c.practise(ctx), c.look(ctx)); err != nil && ctx.Err() == nil {
			c.log.Error("a date of the calendar waits", "err", err)
			next = c.clk.Now().Add(calendarRetry)
		}
		p := c.now()
		if at := p.nextDrill(c.clk.Now()); !at.IsZero() && at.Before(next) {
			next = at
		}
		for _, kind := range append([]string{"year"}, p.kinds...) {
			if end := report.At(kind, c.clk.Now().In(p.zone)).To; end.Before(next) {
				next = end
			}
		}
		c.clk.Wait(ctx, next, nil)
	}
}

// look raises every date that has come and was not raised yet, oldest first. Of
// what was over before the record began there is nothing to say.
func (c *calendar) look(ctx context.Context) error {
	begun, err := c.store.Begun(ctx)
	if err != nil {
		return err
	}
	p := c.now()
	for _, date := range append([]date{{alerts.PolicyDue, "year"}}, reportsOf(p.kinds)...) {
		var due []report.Period
		for last := report.At(date.kind, c.clk.Now().In(p.zone)).Before(); last.To.After(begun) && len(due) < missed; last = last.Before() {
			due = append(due, last)
		}
		slices.Reverse(due)
		for _, period := range due {
			if err := c.raise(ctx, date.alert, period, p.updates); err != nil {
				return fmt.Errorf("raise %s of %s: %w", date.alert, period, err)
			}
		}
	}
	return nil
}

// date is one kind of alert and the period at whose end it is raised.
type date struct{ alert, kind string }

func reportsOf(kinds []string) []date {
	var dates []date
	for _, kind := range kinds {
		dates = append(dates, date{alerts.ReportDue, kind})
	}
	return dates
}

// raise brings one date in through the door, with the figures of its period,
// unless it is known.
func (c *calendar) raise(ctx context.Context, name string, period report.Period, updates report.Updates) error {
	labels := alerts.Labels{"alertname": name, "period": period.String()}
	a := alerts.Alert{Source: alerts.Calendar, Status: alerts.Firing, Labels: labels, StartsAt: period.To, Fingerprint: labels.Fingerprint()}
	known, err := c.store.Episode(ctx, a.Episode())
	if err != nil || known.Incident != "" {
		return err
	}
	figures, err := report.Sum(period, updates, c.clk.Now(), c.store.Timelines(ctx, period.From, period.To, report.Kinds))
	if err != nil {
		return err
	}
	document := figures.Document(period.From.Location())
	a.Annotations = alerts.Labels{"summary": document.Title, alerts.Figures: document.Text()}
	if name == alerts.PolicyDue {
		a.Annotations["summary"] = "Yearly evaluation of the incident policy, " + period.Of
	}
	return c.receive(ctx, []alerts.Alert{a}, 0)
}
