package executor

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
)

// Caps bound what one executor does, whoever asks. They count what its journal
// says; only what was proved not to be carried out does not count.
type Caps struct {
	PowerPerDay       int `yaml:"power_per_day"`
	PowerPerSiteHour  int `yaml:"power_per_site_and_hour"`
	PowerPerServerDay int `yaml:"power_per_server_and_day"`
	SSHPerDay         int `yaml:"ssh_per_day"`
	InFlight          int `yaml:"in_flight"`
	DutyPerServerDay  int `yaml:"duty_per_server_and_day"` // bringing back power that piket cut itself, and taking back what it set on a BMC
	ReinstallsPerDay  int `yaml:"reinstalls_per_day"`      // servers that are given a boot device, and those that are given an image
}

// DefaultCaps are low on purpose. A company that needs more says so in the
// executor's file, which the daemon cannot write.
var DefaultCaps = Caps{PowerPerDay: 20, PowerPerSiteHour: 5, PowerPerServerDay: 3, SSHPerDay: 100, InFlight: 5, DutyPerServerDay: 20, ReinstallsPerDay: 1}

// flightTime is how long an intent that never ended counts as under way: longer
// than a send can take. After that it is one whose executor was killed.
const flightTime = 10 * time.Minute

// The words by which the journal says what was begun. Bringing back power that
// was cut is counted apart, so that a cap never leaves a server off; it has a cap
// of its own, because an order merely claims to be that.
const (
	wordPower = "power"
	wordDuty  = "duty"
	wordSSH   = "ssh"
	wordBoot  = "boot"
	wordMedia = "media"
	wordBack  = "take back"
)

func word(i incident.Intended) string {
	switch {
	case i.TakesBack():
		return wordBack
	case i.Action == incident.ActionBoot:
		return wordBoot
	case i.Action == incident.ActionMedia:
		return wordMedia
	case i.Action == incident.ActionPower && i.Duty > 0:
		return wordDuty
	case i.Action == incident.ActionPower:
		return wordPower
	}
	return wordSSH
}

// allow says which cap an intent would exceed; nil for none. It is a pure
// function of the journal and the time. A record from the future, by a clock that
// was set back, counts.
func (c Caps) allow(i incident.Intended, server inventory.Server, records []journal.Record, now time.Time) error {
	outcomes := map[string]string{}
	for _, r := range records {
		if r.Kind == ended {
			outcomes[r.Intent] = r.What
		}
	}
	count := func(within time.Duration, fits func(journal.Record) bool) (n int) {
		for _, r := range records {
			if r.Kind == began && now.Sub(r.At) < within && outcomes[r.Intent] != string(incident.OutcomeRefused) && fits(r) {
				n++
			}
		}
		return n
	}
	kind, day := word(i), 24*time.Hour
	same := func(r journal.Record) bool { return r.What == kind }
	onServer := func(r journal.Record) bool { return same(r) && r.Server == server.Name }
	onSite := func(r journal.Record) bool { return same(r) && r.Site == server.Site }
	open := func(r journal.Record) bool { return outcomes[r.Intent] == "" }

	type limit struct {
		what   string
		have   int
		atMost int
	}
	limits := []limit{{"under way", count(flightTime, open), c.InFlight}}
	switch kind {
	case wordPower:
		limits = append(limits,
			limit{"power commands in a day", count(day, same), c.PowerPerDay},
			limit{"power commands at " + server.Site + " in an hour", count(time.Hour, onSite), c.PowerPerSiteHour},
			limit{"power commands for " + server.Name + " in a day", count(day, onServer), c.PowerPerServerDay})
	case wordDuty:
		limits = []limit{{"tries in a day to bring back the power of " + server.Name, count(day, onServer), c.DutyPerServerDay}}
	case wordBack:
		limits = []limit{{"tries in a day to take back what was set on the BMC of " + server.Name, count(day, onServer), c.DutyPerServerDay}}
	case wordBoot, wordMedia:
		limits = append(limits, limit{"reinstallations in a day", count(day, same), c.ReinstallsPerDay})
	case wordSSH:
		limits = append(limits, limit{"SSH commands in a day", count(day, same), c.SSHPerDay})
	}
	for _, l := range limits {
		if l.have >= l.atMost {
			return fmt.Errorf("the executor's cap is reached: %d %s, and %d are allowed", l.have, l.what, l.atMost)
		}
	}
	return nil
}
