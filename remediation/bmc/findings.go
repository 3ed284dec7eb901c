package bmc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The words of health, as in Redfish. healthNone is what a BMC does not say.
const (
	healthNone     = ""
	healthOK       = "OK"
	healthWarning  = "Warning"
	healthCritical = "Critical"
)

// severities ranks the words of health.
var severities = map[string]int{healthNone: 0, healthOK: 1, healthWarning: 2, healthCritical: 3}

// worse returns the worse of two words of health. What is no such word counts
// as not said.
func worse(a, b string) string {
	if severities[b] > severities[a] {
		return b
	}
	if severities[a] == 0 {
		return healthNone
	}
	return a
}

// sensor is one that is out of its range.
type sensor struct {
	name    string
	reading string // with its unit, or the state in the BMC's words
	limit   string // "below 600 RPM", "" when the BMC does not say
	health  string // healthWarning or healthCritical
}

// maxSensors bounds how many sensors are named.
const maxSensors = 5

func (s sensor) line() string {
	text := fmt.Sprintf("sensor %s: %s, %s", s.name, s.reading, strings.ToLower(s.health))
	if s.limit != "" {
		text += " " + s.limit
	}
	return clause(text)
}

// findings are what one reading brought, in whatever order the BMC gave it.
type findings struct {
	health  string
	sensors []sensor
	psus    int // power supplies that the BMC knows of
	psuLost bool
	log     []entry   // oldest first
	logRead bool      // also when the log is empty
	clock   time.Time // what the BMC's clock said; zero when it does not say
	gaps    []string
}

var (
	errHurried = errors.New("a look that somebody waits for came in between")
	errBudget  = fmt.Errorf("a look asks no more than %d times", maxReads)
)

// gap notes that something was not learned, and why.
func (f *findings) gap(what string, err error) {
	const most = 5 // of a BMC that answers nothing, five examples are enough
	if len(f.gaps) < most {
		f.gaps = append(f.gaps, clause(what+" not read: "+err.Error()))
	}
}

func (f *findings) firstGap() string {
	if len(f.gaps) == 0 {
		return ""
	}
	return f.gaps[0]
}

// nothing reports whether the reading brought nothing at all.
func (f *findings) nothing() bool {
	return f.health == healthNone && len(f.sensors) == 0 && f.psus == 0 && !f.logRead
}

// outOfRange adds a sensor, and lets the health be no better than it.
func (f *findings) outOfRange(s sensor) {
	f.sensors = append(f.sensors, s)
	f.health = worse(f.health, s.health)
}

// worst returns the sensors to name, the critical ones first.
func (f *findings) worst() []sensor {
	all := slices.Clone(f.sensors)
	slices.SortStableFunc(all, func(a, b sensor) int { return severities[b.health] - severities[a.health] })
	return all[:min(len(all), maxSensors)]
}
