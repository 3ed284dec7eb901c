package main

import (
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/trusted"
	"github.com/spinware/piket/internal/yamlpos"
)

// configChecker finds what the shape of the file alone does not show. It
// reports everything it finds and stops at nothing.
type configChecker struct {
	config   *Config
	doc      *yamlpos.Document
	problems yamlpos.Problems
}

func (c *configChecker) check() {
	c.bounds()
	c.storage()
	c.runbooks()
	c.web()
	c.alarm()
	c.intake()
	c.mail()
	c.mailbox()
	c.updates()
	c.confirmation()
	c.orders()
	c.vantages()
	c.timezone()
	c.alertmanagers()
	c.kdump()
	c.push()
	c.config.Media.check(c.doc, &c.problems)
	c.telephone()
}

func (c *configChecker) add(field any, format string, args ...any) {
	c.problems.Add(c.doc.At(field), format, args...)
}

const day = 24 * time.Hour

// bounds checks every number of the file that has a sensible range.
func (c *configChecker) bounds() {
	p, g, w := &c.config.Probes, &c.config.Guards, &c.config.Web
	for _, b := range []struct {
		name        string
		field       *time.Duration
		least, most time.Duration
	}{
		{"session_ttl", &w.SessionTTL, 5 * time.Minute, 30 * day},
		{"interval", &p.Interval, time.Second, time.Hour},
		{"timeout", &p.Timeout, 100 * time.Millisecond, time.Minute},
		{"spacing", &p.Spacing, time.Second, time.Minute},
		{"bmc_interval", &p.BMCInterval, 30 * time.Second, time.Hour},
		{"statuspage_interval", &p.StatusPageInterval, 30 * time.Second, time.Hour},
		{"hold_down", &g.HoldDown, 5 * time.Second, day},
		{"facts_fresh", &g.FactsFresh, 10 * time.Second, time.Hour},
		{"cooldown", &g.Cooldown, time.Minute, 7 * day},
		{"together_within", &g.TogetherWithin, 10 * time.Second, time.Hour},
		{"within", &c.config.Review.Within, day, 90 * day},
	} {
		c.between(b.name, b.field, *b.field, b.least, b.most)
	}
	for _, b := range []struct {
		name  string
		field *int
	}{
		{"failures", &p.Failures}, {"successes", &p.Successes},
		{"in_flight", &g.InFlight}, {"per_rack", &g.PerRack}, {"per_customer", &g.PerCustomer}, {"per_site", &g.PerSite}, {"fleet_percent", &g.FleetPercent},
		{"site_per_hour", &g.SitePerHour}, {"server_per_day", &g.ServerPerDay}, {"power_per_day", &g.PowerPerDay}, {"together_percent", &g.TogetherPercent}, {"error_budget", &g.ErrorBudget},
	} {
		if *b.field < 1 || *b.field > 100 {
			c.add(b.field, "%s: want a number from 1 to 100, found %d", b.name, *b.field)
		}
	}
	if g.Reinstalls < 0 || g.Reinstalls > 100 {
		c.add(&g.Reinstalls, "reinstalls_per_day: want a number from 0 to 100, found %d", g.Reinstalls)
	}
	if g.Together < 2 || g.Together > 100 {
		c.add(&g.Together, "together: want a number from 2 to 100, found %d: one server alone is no crowd", g.Together)
	}
	if c.doc.Given(&p.Spacing) && p.Spacing > p.Interval {
		c.add(&p.Spacing, "spacing: %s is longer than the interval of %s", model.Duration(p.Spacing), model.Duration(p.Interval))
	}
	if p.Timeout > p.Interval {
		c.add(&p.Timeout, "timeout: %s is longer than the interval of %s", model.Duration(p.Timeout), model.Duration(p.Interval))
	}
}

func (c *configChecker) between(name string, field any, value, least, most time.Duration) {
	if value < least || value > most {
		c.add(field, "%s: want a duration from %s to %s, found %s",
			name, model.Duration(least), model.Duration(most), model.Duration(value))
	}
}

// runbooks checks that what is named is there; what the files say is checked
// by the package runbooks when it loads them.
func (c *configChecker) runbooks() {
	for i := range c.config.Runbooks {
		pattern := &c.config.Runbooks[i]
		files, err := filepath.Glob(*pattern)
		if err != nil {
			c.add(pattern, "runbooks: %q is not a pattern of file names", *pattern)
			continue
		}
		if len(files) == 0 && *pattern != "" && !strings.ContainsAny(*pattern, "*?[") {
			c.add(pattern, "there is no file %s", *pattern)
		}
	}
}

// alarm checks the addresses that must work when nothing else does.
func (c *configChecker) alarm() {
	a := &c.config.Alarm
	for name, field := range map[string]*string{"webhook": &a.Webhook, "watchdog": &a.Watchdog} {
		c.address(name, field)
	}
}

// address checks an address of the web, if there is one.
func (c *configChecker) address(name string, field *string) *url.URL {
	if *field == "" {
		return nil
	}
	u, err := url.Parse(*field)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		c.add(field, "%s: want an address such as https://piket.example.net", name)
		return nil
	}
	return u
}

// service checks the address of a service, if there is one; token says whether
// one goes along.
func (c *configChecker) service(name string, field *string, token bool) {
	if *field == "" {
		return
	}
	if err := trusted.Address(*field, token); err != nil {
		c.add(field, "%s: %v", name, err)
	}
}

func (c *configChecker) web() {
	c.service("external_url", &c.config.Web.ExternalURL, false)
	for i := range c.config.Web.TrustedProxies {
		if p := &c.config.Web.TrustedProxies[i]; p.IsValid() && p.Bits() == 0 {
			c.add(p, "trusted_proxies: %s is everybody, who could then say that they come from anywhere", p)
		}
	}
}

func (c *configChecker) storage() {
	field := &c.config.Storage.URL
	u, err := url.Parse(*field)
	switch {
	case *field == "":
	case err != nil || !store.IsURL(*field):
		c.add(field, "url: want an address such as postgres://piket@db.example.net/piket")
	case hasPassword(u):
		c.add(field, "url: a password may not stand in it; name the file that has it with passfile=/path, in the format of .pgpass")
	}
}

func hasPassword(u *url.URL) bool {
	_, inUser := u.User.Password()
	return inUser || u.Query().Has("password")
}

var labelName = regexp.MustCompile(`\A[a-zA-Z_][a-zA-Z0-9_]*\z`)

func (c *configChecker) intake() {
	labels := c.config.Intake.Labels
	if len(labels) == 0 {
		c.add(&c.config.Intake.Labels, "labels: without any label no alert can name a server")
	}
	for i := range labels {
		if labels[i] != "" && !labelName.MatchString(labels[i]) {
			c.add(&labels[i], "labels: %q is not the name of a label", labels[i])
		}
	}
}

var tlsWords = []string{"starttls", "tls", "none"}

func (c *configChecker) mail() {
	m := &c.config.Mail
	if m.From != "" {
		if a, err := mail.ParseAddress(m.From); err != nil || a.Address != m.From {
			c.add(&m.From, "from: %q is not an address such as piket@example.net", m.From)
		}
	}
	host := c.hostPort("smtp", &c.config.Mail.SMTP)
	if !slices.Contains(tlsWords, m.TLS) {
		c.problems.AddUnknown(c.doc.At(&m.TLS), "tls mode", m.TLS, tlsWords)
	}
	if (m.Username == "") != m.Password.IsZero() {
		c.add(m, "mail: username and password belong together")
	}
	if m.TLS == "none" && m.Username != "" && !trusted.Loopback(host) {
		c.add(&m.TLS, "tls: without it the password would be readable on the way to %s", host)
	}
}

func (c *configChecker) updates() {
	u := &c.config.Updates
	for _, b := range []struct {
		name  string
		field *time.Duration
	}{{"P1", &u.P1}, {"P2", &u.P2}, {"P3", &u.P3}, {"P4", &u.P4}} {
		if c.doc.Given(b.field) {
			c.between(b.name, b.field, *b.field, time.Minute, 7*day)
		}
	}
}

// confirmation checks that customers are waited for after they were reminded.
func (c *configChecker) confirmation() {
	f := &c.config.Confirmation
	c.between("remind", &f.Remind, f.Remind, time.Hour, 14*day)
	c.between("give_up", &f.GiveUp, f.GiveUp, 2*time.Hour, 30*day)
	if f.GiveUp <= f.Remind {
		c.add(&f.GiveUp, "give_up: want it after remind, %s", model.Duration(f.Remind))
	}
	if !slices.Contains(incident.ConfirmationNeeds, f.Needs) {
		c.problems.AddUnknown(c.doc.At(&f.Needs), "needs", f.Needs, incident.ConfirmationNeeds)
	}
}

// timezone refuses "Local" too: what customers read must not depend on the
// machine on which piket happens to run.
func (c *configChecker) timezone() {
	field := &c.config.Timezone
	if _, err := time.LoadLocation(*field); err != nil || *field == "" || *field == "Local" {
		c.add(field, "timezone: %q is not the name of a time zone such as Europe/Amsterdam or UTC", *field)
	}
}
