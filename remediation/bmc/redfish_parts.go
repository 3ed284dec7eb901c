package bmc

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// link points to another resource.
type link struct {
	Path string `json:"@odata.id"`
}

// number is a number that some firmware writes as text.
type number struct {
	value float64
	given bool
}

// UnmarshalJSON takes what is a number in either form, and leaves n empty for
// anything else.
func (n *number) UnmarshalJSON(raw []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(string(raw), `" `), 64)
	*n = number{value, err == nil}
	return nil
}

func (n number) String() string { return strconv.FormatFloat(n.value, 'f', -1, 64) }

// condition is a resource's Status (DSP0268).
type condition struct{ State, Health, HealthRollup string }

// rolledUp is the worse of a resource's own health and that of what is in it.
func (c condition) rolledUp() string { return worse(worse(healthNone, c.Health), c.HealthRollup) }

// there reports whether the part is there and meant to work.
func (c condition) there() bool {
	return c.State != "Absent" && c.State != "Disabled" && c.State != "StandbyOffline"
}

// threshold is a limit of a Sensor resource.
type threshold struct{ Reading number }

// part is a sensor, a fan or a power supply, in the older form (Thermal and
// Power) and the newer one (Sensor, PowerSupply); each fills in its own fields.
type part struct {
	Name, FanName, MemberId, Id    string
	Status                         condition
	Reading, ReadingCelsius        number
	ReadingVolts, LineInputVoltage number
	ReadingUnits, LineInputStatus  string
	LowerThresholdCritical         number
	LowerThresholdNonCritical      number
	UpperThresholdCritical         number
	UpperThresholdNonCritical      number
	Thresholds                     struct{ LowerCaution, LowerCritical, UpperCaution, UpperCritical threshold }
}

// units are written as people do.
var units = map[string]string{"Cel": "°C", "V": "V", "RPM": "RPM", "Percent": "%", "%": "%", "W": "W", "A": "A"}

func (p part) name() string {
	return clause(cmp.Or(p.Name, p.FanName, p.MemberId, p.Id, "(no name)"))
}

func (p part) measured() (value number, unit string) {
	switch {
	case p.ReadingCelsius.given:
		return p.ReadingCelsius, "°C"
	case p.ReadingVolts.given:
		return p.ReadingVolts, "V"
	}
	return p.Reading, cmp.Or(units[p.ReadingUnits], clause(p.ReadingUnits))
}

// limit is a bound of a sensor's range.
type limit struct {
	bound  number
	upper  bool
	health string // what it means to be beyond it
}

// limits lists p's bounds, the critical ones first. An upper bound of 0 is how
// some firmware writes that there is none.
func (p part) limits() []limit {
	either := func(older, newer number) number {
		if older.given {
			return older
		}
		return newer
	}
	all := []limit{
		{either(p.LowerThresholdCritical, p.Thresholds.LowerCritical.Reading), false, healthCritical},
		{either(p.UpperThresholdCritical, p.Thresholds.UpperCritical.Reading), true, healthCritical},
		{either(p.LowerThresholdNonCritical, p.Thresholds.LowerCaution.Reading), false, healthWarning},
		{either(p.UpperThresholdNonCritical, p.Thresholds.UpperCaution.Reading), true, healthWarning},
	}
	return slices.DeleteFunc(all, func(l limit) bool { return !l.bound.given || l.upper && l.bound.value == 0 })
}

func (l limit) beyond(n number) bool {
	return l.upper && n.value >= l.bound.value || !l.upper && n.value <= l.bound.value
}

func (l limit) words(unit string) string {
	side := "below"
	if l.upper {
		side = "above"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", side, l.bound, unit))
}

// check returns p as a sensor out of range, if it is. The BMC's own judgement
// goes before its numbers.
func (p part) check() (s sensor, out bool) {
	if !p.Status.there() || p.Status.Health == healthOK {
		return sensor{}, false
	}
	value, unit := p.measured()
	s = sensor{name: p.name(), reading: cmp.Or(clause(p.Status.State), "no reading")}
	if value.given {
		s.reading = strings.TrimSpace(value.String() + " " + unit)
		limits := p.limits()
		if n := slices.IndexFunc(limits, func(l limit) bool { return l.beyond(value) }); n >= 0 {
			s.limit, s.health = limits[n].words(unit), limits[n].health
		}
	}
	s.health = cmp.Or(worse(healthNone, p.Status.Health), s.health)
	return s, severities[s.health] > severities[healthOK]
}

// dark reports whether a power supply says that no power comes in.
func (p part) dark() bool {
	return p.LineInputStatus == "LossOfInput" || p.LineInputVoltage.given && p.LineInputVoltage.value == 0
}

// lost reports whether a power supply that is there gives no power.
func (p part) lost() bool {
	return p.Status.Health == healthCritical || p.Status.State == "UnavailableOffline" || p.dark() && p.Status.Health != healthOK
}

// loss says what is wrong with a power supply that is lost.
func (p part) loss() string {
	if p.dark() {
		return "no input"
	}
	return "failed"
}
