package probes

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Config says how often things are looked at, and when an answer is believed.
// A zero field means its default.
type Config struct {
	Interval  time.Duration // between two probes of one target, on piket's clock
	Timeout   time.Duration // of one probe, on the machine's own clock
	Spacing   time.Duration // between the quick questions by which a miss is confirmed
	Failures  int           // downs in a row before an alert fires
	Successes int           // ups in a row before it is resolved

	BMCInterval        time.Duration // between two probes of one BMC
	StatusPageInterval time.Duration // between two looks at one status page
}

// What a zero field of Config means. If one echo in a hundred is lost, each by
// itself, five in a row are lost once in 10^10 rounds: for 100,000 targets,
// once in ten days. Real loss comes in bursts of up to half a second, and a
// second between the questions is what outlasts them: spacing beats count.
const (
	DefaultInterval  = 10 * time.Second
	DefaultSpacing   = time.Second
	DefaultFailures  = 5
	DefaultSuccesses = 2
)

// A BMC is a slow computer that counts sessions, and many lock an account out
// after a few wrong passwords in a row. A status page is somebody else's, and
// is not news within seconds.
const (
	DefaultBMCInterval        = 5 * time.Minute
	DefaultStatusPageInterval = time.Minute
)

// Validate says everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	for _, i := range []struct {
		name  string
		value time.Duration
	}{{"probe interval", c.Interval}, {"probe spacing", c.Spacing}, {"interval of BMC probes", c.BMCInterval}, {"interval of status pages", c.StatusPageInterval}} {
		if i.value < 0 || (i.value > 0 && i.value < time.Second) {
			errs = append(errs, fmt.Errorf("%s is %v, want 1s or more", i.name, i.value))
		}
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("probe timeout is %v, want more than 0", c.Timeout))
	}
	if c.Failures < 0 || c.Successes < 0 {
		errs = append(errs, fmt.Errorf("probe failures and successes are %d and %d, want 1 or more", c.Failures, c.Successes))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	return Config{
		Interval: cmp.Or(c.Interval, DefaultInterval), Spacing: cmp.Or(c.Spacing, DefaultSpacing), Timeout: cmp.Or(c.Timeout, DefaultTimeout),
		Failures: cmp.Or(c.Failures, DefaultFailures), Successes: cmp.Or(c.Successes, DefaultSuccesses),
		BMCInterval: cmp.Or(c.BMCInterval, DefaultBMCInterval), StatusPageInterval: cmp.Or(c.StatusPageInterval, DefaultStatusPageInterval),
	}
}
