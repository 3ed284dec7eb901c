package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/report"
	"github.com/spinware/piket/internal/store"
)

// Drill is an exercise that is held regularly [5.1]: in every period on the first
// such weekday, at that time of day.
type Drill struct {
	Name          string        `yaml:"name,required"`
	Every         string        `yaml:"every,required"` // one of report.PeriodKinds
	Weekday       string        `yaml:"weekday"`        // monday when left out
	At            string        `yaml:"at,required"`    // 14:00, in the configuration's time zone
	Server        string        `yaml:"server,required"`
	Story         string        `yaml:"story,required"`
	TellCustomers bool          `yaml:"tell_customers"`
	Lasts         time.Duration `yaml:"lasts"` // after which it ends by itself
}

func (d Drill) practice() desk.Practice {
	return desk.Practice{Server: d.Server, Story: d.Story, Customers: d.TellCustomers, Lasts: d.Lasts}
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// in returns when the drill is held in a period. The configuration was checked.
func (d Drill) in(p report.Period) time.Time {
	clock, err := time.Parse("15:04", d.At)
	if err != nil {
		panic("piket: a drill's time was not checked: " + err.Error())
	}
	weekday := max(1, slices.Index(weekdays, d.Weekday))
	if d.Weekday == weekdays[0] {
		weekday = 0
	}
	year, month, day := p.From.Date()
	day += (weekday - int(p.From.Weekday()) + 7) % 7
	return time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, p.From.Location())
}

// drills checks the exercises that are held regularly.
func (c *configChecker) drills(inv *inventory.Inventory) {
	seen := map[string]bool{}
	for n := range c.config.Drills {
		d := &c.config.Drills[n]
		if seen[d.Name] && d.Name != "" {
			c.add(&d.Name, "name: there are two drills called %q", d.Name)
		}
		seen[d.Name] = true
		if d.Every != "" && !slices.Contains(report.PeriodKinds, d.Every) {
			c.add(&d.Every, "every: want one of %s, found %q", strings.Join(report.PeriodKinds, ", "), d.Every)
		}
		if d.Weekday != "" && !slices.Contains(weekdays, d.Weekday) {
			c.add(&d.Weekday, "weekday: want a day such as tuesday, found %q", d.Weekday)
		}
		if _, err := time.Parse("15:04", d.At); err != nil && d.At != "" {
			c.add(&d.At, "at: want a time of day such as 14:00, found %q", d.At)
		}
		if inv == nil || d.Server == "" || d.Story == "" {
			continue
		}
		if err := d.practice().Check(inv); err != nil {
			field := &d.Server
			if _, known := incident.Stories[d.Story]; !known {
				field = &d.Story
			}
			c.add(field, "%s", strings.TrimPrefix(err.Error(), "drill: "+desk.ErrDrill.Error()+": "))
		}
	}
}

// onTime is how late a drill may begin: later it would surprise people who were
// not to be there.
const onTime = time.Hour

// practise begins the drills whose time has come. While people have pressing
// trouble in earnest none is begun.
func (c *calendar) practise(ctx context.Context) error {
	p, now := c.now(), c.clk.Now()
	var errs []error
	for _, d := range p.drills {
		at := d.in(report.At(d.Every, now.In(p.zone)))
		if now.Before(at) || !now.Before(at.Add(onTime)) {
			continue
		}
		a := d.practice().Alert("the calendar ("+d.Name+")", at)
		known, err := c.store.Episode(ctx, a.Episode())
		if err == nil && known.Incident == "" {
			err = c.begin(ctx, a)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *calendar) begin(ctx context.Context, a alerts.Alert) error {
	open, err := c.store.List(ctx, store.Filter{Ongoing: true})
	pressing := func(m store.Summary) bool { return m.Priority == incident.P1 || m.Priority == incident.P2 }
	if err != nil || slices.ContainsFunc(open, pressing) {
		return err
	}
	return c.receive(ctx, []alerts.Alert{a}, 0)
}

// nextDrill is when the calendar must be looked at again for a drill: at its
// time, and while it waits for people to be free, every few minutes.
func (p plan) nextDrill(now time.Time) time.Time {
	var next time.Time
	earliest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, d := range p.drills {
		period := report.At(d.Every, now.In(p.zone))
		switch at := d.in(period); {
		case now.Before(at):
			earliest(at)
		case now.Before(at.Add(onTime)):
			earliest(now.Add(drillPoll))
		default:
			earliest(d.in(period.After()))
		}
	}
	return next
}

const drillPoll = 5 * time.Minute
