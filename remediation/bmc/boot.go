package bmc

import (
	"strings"
	"time"
)

// boot is what the answer about the power says of the last boot, by the BMC's
// clock. The zero boot says nothing.
type boot struct {
	progress string    // Redfish's BootProgress.LastState in lower case
	resetAt  time.Time // LastResetTime
}

// The words of progress that a log can prove, of Redfish's BootProgress.
const (
	progressNone    = "none"
	progressStarted = "primaryprocessorinitializationstarted"
	progressRunning = "osrunning"
)

// sign is what an entry looks like that proves a power-on, a reset or the boot
// of an operating system: words that must all be there, in lower case, and how
// far the boot had come.
type sign struct {
	words    []string
	progress string
}

// bootSigns are the words of ipmitool for the sensor types 09h, 12h, 1Dh, 1Fh,
// 22h and 23h (IPMI 2.0, table 42-3), which many BMCs use in Redfish too; the
// sensor types of LogEntry; and message ids of DMTF's registry of resource
// events, of OpenBMC's and of Dell's.
var bootSigns = []sign{
	{[]string{"boot completed"}, progressRunning},
	{[]string{"initiated by power up"}, progressStarted},
	{[]string{"initiated by hard reset"}, progressStarted},
	{[]string{"initiated by warm reset"}, progressStarted},
	{[]string{"os initiated hard reset"}, progressStarted},
	{[]string{"os initiated warm reset"}, progressStarted},
	{[]string{"system boot", "system restart"}, progressStarted},
	{[]string{"system boot/restart initiated"}, progressStarted},
	{[]string{"oem system boot event"}, progressStarted},
	{[]string{"acpi power state", "s0/g0"}, progressStarted},
	{[]string{"acpi power state", "legacy on"}, progressStarted},
	{[]string{"power unit", "power cycle"}, progressStarted},
	{[]string{"watchdog", "hard reset"}, progressStarted},
	{[]string{"watchdog", "power cycle"}, progressStarted},
	{[]string{"resourceevent.", "resourcepoweredon"}, progressStarted},
	{[]string{"openbmc.", "dcpoweron"}, progressStarted},
	{[]string{"sys1000"}, progressStarted}, // Dell: system is turning on
	{[]string{"sys1003"}, progressStarted}, // Dell: system CPU resetting
}

// panicSigns are likewise those of an operating system that stopped by itself:
// sensor types 20h and 23h.
var panicSigns = []sign{
	{words: []string{"run-time critical stop"}},
	{words: []string{"kernel panic"}},
	{words: []string{"watchdog", "timer expired"}},
	{words: []string{"watchdog", "hard reset"}},
	{words: []string{"watchdog", "power down"}},
	{words: []string{"watchdog", "power cycle"}},
}

// panicRecent is how long a stop of the operating system counts as the present
// one: the kernel may still be writing its memory to disk.
const panicRecent = 15 * time.Minute

// among returns the first of the signs that e bears. What is over, or only
// planned, is no sign.
func (e entry) among(signs []sign) (sign, bool) {
	text := strings.ToLower(e.text + " " + e.kind)
	if strings.HasSuffix(strings.ToLower(e.text), "deasserted") {
		return sign{}, false
	}
	for _, s := range signs {
		if containsAll(text, s.words) {
			return s, true
		}
	}
	return sign{}, false
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// maxAhead is how wrong a BMC's clock may be before its dates are corrected by
// it. Most of the wrong ones are so by a time zone. A look takes seconds, in
// which nobody knows when the clock was read, so less is left as it is.
const maxAhead = 5 * time.Minute

// aheadBy says by how much a BMC's clock is to be corrected. One that was never
// set tells nothing of what it dated before.
func aheadBy(clock, now time.Time) time.Duration {
	ahead := clock.Sub(now)
	if !clock.After(firstClock) || ahead.Abs() < maxAhead {
		return 0
	}
	return ahead
}

// ours is e by piket's clock. An old boot, dated by a clock that is an hour
// fast, would otherwise prove the next one.
func (s sight) ours(e entry) entry {
	if !e.at.IsZero() {
		e.at = e.at.Add(-s.ahead)
	}
	return e
}

// lastBoot returns the newest boot that the log or the BMC itself dates, and how
// far it came by the log. Both are zero where nothing says so.
func (s sight) lastBoot() (at time.Time, progress string) {
	for _, e := range s.log {
		e = s.ours(e)
		found, ok := e.among(bootSigns)
		if ok && e.plausible(s.now) && !e.at.Before(at) {
			at, progress = e.at, found.progress
		}
	}
	if reset := s.ours(entry{at: s.resetAt}); reset.plausible(s.now) && reset.at.After(at) {
		at = reset.at
	}
	return at, progress
}

// panicked returns the newest stop of the operating system of late.
func (s sight) panicked() (last entry, ok bool) {
	for _, e := range s.log {
		e = s.ours(e)
		if _, is := e.among(panicSigns); is && e.since(s.now, panicRecent) && !e.at.Before(last.at) {
			last, ok = e, true
		}
	}
	return last, ok
}

// bootFacts adds what is known of boots. The log's word for the progress counts
// where the BMC has none of its own, and only for a machine that has power.
func (s sight) bootFacts(facts map[string]any, state State) {
	at, progress := s.lastBoot()
	if !at.IsZero() {
		facts["boot_event"] = at.UTC().Format(time.RFC3339)
	}
	switch {
	case s.boot.progress != "":
		facts["boot_progress"] = s.boot.progress
	case progress != "" && state == On:
		facts["boot_progress"] = progress
	case progress != "" && state == Off:
		facts["boot_progress"] = progressNone
	}
	if last, ok := s.panicked(); ok {
		facts["panic"] = clause(last.at.UTC().Format(time.RFC3339) + " " + last.words())
	} else if s.logRead {
		facts["panic"] = ""
	}
}
