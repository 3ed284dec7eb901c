package main

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/mailbox"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/receivers"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/silences"
	"github.com/spinware/piket/internal/telephone"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/kdump"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/executor"
)

// Config is the daemon's configuration file, with defaults filled in and every
// path resolved. It is replaced whole on a reload, and only by a good one.
type Config struct {
	Inventory []string          `yaml:"inventory,required,path"`
	Runbooks  []string          `yaml:"runbooks,path"` // patterns, beside the shipped ones
	Storage   Storage           `yaml:"storage,required"`
	Web       Web               `yaml:"web"`
	Intake    Intake            `yaml:"intake"`
	Mail      Mail              `yaml:"mail"`
	Mailbox   mailbox.Config    `yaml:"mailbox"` // where what people mail to piket comes in
	Probes    Probes            `yaml:"probes"`
	Guards    Guards            `yaml:"guards"`
	Alarm     Alarm             `yaml:"alarm"`
	Vantages  []vantage.Vantage `yaml:"vantages"` // who may look along from elsewhere
	Updates   Updates           `yaml:"updates"`
	Executor  Apart             `yaml:"executor"` // the process that holds the keys, if it is another one
	Timezone  string            `yaml:"timezone"` // of the times that customers read

	Confirmation Confirmation `yaml:"confirmation"` // how customers are asked whether everything works again
	Reports      Reports      `yaml:"reports"`      // which are mailed to the managers
	Review       Review       `yaml:"review"`
	Drills       []Drill      `yaml:"drills"` // that are held regularly
	Orders       Orders       `yaml:"orders"` // how long a work order may stay in a state
	NIS2         bool         `yaml:"nis2"`   // whether an incident may be marked as significant

	Alertmanager silences.Config `yaml:"alertmanager"` // whose silences are honoured
	Kdump        kdump.Config    `yaml:"kdump"`
	Media        Media           `yaml:"media"` // from where disk images may come

	// As in Alertmanager's own file, and read by its own reader.
	Global    yamlpos.Block `yaml:"global"`
	Templates yamlpos.Block `yaml:"templates"`
	Receivers yamlpos.Block `yaml:"receivers"`

	Push push.Config `yaml:"push"` // to which push services browsers may lead

	told *receivers.Set // what the receivers amount to

	Telephone telephone.Config `yaml:"telephone"`
}

// Reports says which reports are mailed when their period is over. The yearly
// evaluation of the policy always is.
type Reports struct {
	Week    bool `yaml:"week"`
	Month   bool `yaml:"month"`
	Quarter bool `yaml:"quarter"`
}

// kinds lists the periods of the reports that are mailed.
func (r Reports) kinds() []string {
	var kinds []string
	for kind, on := range map[string]bool{"week": r.Week, "month": r.Month, "quarter": r.Quarter} {
		if on {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// Review says when people must have looked back on a P1 or P2.
type Review struct {
	Within time.Duration `yaml:"within"` // from closing
}

// Storage is the directory that holds everything piket must not lose, and the
// database that holds the timelines instead of it when several piket share them.
type Storage struct {
	Path string `yaml:"path,required,path"`
	URL  string `yaml:"url"` // postgres://…, "" while the timelines are in the directory
}

// Timelines is where the timelines are: what [store.Open] opens.
func (s Storage) Timelines() string { return cmp.Or(s.URL, s.Path) }

// Apart says where the executor is. Without a socket it is in this process.
type Apart struct {
	Socket string `yaml:"socket,path"`
}

// Web is what the page needs to know of itself.
type Web struct {
	ExternalURL string        `yaml:"external_url"` // for links in messages; without a slash at the end
	SessionTTL  time.Duration `yaml:"session_ttl"`
	LinksKey    secret.Ref    `yaml:"links_key,secret"` // from which links without a sign-in are signed

	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"` // 192.0.2.10/32: whose X-Forwarded-For is believed
}

// Intake is how trouble gets in.
type Intake struct {
	Alertmanager Alertmanager `yaml:"alertmanager"`
	Labels       []string     `yaml:"labels"` // by which an alert may name a server, in this order
}

// Alertmanager says who may post alerts. While both are empty, nobody may.
type Alertmanager struct {
	Token       secret.Ref `yaml:"token,secret"`
	ClientNames []string   `yaml:"client_names"` // names in client certificates
}

// Open reports whether anybody may post alerts.
func (a Alertmanager) Open() bool { return !a.Token.IsZero() || len(a.ClientNames) > 0 }

// Mail is the way out for mail. The zero Mail sends none.
type Mail struct {
	From     string     `yaml:"from,required"`
	SMTP     string     `yaml:"smtp,required"` // host:port
	Username string     `yaml:"username"`
	Password secret.Ref `yaml:"password,secret"`
	TLS      string     `yaml:"tls"` // "starttls", "tls" or "none"
	CAFile   string     `yaml:"ca_file"`
}

// Enabled reports whether mail can be sent.
func (m Mail) Enabled() bool { return m.SMTP != "" }

// Probes says how often piket looks, and how often it must see the same before
// it believes it.
type Probes struct {
	Interval  time.Duration `yaml:"interval"`
	Timeout   time.Duration `yaml:"timeout"`
	Spacing   time.Duration `yaml:"spacing"`
	Failures  int           `yaml:"failures"`
	Successes int           `yaml:"successes"`

	BMCInterval        time.Duration `yaml:"bmc_interval"`
	StatusPageInterval time.Duration `yaml:"statuspage_interval"`
}

// Guards bound what piket does to machines by itself. What each means stands
// beside the limit of the same name in [remediation.Limits].
type Guards struct {
	HoldDown   time.Duration `yaml:"hold_down"`   // how long a server must be gone before its power is touched
	FactsFresh time.Duration `yaml:"facts_fresh"` // how old a finding may be that an action rests on

	InFlight     int `yaml:"in_flight"`
	PerRack      int `yaml:"per_rack"`
	PerCustomer  int `yaml:"per_customer"`
	PerSite      int `yaml:"per_site"`
	FleetPercent int `yaml:"fleet_percent"`

	SitePerHour  int           `yaml:"site_per_hour"`
	ServerPerDay int           `yaml:"server_per_day"`
	PowerPerDay  int           `yaml:"power_per_day"` // by the executor in this process; one apart has its own caps
	Reinstalls   int           `yaml:"reinstalls_per_day"`
	Cooldown     time.Duration `yaml:"cooldown"`

	Together        int           `yaml:"together"`
	TogetherPercent int           `yaml:"together_percent"`
	TogetherWithin  time.Duration `yaml:"together_within"`

	ErrorBudget int `yaml:"error_budget"` // tries of a step, of the last ten on a class of server, that may not have helped
}

// defaultGuards are the limits that hold when the file names none.
func defaultGuards() Guards {
	l := remediation.DefaultLimits
	return Guards{
		HoldDown: l.HoldDown, FactsFresh: l.Fresh,
		InFlight: l.InFlight, PerRack: l.Rack, PerCustomer: l.Customer, PerSite: l.Site, FleetPercent: l.FleetPercent,
		SitePerHour: l.SiteHour, ServerPerDay: l.ServerDay, Cooldown: l.Cooldown, PowerPerDay: executor.DefaultCaps.PowerPerDay, Reinstalls: l.Reinstalls,
		Together: l.Together, TogetherPercent: l.TogetherPercent, TogetherWithin: l.TogetherWithin,
		ErrorBudget: l.ErrorBudget.Failed,
	}
}

// limits are the guards as remediation takes them.
func (g Guards) limits() remediation.Limits {
	l := remediation.DefaultLimits
	l.HoldDown, l.Fresh = g.HoldDown, g.FactsFresh
	l.InFlight, l.Rack, l.Customer, l.Site, l.FleetPercent = g.InFlight, g.PerRack, g.PerCustomer, g.PerSite, g.FleetPercent
	l.SiteHour, l.ServerDay, l.Cooldown, l.Reinstalls = g.SitePerHour, g.ServerPerDay, g.Cooldown, g.Reinstalls
	l.Together, l.TogetherPercent, l.TogetherWithin = g.Together, g.TogetherPercent, g.TogetherWithin
	l.ErrorBudget.Failed = g.ErrorBudget
	return l
}

// caps are the same limits as the executor in this process holds them, by its
// own books.
func (g Guards) caps() executor.Caps {
	c := executor.DefaultCaps
	c.PowerPerDay, c.PowerPerSiteHour, c.PowerPerServerDay, c.InFlight = g.PowerPerDay, g.SitePerHour, g.ServerPerDay, g.InFlight
	c.ReinstallsPerDay = g.Reinstalls
	return c
}

// Updates says how often customers hear of each priority; 0 for never.
type Updates struct {
	P1  time.Duration `yaml:"P1"`
	P2  time.Duration `yaml:"P2"`
	P3  time.Duration `yaml:"P3"`
	P4  time.Duration `yaml:"P4"`
	Nod bool          `yaml:"nod"` // an update waits a while for the communications manager
}

// intervals are those of the priorities that customers hear of.
func (u Updates) intervals() map[incident.Priority]time.Duration {
	all := map[incident.Priority]time.Duration{incident.P1: u.P1, incident.P2: u.P2, incident.P3: u.P3, incident.P4: u.P4}
	maps.DeleteFunc(all, func(_ incident.Priority, every time.Duration) bool { return every == 0 })
	return all
}

// Confirmation is [desk.Confirmation] as the file writes it.
type Confirmation struct {
	Remind time.Duration `yaml:"remind"`
	GiveUp time.Duration `yaml:"give_up"`
	Needs  string        `yaml:"needs"` // all, one or none of the customers
}

// Orders is [desk.Orders] as the file writes it.
type Orders struct {
	Agree   time.Duration `yaml:"agree"`
	Send    time.Duration `yaml:"send"`
	Work    time.Duration `yaml:"work"`
	HandsIn time.Duration `yaml:"hands_in"`
}

// Alarm is how people hear that piket itself cannot work: by mail to who is on
// duty, past the store, and by these.
type Alarm struct {
	Webhook  string `yaml:"webhook"`  // gets {"text": …}
	Watchdog string `yaml:"watchdog"` // gets one every minute for as long as piket can work; silence is the alarm
}

// defaultConfig is what a file that says nothing means.
func defaultConfig() *Config {
	return &Config{
		Web:    Web{SessionTTL: 12 * time.Hour},
		Intake: Intake{Labels: slices.Clone(intake.DefaultLabels)},
		Mail:   Mail{TLS: "starttls"}, Mailbox: mailbox.Default,
		Probes: Probes{
			Interval: probes.DefaultInterval, Timeout: probes.DefaultTimeout, Spacing: probes.DefaultSpacing,
			Failures: probes.DefaultFailures, Successes: probes.DefaultSuccesses,
			BMCInterval: probes.DefaultBMCInterval, StatusPageInterval: probes.DefaultStatusPageInterval,
		},
		Guards:   defaultGuards(),
		Updates:  Updates{P1: desk.DefaultUpdates[incident.P1]},
		Timezone: "UTC",
		Reports:  Reports{Month: true, Quarter: true},
		Review:   Review{Within: desk.DefaultReview},

		Confirmation: Confirmation(desk.DefaultConfirmation),
		Orders:       Orders(desk.DefaultOrders),
		Alertmanager: silences.Config{Interval: silences.DefaultInterval},
		Push:         push.Config{Services: slices.Clone(push.DefaultServices)},
		Telephone:    telephone.Default(),
	}
}

// LoadConfig reads the configuration at path and the inventory that it names.
// The error is of type yamlpos.Problems and holds the mistakes of all files.
func LoadConfig(path string) (*Config, *inventory.Inventory, error) {
	config := defaultConfig()
	var doc yamlpos.Document
	c := configChecker{config: config, doc: &doc}
	c.problems.Join(doc.DecodeFile(path, config))
	c.check()
	inv, err := inventory.Load(c.inventoryFiles()...)
	c.problems.Join(err)
	c.receivers(inv)
	c.drills(inv)
	if err := c.problems.Err(); err != nil {
		return nil, nil, err
	}
	config.Web.ExternalURL = strings.TrimRight(config.Web.ExternalURL, "/")
	return config, inv, nil
}

// inventoryFiles returns the files that are there; one that is not is a
// mistake in the line that names it.
func (c *configChecker) inventoryFiles() []string {
	var files []string
	for i := range c.config.Inventory {
		file := &c.config.Inventory[i]
		if *file == "" {
			continue
		}
		if _, err := os.Stat(*file); errors.Is(err, os.ErrNotExist) {
			c.add(file, "there is no file %s", *file)
			continue
		}
		files = append(files, *file)
	}
	return files
}
